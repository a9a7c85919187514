import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection } from '../postgres/connection.ts'
import { connected, type WaitOptions, waitKinds } from './connected.ts'
import {
  committed,
  type PostgresJsTransaction,
  postgresJsSessions,
  readTransform,
  survivingTransaction,
} from './over-postgres-js.ts'
import { type PrepareOptions, prepareKinds } from './prepared.ts'

export type { WaitOptions } from './connected.ts'
export type { PostgresJsTransaction } from './over-postgres-js.ts'
export type { PrepareOptions } from './prepared.ts'

/** What is called of postgres.js, as `postgres()` returns it. */
export interface PostgresJsClient<Tx extends PostgresJsTransaction = PostgresJsTransaction>
  extends PostgresJsTransaction {
  begin<T>(options: string, work: (tx: Tx) => Promise<T>): Promise<unknown>
}

/** Options of `postgresJsAdapter`. */
export interface PostgresJsAdapterOptions<Tx>
  extends PostgresAdapterOptions<Tx>,
    WaitOptions,
    PrepareOptions {}

/**
 * An adapter on postgres.js. A `transform` of names or values does not reach our rows.
 *
 * @throws TypeError when the client transforms whole rows (`transform.row`): nothing can be read past that.
 * @example
 * import postgres from 'postgres'
 *
 * const sql = postgres(process.env.DATABASE_URL ?? '', { fetch_types: false })
 * const adapter = postgresJsAdapter(sql, schema)
 */
export function postgresJsAdapter<Tx extends PostgresJsTransaction, S extends Schema>(
  sql: PostgresJsClient<Tx>,
  schema: S,
  options: PostgresJsAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  checkPostgresAdapter(
    'postgresJsAdapter',
    {
      name: 'what postgres() returns',
      fits: typeof sql?.unsafe === 'function' && typeof sql.begin === 'function',
      given: sql,
    },
    schema,
    options,
    { ...waitKinds, ...prepareKinds },
  )
  return adapterOver(postgresJsConnection(sql, options), schema, options)
}

/** The seam alone, for what needs a connection and no adapter. */
export function postgresJsConnection<Tx extends PostgresJsTransaction>(
  sql: PostgresJsClient<Tx>,
  options: WaitOptions & PrepareOptions = {},
): PostgresConnection<Tx> {
  const { alone, within } = postgresJsSessions(readTransform(sql), options.prepare)
  return {
    query: alone(sql).query,
    within(tx) {
      if ('begin' in tx)
        throw new TypeError('tx is the client itself; expected the sql that begin() passes on')
      return within(tx)
    },
    transaction: (work, signal) =>
      survivingTransaction((line) =>
        connected(
          (use) => sql.begin('isolation level read committed', use),
          (tx: Tx) => {
            const own = line.guarded(tx)
            return line.hold(committed(own, work(within(own), own)))
          },
          options,
          signal,
        ),
      ),
  }
}
