import type { RowValue } from '../adapter.ts'
import type { Model } from '../schema/define.ts'
import { sameValue } from '../schema/kind.ts'

/** Names of the fields whose value differs between two states of a row, sorted. */
export function changedFields(model: Model, before: RowValue, after: RowValue): string[] {
  return [...model.fields.values()]
    .filter((field) => !sameValue(field, before[field.name], after[field.name]))
    .map(({ name }) => name)
    .sort()
}
