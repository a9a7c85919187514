import { PGlite } from '@electric-sql/pglite'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { Kysely, PostgresDialect } from 'kysely'
import { Kysely as OldKysely, PostgresDialect as OldPostgresDialect } from 'kysely-0.28'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drizzleConnection } from '../../src/adapters/drizzle/index.ts'
import { kyselyConnection } from '../../src/adapters/kysely.ts'
import { pgConnection } from '../../src/adapters/pg.ts'
import { pgliteConnection } from '../../src/adapters/pglite.ts'
import { postgresJsConnection } from '../../src/adapters/postgres-js.ts'
import { prismaConnection } from '../../src/adapters/prisma/index.ts'
import { createEndpoint, defineSchema, model, z } from '../../src/index.ts'
import type { PostgresConnection } from '../../src/postgres/index.ts'
import { postgresAdapter } from '../../src/postgres/index.ts'
import { freshDatabase, type TestDatabase } from '../support/db.ts'
import { ask, signingKey } from '../support/source.ts'
import { generatePrismaClient } from './prisma/generate.ts'

let database: TestDatabase
let pool: pg.Pool

beforeAll(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  await pool.query('create table notes (text text)')
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

class RolledBack extends Error {}
const insert = 'insert into notes (text) values ($1::text) returning text as found, null::text as nothing'

/** How an application opens a transaction with its own library; `work` gets the handle that it has there. */
interface Transaction {
  connection: PostgresConnection
  open(work: (tx: never) => Promise<void>): Promise<unknown>
  client: object
  close(): Promise<unknown>
}

const applications: Record<string, () => Promise<Transaction>> = {
  async pg() {
    const open = async (work: (tx: never) => Promise<void>) => {
      const client = await pool.connect()
      try {
        await client.query('begin')
        await work(client as never)
        await client.query('commit')
      } catch (error) {
        await client.query('rollback')
        throw error
      } finally {
        client.release()
      }
    }
    return { connection: pgConnection(pool) as PostgresConnection, open, client: pool, close: async () => {} }
  },
  async 'postgres.js'() {
    const sql = postgres(database.url, { max: 2 })
    const open = (work: (tx: never) => Promise<void>) => sql.begin((tx) => work(tx as never))
    return {
      connection: postgresJsConnection(sql) as PostgresConnection,
      open,
      client: sql,
      close: () => sql.end(),
    }
  },
  async drizzle() {
    const db = drizzle(pool)
    const open = (work: (tx: never) => Promise<void>) => db.transaction((tx) => work(tx as never))
    return {
      connection: drizzleConnection(db) as PostgresConnection,
      open,
      client: db,
      close: async () => {},
    }
  },
  async 'drizzle over postgres.js'() {
    const sql = postgres(database.url, { max: 2 })
    const db = drizzlePostgresJs(sql)
    const open = (work: (tx: never) => Promise<void>) => db.transaction((tx) => work(tx as never))
    return {
      connection: drizzleConnection(db) as PostgresConnection,
      open,
      client: db,
      close: () => sql.end(),
    }
  },
  async kysely() {
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) })
    const open = (work: (tx: never) => Promise<void>) => db.transaction().execute((tx) => work(tx as never))
    return { connection: kyselyConnection(db) as PostgresConnection, open, client: db, close: async () => {} }
  },
  async 'kysely 0.28'() {
    const db = new OldKysely<object>({ dialect: new OldPostgresDialect({ pool }) })
    const open = (work: (tx: never) => Promise<void>) => db.transaction().execute((tx) => work(tx as never))
    return { connection: kyselyConnection(db) as PostgresConnection, open, client: db, close: async () => {} }
  },
  async prisma() {
    await generatePrismaClient()
    const { PrismaClient } = await import('./prisma/generated/client.ts')
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url, max: 2 }) })
    const open = (work: (tx: never) => Promise<void>) =>
      prisma.$transaction((tx) => work(tx as never), { maxWait: 20_000, timeout: 20_000 })
    return {
      connection: prismaConnection(prisma) as PostgresConnection,
      open,
      client: prisma,
      close: () => prisma.$disconnect(),
    }
  },
  async pglite() {
    const client = await PGlite.create()
    await client.exec('create table notes (text text)')
    const open = (work: (tx: never) => Promise<void>) => client.transaction((tx) => work(tx as never))
    return {
      connection: pgliteConnection(client) as PostgresConnection,
      open,
      client,
      close: () => client.close(),
    }
  },
}

