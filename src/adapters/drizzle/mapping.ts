import { getTableColumns, is, SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { PosternError } from '../../core/errors.ts'
import type { ClientValues, Maker } from '../../core/rules/client-values.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { remapSchema } from '../../core/schema/remap.ts'
import { madeFor, parseExactly } from '../made-values.ts'

/** Tables under the names of models; other members, such as relations and enums of a schema module, do not matter. */
export type DrizzleTables = Readonly<Record<string, unknown>>

/** A column's name in the database: with `casing` Drizzle derives it only when it writes SQL. */
export type ColumnName = (column: PgColumn) => string

/** How a database's client derives the names of columns. */
export function columnNameOf(db: unknown): ColumnName {
  const { dialect } = (db ?? {}) as { dialect?: { casing?: { getColumnCasing?: ColumnName } } }
  return (column) => dialect?.casing?.getColumnCasing?.(column) ?? column.name
}

/** The schema with Drizzle's names, and what Drizzle would give a create or an update. */
export function drizzleMapping<S extends Schema>(
  schema: S,
  tables: DrizzleTables,
  columnName: ColumnName,
): { schema: S; values: ReadonlyMap<string, ClientValues> } {
  const values = new Map<string, ClientValues>()
  const mapped = remapSchema(schema, (model) => {
    const table = findTable(model, schema.definitions[model.name]?.options.table !== undefined, tables)
    if (table === undefined) return undefined
    const { name, schema: own } = getTableConfig(table)
    const columns = Object.entries(getTableColumns(table))
    const made = clientValues(model, columns)
    values.set(model.name, made)
    return {
      table: { schema: own, name },
      columns: Object.fromEntries(columns.map(([key, column]) => [key, columnName(column)])),
      made: [...made.create.keys(), ...made.update.keys()],
      touch: columns.filter(([, column]) => isTouched(column)).map(([key]) => key),
    }
  })
  return { schema: mapped, values }
}

/**
 * The table that the schema names, else the one under the model's name, else the one that is called as the model's table
 * would be. A name without a schema is one of `public`: `slack.users` is not `users`.
 */
function findTable(model: Model, isNamed: boolean, tables: DrizzleTables): PgTable | undefined {
  const own = Object.hasOwn(tables, model.name) ? tables[model.name] : undefined
  if (!isNamed && is(own, PgTable)) return own
  const all = [own, ...Object.values(tables)].filter((one): one is PgTable => is(one, PgTable))
  return all.find((table) => {
    const { name, schema = 'public' } = getTableConfig(table)
    return name === model.table.name && schema === (model.table.schema ?? 'public')
  })
}

/** `$onUpdateFn` on a timestamp: the database sets it, to the time of the commit. */
const isTouched = (column: PgColumn): boolean =>
  column.onUpdateFn !== undefined && /^timestamp(?!.*\])/.test(column.getSQLType())

function clientValues(model: Model, columns: [string, PgColumn][]): ClientValues {
  const create = new Map<string, Maker>()
  const update = new Map<string, Maker>()
  for (const [key, column] of columns) {
    const onUpdate = isTouched(column) ? undefined : column.onUpdateFn
    // as Drizzle does it: a column without any default of its own gets the update's value when it is created
    const onCreate = column.defaultFn ?? (column.default === undefined ? onUpdate : undefined)
    if (onCreate !== undefined) create.set(key, maker(model, key, column, onCreate))
    if (onUpdate !== undefined) update.set(key, maker(model, key, column, onUpdate))
  }
  return { create, update }
}

const maker =
  (model: Model, key: string, column: PgColumn, make: () => unknown): Maker =>
  () => {
    const value = sent(column, make())
    if (!is(value, SQL)) return value
    throw new PosternError(
      'source_adapter_misconfigured',
      `${model.name}.${key}: its $defaultFn or $onUpdateFn gives SQL, which only Drizzle can run. Make it a default or a trigger of the table.`,
    )
  }

/** A value as it travels, where Drizzle would send it to its driver. */
function sent(column: PgColumn, value: unknown): unknown {
  if (value === null || value === undefined || value instanceof Promise || is(value, SQL)) return value
  const { baseColumn } = column as { baseColumn?: PgColumn }
  if (baseColumn !== undefined && Array.isArray(value)) return value.map((one) => sent(baseColumn, one))
  const type = column.getSQLType()
  // what a custom type, a point or a vector means in the database, only the column knows
  if (column.dataType !== 'custom' && /^(date|time|json|bytea)/.test(type)) return madeFor(type, value)
  const driven = column.mapToDriverValue(value)
  return /^jsonb?$/.test(type) && typeof driven === 'string' ? parseExactly(driven) : madeFor(type, driven)
}
