import type { Reference } from '../../core/schema/references.ts'
import { referencesOf } from '../../core/schema/references.ts'
import type { BoundModel } from './bound-model.ts'
import { boundField } from './bound-model.ts'
import type { Column, ForeignKey, Table } from './catalog.ts'
import type { Fault } from './fault.ts'

/**
 * What a database must have for the references of a model to be confined: values that can be compared, and behind a policy
 * `parent` a foreign key. Without one, a parent that is deleted leaves rows behind, and whoever makes its id anew owns them.
 */
export function referenceFaults(
  bound: BoundModel,
  table: Table,
  others: ReadonlyMap<string, { readonly bound: BoundModel; readonly table: Table }>,
): Fault[] {
  const at = { model: bound.model.name, sql: table.sql }
  return declared(bound).flatMap(({ field, model, required }): Fault[] => {
    const other = others.get(model)
    if (other === undefined) return []
    const { column } = boundField(bound, field.name)
    const key = other.bound.key.column
    const to = { field: field.name, column: column.sql, other: other.table.sql, key: key.sql }
    if (!areComparable(column, key)) {
      return [{ ...at, ...to, code: 'reference_type_differs', type: column.fullType, keyType: key.fullType }]
    }
    // what a view shows is kept by the tables beneath it
    if (!required || !isTable(table) || !isTable(other.table)) return []
    const keys = table.foreignKeys.filter((one) => leads(one, column.name, other.table.sql, key.name))
    if (keys.some((one) => one.holds && one.onDelete !== 'd' && isWhole(one, column.name, bound))) return []
    const why = keys.length === 0 ? 'none' : keys.some(({ holds }) => holds) ? 'loose' : 'unchecked'
    return [{ ...at, ...to, code: 'parent_without_foreign_key', why, constraint: keys[0]?.name ?? '' }]
  })
}

/** The policy's parent counts even where no caller can set the reference. */
function declared({ model }: BoundModel): readonly Reference[] {
  const references = referencesOf(model)
  const { policy } = model
  if (policy.by !== 'parent' || references.some(({ required }) => required)) return references
  return [boundReference(model, policy.fk, policy.parent), ...references]
}

const boundReference = ({ fields }: BoundModel['model'], fk: string, parent: string): Reference => ({
  field: fields.get(fk) as Reference['field'],
  model: parent,
  required: true,
})

const isTable = ({ kind }: Table): boolean => ['r', 'p'].includes(kind)

/** Whether a foreign key holds the column to the key of the other table, alone or with other columns. */
const leads = ({ columns, table, keys }: ForeignKey, column: string, to: string, key: string): boolean =>
  table === to && columns.some((name, place) => name === column && keys[place] === key)

/** A reference of several columns is not checked where one of them is null. */
const isWhole = ({ columns, full }: ForeignKey, column: string, bound: BoundModel): boolean =>
  full ||
  columns.every(
    (name) => name === column || bound.columns.find((other) => other.name === name)?.notNull === true,
  )

const numbers = new Set(['int2', 'int4', 'int8', 'numeric'])
const texts = new Set(['text', 'varchar', 'bpchar', 'name'])

function areComparable(column: Column, key: Column): boolean {
  if (column.isArray) return false
  if (column.base === key.base || (numbers.has(column.base) && numbers.has(key.base))) return true
  const isText = (base: string): boolean => texts.has(base) || base.endsWith('.citext')
  return isText(column.base) && isText(key.base)
}
