import { PGlite } from '@electric-sql/pglite'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { drizzleAdapter } from '../../src/adapters/drizzle/index.ts'
import { kyselyAdapter } from '../../src/adapters/kysely.ts'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { pgliteAdapter } from '../../src/adapters/pglite.ts'
import { postgresJsAdapter } from '../../src/adapters/postgres-js.ts'
import { prismaAdapter } from '../../src/adapters/prisma/index.ts'
import { createEndpoint, defineSchema, model, Rejection, z } from '../../src/index.ts'
import type { PostgresAdapter } from '../../src/postgres/index.ts'
import { freshDatabase } from '../support/db.ts'
import { signingKey } from '../support/source.ts'
import { generatePrismaClient } from './prisma/generate.ts'

const schema = defineSchema({
  orders: model({ fields: { total: z.int32() }, mutable: true, policy: { by: 'none' } }),
})
const tables = `
create table orders (id text primary key, total int not null);
create table audit (id serial primary key, note text not null);
`

type Run = (text: string) => Promise<unknown>

/** The application's own transaction, by the means of its client library. */
interface Application {
  readonly adapter: PostgresAdapter
  transaction(work: (tx: unknown, run: Run) => Promise<void>): Promise<unknown>
  /** What is no transaction, though it takes statements. */
  readonly outside: unknown
  close(): unknown
}

const plain = (adapter: unknown): PostgresAdapter => adapter as PostgresAdapter
const pool = (url: string): pg.Pool => new pg.Pool({ connectionString: url, max: 4 })

const onServer: Record<string, (url: string) => Application | Promise<Application>> = {
  pg(url) {
    const connections = pool(url)
    return {
      adapter: plain(pgAdapter(connections, schema)),
      async transaction(work) {
        const client = await connections.connect()
        try {
          await client.query('begin')
          await work(client, (text) => client.query(text))
          await client.query('commit')
        } catch (error) {
          await client.query('rollback')
          throw error
        } finally {
          client.release()
        }
      },
      outside: connections,
      close: () => connections.end(),
    }
  },
  'postgres.js'(url) {
    const sql = postgres(url, { max: 4, onnotice: () => {} })
    return {
      adapter: plain(postgresJsAdapter(sql, schema)),
      transaction: (work) => sql.begin((tx) => work(tx, async (text) => tx.unsafe(text))),
      outside: sql,
      close: () => sql.end({ timeout: 5 }),
    }
  },
  drizzle(url) {
    const connections = pool(url)
    const db = drizzle(connections)
    return {
      adapter: plain(drizzleAdapter(db, schema)),
      transaction: (work) => db.transaction((tx) => work(tx, async (text) => tx.execute(text))),
      outside: db,
      close: () => connections.end(),
    }
  },
  'drizzle, postgres.js'(url) {
    const sql = postgres(url, { max: 4, onnotice: () => {} })
    const db = drizzlePostgresJs(sql)
    return {
      adapter: plain(drizzleAdapter(db, schema)),
      transaction: (work) => db.transaction((tx) => work(tx, async (text) => tx.execute(text))),
      outside: db,
      close: () => sql.end({ timeout: 5 }),
    }
  },
  kysely(url) {
    const db = new Kysely<object>({
      dialect: new PostgresDialect({ pool: pool(url) }),
      plugins: [new CamelCasePlugin()],
    })
    return {
      adapter: plain(kyselyAdapter(db, schema)),
      transaction: (work) =>
        db.transaction().execute((tx) => work(tx, (text) => tx.executeQuery(CompiledQuery.raw(text, [])))),
      outside: db,
      close: () => db.destroy(),
    }
  },
  async prisma(url) {
    await generatePrismaClient()
    const { PrismaClient } = await import('./prisma/generated/client.ts')
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }) })
    return {
      adapter: plain(prismaAdapter(prisma, schema)),
      transaction: (work) =>
        prisma.$transaction((tx) => work(tx, async (text) => tx.$executeRawUnsafe(text))),
      outside: prisma,
      close: () => prisma.$disconnect(),
    }
  },
}

