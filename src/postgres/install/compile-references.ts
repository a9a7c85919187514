import { traitsOf } from '../../core/schema/operation.ts'
import type { Reference } from '../../core/schema/references.ts'
import { referencesOf } from '../../core/schema/references.ts'
import type { BoundModel, BoundModels } from '../model/bound-model.ts'
import { boundField, keyValues, parentCondition } from '../model/bound-model.ts'
import { decode } from '../model/column-values.ts'

/** SQL expressions for what an operation brings. */
interface Sent {
  readonly input: string
  readonly id: string
}

/** A reference that does not hold, as a condition, and the model that it is to. */
interface Foreign {
  readonly condition: string
  readonly model: string
}

/**
 * The conditions that an operation refers to a row which the tenant does not have, be it foreign or missing. A row that is
 * found is kept from being deleted, or a foreign one could take its id before the write.
 */
export function foreignReferences(
  bound: BoundModel,
  { models }: { readonly models: BoundModels },
  sent: Sent,
  creating: boolean,
): readonly Foreign[] {
  return referencesOf(bound.model)
    .filter(({ field }) => creating || field.writable)
    .map((reference) => ({
      condition: condition(bound, models, reference, sent, creating),
      model: reference.model,
    }))
}

function condition(
  bound: BoundModel,
  models: BoundModels,
  { field, model, required }: Reference,
  { input, id }: Sent,
  creating: boolean,
): string {
  const other = models.get(model) as BoundModel
  const place = bound.model.key.indexOf(field)
  const keys = keyValues(bound, id)
  const value =
    place < 0 ? decode(boundField(bound, field.name).column, input, field.name) : (keys[place] as string)
  const missing = `not ${parentCondition(other, models, value, '_tenant', 'p', mayBeKept(other, models))}`
  if (required) return creating ? missing : `${input} ? '${field.name}'::text and ${missing}`
  // what points at itself is not there yet
  const own = creating && other.model === bound.model ? ` and ${value} is distinct from ${keys[0]}` : ''
  return `${value} is not null${own} and ${missing}`
}

/**
 * Whether the role may lock rows of the table, which asks for the right to update them, of row-level security too: where
 * the schema lets callers change them. Rows of other tables are kept by the foreign key, as its owner.
 */
const mayBeKept = ({ rel }: BoundModel, models: BoundModels): boolean =>
  [...models.values()].some(
    (bound) => bound.rel === rel && [...bound.model.mutable].some((type) => traitsOf(type).needsRow),
  )
