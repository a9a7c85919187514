import type { PGlite } from '@electric-sql/pglite'
import { Pool as NeonPool, neonConfig } from '@neondatabase/serverless'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle as drizzleNeon } from 'drizzle-orm/neon-serverless'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { CamelCasePlugin, CompiledQuery, Kysely, PGliteDialect, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { drizzleAdapter } from '../../src/adapters/drizzle/index.ts'
import { type KyselyConnectionOptions, kyselyAdapter } from '../../src/adapters/kysely.ts'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { pgliteAdapter } from '../../src/adapters/pglite.ts'
import { postgresJsAdapter } from '../../src/adapters/postgres-js.ts'
import { prismaAdapter } from '../../src/adapters/prisma/index.ts'
import type { Schema } from '../../src/index.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../../src/postgres/index.ts'
import { TcpWebSocket } from './neon-socket.ts'
import { generatePrismaClient } from './prisma/generate.ts'

neonConfig.webSocketConstructor = TcpWebSocket as unknown as typeof WebSocket
neonConfig.wsProxy = (host, port) => `${host}:${port}`
neonConfig.useSecureWebSocket = false
neonConfig.pipelineConnect = false

/** Options whose hooks write one row of their own, through the transaction handle of whatever library it is. */
export interface LibraryOptions {
  readonly schema: Schema
  readonly options?: Omit<PostgresAdapterOptions, 'hooks'> & { connectTimeoutMs?: number }
  readonly hooks?: {
    beforeCommit?(sql: Run): Promise<void>
    afterCommit?(sql: Run): Promise<void>
  }
  /** Connections at most. Default 4. */
  readonly max?: number
}

/** Runs SQL through a library's own transaction. */
export type Run = (text: string) => Promise<unknown>

export interface Opened {
  readonly source: PostgresAdapter
  close(): Promise<unknown>
}

/** A client library in one of its forms, over a server. */
export interface Library {
  readonly name: string
  open(url: string, options: LibraryOptions): Opened | Promise<Opened>
}

/** Gives a library's hooks their `Run`. */
function hooked<Tx>({ options, hooks }: LibraryOptions, run: (tx: Tx) => Run): PostgresAdapterOptions<Tx> {
  if (hooks === undefined) return options ?? {}
  return {
    ...options,
    hooks: {
      ...(hooks.beforeCommit && { beforeCommit: ({ tx }) => hooks.beforeCommit?.(run(tx)) }),
      ...(hooks.afterCommit && { afterCommit: ({ tx }) => hooks.afterCommit?.(run(tx)) }),
    },
  }
}

const plain = (source: unknown): PostgresAdapter => source as PostgresAdapter

/** Without listeners of its own: tests kill backends, and the adapters are to survive that. */
function pool(url: string, { max = 4 }: LibraryOptions): pg.Pool {
  return new pg.Pool({ connectionString: url, max })
}

function sqlOf(url: string, { max = 4 }: LibraryOptions): postgres.Sql {
  return postgres(url, { max, onnotice: () => {}, connect_timeout: 5 })
}

export const libraries: readonly Library[] = [
  {
    name: 'pg',
    open(url, given) {
      const client = pool(url, given)
      const source = pgAdapter(
        client,
        given.schema,
        hooked(given, (tx) => (text) => tx.query({ text, values: [] })),
      )
      return { source: plain(source), close: () => client.end() }
    },
  },
  {
    name: 'postgres.js',
    open(url, given) {
      const sql = sqlOf(url, given)
      const source = postgresJsAdapter(
        sql,
        given.schema,
        hooked(given, (tx) => async (text) => tx.unsafe(text)),
      )
      return { source: plain(source), close: () => sql.end({ timeout: 5 }) }
    },
  },
  {
    name: 'drizzle, node-postgres',
    open(url, given) {
      const client = pool(url, given)
      const source = drizzleAdapter(
        drizzlePg(client),
        given.schema,
        hooked(given, (tx) => async (text) => tx.execute(text)),
      )
      return { source: plain(source), close: () => client.end() }
    },
  },
  {
    name: 'drizzle, postgres.js',
    open(url, given) {
      const sql = sqlOf(url, given)
      const source = drizzleAdapter(
        drizzlePostgresJs(sql),
        given.schema,
        hooked(given, (tx) => async (text) => tx.execute(text)),
      )
      return { source: plain(source), close: () => sql.end({ timeout: 5 }) }
    },
  },
  {
    name: 'drizzle, neon-serverless',
    open(url, given) {
      const client = new NeonPool({ connectionString: url, max: given.max ?? 4 })
      const source = drizzleAdapter(
        drizzleNeon(client),
        given.schema,
        hooked(given, (tx) => async (text) => tx.execute(text)),
      )
      return { source: plain(source), close: () => client.end() }
    },
  },
  {
    name: 'kysely',
    open: (url, given) => openPooledKysely(pool(url, given), [], given),
  },
  {
    name: 'kysely, CamelCasePlugin',
    open: (url, given) => openPooledKysely(pool(url, given), [new CamelCasePlugin()], given),
  },
  {
    name: 'prisma',
    async open(url, given) {
      await generatePrismaClient()
      const { PrismaClient } = await import('./prisma/generated/client.ts')
      const prisma = new PrismaClient({
        adapter: new PrismaPg({ connectionString: url, max: given.max ?? 4 }),
      })
      const options = hooked(
        given,
        (tx: Pick<typeof prisma, '$queryRawUnsafe'>) => async (text) => tx.$queryRawUnsafe(text),
      )
      return {
        source: plain(prismaAdapter(prisma, given.schema, options)),
        close: () => prisma.$disconnect(),
      }
    },
  },
]

const openPooledKysely = (client: pg.Pool, plugins: CamelCasePlugin[], given: LibraryOptions): Opened =>
  openKysely(new PostgresDialect({ pool: client }), plugins, given, { pool: client })

function openKysely(
  dialect: PostgresDialect | PGliteDialect,
  plugins: CamelCasePlugin[],
  given: LibraryOptions,
  connection: KyselyConnectionOptions = {},
): Opened {
  const db = new Kysely<object>({ dialect, plugins })
  const run = (tx: Kysely<object>) => (text: string) => tx.executeQuery(rawQuery(text))
  const options = { ...hooked(given, run), ...connection }
  return { source: plain(kyselyAdapter(db, given.schema, options)), close: () => db.destroy() }
}

const rawQuery = (text: string) => CompiledQuery.raw(text, [])

/** The libraries that run on PGlite: a database in this process, one connection. */
export const embedded: readonly { name: string; open(client: PGlite, options: LibraryOptions): Opened }[] = [
  {
    name: 'pglite',
    open(client, given) {
      const source = pgliteAdapter(
        client,
        given.schema,
        hooked(given, (tx) => (text) => tx.query(text)),
      )
      return { source: plain(source), close: () => client.close() }
    },
  },
  {
    name: 'drizzle, pglite',
    open(client, given) {
      const source = drizzleAdapter(
        drizzlePglite(client),
        given.schema,
        hooked(given, (tx) => async (text) => tx.execute(text)),
      )
      return { source: plain(source), close: () => client.close() }
    },
  },
  {
    name: 'kysely, pglite',
    open: (client, given) => openKysely(new PGliteDialect({ pglite: client }), [], given),
  },
]
