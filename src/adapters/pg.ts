import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../postgres/adapter.ts'
import { type WaitOptions, waitKinds } from './connected.ts'
import { isPgClient, type PgClient, type PgPool, pgConnection } from './over-pg.ts'
import { type PrepareOptions, prepareKinds } from './prepared.ts'

export type { WaitOptions } from './connected.ts'
export { type PgClient, type PgPool, type PgPoolClient, pgConnection } from './over-pg.ts'
export type { PrepareOptions } from './prepared.ts'

/** Options of `pgAdapter`. */
export interface PgAdapterOptions extends PostgresAdapterOptions<PgClient>, WaitOptions, PrepareOptions {}

/**
 * An adapter on node-postgres: a `Pool`, or one connected `Client` (whose requests then wait for each other). Both get
 * a listener for `error`, so that a lost connection does not end the process.
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
    { ...waitKinds, ...prepareKinds },
  )
  return adapterOver(pgConnection(client, options), schema, options)
}
