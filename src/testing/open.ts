import { randomBytes } from 'node:crypto'
import { type Client, createClient } from '../client/index.ts'
import type { Adapter, StoreKinds } from '../core/adapter.ts'
import { createEndpoint, type Endpoint } from '../core/endpoint/endpoint.ts'
import type { EndpointOptions } from '../core/endpoint/options.ts'
import type { Schema } from '../core/schema/define.ts'
import { type PostgresAdapter, type PostgresAdapterOptions, postgresAdapter } from '../postgres/adapter.ts'
import { allOf, closedInTime } from './closing.ts'
import type { OpenDatabase } from './store.ts'

/** A database as `adapter` gets it, to make an adapter of your own library on it. */
export interface FixtureDatabase {
  /** Its address; null for PGlite. */
  readonly url: string | null
  /** The instance, when it is PGlite. */
  readonly pglite: unknown
  /** Called when the database is closed: end your pool here. */
  defer(close: () => unknown): void
}

/** How an adapter is made; the same in fixtures and in the application under test. */
export interface FixtureAdapterOptions {
  /**
   * Makes the adapter of a database. Default: the engine on node-postgres, or on the PGlite instance.
   *
   * @example
   * adapter: ({ url, defer }) => {
   *   const pool = new pg.Pool({ connectionString: url ?? undefined })
   *   defer(() => pool.end())
   *   return drizzleAdapter(drizzle(pool), schema)
   * }
   */
  readonly adapter?: ((database: FixtureDatabase) => PostgresAdapter | Promise<PostgresAdapter>) | undefined
  /** Options of the default adapter: its schema in the database, hooks, time-outs. */
  readonly source?: PostgresAdapterOptions | undefined
}

export interface OpenAdapter<S extends Schema> {
  readonly adapter: PostgresAdapter<unknown, S>
  close(): Promise<void>
}

export async function openAdapter<S extends Schema>(
  database: OpenDatabase,
  schema: S,
  { adapter: make, source }: FixtureAdapterOptions,
): Promise<OpenAdapter<S>> {
  const closers: (() => unknown)[] = []
  const { url, pglite } = database
  const adapter =
    make === undefined
      ? postgresAdapter(database.connection, schema, source)
      : ((await make({ url, pglite, defer: (close) => closers.push(close) })) as PostgresAdapter<unknown, S>)
  return {
    adapter,
    async close() {
      const all = closers.splice(0)
      await allOf(all.map((closer) => () => closedInTime('the adapter of a test database', closer)))
    },
  }
}

/** The same adapter, with a question before each call, and once more when one has failed. */
export function guarded<S extends Schema>(adapter: Adapter<S>, live: () => Promise<void>): Adapter<S> {
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    await live()
    try {
      return await work()
    } catch (error) {
      // A session whose base is sealed anew loses its database: that is the news, not the lost connection.
      await live()
      throw error
    }
  }
  return {
    schema: adapter.schema,
    ...(adapter.kinds && { kinds: (tx) => ask(async () => adapter.kinds?.(tx) as Promise<StoreKinds>) }),
    load: (request) => ask(() => adapter.load(request)),
    list: (request) => ask(() => adapter.list(request)),
    commit: (request) => ask(() => adapter.commit(request)),
    events: (request) => ask(() => adapter.events(request)),
  }
}

export interface OpenEndpoint<S extends Schema> {
  readonly endpoint: Endpoint
  readonly client: Client<S>
  /** What the client signs with. */
  readonly signingKey: string
}

/** Options of a session's own endpoint: those of `createEndpoint` that a session does not decide by itself. */
export type FixtureEndpointOptions<S extends Schema> = Omit<
  EndpointOptions<S>,
  'adapter' | 'adapters' | 'signingKey' | 'keys' | 'resolveKeys'
>

/** An endpoint in this process and a client that signs for it; nothing listens on a port. */
export function openEndpoint<S extends Schema>(
  adapter: Adapter<S>,
  options: FixtureEndpointOptions<S> = {},
): OpenEndpoint<S> {
  const signingKey = `sk_test_${randomBytes(24).toString('hex')}`
  const endpoint = createEndpoint<S>({ ...options, adapter, signingKey })
  const client = createClient<S>({
    url: 'http://test-session.invalid/source',
    signingKey,
    retries: 0,
    fetch: (url, init) => endpoint.fetch(new Request(url, init)),
  })
  return { endpoint, client, signingKey }
}
