import type { PostgresConnection, PostgresSession } from '../../postgres/connection.ts'
import { connected, type WaitOptions } from '../connected.ts'
import { isPool, type PgClient, type PgPoolClient, pgConnection, turnsOf } from '../over-pg.ts'
import { committed, type PostgresJsTransaction, survivingTransaction } from '../over-postgres-js.ts'
import { type PgliteClient, pgliteConnection } from '../pglite.ts'
import { type PostgresJsClient, postgresJsConnection } from '../postgres-js.ts'
import type { PrepareOptions } from '../prepared.ts'
import type { DrizzleTables } from './mapping.ts'

/** What is called of a Drizzle transaction. */
export interface DrizzleTransaction {
  readonly _: { readonly session: object; readonly fullSchema: DrizzleTables }
}

/** What is called of a Drizzle database of any Postgres driver that has transactions. */
export interface DrizzleDatabase<Tx extends DrizzleTransaction = DrizzleTransaction>
  extends DrizzleTransaction {
  transaction<T>(work: (tx: Tx) => Promise<T>, config?: { isolationLevel?: 'read committed' }): Promise<T>
}

/** The seam alone, for what needs a connection and no adapter. */
export function drizzleConnection<Tx extends DrizzleTransaction>(
  db: DrizzleDatabase<Tx>,
  options: WaitOptions & PrepareOptions = {},
): PostgresConnection<Tx> {
  const { beneath, run } = driverOf(clientOf(db), options)
  const transaction = transactionOf(db)
  const own = (tx: Tx) => beneath.within?.((tx._.session as { client: never }).client) as PostgresSession
  return {
    query: beneath.query,
    within(tx) {
      if (!('rollback' in tx))
        throw new TypeError('tx is the Drizzle database; expected what its transaction() passes on')
      return own(tx)
    },
    transaction: (work, signal) =>
      run((inside) =>
        connected(
          (use) => transaction(use, { isolationLevel: 'read committed' }),
          (tx: Tx) => inside(tx, () => work(own(tx), tx), signal),
          options,
          signal,
        ),
      ),
  }
}

/** Runs what a transaction is for. */
type Inside = <R>(tx: DrizzleTransaction, work: () => Promise<R>, signal?: AbortSignal) => Promise<R>

/**
 * The driver beneath. Drizzle's own `execute` takes no parameters beside a text, and on a pool it waits for a connection
 * without end: single statements go to the client itself, and those of a transaction to the client that it has.
 */
interface Driver {
  beneath: Pick<PostgresConnection, 'query'> & { within?(tx: never): PostgresSession }
  /** Runs a transaction of Drizzle's in the way that the driver needs it. */
  run<T>(begin: (inside: Inside) => Promise<T>): Promise<T>
}

function driverOf(client: object, options: WaitOptions & PrepareOptions): Driver {
  const plainly: Inside = (_, work) => work()
  if (isPostgresJs(client)) {
    const run: Driver['run'] = (begin) =>
      survivingTransaction((line) =>
        begin((tx, work) => {
          const holder = tx._.session as { client: object }
          holder.client = line.guarded(holder.client)
          return line.hold(committed(holder.client as PostgresJsTransaction, work()))
        }),
      )
    return { beneath: postgresJsConnection(client, options), run }
  }
  if (isPglite(client)) return { beneath: pgliteConnection(client), run: (begin) => begin(plainly) }
  if (!('query' in client)) {
    throw new TypeError(
      'this Drizzle database cannot be used; expected one over node-postgres, postgres.js, PGlite or neon-serverless (neon-http has no transactions)',
    )
  }
  const beneath = pgConnection(client as PgClient, options)
  if (isPool(client)) return { beneath, run: (begin) => begin(untilGivenUp) }
  const turn = turnsOf(client)
  return { beneath, run: (begin) => turn(() => begin(plainly)) }
}

/** `$client` is what `drizzle()` was given; older versions have it in the session only. */
function clientOf(db: DrizzleDatabase): object {
  const { $client } = db as { $client?: object }
  return $client ?? (db._.session as { client?: object }).client ?? {}
}

const isPostgresJs = (client: object): client is PostgresJsClient => 'unsafe' in client && 'begin' in client

const isPglite = (client: object): client is PgliteClient => 'waitReady' in client

type Transaction<Tx extends DrizzleTransaction> = DrizzleDatabase<Tx>['transaction']

/**
 * Drizzle's transaction, on a pool without its leak: BEGIN stands before the `try` that gives the client back (0.45), so one
 * whose BEGIN fails would be out of the pool for good.
 */
function transactionOf<Tx extends DrizzleTransaction>(db: DrizzleDatabase<Tx>): Transaction<Tx> {
  const session = db._.session as { client?: object; transaction?: Transaction<Tx> }
  const { client: pool } = session
  if (pool === undefined || !isPool(pool) || session.transaction === undefined)
    return (work, config) => db.transaction(work, config)
  return async (work, config) => {
    let lent: PgPoolClient | undefined
    let begun = false
    const connect = async () => {
      lent = await pool.connect()
      return lent
    }
    const watched = new Proxy(pool, {
      get: (target, name) => (name === 'connect' ? connect : Reflect.get(target, name)),
    })
    const own = Object.create(session, { client: { value: watched } }) as Required<typeof session>
    try {
      return await own.transaction((tx) => {
        begun = true
        return work(tx)
      }, config)
    } catch (error) {
      if (!begun) lent?.release(error as Error)
      throw error
    }
  }
}

/** Ends the transaction's client when nobody waits any more: the pool then drops it, whether it answers or not. */
const untilGivenUp: Inside = async (tx, work, signal) => {
  const { client } = tx._.session as { client: { end(): Promise<unknown> } }
  const end = (): void => void Promise.resolve(client.end()).catch(() => {})
  signal?.addEventListener('abort', end, { once: true })
  try {
    return await work()
  } finally {
    signal?.removeEventListener('abort', end)
  }
}
