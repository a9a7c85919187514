import type { Operation, Target } from '../adapter.ts'
import type { Model } from '../schema/define.ts'
import { keyFields } from '../schema/key.ts'
import { canonicalId } from '../schema/kind.ts'
import { traitsOf } from '../schema/operation.ts'
import { referencesOf } from '../schema/references.ts'

/** A row that an operation makes its own refer to. */
export interface Referred {
  readonly model: Model
  /** Null: what was sent names no row, or the reference to the parent is null. */
  readonly target: Target | null
}

/**
 * The rows that must be there, for the tenant that asks, before the operation is applied: those that its references
 * name. A row that an operation points at itself with is not there yet, and is the tenant's.
 */
export function referredBy(operation: Operation, models: ReadonlyMap<string, Model>): readonly Referred[] {
  const { model, type, id, input } = operation
  const takes = traitsOf(type).input
  if (takes === 'none') return []
  const creates = takes === 'whole'
  const keys = creates && id !== null ? keyFields(model, id) : {}
  const referred: Referred[] = []
  for (const { field, model: name, required } of referencesOf(model)) {
    const isKey = model.key.includes(field)
    const sent = isKey ? Object.hasOwn(keys, field.name) : Object.hasOwn(input, field.name)
    if (!sent && !(required && creates)) continue
    const value = (isKey ? keys[field.name] : input[field.name]) ?? null
    if (value === null && !required) continue
    const other = models.get(name) as Model
    const target = targetOf(other, value)
    if (creates && other === model && target?.id === id && id !== null) continue
    referred.push({ model: other, target })
  }
  return referred
}

function targetOf(model: Model, value: unknown): Target | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null
  const id = canonicalId(model.primaryKey.kind, value)
  return id === null ? null : { model, id }
}