describe.each(Object.keys(applications))('%s', (name) => {
  let application: Transaction
  beforeAll(async () => {
    application = await (applications[name] as () => Promise<Transaction>)()
  }, 120_000)
  afterAll(() => application.close())

  test('within(tx) runs in the application’s own transaction: undone and committed with it', async () => {
    const { connection, open } = application
    const count = async () => {
      const [row] = await connection.query(
        'select count(*)::text as found from notes where text = $1::text',
        [name],
      )
      return row?.found
    }
    const undone = open(async (tx) => {
      const rows = await connection.within?.(tx).query(insert, [name])
      expect(rows).toEqual([{ found: name, nothing: null }])
      expect(
        await connection
          .within?.(tx)
          .query('select count(*)::text as found from notes where text = $1::text', [name]),
      ).toEqual([{ found: '1' }])
      throw new RolledBack()
    })
    await expect(undone).rejects.toBeInstanceOf(RolledBack)
    expect(await count()).toBe('0')
    await open(async (tx) => void (await connection.within?.(tx).query(insert, [name])))
    expect(await count()).toBe('1')
  })

  test('within() refuses the client itself: what runs there is in no transaction', () => {
    const { connection, client } = application
    expect(() => connection.within?.(client)).toThrow(TypeError)
  })
})

test.each(['pascal', 'camel', 'kebab'] as const)(
  'postgres.js with transform: postgres.%s serves',
  async (kind) => {
    const schema = defineSchema({
      plans: model({
        fields: { firstName: z.string(), meta: z.record(z.string(), z.unknown()).optional() },
        policy: { by: 'none' },
        mutable: true,
      }),
    })
    await pool.query(
      'create table if not exists plans (id text primary key, first_name text not null, meta jsonb)',
    )
    const sql = postgres(database.url, { max: 2, transform: { ...postgres[kind], undefined: null } })
    const connections = {
      plain: postgresJsConnection(sql),
      drizzle: drizzleConnection(drizzlePostgresJs(sql)),
    }
    for (const [way, connection] of Object.entries(connections)) {
      const options = { namespace: `postern_${kind}_${way}`, hooks: { async beforeCommit() {} } }
      const adapter = postgresAdapter(connection as PostgresConnection, schema, options)
      await adapter.migrate()
      const endpoint = createEndpoint({ adapter, signingKey })
      const id = `${kind} ${way}`
      const input = { firstName: 'Ada', meta: { snake_case: 1, camelCase: 2 } }
      const operations = [{ type: 'CREATE', model: 'plans', id, input }]
      const answer = await ask(endpoint, { type: 'commit', correlationId: id, operations })
      expect(answer).toMatchObject({ status: 200, body: { rows: [{ id, ...input }] } })
      const list = await ask(endpoint, { type: 'list', model: 'plans', query: { where: [['id', id]] } })
      expect(list.body.rows).toEqual([{ id, ...input }])
      expect((await ask(endpoint, { type: 'events' })).body.events).toHaveLength(1)
    }
    await sql.end()
  },
)

test('postgres.js with a transform of whole rows is refused, since no row could be read exactly', async () => {
  const sql = postgres(database.url, { max: 1, transform: { row: (row: object) => ({ ...row, extra: 1 }) } })
  expect(() => postgresJsConnection(sql)).toThrow('transform.row')
  await sql.end()
})

test('Drizzle over a driver without transactions is refused when the adapter is made', () => {
  const http = { _: { session: { client: () => {} }, fullSchema: {} }, transaction: async () => {} }
  expect(() => drizzleConnection(http as never)).toThrow('neon-http has no transactions')
})
