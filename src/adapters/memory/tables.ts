import type { RowValue, Target } from '../../core/adapter.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { keyOf } from '../../core/schema/key.ts'
import { canonicalId, canonicalValue, refusal } from '../../core/schema/kind.ts'
import { modelsByTable, tableOf } from '../../core/schema/table.ts'

/** A row in the words of a model, and beside it its tenant, which the schema may leave undeclared. Never changed, only replaced. */
export interface StoredRow {
  readonly row: RowValue
  /** Only for policy `column`; the tenant of a row of policy `parent` is its parent's. */
  readonly tenant: string | null
}

/** A row of a table: every column that some model of it shows, and the row as the models show it. */
interface TableRow {
  readonly columns: RowValue
  readonly tenant: string | null
  readonly views: Map<Model, StoredRow>
}

/** How to undo what was done, the last first. */
export type Journal = (() => void)[]

/** The rows of every table. */
export class Tables {
  readonly #models: ReadonlyMap<string, Model>
  readonly #byTable: ReadonlyMap<string, readonly Model[]>
  readonly #rows = new Map<string, Map<string, TableRow>>()

  /** @throws TypeError where two models of one table contradict each other. */
  constructor(schema: Pick<Schema, 'models'>) {
    this.#models = schema.models
    this.#byTable = modelsByTable(schema.models)
    for (const [table, [first, ...others]] of this.#byTable) {
      this.#rows.set(table, new Map())
      for (const other of others) mustAgree(first as Model, other, schema.models)
    }
  }

  /** @throws TypeError when the schema has no such model. */
  model(name: string): Model {
    const model = this.#models.get(name)
    if (model === undefined) throw new TypeError(`there is no model ${name}`)
    return model
  }

  models(): Iterable<Model> {
    return this.#models.values()
  }

  /** The models of a model's table, in the order of the schema. */
  siblings(model: Model): readonly Model[] {
    return this.#byTable.get(tableOf(model)) ?? []
  }

  all(model: Model): ReadonlyMap<string, StoredRow> {
    const rows = new Map<string, StoredRow>()
    for (const [id, row] of this.#table(model)) rows.set(id, viewOf(row, model))
    return rows
  }

  get({ model, id }: Target): StoredRow | undefined {
    const row = this.#table(model).get(id)
    return row === undefined ? undefined : viewOf(row, model)
  }

  /** The row with the columns of every model of its table. */
  columns({ model, id }: Target): RowValue | undefined {
    return this.#table(model).get(id)?.columns
  }

  /** Writes the model's columns of a row; those that only other models of the table show stay. */
  set({ model, id }: Target, stored: StoredRow | undefined, journal: Journal): void {
    const table = this.#table(model)
    const before = table.get(id)
    put(table, id, stored && tableRow(model, stored, before))
    journal.push(() => put(table, id, before))
  }

  /** The row where the tenant may see it. */
  visible(tenant: string | null, target: Target): RowValue | null {
    const stored = this.get(target)
    return stored !== undefined && this.isVisible(tenant, target.model, stored) ? stored.row : null
  }

  isVisible(tenant: string | null, model: Model, stored: StoredRow): boolean {
    // a scoped row that belongs to nobody is nobody's, also where the request names no tenant
    return model.policy.by === 'none' || (tenant !== null && this.tenantOf(model, stored) === tenant)
  }

  /** Whose row it is; null for models of policy `none`, and for a row that hangs in the air. */
  tenantOf(model: Model, { row, tenant }: StoredRow): string | null {
    if (model.policy.by !== 'parent') return model.policy.by === 'none' ? null : tenant
    const parent = this.parentOf(model, row)
    const stored = parent === null ? undefined : this.get(parent)
    return parent === null || stored === undefined ? null : this.tenantOf(parent.model, stored)
  }

  /** The row that a row of policy `parent` hangs on; null when its reference is. */
  parentOf(model: Model, row: RowValue): Target | null {
    if (model.policy.by !== 'parent') return null
    const parent = this.model(model.policy.parent)
    const id = idFrom(parent, row[model.policy.fk])
    return id === null ? null : { model: parent, id }
  }

  #table(model: Model): Map<string, TableRow> {
    const table = this.#rows.get(tableOf(model))
    if (table === undefined) throw new TypeError(`there is no model ${model.name}`)
    return table
  }
}

