import { PosternError } from '../core/errors.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../postgres/connection.ts'
import { oneByOne, type Turns } from '../postgres/runtime/turns.ts'
import { connected, type WaitOptions } from './connected.ts'
import { type Prepared, type PrepareOptions, preparedStatements } from './prepared.ts'

/** What every adapter over node-postgres shares. Neon's driver has the same pool and client. */

/** What is called of a node-postgres client. */
export interface PgClient {
  query(query: {
    name?: string
    text: string
    values: unknown[]
  }): Promise<{ rows: unknown[]; command?: string }>
}

/** A client of a pool. */
export interface PgPoolClient extends PgClient {
  release(error?: Error | boolean): void
}

/** A node-postgres `Pool`. */
export interface PgPool {
  connect(): Promise<PgPoolClient>
  readonly totalCount: number
}

export const isPgClient = (client: Partial<PgPool & PgClient> | undefined): boolean =>
  typeof client?.query === 'function' || typeof client?.connect === 'function'

export const isPool = (client: object): client is PgPool => 'totalCount' in client

/** The connection of the engine on a `Pool`, or on one connected `Client`. */
export function pgConnection(
  client: PgPool | PgClient,
  options: WaitOptions & PrepareOptions = {},
): PostgresConnection<PgClient> {
  const prepared = preparedStatements(options.prepare)
  surviveLostConnections(client)
  const lend: Lend = isPool(client) ? pooled(client) : single(client)
  const use = <T>(work: (one: PgClient) => Promise<T>, signal: AbortSignal | undefined) =>
    connected<PgClient, T>((begin) => lend(begin, signal), work, options, signal)
  return {
    query: (text, values, signal) => use((one) => preparing(one, prepared).query(text, values), signal),
    within(tx) {
      if (isPool(tx)) throw new TypeError('tx is a Pool; expected the client on which you sent BEGIN')
      return pgSession(tx)
    },
    transaction: (work, signal) => use((one) => inTransaction(one, () => work(pgSession(one), one)), signal),
  }
}

const pgSession = (client: PgClient): PostgresSession => ({
  query: async (text, values) => (await client.query({ text, values: [...values] })).rows as TextRow[],
})

/** Sends single statements under names. Inside a transaction a name that is refused would have ended it. */
const preparing = (client: PgClient, prepared: Prepared): PostgresSession => ({
  async query(text, values) {
    const name = await prepared.nameOf(text, values)
    if (name === undefined) return pgSession(client).query(text, values)
    try {
      return (await client.query({ name, text, values: [...values] })).rows as TextRow[]
    } catch (error) {
      if (!prepared.refuses(error)) throw error
      return pgSession(client).query(text, values)
    }
  },
})

async function inTransaction<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  await client.query({ text: 'begin isolation level read committed', values: [] })
  try {
    const result = await work()
    const { command } = await client.query({ text: 'commit', values: [] })
    // a transaction that failed before answers COMMIT with ROLLBACK, and no error
    if (command === 'ROLLBACK') throw new PosternError('internal_error', 'The transaction was rolled back.')
    return result
  } catch (error) {
    // when the connection broke, the error that says so is the one before
    await client.query({ text: 'rollback', values: [] }).catch(() => unfit.add(client))
    throw error
  }
}

/** Clients that may still be inside a transaction: what the next borrower writes on them could be undone with it. */
const unfit = new WeakSet<PgClient>()

type Lend = <T>(work: (client: PgClient) => Promise<T>, signal?: AbortSignal) => Promise<T>

const pooled =
  (pool: PgPool): Lend =>
  async (work, signal) => {
    const client = await pool.connect()
    surviveLostConnections(client)
    let lent = true
    const giveBack = (error?: Error): void => {
      if (lent) client.release(error)
      lent = false
    }
    // a connection that answers nothing would hold its place in the pool for as long as the network lets it
    const giveUp = (): void => giveBack(signal?.reason as Error)
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      const result = await work(client)
      giveBack()
      return result
    } catch (error) {
      // an error of the server leaves the connection usable, anything else does not
      giveBack(isServerError(error) && !unfit.has(client) ? undefined : (error as Error))
      throw error
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

const isServerError = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  if ('severity' in error) return error.severity === 'ERROR'
  // thrown by the work itself, not by the connection
  return error.name === 'PosternError' || error.name === 'Rejection'
}

const single =
  (client: PgClient): Lend =>
  (work) =>
    turnsOf(client)(() => work(client))

/** One order of turns for a client, however many adapters are over it. */
export function turnsOf(client: object): Turns {
  const known = turns.get(client) ?? oneByOne()
  turns.set(client, known)
  return known
}

const turns = new WeakMap<object, Turns>()

interface Emitter {
  on(event: 'error', listener: () => void): unknown
  on(event: 'acquire', listener: (client: object) => void): unknown
}

/**
 * Listens to the errors of a pool and of its clients, or of one client. Without a listener Node ends the process when
 * a connection is lost: a pool tells of its idle clients, and of those that are lent out nobody does. The statement
 * under way fails all the same.
 */
function surviveLostConnections(client: object): void {
  if (listenedTo.has(client) || !isEmitter(client)) return
  listenedTo.add(client)
  client.on('error', () => {})
  if (isPool(client)) client.on('acquire', surviveLostConnections)
}

const isEmitter = (client: object): client is Emitter => 'on' in client && typeof client.on === 'function'

/** Pools and clients; one listener does for all adapters over them. */
const listenedTo = new WeakSet<object>()
