import { getTableColumns, is } from 'drizzle-orm'
import { toCamelCase, toSnakeCase } from 'drizzle-orm/casing'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { checkOptions } from '../../core/options.ts'
import type { Schema } from '../../core/schema/define.ts'
import { defineSchema } from '../../core/schema/define.ts'
import { field } from '../../core/schema/field.ts'
import type { ModelDefinition, ModelOptions } from '../../core/schema/model.ts'
import type { Relation } from '../../core/schema/relation.ts'
import type { DeclaredTable, DerivedModelOptions, OnNote } from '../derived.ts'
import { checkExposure, checkTenant, exposed, keyOf, warn } from '../derived.ts'
import type { ColumnName, DrizzleTables } from './mapping.ts'
import { drizzleMapping } from './mapping.ts'
import { type Exposed, fieldOf, readRelations } from './relations.ts'
import type { ColumnKey, DerivedDefinition, TableName } from './types.ts'
import { relational } from './version.ts'

/** What is exposed, by model. */
export type DrizzleModels<T extends DrizzleTables = DrizzleTables> = {
  readonly [M in TableName<T>]?: DerivedModelOptions<ColumnKey<T[M]>>
}

/** Options of `schemaFromDrizzle`. */
export interface DrizzleSchemaOptions {
  /** As given to `drizzle()`. `drizzleAdapter` reads it from there; it matters where the schema is used without. */
  casing?: 'snake_case' | 'camelCase'
  /** Is told of relations that are left out, and why. Default: a warning of the process. */
  onNote?: OnNote
}

/** What a schema was made from: the adapter names columns by the casing of its database. */
const origins = new WeakMap<Schema, { readonly tables: DrizzleTables; readonly declared: Schema }>()

/** What a schema was made from; undefined for one that was declared. */
export const originOf = (
  schema: Schema,
): { readonly tables: DrizzleTables; readonly declared: Schema } | undefined => origins.get(schema)

/**
 * A schema made from Drizzle tables: the tables and columns that are named become models and fields, and `relations()`
 * among them become relations. Nothing else of `tables` is exposed, and a model is read only unless `mutable` says
 * otherwise. Values travel as this protocol has them: bigint, numeric and times are strings whatever `mode` the column has.
 *
 * @throws TypeError when a model, a field or an option has no such name, or when a table has no key.
 * @example
 * import { pgTable, text } from 'drizzle-orm/pg-core'
 *
 * const projects = pgTable('projects', { id: text().primaryKey(), name: text().notNull() })
 * const schema = schemaFromDrizzle(
 *   { projects },
 *   { projects: { fields: ['name'], mutable: ['CREATE', 'UPDATE'], policy: { by: 'none' } } },
 * )
 */
export function schemaFromDrizzle<const T extends DrizzleTables, const O extends DrizzleModels<T>>(
  tables: T,
  models: O & DrizzleModels<T>,
  options: DrizzleSchemaOptions = {},
): Schema<{ readonly [M in keyof O & TableName<T>]: DerivedDefinition<T[M], O[M]> }> {
  const owner = 'schemaFromDrizzle'
  relational(owner)
  checkOptions<DrizzleSchemaOptions>(owner, options, { casing: 'text', onNote: 'function' })
  const known = new Map(
    Object.entries(tables).filter((entry): entry is [string, PgTable] => is(entry[1], PgTable)),
  )
  checkExposure(
    owner,
    models,
    new Map([...known].map(([name, table]) => [name, Object.keys(getTableColumns(table))])),
  )
  const shown = new Map<string, Exposed & { readonly own: DerivedModelOptions }>()
  for (const [name, own] of Object.entries<DerivedModelOptions>(models)) {
    const table = known.get(name) as PgTable
    const key = keyOf(`${owner}: ${name}`, own, primaryKey(table))
    shown.set(name, { table, own, key: [key].flat(), fields: exposed(own, key) })
  }
  const relations = readRelations(tables, shown, options.onNote ?? warn)
  const definitions = Object.fromEntries(
    [...shown].map(([name, model]) => {
      const columns = columnNames(options.casing)
      return [name, definitionOf(`${owner}: ${name}`, model, model.own, relations.get(name) ?? {}, columns)]
    }),
  )
  const declared = defineSchema(definitions as Record<string, ModelDefinition>, { casing: 'same' })
  const { schema } = drizzleMapping(declared, tables, columnNames(options.casing))
  origins.set(schema, { tables, declared: options.casing === undefined ? declared : schema })
  return schema as never
}

function definitionOf(
  owner: string,
  { table, key, fields }: Exposed,
  { fields: _, relations: further = {}, readOnly = [], primaryKey: __, ...own }: DerivedModelOptions,
  relations: Readonly<Record<string, Relation>>,
  columnName: ColumnName,
): ModelDefinition {
  const columns = getTableColumns(table) as Record<string, PgColumn>
  const names = Object.values(columns).map(columnName)
  checkTenant(owner, own as DerivedModelOptions, names, Object.hasOwn(columns, 'organizationId'))
  const ofFields = fields.map((name) => [name, columns[name] as PgColumn] as const)
  const generated = ofFields.filter(([, column]) => isGenerated(column)).map(([name]) => name)
  return {
    shape: Object.fromEntries(ofFields.map(([name, column]) => [name, fieldType(column)])),
    relations: { ...relations, ...further },
    options: {
      ...(own as ModelOptions),
      primaryKey: key.length === 1 ? (key[0] as string) : key,
      readOnly: [...generated, ...readOnly],
    },
  }
}

/** The tables of a module, each once, under the names that `schemaFromDrizzle` knows them by. */
export function declaredTables(tables: DrizzleTables, columnName: ColumnName): DeclaredTable[] {
  const found = Object.entries(tables).filter((entry): entry is [string, PgTable] => is(entry[1], PgTable))
  const first = found.filter(([, table], index) => found.findIndex(([, one]) => one === table) === index)
  return first.map(([name, table]) => {
    const { name: own, schema } = getTableConfig(table)
    const columns = Object.entries(getTableColumns(table) as Record<string, PgColumn>)
    return {
      name,
      table: { schema, name: own },
      key: primaryKey(table),
      fields: new Map(columns.map(([field, column]) => [columnName(column), field])),
    }
  })
}

/** The `casing` that names the columns which do not say theirs; undefined where it makes no difference. */
export function casingOf(tables: DrizzleTables, columnName: ColumnName): DrizzleSchemaOptions['casing'] {
  const columns = Object.values(tables).flatMap((table) =>
    is(table, PgTable) ? Object.values(getTableColumns(table) as Record<string, PgColumn>) : [],
  )
  const derived = columns.filter((column) => columnName(column) !== column.name)
  if (derived.length === 0) return undefined
  const casings = Object.keys(cases) as (keyof typeof cases)[]
  return casings.find((casing) =>
    derived.every((column) => columnName(column) === cases[casing](column.name)),
  )
}

/** Keys of the columns of the primary key, in its order, however it was declared. */
function primaryKey(table: PgTable): string[] {
  const { primaryKeys, columns } = getTableConfig(table)
  const key = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary)
  return key.map((column) => fieldOf(table, column) as string)
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