function put(table: Map<string, TableRow>, id: string, row: TableRow | undefined): void {
  if (row === undefined) table.delete(id)
  else table.set(id, row)
}

function tableRow(model: Model, stored: StoredRow, before: TableRow | undefined): TableRow {
  const columns = { ...before?.columns, ...columnsOf(model, stored.row) }
  // a model need not declare the tenant that another one shows
  if (model.policy.by === 'column') columns[model.policy.column] = stored.tenant
  return { columns, tenant: stored.tenant, views: new Map([[model, stored]]) }
}

function viewOf(row: TableRow, model: Model): StoredRow {
  const known = row.views.get(model)
  if (known !== undefined) return known
  const view = { row: fieldsOf(model, row.columns), tenant: row.tenant }
  row.views.set(model, view)
  return view
}

/** A row of a model by column. */
export const columnsOf = (model: Model, row: RowValue): RowValue =>
  Object.fromEntries([...model.fields.values()].map(({ name, column }) => [column, row[name] ?? null]))

/** Columns of a table in the words of a model. */
export const fieldsOf = (model: Model, columns: RowValue): RowValue =>
  Object.fromEntries([...model.fields.values()].map(({ name, column }) => [name, columns[column] ?? null]))

/** A row has one key, one tenant and one value in each column, whatever model it is read by. */
function mustAgree(one: Model, other: Model, models: Schema['models']): void {
  const keys = [one, other].map(({ key }) => key.map(({ column }) => column).join(', '))
  if (keys[0] !== keys[1]) {
    throw new TypeError(`${other.name}: ${tableOf(other)} has another key in model ${one.name}`)
  }
  if (ownerOf(one, models) !== ownerOf(other, models)) {
    throw new TypeError(`${other.name}: ${tableOf(other)} has another policy in model ${one.name}`)
  }
  for (const { name, column, kind } of other.fields.values()) {
    const same = [...one.fields.values()].find((field) => field.column === column)
    if (same !== undefined && same.kind !== kind) {
      throw new TypeError(
        `${other.name}.${name}: the column ${column} is ${kind} here and ${same.kind} in ${one.name}.${same.name}`,
      )
    }
  }
}

/** How a model finds a row's tenant, in words that two models of one table share. */
function ownerOf({ policy, fields }: Model, models: Schema['models']): string {
  if (policy.by === 'none') return policy.by
  if (policy.by === 'column') return `column ${policy.column}`
  const parent = models.get(policy.parent)
  return `parent ${fields.get(policy.fk)?.column} ${parent && tableOf(parent)}`
}

/** The id of the row that a reference's value names; null when it cannot name one. */
export function idFrom(model: Model, value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number'
    ? canonicalId(model.primaryKey.kind, value)
    : null
}

/**
 * Reads a row that comes from outside the protocol: fields by name, and the tenant under its field or, where the
 * shape does not declare it, under the policy's column.
 *
 * @throws TypeError naming the model and field that do not fit the schema.
 */
export function rawRow(model: Model, given: RowValue): { target: Target; stored: StoredRow } {
  const { name, policy, tenantField, key } = model
  const tenantName = tenantField?.name ?? (policy.by === 'column' ? policy.column : undefined)
  for (const member of Object.keys(given)) {
    if (!model.fields.has(member) && member !== tenantName)
      throw new TypeError(`${name} has no field ${member}`)
  }
  const row: RowValue = {}
  for (const field of model.fields.values()) {
    const value = given[field.name] ?? null
    const why = value === null ? null : refusal(field, value)
    if (why !== null) throw new TypeError(`${name}.${field.name}: ${why}`)
    row[field.name] = canonicalValue(field, value)
  }
  const id = keyOf(model, row)
  if (id === null) {
    const names = key.map((field) => `${name}.${field.name}`).join(', ')
    throw new TypeError(`${names}: a row needs its primary key`)
  }
  const tenant = tenantName === undefined ? null : (given[tenantName] ?? null)
  if (tenant !== null && typeof tenant !== 'string')
    throw new TypeError(`${name}.${tenantName}: a tenant is a string`)
  return { target: { model, id }, stored: { row, tenant } }
}
