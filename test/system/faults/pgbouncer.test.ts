import { drizzle } from 'drizzle-orm/postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, it, test } from 'vitest'
import { drizzleAdapter } from '../../../src/adapters/drizzle/index.ts'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { postgresJsAdapter } from '../../../src/adapters/postgres-js.ts'
import { conformance, conformanceSchema, postgresProbe } from '../../../src/conformance/index.ts'
import { PosternError } from '../../../src/core/errors.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { usualServerAdapters } from '../../support/adapters.ts'
import { freshDatabase } from '../../support/db.ts'
import {
  forgetsStatements,
  missingPgBouncer,
  type PgBouncer,
  startPgBouncer,
} from '../../support/pgbouncer.ts'
import { prepareDatabase, probeConnection } from '../conformance/server.ts'
import { createDatabase, type Database } from './database.ts'
import { journal, journalTables } from './journal.ts'
import { speak } from './speak.ts'

const missing = missingPgBouncer()
const why = missing === undefined ? '' : ` (${missing})`

/** The checks on node-postgres by way of PgBouncer; what they look at, they see past it. */
async function subject(bouncer: PgBouncer) {
  const database = await freshDatabase()
  await prepareDatabase(database.url, 'read committed')
  const pool = new pg.Pool({ connectionString: bouncer.through(database.url), max: 20 })
  pool.on('error', () => {})
  const adapter = pgAdapter(pool, conformanceSchema)
  await adapter.migrate()
  const probe = postgresProbe(() => probeConnection(database.url), { capture: true })
  afterAll(async () => {
    await probe.close?.()
    await pool.end()
    await bouncer[Symbol.asyncDispose]()
    await database.drop()
  })
  return { adapter, probe }
}

describe.skipIf(missing)(`PgBouncer in transaction mode, pool of two${why}`, async () => {
  if (missing) return
  const { adapter, probe } = await subject(await startPgBouncer(inject('pgUrl'), { default_pool_size: 2 }))
  // these hold one commit in its middle and want another answer meanwhile
  conformance({ describe, it }, { adapter, probe, quick: true, only: ['FEED-16', 'RACE-07'] })
})

describe.skipIf(missing)(`PgBouncer in transaction mode, ten processes on two connections${why}`, () => {
  const older = missing ?? forgetsStatements()
  const ways = [
    { kept: 0, absent: undefined },
    { kept: 100, absent: older },
  ].map((way) => ({ ...way, why: way.absent === undefined ? '' : ` (${way.absent})` }))
  for (const { kept, absent, why } of ways)
    test.skipIf(absent)(
      `named statements, the pooler keeps ${kept}: each answer is its own${why}`,
      async () => {
        const own = await createDatabase(inject('pgUrl'), { schema: journal, tables: journalTables })
        const settings = { default_pool_size: 2, ...(kept > 0 && { max_prepared_statements: kept }) }
        const bouncer = await startPgBouncer(own.url, settings)
        const processes = Array.from({ length: 10 }, () => {
          const pool = new pg.Pool({ connectionString: bouncer.through(own.url), max: 2 })
          pool.on('error', () => {})
          return { pool, source: speak(pgAdapter(pool, journal), journal, 'a') }
        })
        try {
          await Promise.all(
            processes.map(async ({ source }, at) => {
              for (let turn = 0; turn < 20; turn += 1) {
                const id = `p${at}-${turn}`
                const create = [{ type: 'CREATE', model: 'counters', id, input: { value: at } }]
                const update = [{ type: 'UPDATE', model: 'counters', id, input: { value: turn } }]
                expect(JSON.parse((await source.commit(`${id} create`, create)).body).rows).toMatchObject([
                  { id, value: at },
                ])
                expect(JSON.parse((await source.commit(`${id} update`, update)).body).rows).toMatchObject([
                  { id, value: turn },
                ])
                expect((await source.load('counters', id)).row).toMatchObject({ id, value: turn })
              }
            }),
          )
          const rows = await own.sql(
            'select count(*)::int as events, count(distinct key)::int as rows from postern.log',
          )
          expect(rows).toEqual([{ events: 400, rows: 200 }])
        } finally {
          await Promise.all(processes.map(({ pool }) => pool.end()))
          await bouncer[Symbol.asyncDispose]()
          await own[Symbol.asyncDispose]()
        }
      },
    )
})

