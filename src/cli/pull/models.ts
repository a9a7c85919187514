import type { ResolvedPolicy } from '../../core/schema/define.ts'
import { isKeyType, MAX_KEY_COLUMNS } from '../../postgres/model/bind.ts'
import { type Column, isMade } from '../../postgres/model/catalog.ts'
import type { PulledTable } from './catalogue.ts'
import { unfit } from './fields.ts'
import { camel, unique } from './names.ts'
import { isSecretColumn, isSecretTable } from './secrets.ts'

/** A table on its way to being a model. */
export interface PulledModel {
  readonly name: string
  readonly table: PulledTable
  /** The columns that together name a row. */
  readonly keys: readonly Column[]
  readonly fields: readonly { readonly name: string; readonly column: Column }[]
  /** Columns that are not shown, and why. */
  readonly omitted: readonly { readonly column: Column; readonly why: string }[]
  policy: ResolvedPolicy
  readonly relations: { name: string; type: 'belongsTo' | 'hasMany'; model: string; field: string }[]
}

/** Tables that cannot be models, and why. */
export interface LeftOut {
  readonly table: string
  readonly why: string
}

/** Names that usually hold a tenant; those of one row are names for the same. */
const usual = [
  ...[
    ['organization', 'organisation', 'org', 'tenant'],
    ['company', 'companies'],
    ['workspace'],
    ['team'],
    ['account'],
  ],
  ...[['business'], ['customer'], ['client'], ['shop', 'store', 'merchant'], ['site', 'website']],
].map((nouns) =>
  nouns.flatMap((noun) => [
    `${noun}_id`,
    `${noun}Id`,
    `${noun}_uuid`,
    `${noun[0]?.toUpperCase()}${noun.slice(1)}ID`,
  ]),
)

/** The column that most tables have of those that usually hold a tenant. */
export function guessTenant(tables: readonly PulledTable[]): string | undefined {
  const names = usual.flat()
  const counts = names.map(
    (name) => tables.filter(({ columns }) => columns.some((one) => one.name === name)).length,
  )
  const most = Math.max(...counts)
  return most === 0 ? undefined : names[counts.indexOf(most)]
}

/**
 * The column of a table that holds its tenant: `tenant`, else another name for the same. A `team_id` where others have
 * an `organization_id` is not taken: with numbers for ids, one organization would read another's team.
 */
export function tenantColumn(
  { columns }: PulledTable,
  tenant: string | undefined,
  isGuess: boolean,
): string | undefined {
  if (tenant === undefined) return undefined
  const others = isGuess ? (usual.find((names) => names.includes(tenant)) ?? []) : []
  return [tenant, ...others].find((name) => columns.some((one) => one.name === name))
}

/** Tables to models: names, fields, whose rows they are, how they refer to each other. */
export function modelsOf(
  tables: readonly PulledTable[],
  tenantOf: (table: PulledTable) => string | undefined,
): { models: PulledModel[]; leftOut: LeftOut[] } {
  const models: PulledModel[] = []
  const leftOut: LeftOut[] = []
  for (const table of tables) {
    const keys = keyOf(table)
    const why = unfitTable(table) ?? (typeof keys === 'string' ? keys : undefined)
    if (why !== undefined || typeof keys === 'string') {
      leftOut.push({ table: table.sql, why: why ?? '' })
      continue
    }
    const name = unique(camel(table.name), new Set(models.map((one) => one.name)))
    models.push({
      name,
      table,
      keys,
      ...split(table, keys, tenantOf(table)),
      policy: { by: 'none' },
      relations: [],
    })
  }
  setPolicies(models, tenantOf)
  setRelations(models)
  return { models, leftOut }
}

function unfitTable(table: PulledTable): string | undefined {
  if (isSecretTable(table)) return 'looks like a table of secrets'
  if (table.name.includes('.') || (!table.visible && table.schema.includes('.')))
    return 'has a dot in its name, which a schema reads as the end of another'
  return undefined
}

/** The columns of the first key that can name rows, the primary key before others; else why there is none. */
function keyOf(table: PulledTable): readonly Column[] | string {
  if (table.keys.length === 0) {
    return 'has no primary key, and no unique index over columns that are NOT NULL'
  }
  const all = table.keys
    .map(({ columns }) => columnsOf(table, columns))
    .filter((columns) => columns.length <= MAX_KEY_COLUMNS)
  if (all.length === 0) return 'has a key of several columns only'
  const found = all.find((columns) => columns.every((column) => keyFault(table, column) === undefined))
  if (found !== undefined) return found
  return (
    all[0]?.map((column) => keyFault(table, column)).find((why) => why !== undefined) ?? 'has no usable key'
  )
}

