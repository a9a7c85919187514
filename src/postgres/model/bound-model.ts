import type { Field, Model } from '../../core/schema/define.ts'
import type { Column } from './catalog.ts'
import { encode, needsPins, scalarValue } from './column-values.ts'
import type { Fault } from './fault.ts'
import { MisfitError } from './fault.ts'

/** A field and the column it stands for. */
export interface BoundField {
  readonly field: Field
  readonly column: Column
}

/**
 * A model bound to its table: what the compiler writes SQL from and what queries are built from at run time. It is
 * made from the catalogue by the migration and kept in the database, so that the running application needs no
 * look at the catalogue.
 */
export interface BoundModel {
  readonly model: Model
  /** Qualified, quoted table name. */
  readonly table: string
  readonly fields: readonly BoundField[]
  /** The columns that together name a row. */
  readonly keys: readonly BoundField[]
  /** The first of them; all of it where the key is one column. */
  readonly key: BoundField
  /** See `Model.hidden`. */
  readonly hidden: readonly BoundField[]
  /** The tenant column when the policy is `column`. */
  readonly tenant: Column | null
  /** All columns of the table. */
  readonly columns: readonly Column[]
  /** The table's number in the log. */
  readonly rel: number
  /** See `Table.columnTriggers`. */
  readonly columnTriggers: boolean
  /** See `Table.rules`. */
  readonly rules: boolean
  /** Whether texts of its values go by settings of the session, see `pinned`. */
  readonly pinned: boolean
}

/** What the database keeps of a bound model. */
export interface Definition {
  readonly table: string
  readonly rel: number
  readonly columns: readonly Column[]
  readonly columnTriggers: boolean
  readonly rules: boolean
}

/** What is kept of a bound model. */
export const definitionOf = ({ table, rel, columns, columnTriggers, rules }: BoundModel): Definition => ({
  table,
  rel,
  columns,
  columnTriggers,
  rules,
})

export type BoundModels = ReadonlyMap<string, BoundModel>

/**
 * Joins a model with its table's columns.
 *
 * @throws MisfitError naming every column that is missing.
 */
export function bind(model: Model, definition: Definition): BoundModel {
  const columns = new Map(definition.columns.map((column) => [column.name, column]))
  const faults: Fault[] = []
  const at = { model: model.name, sql: definition.table }
  const bound = (field: Field): BoundField[] => {
    const column = columns.get(field.column)
    if (column !== undefined) return [{ field, column: shaped(field, column) }]
    faults.push({ ...at, code: 'column_missing', column: field.column, field: field.name })
    return []
  }
  const fields = [...model.fields.values()].flatMap(bound)
  const hidden = model.hidden.flatMap(bound)
  const tenant = model.policy.by === 'column' ? columns.get(model.policy.column) : null
  if (tenant === undefined && model.policy.by === 'column') {
    faults.push({ ...at, code: 'tenant_column_missing', column: model.policy.column })
  }
  if (faults.length > 0) throw new MisfitError(faults)
  const keys = model.key.map((field) => fields.find((one) => one.field === field) as BoundField)
  return {
    model,
    table: definition.table,
    fields,
    hidden,
    keys,
    key: keys[0] as BoundField,
    tenant: tenant ?? null,
    columns: definition.columns,
    rel: definition.rel,
    columnTriggers: definition.columnTriggers,
    rules: definition.rules,
    pinned: fields.some(({ column }) => needsPins(column)),
  }
}

/** The column as the field reads it: an array is as deep as the schema says, and travels by its members' kind. */
const shaped = ({ kind, element, dimensions }: Field, column: Column): Column => ({
  ...column,
  dimensions: kind === 'array' ? (dimensions ?? 1) : column.dimensions,
  kind: kind === 'array' ? (element ?? 'text') : kind,
})

/** The field's bound form. */
export function boundField(bound: BoundModel, name: string): BoundField {
  return bound.fields.find(({ field }) => field.name === name) as BoundField
}

/** An SQL expression for the row's JSON text, fields in schema order. `alias` is a table alias or a record. */
export function rowJson({ fields }: Pick<BoundModel, 'fields'>, alias: string): string {
  const members = fields.map(({ field, column }, index) => {
    const text = encode(column, `${alias}.${column.sql}`)
    const value = column.notNull ? text : `coalesce(${text}, 'null')`
    return `'${index === 0 ? '{' : ','}"${field.name}":' || ${value}`
  })
  return `${members.join('\n      || ')} || '}'`
}

/** Types whose values have a few bytes each. */
const short = new Set('int2 int4 int8 bool date time timestamp timestamptz float4 float8 uuid'.split(' '))

/**
 * An SQL expression for about how many bytes a row has, without making its JSON: values that are stored apart are not
 * read for it, unless they are compressed there.
 */
export function rowSize({ fields }: Pick<BoundModel, 'fields'>, alias: string): string {
  const sizes = fields
    .filter(({ column }) => column.isArray || !short.has(column.base))
    .map(({ column }) => {
      const value = `${alias}.${column.sql}`
      return `coalesce(case when pg_catalog.pg_column_compression(${value}) is null then pg_catalog.pg_column_size(${value})
    else pg_catalog.octet_length(${value}::text) end, 0)`
    })
  return sizes.length === 0 ? '0' : sizes.join('\n  + ')
}

