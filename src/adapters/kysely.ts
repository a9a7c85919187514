import type { Kysely, Transaction } from 'kysely'
import { CompiledQuery } from 'kysely'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { postgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../postgres/connection.ts'

/**
 * The data source on Kysely, over `PostgresDialect` or `PGliteDialect`. Kysely knows no tables at run time: their
 * names are the schema's, whose snake case is what `CamelCasePlugin` writes too.
 *
 * @example
 * import { Kysely, PostgresDialect } from 'kysely'
 *
 * const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
 * const source = kyselyAdapter(db, schema)
 */
export function kyselyAdapter<DB>(
  db: Kysely<DB>,
  schema: Schema,
  options: PostgresAdapterOptions<Transaction<DB>> = {},
): PostgresAdapter<Transaction<DB>> {
  return postgresAdapter(kyselyConnection(db), schema, options)
}

/** The seam alone, for what needs a connection and no data source. */
export function kyselyConnection<DB>(db: Kysely<DB>): PostgresConnection<Transaction<DB>> {
  return {
    query: session(db).query,
    within: session,
    transaction: (work) =>
      db
        .transaction()
        .setIsolationLevel('read committed')
        .execute((tx) => work(session(tx), tx)),
  }
}

/** Plugins stay out: CamelCasePlugin renames columns of our rows, and others may do anything. */
function session<DB>(db: Kysely<DB>): PostgresSession {
  const plain = db.withoutPlugins()
  return {
    query: async (text, values) =>
      (await plain.executeQuery<TextRow>(CompiledQuery.raw(text, [...values]))).rows,
  }
}