const embedded: Record<string, (client: PGlite) => Application> = {
  pglite: (client) => ({
    adapter: plain(pgliteAdapter(client, schema)),
    transaction: (work) => client.transaction((tx) => work(tx, (text) => tx.query(text))),
    outside: client,
    close: () => client.close(),
  }),
  'drizzle, pglite'(client) {
    const db = drizzlePglite(client)
    return {
      adapter: plain(drizzleAdapter(db, schema)),
      transaction: (work) => db.transaction((tx) => work(tx, async (text) => tx.execute(text))),
      outside: db,
      close: () => client.close(),
    }
  },
}

interface Place extends AsyncDisposable {
  readonly application: Application
  query(text: string): Promise<Record<string, unknown>[]>
}

async function placeOf(name: string): Promise<Place> {
  const inProcess = embedded[name]
  if (inProcess !== undefined) {
    const client = await PGlite.create()
    await client.exec(tables)
    const application = inProcess(client)
    return {
      application,
      query: async (text) => (await client.query<Record<string, unknown>>(text)).rows,
      [Symbol.asyncDispose]: async () => void (await application.close()),
    }
  }
  const database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(tables)
  const application = await (onServer[name] as (url: string) => Application)(database.url)
  return {
    application,
    query: async (text) => (await client.query(text)).rows,
    async [Symbol.asyncDispose]() {
      await application.close()
      await client.end()
      await database.drop()
    },
  }
}

const create = (id: string) => ({ type: 'CREATE', model: 'orders', id, input: { total: 5 } }) as const

test.each([...Object.keys(onServer), ...Object.keys(embedded)])(
  '%s: a commit joins the application’s own transaction, and stands or falls with it',
  async (name) => {
    await using place = await placeOf(name)
    const { adapter, transaction, outside } = place.application
    await adapter.migrate()
    const granted: unknown[] = []
    const endpoint = createEndpoint({
      adapter,
      signingKey,
      authorize: ({ type, scope, request }) => {
        granted.push([type, scope.participantId, request])
        return scope.participantId !== 'stranger'
      },
    })
    const local = endpoint.local({ participantId: 'job' })
    const written = async () => ({
      orders: (await place.query('select id from orders order by id')).map(({ id }) => id),
      notes: (await place.query('select note from audit order by id')).map(({ note }) => note),
      keys: (await place.query('select key from postern.ledger order by key')).map(({ key }) => key),
      events: (await local.events()).events.map(({ entityId }) => entityId),
    })
    const note = (run: Run, text: string) => run(`insert into audit (note) values ('${text}')`)

    // rolled back with it: row, key and event
    await expect(
      transaction(async (tx, run) => {
        await note(run, 'undone')
        const { rows } = await local.commit({ idempotencyKey: 'k1', operations: [create('a')] }, { tx })
        expect(rows).toEqual([{ id: 'a', total: 5 }])
        throw new Error('changed my mind')
      }),
    ).rejects.toThrow('changed my mind')
    expect(await written()).toEqual({ orders: [], notes: [], keys: [], events: [] })

    // committed with it, under the same key; once: the second in the transaction is a replay
    await transaction(async (tx, run) => {
      await note(run, 'kept')
      const commit = { idempotencyKey: 'k1', operations: [create('a')] }
      expect((await local.commit(commit, { tx })).replayed).toBe(false)
      expect((await local.commit(commit, { tx })).replayed).toBe(true)
    })
    const first = { orders: ['a'], notes: ['kept'], keys: ['k1'], events: ['a'] }
    expect(await written()).toEqual(first)
    const again = await local.commit({ idempotencyKey: 'k1', operations: [create('a')] })
    expect(again.replayed).toBe(true)

    // a refusal leaves nothing of the commit, and a transaction that goes on
    await transaction(async (tx, run) => {
      await run(`set local lock_timeout = '1234ms'`)
      const two = { idempotencyKey: 'k2', operations: [create('b'), create('a')] }
      await expect(local.commit(two, { tx })).rejects.toMatchObject({ code: 'unique_violation' })
      const stale = {
        idempotencyKey: 'k2',
        operations: [{ type: 'UPDATE', model: 'orders', id: 'a', input: { total: 6 }, readAt: 0 } as const],
      }
      await expect(local.commit(stale, { tx })).rejects.toMatchObject({ code: 'stale_context', status: 409 })
      await expect(local.commit(stale, { tx, scope: { participantId: 'stranger' } })).rejects.toMatchObject({
        code: 'source_forbidden',
      })
      await run('insert into audit (note) select current_setting($$lock_timeout$$)')
    })
    expect(await written()).toEqual({ ...first, notes: ['kept', '1234ms'] })
    expect(granted).toContainEqual(['commit', 'job', undefined])

    // what is no transaction is named as such, and nothing happens
    await expect(
      local.commit({ idempotencyKey: 'k3', operations: [create('c')] }, { tx: outside }),
    ).rejects.toMatchObject({
      code: 'source_adapter_misconfigured',
      message: expect.stringContaining('`tx`'),
    })
    expect((await written()).orders).toEqual(['a'])
  },
  // PGlite takes its time to start.
  300_000,
)

