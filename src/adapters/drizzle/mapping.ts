import { getTableColumns, getTableName, is, SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { PosternError } from '../../core/errors.ts'
import type { ClientValues } from '../../core/rules/client-values.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { remapSchema } from '../../core/schema/remap.ts'

/** Tables under the names of models; other members, such as relations and enums of a schema module, do not matter. */
export type DrizzleTables = Readonly<Record<string, unknown>>

/** A column's name in the database: with `casing` Drizzle derives it only when it writes SQL. */
export type ColumnName = (column: PgColumn) => string

/** The schema with Drizzle's names, and what Drizzle would give a create or an update. */
export function drizzleMapping<S extends Schema>(
  schema: S,
  tables: DrizzleTables,
  columnName: ColumnName,
): { schema: S; values: ReadonlyMap<string, ClientValues> } {
  const values = new Map<string, ClientValues>()
  const mapped = remapSchema(schema, (model) => {
    const table = findTable(model, tables)
    if (table === undefined) return undefined
    const { name, schema: own } = getTableConfig(table)
    const columns = Object.entries(getTableColumns(table))
    const made = clientValues(model, columns)
    values.set(model.name, made)
    return {
      table: { schema: own, name },
      columns: Object.fromEntries(columns.map(([key, column]) => [key, columnName(column)])),
      made: Object.keys({ ...made.create, ...made.update }),
      touch: columns.filter(([, column]) => isTouched(column)).map(([key]) => key),
    }
  })
  return { schema: mapped, values }
}

/** The table under the model's name, else the one whose own name is that of the model's table. */
function findTable(model: Model, tables: DrizzleTables): PgTable | undefined {
  const named = tables[model.name]
  if (is(named, PgTable)) return named
  const all = Object.values(tables).filter((one) => is(one, PgTable))
  return all.find((table) => getTableName(table) === model.table.name)
}

/** `$onUpdateFn` on a timestamp: the database sets it, to the time of the commit. */
const isTouched = (column: PgColumn): boolean =>
  column.onUpdateFn !== undefined && column.getSQLType().startsWith('timestamp')

function clientValues(model: Model, columns: [string, PgColumn][]): ClientValues {
  const create: Record<string, () => unknown> = {}
  const update: Record<string, () => unknown> = {}
  for (const [key, column] of columns) {
    const onUpdate = isTouched(column) ? undefined : column.onUpdateFn
    // as Drizzle does it: a column without any default of its own gets the update's value when it is created
    const onCreate = column.defaultFn ?? (column.default === undefined ? onUpdate : undefined)
    if (onCreate !== undefined) create[key] = maker(model, key, column, onCreate)
    if (onUpdate !== undefined) update[key] = maker(model, key, column, onUpdate)
  }
  return { create, update }
}

function maker(model: Model, key: string, column: PgColumn, make: () => unknown): () => unknown {
  return () => {
    const value = make()
    if (is(value, SQL)) {
      throw new PosternError(
        'source_adapter_misconfigured',
        `${model.name}.${key}: its $defaultFn or $onUpdateFn gives SQL, which only Drizzle can run. Make it a default or a trigger of the table.`,
      )
    }
    // what a custom type means in the database, only the type knows
    return column.dataType === 'custom' && value != null ? column.mapToDriverValue(value) : value
  }
}
