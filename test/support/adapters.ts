import type { PGlite } from '@electric-sql/pglite'
import type { DrizzleConfig } from 'drizzle-orm'
import type { Kysely, KyselyConfig, KyselyPlugin } from 'kysely'
import type pg from 'pg'
import type { DrizzleDatabase, DrizzleTransaction } from '../../src/adapters/drizzle/index.ts'
import type { KyselyConnectionOptions } from '../../src/adapters/kysely.ts'
import type { MemoryAdapter, MemoryOptions } from '../../src/adapters/memory/index.ts'
import type { Schema } from '../../src/index.ts'
import type { PostgresConnection } from '../../src/postgres/connection.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../../src/postgres/index.ts'

/*
 * The one list of adapters. Every harness and the bench iterate it: a new adapter is an entry here. The libraries are
 * imported when they are asked for: a process that is killed and started again must not load all of them.
 */

/** Runs SQL through a library's own transaction. */
export type Run = (text: string) => Promise<unknown>

export interface Opening {
  readonly schema: Schema
  readonly options?: Omit<PostgresAdapterOptions, 'hooks'> & { readonly connectTimeoutMs?: number }
  /** Hooks that run SQL through the transaction handle of whatever library it is. */
  readonly hooks?: {
    beforeCommit?(sql: Run): Promise<void>
    afterCommit?(sql: Run): Promise<void>
  }
  /** Connections at most. Default 4. */
  readonly max?: number
  /** The connections are a pooler's, and may be another one at each transaction. */
  readonly pooler?: boolean
  /** A statement that stays without an answer is given up after this time, where the library can. */
  readonly queryTimeoutMs?: number
  /** The library's own settings. */
  readonly drizzle?: DrizzleConfig<Record<string, unknown>>
  readonly kysely?: { readonly plugins: KyselyPlugin[] }
}

export interface Opened {
  readonly adapter: PostgresAdapter
  /** The library without the engine: runs a text with its parameters. */
  readonly connection: PostgresConnection
  close(): Promise<unknown>
}

interface Listed<Store extends string> {
  readonly name: string
  readonly store: Store
  /** Another way to use the adapter of an earlier entry: its name is `adapter, way`. */
  readonly form?: true
}

/** An adapter on a client library that reaches a server. */
export interface ServerAdapter extends Listed<'server'> {
  /** postgres.js asks for the description of an unnamed statement first; Neon's errors are events of a WebSocket. */
  readonly driver: 'pg' | 'postgres.js' | 'neon'
  open(url: string, opening: Opening): Promise<Opened>
}

/** An adapter on PGlite: a database in this process, one connection. Closing it closes the database. */
export interface PgliteAdapter extends Listed<'pglite'> {
  open(client: PGlite, opening: Opening): Promise<Opened>
}

export interface InMemoryAdapter extends Listed<'memory'> {
  open(schema: Schema, options?: MemoryOptions): Promise<MemoryAdapter>
}