test('hooks join too, and a rejection of theirs leaves the transaction usable', async () => {
  await using place = await placeOf('pg')
  const connections = place.application.outside as pg.Pool
  const adapter = pgAdapter(connections, schema, {
    hooks: {
      async afterCommit({ tx, rows }) {
        await tx.query({ text: `insert into audit (note) values ('hook')`, values: [] })
        if ((rows[0] as { total: number }).total > 5) throw new Rejection('too_much', 'Too much.')
      },
    },
    settings: () => ({ 'app.who': 'postern' }),
  })
  await adapter.migrate()
  const local = createEndpoint({ adapter, signingKey }).local()
  await place.application.transaction(async (tx, run) => {
    const order = (id: string, total: number) =>
      ({ type: 'CREATE', model: 'orders', id, input: { total } }) as const
    const commit = (id: string, total: number) =>
      local.commit({ idempotencyKey: id, operations: [order(id, total)] }, { tx: tx as pg.PoolClient })
    await commit('a', 5)
    await expect(commit('b', 6)).rejects.toMatchObject({ code: 'too_much', status: 422 })
    await run(`insert into audit (note) select 'who: ' || current_setting('app.who', true)`)
  })
  expect((await place.query('select id from orders')).map(({ id }) => id)).toEqual(['a'])
  expect((await place.query('select note from audit order by id')).map(({ note }) => note)).toEqual([
    'hook',
    'who: ',
  ])
})

test('another isolation than read committed is named, not worked around', async () => {
  await using place = await placeOf('pg')
  const { adapter, transaction } = place.application
  await adapter.migrate()
  const local = createEndpoint({ adapter, signingKey }).local()
  await transaction(async (tx, run) => {
    await run('set transaction isolation level serializable')
    await expect(
      local.commit({ idempotencyKey: 'k', operations: [create('a')] }, { tx }),
    ).rejects.toMatchObject({
      code: 'source_adapter_misconfigured',
      message: expect.stringContaining('READ COMMITTED'),
    })
  })
  expect(await place.query('select id from orders')).toEqual([])
})

test('two transactions with one key: the second waits for the first, and replays or applies by its end', async () => {
  await using place = await placeOf('pg')
  const { adapter, transaction } = place.application
  await adapter.migrate()
  const local = createEndpoint({ adapter, signingKey }).local()
  const commit = { idempotencyKey: 'twin', operations: [create('a')] }
  for (const ends of ['commit', 'rollback'] as const) {
    await place.query('truncate orders')
    const key = { ...commit, idempotencyKey: `twin ${ends}` }
    let applied: () => void = () => {}
    const isApplied = new Promise<void>((resolve) => {
      applied = resolve
    })
    let waited: Promise<{ replayed: boolean }> | undefined
    const first = transaction(async (tx) => {
      await local.commit(key, { tx })
      waited = local.commit(key)
      applied()
      // it must not have been answered while this one is open
      const early = await Promise.race([
        waited.then(() => true),
        new Promise((r) => setTimeout(r, 100, false)),
      ])
      expect(early).toBe(false)
      if (ends === 'rollback') throw new Error('rolled back')
    }).catch(() => {})
    await isApplied
    await first
    expect((await waited)?.replayed).toBe(ends === 'commit')
    expect(await place.query('select id from orders')).toEqual([{ id: 'a' }])
  }
})
