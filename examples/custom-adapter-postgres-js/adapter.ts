import type { Schema } from 'postern'
import {
  type PostgresAdapter,
  type PostgresAdapterOptions,
  type PostgresConnection,
  type PostgresSession,
  postgresAdapter,
  type TextRow,
} from 'postern/postgres'
import type { Sql, TransactionSql } from 'postgres'

/**
 * A data source on another client of Postgres. The engine brings statements and rules; all that an adapter says is how
 * its client runs a text with parameters, and how it opens a transaction.
 *
 * @example
 * const source = myAdapter(postgres(process.env.DATABASE_URL), schema)
 * await source.migrate()
 */
export function myAdapter(
  sql: Sql,
  schema: Schema,
  options: PostgresAdapterOptions<TransactionSql> = {},
): PostgresAdapter<TransactionSql> {
  return postgresAdapter(connection(sql), schema, options)
}

function connection(sql: Sql): PostgresConnection<TransactionSql> {
  return {
    ...session(sql),
    // read committed, whatever the database's default is: some rules want a new snapshot for each statement
    transaction: async (work) =>
      (await sql.begin('isolation level read committed', (tx) => work(session(tx), tx))) as Awaited<
        ReturnType<typeof work>
      >,
    within: session,
  }
}

/** `sql` and a transaction of it run statements in the same way. */
const session = (sql: Pick<Sql, 'unsafe'>): PostgresSession => ({
  // the text is the engine's and has its parameters; what is unsafe about `unsafe` is a text put together of values
  query: async (text, values) => (await sql.unsafe(text, [...values])) as unknown as readonly TextRow[],
})