export const adapters: readonly (ServerAdapter | PgliteAdapter | InMemoryAdapter)[] = [
  {
    name: 'pg',
    store: 'server',
    driver: 'pg',
    async open(url, given) {
      const { pgAdapter, pgConnection } = await import('../../src/adapters/pg.ts')
      const pool = await poolOf(url, given)
      return opened(
        pgAdapter(
          pool,
          given.schema,
          hooked(given, (tx) => (text) => tx.query({ text, values: [] })),
        ),
        pgConnection(pool),
        () => pool.end(),
      )
    },
  },
  {
    name: 'postgres-js',
    store: 'server',
    driver: 'postgres.js',
    async open(url, given) {
      const { postgresJsAdapter, postgresJsConnection } = await import('../../src/adapters/postgres-js.ts')
      const sql = await postgresJs(url, given)
      return opened(
        postgresJsAdapter(
          sql,
          given.schema,
          hooked(given, (tx) => async (text) => tx.unsafe(text)),
        ),
        postgresJsConnection(sql),
        () => sql.end({ timeout: 5 }),
      )
    },
  },
  {
    name: 'drizzle',
    store: 'server',
    driver: 'pg',
    async open(url, given) {
      const { drizzle } = await import('drizzle-orm/node-postgres')
      const pool = await poolOf(url, given)
      return openDrizzle(drizzle(pool, given.drizzle ?? {}), given, () => pool.end())
    },
  },
  {
    name: 'drizzle, postgres.js',
    form: true,
    store: 'server',
    driver: 'postgres.js',
    async open(url, given) {
      const { drizzle } = await import('drizzle-orm/postgres-js')
      const sql = await postgresJs(url, given)
      return openDrizzle(drizzle(sql, given.drizzle ?? {}), given, () => sql.end({ timeout: 5 }))
    },
  },
  {
    name: 'drizzle, neon-serverless',
    form: true,
    store: 'server',
    driver: 'neon',
    async open(url, given) {
      const { drizzle } = await import('drizzle-orm/neon-serverless')
      const { NeonPool } = await import('./neon-socket.ts')
      const pool = new NeonPool({ connectionString: url, max: given.max ?? 4 })
      return openDrizzle(drizzle(pool, given.drizzle ?? {}), given, () => pool.end())
    },
  },
  {
    name: 'kysely',
    store: 'server',
    driver: 'pg',
    open: openPooledKysely,
  },
  {
    name: 'kysely, CamelCasePlugin',
    form: true,
    store: 'server',
    driver: 'pg',
    async open(url, given) {
      const { CamelCasePlugin } = await import('kysely')
      return openPooledKysely(url, { ...given, kysely: { plugins: [new CamelCasePlugin()] } })
    },
  },
  {
    name: 'prisma',
    store: 'server',
    driver: 'pg',
    async open(url, given) {
      const { generatePrismaClient } = await import('../adapters/prisma/generate.ts')
      await generatePrismaClient()
      const { PrismaPg } = await import('@prisma/adapter-pg')
      const { PrismaClient } = await import('../adapters/prisma/generated/client.ts')
      const { prismaAdapter, prismaConnection } = await import('../../src/adapters/prisma/index.ts')
      const prisma = new PrismaClient({ adapter: new PrismaPg(poolConfig(url, given)) })
      return opened(
        prismaAdapter(
          prisma,
          given.schema,
          hooked(
            given,
            (tx: Pick<typeof prisma, '$queryRawUnsafe'>) => async (text) => tx.$queryRawUnsafe(text),
          ),
        ),
        prismaConnection(prisma),
        () => prisma.$disconnect(),
      )
    },
  },
  {
    name: 'pglite',
    store: 'pglite',
    async open(client, given) {
      const { pgliteAdapter, pgliteConnection } = await import('../../src/adapters/pglite.ts')
      return opened(
        pgliteAdapter(
          client,
          given.schema,
          hooked(given, (tx) => (text) => tx.query(text)),
        ),
        pgliteConnection(client),
        () => client.close(),
      )
    },
  },
  {
    name: 'drizzle, pglite',
    form: true,
    store: 'pglite',
    async open(client, given) {
      const { drizzle } = await import('drizzle-orm/pglite')
      return openDrizzle(drizzle(client, given.drizzle ?? {}), given, () => client.close())
    },
  },
  {
    name: 'kysely, pglite',
    form: true,
    store: 'pglite',
    async open(client, given) {
      const { PGliteDialect } = await import('kysely')
      return openKysely({ dialect: new PGliteDialect({ pglite: client }) }, given)
    },
  },
  {
    name: 'memory',
    store: 'memory',
    async open(schema, options) {
      const { memoryAdapter } = await import('../../src/adapters/memory/index.ts')
      return memoryAdapter(schema, options)
    },
  },
]

export const serverAdapters = adapters.filter((one) => one.store === 'server')
export const pgliteAdapters = adapters.filter((one) => one.store === 'pglite')

