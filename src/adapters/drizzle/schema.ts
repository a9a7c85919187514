import { getTableColumns, is } from 'drizzle-orm'
import { toCamelCase, toSnakeCase } from 'drizzle-orm/casing'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import type { Schema } from '../../core/schema/define.ts'
import { defineSchema } from '../../core/schema/define.ts'
import { field } from '../../core/schema/field.ts'
import type { ModelDefinition, ModelOptions } from '../../core/schema/model.ts'
import type { Relation } from '../../core/schema/relation.ts'
import type { ColumnName, DrizzleTables } from './mapping.ts'
import { drizzleMapping } from './mapping.ts'
import { readRelations } from './relations.ts'
import type { ShapeOf, TableName } from './types.ts'

/** Options of a model, less what its table says by itself. */
export interface DrizzleModelOptions<Columns extends string = string, Omitted extends Columns = Columns>
  extends Omit<ModelOptions, 'table' | 'columns' | 'primaryKey' | 'readOnly' | 'archive' | 'touch'> {
  /** Columns that this endpoint neither shows nor writes. */
  omit?: readonly Omitted[]
  /** Columns that are shown and not written; generated ones are so by themselves. */
  readOnly?: readonly Columns[]
  archive?: Columns
  touch?: Columns | readonly Columns[]
  /** Beside those of Drizzle's `relations()`. */
  relations?: Readonly<Record<string, Relation>>
}

/** Options of `schemaFromDrizzle`. */
export interface DrizzleSchemaOptions<T extends DrizzleTables = DrizzleTables> {
  /** By model. A table that is not named here is exposed with the defaults: leave out of `tables` what is not to be. */
  models?: { [M in TableName<T>]?: DrizzleModelOptions<keyof ShapeOf<T[M]> & string> }
  /** As given to `drizzle()`. */
  casing?: 'snake_case' | 'camelCase'
}

const origins = new WeakMap<Schema, DrizzleTables>()

/** The tables that a schema was made from. */
export const tablesOf = (schema: Schema): DrizzleTables | undefined => origins.get(schema)

/**
 * A schema made from Drizzle tables: every table of `tables` becomes a model of that name, its columns become fields,
 * and `relations()` among them become relations. Values travel as this protocol has them: bigint, numeric and times
 * are strings whatever `mode` the column has.
 *
 * @throws TypeError when a table has no primary key of one column.
 * @example
 * import { pgTable, text } from 'drizzle-orm/pg-core'
 *
 * const projects = pgTable('projects', { id: text().primaryKey(), name: text().notNull() })
 * const schema = schemaFromDrizzle({ projects }, { models: { projects: { policy: { by: 'none' } } } })
 */
export function schemaFromDrizzle<
  const T extends DrizzleTables,
  const O extends DrizzleSchemaOptions<T> = DrizzleSchemaOptions<T>,
>(
  tables: T,
  options?: O,
): Schema<{
  [M in TableName<T>]: ModelDefinition<
    Omit<ShapeOf<T[M]>, OmittedOf<O, M>> extends infer S extends Record<string, z.ZodType> ? S : never
  >
}> {
  const { casing } = (options ?? {}) as DrizzleSchemaOptions
  const models = (options?.models ?? {}) as Record<string, DrizzleModelOptions | undefined>
  const relations = readRelations(tables)
  const definitions: Record<string, ModelDefinition> = {}
  for (const [name, table] of Object.entries(tables)) {
    if (is(table, PgTable)) {
      definitions[name] = definitionOf(name, table, models[name] ?? {}, relations.get(name) ?? {})
    }
  }
  const declared = defineSchema(definitions, { casing: 'same' })
  const { schema } = drizzleMapping(declared, tables, columnNames(casing))
  origins.set(schema, tables)
  return schema as never
}

type OmittedOf<O, M extends string> = O extends { models: { [K in M]: { omit: readonly (infer Name)[] } } }
  ? Name & string
  : never

function definitionOf(
  name: string,
  table: PgTable,
  { omit = [], relations: further = {}, readOnly = [], ...own }: DrizzleModelOptions,
  declared: Readonly<Record<string, Relation>>,
): ModelDefinition {
  const columns = Object.entries(getTableColumns(table)).filter(([key]) => !omit.includes(key as never))
  const generated = columns.filter(([, column]) => isGenerated(column)).map(([key]) => key)
  const shape = Object.fromEntries(columns.map(([key, column]) => [key, fieldType(column)]))
  const relations = Object.entries(declared).filter(
    ([, { type, field: at }]) => type === 'hasMany' || at in shape,
  )
  const options = {
    mutable: true,
    ...own,
    primaryKey: primaryKey(name, table),
    readOnly: [...generated, ...readOnly],
  }
  return {
    shape,
    relations: { ...Object.fromEntries(relations), ...further },
    options: options as ModelOptions,
  }
}

function primaryKey(name: string, table: PgTable): string {
  const { primaryKeys, columns } = getTableConfig(table)
  const keys = [
    ...columns.filter(({ primary }) => primary),
    ...primaryKeys.flatMap(({ columns: own }) => own),
  ]
  const [key, ...others] = Object.entries(getTableColumns(table)).filter(([, column]) =>
    keys.includes(column),
  )
  if (key !== undefined && others.length === 0) return key[0]
  throw new TypeError(`${name}: a model needs a primary key of one column`)
}

const isGenerated = ({ generated, generatedIdentity }: PgColumn): boolean =>
  generated !== undefined || generatedIdentity?.type === 'always'

function fieldType(column: PgColumn): z.ZodType {
  const type = scalarType(column)
  const made = column.hasDefault || column.onUpdateFn !== undefined || isGenerated(column)
  if (column.notNull) return made || column.generatedIdentity !== undefined ? type.optional() : type
  return type.nullable().optional()
}

function scalarType(column: PgColumn): z.ZodType {
  const { baseColumn } = column as { baseColumn?: PgColumn }
  if (baseColumn !== undefined) return z.array(scalarType(baseColumn).nullable())
  if (column.enumValues !== undefined && column.enumValues.length > 0) return z.enum(column.enumValues)
  const type = column.getSQLType()
  switch (type.replace(/[ (].*/, '')) {
    case 'smallint':
    case 'integer':
    case 'smallserial':
    case 'serial':
      return z.int32()
    case 'bigint':
    case 'bigserial':
      return field.bigint()
    case 'numeric':
      return field.numeric()
    case 'real':
    case 'double':
      return z.number()
    case 'boolean':
      return z.boolean()
    case 'uuid':
      return field.uuid()
    case 'date':
      return field.date()
    case 'timestamp':
      return field.timestamp()
    case 'json':
    case 'jsonb':
      return field.json()
    case 'bytea':
      return field.bytes()
    default:
      return z.string()
  }
}

const cases = { snake_case: toSnakeCase, camelCase: toCamelCase }

const columnNames =
  (casing: DrizzleSchemaOptions['casing']): ColumnName =>
  ({ name, keyAsName }) =>
    keyAsName && casing !== undefined ? cases[casing](name) : name
