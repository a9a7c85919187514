import { PosternError } from '../core/errors.ts'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession } from '../postgres/connection.ts'
import { oneByOne } from '../postgres/runtime/turns.ts'
import { toPosternError } from '../postgres/sqlstate.ts'

/** What is called of a node-postgres client. */
export interface PgClient {
  query(query: { text: string; values: unknown[] }): Promise<{ rows: unknown[]; command?: string }>
}

/** A client of a pool. */
export interface PgPoolClient extends PgClient {
  release(error?: Error | boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

/** A node-postgres `Pool`. */
export interface PgPool {
  connect(): Promise<PgPoolClient>
  readonly totalCount: number
}

/** Options of `pgAdapter`. */
export interface PgAdapterOptions extends PostgresAdapterOptions<PgClient> {
  /** Longest wait for a connection of the pool, in milliseconds. Default 5,000; the answer is then `source_busy`. */
  connectTimeoutMs?: number
}

/**
 * An adapter on node-postgres: a `Pool`, or one connected `Client` (whose requests then wait for each other).
 *
 * @example
 * import pg from 'pg'
 *
 * const adapter = pgAdapter(new pg.Pool({ connectionString: process.env.DATABASE_URL }), schema)
 */
export function pgAdapter<S extends Schema>(
  client: PgPool | PgClient,
  schema: S,
  options: PgAdapterOptions = {},
): PostgresAdapter<PgClient, S> {
  checkPostgresAdapter(
    'pgAdapter',
    { name: 'a node-postgres Pool or Client', fits: isPgClient(client), given: client },
    schema,
    options,
    { connectTimeoutMs: 'number' },
  )
  return adapterOver(pgConnection(client, options), schema, options)
}

/** The seam alone, for what needs a connection and no adapter. */
export function pgConnection(
  client: PgPool | PgClient,
  options: { connectTimeoutMs?: number } = {},
): PostgresConnection<PgClient> {
  const use = isPool(client) ? pooled(client, options.connectTimeoutMs ?? 5000) : single(client)
  return {
    query: (text, values) => use((one) => session(one).query(text, values)),
    within: session,
    transaction: (work) =>
      use(async (one) => {
        await one.query({ text: 'begin isolation level read committed', values: [] })
        try {
          const result = await work(session(one), one)
          const { command } = await one.query({ text: 'commit', values: [] })
          // a transaction that failed before answers COMMIT with ROLLBACK, and no error
          if (command === 'ROLLBACK')
            throw new PosternError('internal_error', 'The transaction was rolled back.')
          return result
        } catch (error) {
          // when the connection broke, the error that says so is the one before
          await one.query({ text: 'rollback', values: [] }).catch(() => unfit.add(one))
          throw error
        }
      }),
  }
}

/** Clients that may still be inside a transaction: what the next borrower writes on them could be undone with it. */
const unfit = new WeakSet<PgClient>()

const isPgClient = (client: Partial<PgPool & PgClient> | undefined): boolean =>
  typeof client?.query === 'function' || typeof client?.connect === 'function'

const isPool = (client: PgPool | PgClient): client is PgPool => 'totalCount' in client

const session = (client: PgClient): PostgresSession => ({
  async query(text, values) {
    const { rows } = await client.query({ text, values: [...values] })
    return rows as Awaited<ReturnType<PostgresSession['query']>>
  },
})

type Use = <T>(work: (client: PgClient) => Promise<T>) => Promise<T>

/** Waiting for a connection is told apart from losing one: nothing was sent yet, so the outcome is known. */
function pooled(pool: PgPool, timeoutMs: number): Use {
  return async (work) => {
    const client = await connect(pool, timeoutMs)
    client.on('error', ignore)
    try {
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      // an error of the server leaves the connection usable, anything else does not
      client.release(isServerError(error) && !unfit.has(client) ? undefined : (error as Error))
      throw error
    } finally {
      client.removeListener('error', ignore)
    }
  }
}

/**
 * A pool listens to its idle clients only. A connection that is lost while it is lent out fails its query and, beside
 * that, emits an error, which without a listener ends the process.
 */
const ignore = (): void => {}

async function connect(pool: PgPool, timeoutMs: number): Promise<PgPoolClient> {
  const waiting = pool.connect()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new PosternError('source_busy', 'No connection of the pool became free in time.')),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([waiting, late])
  } catch (error) {
    waiting.then(
      (client) => client.release(),
      () => {},
    )
    throw toPosternError(error, false)
  } finally {
    clearTimeout(timer)
  }
}

const isServerError = (error: unknown): boolean => {
  if (error instanceof Error && 'severity' in error) return error.severity === 'ERROR'
  // thrown by the work itself, not by the connection
  return error instanceof Error && (error.name === 'PosternError' || error.name === 'Rejection')
}

function single(client: PgClient): Use {
  const turn = oneByOne()
  return (work) => turn(() => work(client))
}