describe.skipIf(missing)(`PgBouncer in transaction mode, before postgres.js as it comes${why}`, () => {
  const through = {
    'postgres.js': (sql: postgres.Sql, options: object) => postgresJsAdapter(sql, journal, options),
    'Drizzle over postgres.js': (sql: postgres.Sql, options: object) =>
      drizzleAdapter(drizzle(sql), journal, options),
  }
  // its transactions end with a named statement, which is not there on the other connection
  test.each(Object.entries(through))('%s: what is acknowledged is there, hooks or not', async (_, open) => {
    const own = await createDatabase(inject('pgUrl'), { schema: journal, tables: journalTables })
    const bouncer = await startPgBouncer(own.url, { default_pool_size: 2 })
    const acknowledged: string[] = []
    const clients = Array.from({ length: 10 }, () =>
      postgres(bouncer.through(own.url), { max: 2, onnotice: () => {}, fetch_types: false }),
    )
    try {
      await Promise.all(
        clients.map(async (sql, at) => {
          const options = at % 2 === 0 ? { hooks: { afterCommit() {} } } : {}
          const source = speak(open(sql, options) as PostgresAdapter, journal, 'a')
          for (let turn = 0; turn < 20; turn += 1) {
            const id = `p${at}-${turn}`
            const create = [{ type: 'CREATE', model: 'counters', id, input: { value: at } }]
            await source.commit(id, create).then(
              () => acknowledged.push(id),
              (error: unknown) => expect(error).toBeInstanceOf(PosternError),
            )
          }
        }),
      )
      const rows = await own.sql('select id from counters')
      const there = new Set(rows.map(({ id }) => id))
      expect(acknowledged.filter((id) => !there.has(id))).toEqual([])
      expect(acknowledged.length).toBeGreaterThan(100)
    } finally {
      await Promise.all(clients.map((sql) => sql.end({ timeout: 1 })))
      await bouncer[Symbol.asyncDispose]()
      await own[Symbol.asyncDispose]()
    }
  })
})

describe.skipIf(missing)(`PgBouncer in transaction mode, pool of one${why}`, async () => {
  if (missing) return
  const bouncer = await startPgBouncer(inject('pgUrl'))
  const { adapter, probe } = await subject(bouncer)
  const { points: _, ...without } = probe
  conformance({ describe, it }, { adapter, probe: without, quick: true })

  describe('any client library', () => {
    let own: Database
    beforeAll(async () => {
      own = await createDatabase(inject('pgUrl'), { schema: journal, tables: journalTables })
    })
    afterAll(() => own[Symbol.asyncDispose]())

    test.each(usualServerAdapters)('$name: commits, refuses, replays, reads and follows', async (listed) => {
      const { name } = listed
      const opened = await listed.open(bouncer.through(own.url), { schema: journal, pooler: true })
      try {
        const source = speak(opened.adapter, journal, name)
        const create = [{ type: 'CREATE', model: 'counters', id: name, input: { value: 1 } }]
        const update = (readAt: number) => [
          { type: 'UPDATE', model: 'counters', id: name, input: { value: 2 }, readAt },
        ]
        const first = await source.commit('k1', create)
        const { stamps } = JSON.parse(first.body)
        // 16 at once over one connection of the server
        const twins = await Promise.all(Array.from({ length: 16 }, () => source.commit('k1', create)))
        for (const { body, replayed } of twins) expect([body, replayed]).toEqual([first.body, true])
        await source.commit('k2', update(stamps[0]))
        await expect(source.commit('k3', update(stamps[0]))).rejects.toMatchObject({ code: 'stale_context' })
        expect((await source.load('counters', name)).row).toMatchObject({ value: 2 })
        const { events } = await source.events()
        expect(events.map(({ type }) => type)).toEqual(['CREATE', 'UPDATE'])
      } finally {
        await opened.close()
      }
    })

    test('leaves nothing behind on the connection that the next one gets', async () => {
      const stranger = new pg.Client(bouncer.through(own.url))
      await stranger.connect()
      try {
        const ask = async (text: string) => (await stranger.query(text)).rows
        const settings = await ask(`select name from pg_settings where source = 'session'`)
        // PgBouncer keeps track of these by itself, and sets them for whoever comes
        const tracked = [
          'application_name',
          'client_encoding',
          'DateStyle',
          'TimeZone',
          'standard_conforming_strings',
        ]
        expect(settings.filter(({ name }) => !tracked.includes(name))).toEqual([])
        // those that were prepared before the pooler was found out: texts of ours, under a name of their own
        expect(await ask(`select name from pg_prepared_statements where name not like 'postern%'`)).toEqual(
          [],
        )
        expect(await ask('select * from pg_listening_channels()')).toEqual([])
        expect(
          await ask(`select mode from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`),
        ).toEqual([])
        expect(await ask('select relname from pg_class where relnamespace = pg_my_temp_schema()')).toEqual([])
        expect(
          await ask(`select nullif(current_setting('postern.commit', true), '') as mark,
            nullif(current_setting('postern.registered', true), '') as registered`),
        ).toEqual([{ mark: null, registered: null }])
      } finally {
        await stranger.end()
      }
    })
  })
})
