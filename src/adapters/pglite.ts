import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../postgres/connection.ts'

/** What is called of a PGlite transaction. */
export interface PgliteTransaction {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
}

/** What is called of a PGlite instance. */
export interface PgliteClient<Tx extends PgliteTransaction = PgliteTransaction> extends PgliteTransaction {
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}

/**
 * An adapter on PGlite. It is one connection: requests wait for each other, and a hook that uses the instance instead
 * of its `tx` waits for itself.
 *
 * @example
 * import { PGlite } from '@electric-sql/pglite'
 *
 * const adapter = pgliteAdapter(await PGlite.create(), schema)
 */
export function pgliteAdapter<Tx extends PgliteTransaction, S extends Schema>(
  client: PgliteClient<Tx>,
  schema: S,
  options: PostgresAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  checkPostgresAdapter(
    'pgliteAdapter',
    {
      name: 'a PGlite instance',
      fits: typeof client?.transaction === 'function' && typeof client.query === 'function',
      given: client,
    },
    schema,
    options,
  )
  return adapterOver(pgliteConnection(client), schema, options)
}

/** The seam alone, for what needs a connection and no adapter. */
export function pgliteConnection<Tx extends PgliteTransaction>(
  client: PgliteClient<Tx>,
): PostgresConnection<Tx> {
  return {
    query: pgliteSession(client).query,
    within(tx) {
      if ('transaction' in tx) {
        throw new TypeError('tx is the PGlite instance; expected what its transaction() passes on')
      }
      return pgliteSession(tx)
    },
    transaction: (work) =>
      client.transaction(async (tx) => {
        await tx.query('set transaction isolation level read committed')
        return work(pgliteSession(tx), tx)
      }),
  }
}

const pgliteSession = (client: PgliteTransaction): PostgresSession => ({
  query: async (text, values) => (await client.query(text, [...values])).rows as TextRow[],
})