/** Each adapter once, in its usual form. */
export const usualAdapters = adapters.filter((one) => !one.form)
export const usualServerAdapters = serverAdapters.filter((one) => !one.form)

export function adapterNamed(name: string): (typeof adapters)[number] {
  const found = adapters.find((one) => one.name === name)
  if (!found) throw new Error(`no adapter is called ${name}: one of ${adapters.map((one) => one.name)}`)
  return found
}

export function serverAdapterNamed(name: string): ServerAdapter {
  const found = serverAdapters.find((one) => one.name === name)
  if (!found) {
    throw new Error(
      `no adapter on a server is called ${name}: one of ${serverAdapters.map((one) => one.name)}`,
    )
  }
  return found
}

/** Gives a library's hooks their `Run`. */
function hooked<Tx>({ options, hooks }: Opening, run: (tx: Tx) => Run): PostgresAdapterOptions<Tx> {
  if (hooks === undefined) return options ?? {}
  return {
    ...options,
    hooks: {
      ...(hooks.beforeCommit && { beforeCommit: ({ tx }) => hooks.beforeCommit?.(run(tx)) }),
      ...(hooks.afterCommit && { afterCommit: ({ tx }) => hooks.afterCommit?.(run(tx)) }),
    },
  }
}

/** Harnesses do not care whose transaction handle it is. */
const opened = <Tx>(
  adapter: PostgresAdapter<Tx>,
  connection: PostgresConnection<Tx>,
  close: () => Promise<unknown>,
): Opened => ({
  adapter: adapter as unknown as PostgresAdapter,
  connection: connection as unknown as PostgresConnection,
  close,
})

const poolConfig = (url: string, { max = 4, queryTimeoutMs }: Opening) => ({
  connectionString: url,
  max,
  ...(queryTimeoutMs !== undefined && { query_timeout: queryTimeoutMs }),
})

async function poolOf(url: string, given: Opening): Promise<pg.Pool> {
  const { default: library } = await import('pg')
  // without a listener of its own: tests kill backends, and the adapters are to survive that
  return new library.Pool(poolConfig(url, given))
}

async function postgresJs(url: string, { max = 4, pooler }: Opening) {
  const { default: postgres } = await import('postgres')
  return postgres(url, {
    max,
    onnotice: () => {},
    connect_timeout: 30,
    fetch_types: false,
    ...(pooler && { prepare: false }),
  })
}

async function openDrizzle<Tx extends DrizzleTransaction & { execute(query: string): PromiseLike<unknown> }>(
  db: DrizzleDatabase<Tx>,
  given: Opening,
  close: () => Promise<unknown>,
): Promise<Opened> {
  const { drizzleAdapter, drizzleConnection } = await import('../../src/adapters/drizzle/index.ts')
  const options = hooked(given, (tx: Tx) => async (text) => tx.execute(text))
  return opened(drizzleAdapter(db, given.schema, options), drizzleConnection(db), close)
}

async function openPooledKysely(url: string, given: Opening): Promise<Opened> {
  const { PostgresDialect } = await import('kysely')
  const pool = await poolOf(url, given)
  return openKysely({ dialect: new PostgresDialect({ pool }), ...given.kysely }, given, { pool })
}

async function openKysely(
  config: KyselyConfig,
  given: Opening,
  own: KyselyConnectionOptions = {},
): Promise<Opened> {
  const { CompiledQuery, Kysely } = await import('kysely')
  const { kyselyAdapter, kyselyConnection } = await import('../../src/adapters/kysely.ts')
  const db = new Kysely<object>(config)
  const run = (tx: Kysely<object>) => (text: string) => tx.executeQuery(CompiledQuery.raw(text, []))
  return opened(
    kyselyAdapter(db, given.schema, { ...hooked(given, run), ...own }),
    kyselyConnection(db, own),
    () => db.destroy(),
  )
}