/**
 * An SQL expression for the row's id as log and ledger spell it: the key's text, or the JSON array of the texts of
 * several columns (RFC 8785).
 */
export function entityId({ keys }: BoundModel, alias: string): string {
  const texts = keys.map(({ column }) => `${alias}.${column.sql}::text`)
  return texts.length === 1 ? (texts[0] as string) : `pg_catalog.to_json(array[${texts.join(', ')}])::text`
}

/** The values of the key's columns that an id (an SQL expression for its text) stands for, in the key's order. */
export function keyValues({ keys }: BoundModel, id: string): readonly string[] {
  return keys.map(({ column }, place) =>
    scalarValue(column.base, column.type, keys.length === 1 ? id : `((${id})::jsonb ->> ${place})`),
  )
}

/** The condition that a row has the id. */
export function keyCondition(bound: BoundModel, alias: string, id: string): string {
  const values = keyValues(bound, id)
  return bound.keys.map(({ column }, place) => `${alias}.${column.sql} = ${values[place]}`).join(' and ')
}

/** The condition that two rows or records of the table have one id. */
export const sameKey = ({ keys }: BoundModel, one: string, other: string): string =>
  keys.map(({ column }) => `${one}.${column.sql} = ${other}.${column.sql}`).join(' and ')

/** The key's columns, for ORDER BY and row comparisons. */
export const keyColumns = ({ keys }: BoundModel, alias: string): readonly string[] =>
  keys.map(({ column }) => `${alias}.${column.sql}`)

/**
 * The condition that a row belongs to the tenant, or null for models of nobody. It stands in every statement that
 * reads or writes rows: a check beforehand would leave a gap, and a foreign row must look like a missing one.
 */
export function tenantCondition(
  bound: BoundModel,
  models: BoundModels,
  alias: string,
  tenant: string,
): string | null {
  const { policy } = bound.model
  if (policy.by === 'none') return null
  if (policy.by === 'column') {
    const column = bound.tenant as Column
    return `${alias}.${column.sql} = ${castTenant(column, tenant)}`
  }
  const fk = boundField(bound, policy.fk).column
  return parentCondition(
    models.get(policy.parent) as BoundModel,
    models,
    `${alias}.${fk.sql}`,
    tenant,
    `${alias}p`,
  )
}

/**
 * The condition that `reference` names a row of `parent` that belongs to the tenant.
 *
 * @param keep whether that row must stay until the transaction ends: a delete waits, another change does not.
 */
export function parentCondition(
  parent: BoundModel,
  models: BoundModels,
  reference: string,
  tenant: string,
  alias = 'p',
  keep = false,
): string {
  const owned = tenantCondition(parent, models, alias, tenant)
  const key = `${alias}.${parent.key.column.sql} = ${reference}`
  const lock = keep ? ` for key share of ${alias}` : ''
  return `exists (select from ${parent.table} ${alias} where ${key}${owned === null ? '' : ` and ${owned}`}${lock})`
}

export const castTenant = (column: Column, tenant: string): string =>
  column.base === 'text' || column.base === 'varchar' ? tenant : `${tenant}::${column.type}`

/**
 * An SQL expression for the tenant whose row it is, as the log keeps it: '' for rows of nobody, and null where the
 * owner cannot be told. Null and '' must not be mixed up: every tenant reads the rows of nobody.
 */
export function tenantOf(bound: BoundModel, models: BoundModels, row: string, above = 'p'): string {
  const { policy } = bound.model
  if (policy.by === 'none') return `''::text`
  if (policy.by === 'column') return `${row}.${(bound.tenant as Column).sql}::text`
  const fk = boundField(bound, policy.fk).column
  const parent = models.get(policy.parent) as BoundModel
  const key = `${above}.${parent.key.column.sql} = ${row}.${fk.sql}`
  return `(select ${tenantOf(parent, models, above, `${above}p`)} from ${parent.table} ${above} where ${key})`
}

/** How a model finds a row's tenant, by what a renaming leaves as it is: two models of one table must agree. */
export function scopeOf(bound: BoundModel, models: BoundModels): string {
  const { policy } = bound.model
  if (policy.by === 'none') return 'none'
  if (policy.by === 'column') return `column ${bound.tenant?.attnum}`
  return `parent ${boundField(bound, policy.fk).column.attnum} ${models.get(policy.parent)?.rel}`
}

/** The fields of a model by the numbers of their columns, as the log names them. */
export interface Words {
  readonly fields: readonly (readonly [name: string, attnum: number])[]
  /** Of the key. */
  readonly key: readonly number[]
  /** Of the archive field. */
  readonly archive: number | null
}

export const wordsOf = (bound: BoundModel): Words => ({
  fields: bound.fields.map(({ field, column }) => [field.name, column.attnum]),
  key: bound.keys.map(({ column }) => column.attnum),
  archive:
    bound.model.archive === undefined ? null : boundField(bound, bound.model.archive.name).column.attnum,
})
