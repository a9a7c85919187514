import { withClientValues } from '../../core/rules/client-values.ts'
import type { Schema } from '../../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../../postgres/adapter.ts'
import { type WaitOptions, waitKinds } from '../connected.ts'
import { type PrepareOptions, prepareKinds } from '../prepared.ts'
import { type DrizzleDatabase, type DrizzleTransaction, drizzleConnection } from './connection.ts'
import type { DrizzleTables } from './mapping.ts'
import { columnNameOf, drizzleMapping } from './mapping.ts'
import { originOf } from './schema.ts'
import { relational } from './version.ts'

export type { WaitOptions } from '../connected.ts'
export type { DerivedModelOptions, OnNote } from '../derived.ts'
export type { PrepareOptions } from '../prepared.ts'
export { type DrizzleDatabase, type DrizzleTransaction, drizzleConnection } from './connection.ts'
export type { DrizzleTables } from './mapping.ts'
export { type DrizzleModels, type DrizzleSchemaOptions, schemaFromDrizzle } from './schema.ts'

/** Options of `drizzleAdapter`. */
export interface DrizzleAdapterOptions<Tx> extends PostgresAdapterOptions<Tx>, WaitOptions, PrepareOptions {
  /** Tables by model name, for example the module that declares them. Default: the `schema` given to `drizzle()`. */
  tables?: DrizzleTables
}

/**
 * An adapter on Drizzle, over node-postgres, postgres.js, PGlite or neon-serverless. Table and column names and what
 * Drizzle fills in by itself (`$defaultFn`, `$onUpdateFn`) are read from the tables; what the schema says goes first.
 *
 * @example
 * import { drizzle } from 'drizzle-orm/node-postgres'
 * import { pgTable, text } from 'drizzle-orm/pg-core'
 *
 * const tasks = pgTable('tasks', { id: text().primaryKey(), title: text().notNull() })
 * const adapter = drizzleAdapter(drizzle(pool), schema, { tables: { tasks } })
 */
export function drizzleAdapter<Tx extends DrizzleTransaction, S extends Schema>(
  db: DrizzleDatabase<Tx>,
  schema: S,
  options: DrizzleAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  relational('drizzleAdapter')
  checkPostgresAdapter(
    'drizzleAdapter',
    {
      name: 'a Drizzle database with transactions',
      fits: typeof db?.transaction === 'function' && db._ !== undefined,
      given: db,
    },
    schema,
    options,
    { ...waitKinds, ...prepareKinds, tables: 'object' },
  )
  const origin = originOf(schema)
  const tables = options.tables ?? origin?.tables ?? db._.fullSchema
  const mapped = drizzleMapping((origin?.declared ?? schema) as S, tables, columnNameOf(db))
  const adapter = adapterOver(drizzleConnection(db, options), mapped.schema, options)
  return withClientValues(adapter, mapped.schema, mapped.values)
}
