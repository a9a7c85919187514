import type { Kysely, Transaction } from 'kysely'
import { CompiledQuery } from 'kysely'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../postgres/connection.ts'

/**
 * An adapter on Kysely, over `PostgresDialect` or `PGliteDialect`. Kysely knows no tables at run time: their
 * names are the schema's, whose snake case is what `CamelCasePlugin` writes too.
 *
 * @example
 * import { Kysely, PostgresDialect } from 'kysely'
 *
 * const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
 * const adapter = kyselyAdapter(db, schema)
 */
export function kyselyAdapter<DB, S extends Schema>(
  db: Kysely<DB>,
  schema: S,
  options: PostgresAdapterOptions<Transaction<DB>> = {},
): PostgresAdapter<Transaction<DB>, S> {
  checkPostgresAdapter(
    'kyselyAdapter',
    { name: 'a Kysely instance', fits: typeof db?.withoutPlugins === 'function', given: db },
    schema,
    options,
  )
  return adapterOver(kyselyConnection(db), schema, options)
}

/** The seam alone, for what needs a connection and no adapter. */
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