function keyFault(table: PulledTable, column: Column): string | undefined {
  if (!isKeyType(column)) return `has a key of type ${column.type} (${column.name})`
  if (column.isLoose) return `has a key under a non-deterministic collation (${column.name})`
  return isSecretColumn(column, table) ? `has a key that looks like a secret (${column.name})` : undefined
}

const columnsOf = ({ columns }: PulledTable, names: readonly string[]): Column[] =>
  names.flatMap((name) => columns.find((column) => column.name === name) ?? [])

function split(
  table: PulledTable,
  keys: readonly Column[],
  tenant: string | undefined,
): Pick<PulledModel, 'fields' | 'omitted'> {
  const fields: { name: string; column: Column }[] = []
  const omitted: { column: Column; why: string }[] = []
  const taken = new Set(keys.some(({ name }) => name === 'id') ? [] : ['id'])
  for (const column of table.columns) {
    // the tenant stands in the policy: it needs no field
    if (column.name === tenant && !keys.includes(column)) continue
    const why = keys.includes(column) ? undefined : unfit(column, table)
    if (why !== undefined) {
      omitted.push({ column, why })
      continue
    }
    const name = unique(keys.includes(column) && column.name === 'id' ? 'id' : camel(column.name), taken)
    taken.add(name)
    fields.push({ name, column })
  }
  return { fields, omitted }
}

/** By its own column; else by a row that it must refer to and that has a tenant; else nobody's. */
function setPolicies(
  models: readonly PulledModel[],
  tenantOf: (table: PulledTable) => string | undefined,
): void {
  const scoped = new Set<PulledModel>()
  const tenants = new Set<string>()
  for (const model of models) {
    const tenant = tenantOf(model.table)
    if (tenant === undefined) continue
    model.policy = { by: 'column', column: tenant }
    scoped.add(model)
    const at = model.table.references.find((one) => one.column === tenant)
    if (at !== undefined) tenants.add(`${at.schema}.${at.table}`)
  }
  for (const model of models) {
    // the tenants themselves: a row is its own
    if (scoped.has(model) || model.keys.length > 1) continue
    if (!tenants.has(`${model.table.schema}.${model.table.name}`)) continue
    model.policy = { by: 'column', column: model.keys[0]?.name ?? '' }
    scoped.add(model)
  }
  for (let grown = true; grown; ) {
    grown = false
    for (const model of models) {
      if (scoped.has(model)) continue
      for (const { column, schema, table } of model.table.references) {
        const field = model.fields.find((one) => one.column.name === column)
        const parent = models.find((one) => one.table.schema === schema && one.table.name === table)
        if (
          field === undefined ||
          !field.column.notNull ||
          parent === undefined ||
          parent.keys.length > 1 ||
          !scoped.has(parent)
        )
          continue
        model.policy = { by: 'parent', fk: field.name, parent: parent.name }
        scoped.add(model)
        grown = true
        break
      }
    }
  }
}

function setRelations(models: readonly PulledModel[]): void {
  const taken = (model: PulledModel): Set<string> =>
    new Set(['id', ...model.fields.map(({ name }) => name), ...model.relations.map(({ name }) => name)])
  for (const model of models) {
    for (const { column, schema, table } of model.table.references) {
      const field = model.fields.find((one) => one.column.name === column)
      const other = models.find((one) => one.table.schema === schema && one.table.name === table)
      // a table may be referred to by another key than the one that names its rows here
      if (field === undefined || other === undefined || other.keys.length > 1) continue
      const short = field.name.replace(/(Id|_id|ID)$/, '')
      const name = short === field.name || short === '' ? `${field.name}Row` : short
      model.relations.push({
        name: unique(name, taken(model)),
        type: 'belongsTo',
        model: other.name,
        field: field.name,
      })
      const back = unique(model.name, taken(other))
      other.relations.push({ name: back, type: 'hasMany', model: model.name, field: field.name })
    }
  }
}

/** Whether a create would lack a value that only an omitted column could hold. */
export const cannotCreate = ({ omitted }: PulledModel): boolean =>
  omitted.some(({ column }) => column.notNull && column.default === null && !isMade(column))
