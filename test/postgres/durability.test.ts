import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pgAdapter, pgConnection } from '../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../src/index.ts'
import { postgresAdapter } from '../../src/postgres/index.ts'
import { planted } from '../mutants/plants.ts'
import { edited } from '../support/edited.ts'
import { type PgServer, startPostgres } from '../support/pg-server.ts'
import { type Caller, caller } from '../support/postgres-source.ts'

const schema = defineSchema({
  tasks: model({ fields: { title: z.string() }, mutable: true, policy: { by: 'none' } }),
  captured: model({ fields: { title: z.string() }, mutable: true, policy: { by: 'none' }, capture: true }),
})

/** A server as careless as one can be configured, and then it crashes: what was acknowledged must be there. */
let server: PgServer
let pool: pg.Pool
let source: Caller
let raw: (text: string) => Promise<Record<string, unknown>[]>

beforeAll(async () => {
  server = await startPostgres({
    durable: true,
    settings: {
      synchronous_commit: 'off',
      wal_writer_delay: '10s',
      wal_writer_flush_after: '1GB',
      max_connections: 20,
    },
  })
  pool = new pg.Pool({ connectionString: server.url })
  pool.on('error', () => {})
  raw = async (text) => (await pool.query(text)).rows
  await raw(
    'create table tasks (id text primary key, title text); create table captured (id text primary key, title text)',
  )
  await postgresAdapter(edited(pgConnection(pool), planted), schema).migrate()
  source = caller(pgAdapter(pool, schema), schema)
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})

async function crash(): Promise<void> {
  await server.restart()
  // the pool notices its dead connections one by one
  for (let n = 0; n < 20; n += 1) {
    const alive = await raw('select 1').then(
      () => true,
      () => false,
    )
    if (alive) return
  }
}

const create = (name: string, id: string) =>
  ({ type: 'CREATE', model: name, id, input: { title: 't' } }) as const

test('with synchronous_commit off and a crash, every acknowledged commit and every delivered event survives', async () => {
  const writes: [string, () => Promise<unknown>][] = [
    ['one', () => source.commit(create('tasks', 'one'), { key: 'one' })],
    ['many-1', () => source.commit([create('tasks', 'many-1'), create('tasks', 'many-2')])],
    ['captured', () => raw(`insert into captured values ('captured', 't')`)],
    [
      'raw',
      () =>
        raw(
          `begin; insert into captured values ('raw', 't'); update captured set title = 'u' where id = 'raw'; commit`,
        ),
    ],
  ]
  const seen: unknown[] = []
  for (const [id, write] of writes) {
    await write()
    // read at once, as a follower may, then the power goes
    const events = await source.feed()
    expect(events.map(({ entityId }) => entityId)).toContain(id)
    seen.push(...events.slice(seen.length))
    await crash()
    expect(await source.feed()).toEqual(seen)
  }
  expect((await source.commit(create('tasks', 'one'), { key: 'one' })).replayed).toBe(true)
  const { stamps } = await source.commit(create('tasks', 'after'))
  const positions = (seen as { stamp: number }[]).map(({ stamp }) => stamp)
  expect(stamps[0]).toBeGreaterThan(Math.max(...positions))
})

test('a prepared transaction that outlives a crash is still waited for, and delivered when it is committed', async () => {
  const writer = new pg.Client(server.url)
  await writer.connect()
  const { nextCursor: start } = await lastPage()
  await writer.query('begin')
  await caller(pgAdapter(writer, schema), schema).commit(create('tasks', 'prepared'))
  await writer.query(`insert into captured values ('prepared', 't')`)
  await writer.query(`prepare transaction 'p'`)
  await writer.end()
  await source.commit(create('tasks', 'later'))
  const { events, nextCursor } = await source.events(start)
  expect(events).toEqual([])
  await crash()
  expect((await source.events(nextCursor)).events).toEqual([])
  await raw(`commit prepared 'p'`)
  const delivered = (await source.feed(nextCursor)).map(({ entityId }) => entityId)
  expect(delivered).toEqual(['prepared', 'prepared', 'later'])
})

/** The empty page at the end of the feed. */
async function lastPage() {
  for (let page = await source.events(); ; page = await source.events(page.nextCursor)) {
    if (page.events.length === 0) return page
  }
}
