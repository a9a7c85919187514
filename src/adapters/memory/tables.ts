import type { RowValue, Target } from '../../core/adapter.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { keyOf } from '../../core/schema/key.ts'
import { canonicalId, canonicalValue, refusal } from '../../core/schema/kind.ts'

/** A row, and beside it its tenant, which the schema may leave undeclared. Never changed, only replaced. */
export interface StoredRow {
  readonly row: RowValue
  /** Only for policy `column`; the tenant of a row of policy `parent` is its parent's. */
  readonly tenant: string | null
}

/** How to undo what was done, the last first. */
export type Journal = (() => void)[]

/** The rows of every model. */
export class Tables {
  readonly #models: ReadonlyMap<string, Model>
  readonly #rows = new Map<string, Map<string, StoredRow>>()

  constructor(schema: Pick<Schema, 'models'>) {
    this.#models = schema.models
    for (const name of schema.models.keys()) this.#rows.set(name, new Map())
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

  all(model: Model): ReadonlyMap<string, StoredRow> {
    return this.#table(model)
  }

  get({ model, id }: Target): StoredRow | undefined {
    return this.#table(model).get(id)
  }

  set({ model, id }: Target, stored: StoredRow | undefined, journal: Journal): void {
    const table = this.#table(model)
    const before = table.get(id)
    put(table, id, stored)
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

  #table(model: Model): Map<string, StoredRow> {
    const table = this.#rows.get(model.name)
    if (table === undefined) throw new TypeError(`there is no model ${model.name}`)
    return table
  }
}

function put(table: Map<string, StoredRow>, id: string, stored: StoredRow | undefined): void {
  if (stored === undefined) table.delete(id)
  else table.set(id, stored)
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
