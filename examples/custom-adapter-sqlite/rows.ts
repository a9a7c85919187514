import type { DatabaseSync } from 'node:sqlite'
import { type Field, keyFields, type Model, type RowValue, type Schema, type Target } from 'postern'
import { fromStored, type Stored, toStored } from './values.ts'

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Parameters, collected while a statement is written: values never become part of its text. */
export class Bindings {
  readonly values: Stored[] = []

  add(value: Stored): string {
    this.values.push(value)
    return '?'
  }
}

/** Runs a statement and gives its rows, whole numbers with all their digits. */
export function all(db: DatabaseSync, text: string, values: readonly Stored[]): Record<string, Stored>[] {
  const statement = db.prepare(text)
  statement.setReadBigInts(true)
  return statement.all(...values) as Record<string, Stored>[]
}

/** The columns of a model as a list for SELECT and RETURNING, under the names of the fields. */
export const columnsOf = (model: Model, alias = ''): string =>
  [...model.fields.values()]
    .map(({ name, column }) => `${alias}${quoted(column)} as ${quoted(name)}`)
    .join(', ')

export const fromColumns = (model: Model, columns: Readonly<Record<string, Stored>>): RowValue =>
  Object.fromEntries(
    [...model.fields.values()].map((field) => [field.name, fromStored(field, columns[field.name] ?? null)]),
  )

/**
 * The condition that a row is the tenant's. It stands in every statement that reads or writes rows of a model with
 * tenants: a check beforehand would be forgotten somewhere.
 */
export function ownedBy(
  schema: Pick<Schema, 'models'>,
  model: Model,
  tenant: string | null,
  bindings: Bindings,
  alias = 't',
): string {
  const { policy } = model
  if (policy.by === 'none') return 'true'
  if (policy.by === 'column') return `${alias}.${quoted(policy.column)} = ${bindings.add(tenant)}`
  const parent = schema.models.get(policy.parent) as Model
  const fk = (model.fields.get(policy.fk) as Field).column
  const up = `${alias}p`
  const key = `${up}.${quoted(parent.primaryKey.column)} = ${alias}.${quoted(fk)}`
  const owned = ownedBy(schema, parent, tenant, bindings, up)
  return `exists (select 1 from ${quoted(parent.table.name)} ${up} where ${key} and ${owned})`
}

/** The condition that a row has this id: one comparison for each field of its key. */
export function hasKey(model: Model, id: string, bindings: Bindings): string {
  const values = keyFields(model, id)
  const same = model.key.map(
    (field) => `t.${quoted(field.column)} = ${bindings.add(toStored(field, values[field.name]))}`,
  )
  return same.join(' and ')
}

/** A row of the tenant, or null. */
export function readRow(
  db: DatabaseSync,
  schema: Pick<Schema, 'models'>,
  tenant: string | null,
  { model, id }: Target,
): RowValue | null {
  const bindings = new Bindings()
  const key = hasKey(model, id, bindings)
  const owned = ownedBy(schema, model, tenant, bindings)
  const text = `select ${columnsOf(model, 't.')} from ${quoted(model.table.name)} t where ${key} and ${owned}`
  const [found] = all(db, text, bindings.values)
  return found === undefined ? null : fromColumns(model, found)
}
