import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../postgres/connection.ts'
import { keptStatements, survivingTransaction } from './over-postgres-js.ts'

/** What is called of a postgres.js transaction. */
export interface PostgresJsTransaction {
  unsafe(
    text: string,
    values?: (string | null)[],
    options?: { prepare?: boolean },
  ): PromiseLike<readonly unknown[]>
}

/** What is called of postgres.js, as `postgres()` returns it. */
export interface PostgresJsClient<Tx extends PostgresJsTransaction = PostgresJsTransaction>
  extends PostgresJsTransaction {
  begin<T>(options: string, work: (tx: Tx) => Promise<T>): Promise<unknown>
}

/**
 * An adapter on postgres.js.
 *
 * @example
 * import postgres from 'postgres'
 *
 * const adapter = postgresJsAdapter(postgres(process.env.DATABASE_URL ?? ''), schema)
 */
export function postgresJsAdapter<Tx extends PostgresJsTransaction, S extends Schema>(
  sql: PostgresJsClient<Tx>,
  schema: S,
  options: PostgresAdapterOptions<Tx> = {},
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
  )
  return adapterOver(postgresJsConnection(sql), schema, options)
}

/** The seam alone, for what needs a connection and no adapter. */
export function postgresJsConnection<Tx extends PostgresJsTransaction>(
  sql: PostgresJsClient<Tx>,
): PostgresConnection<Tx> {
  const session = sessions(keptStatements())
  return {
    query: session(sql).query,
    within: session,
    transaction: <T>(work: (session: PostgresSession, tx: Tx) => Promise<T>) =>
      survivingTransaction(
        (guard) =>
          sql.begin('isolation level read committed', (tx) => guard(work(session(tx), tx))) as Promise<T>,
      ),
  }
}

const sessions =
  (isKept: (text: string) => boolean) =>
  (sql: PostgresJsTransaction): PostgresSession => ({
    query: async (text, values) =>
      (await sql.unsafe(text, [...values], { prepare: isKept(text) })) as TextRow[],
  })
