import type { RowValue } from '../adapter.ts'
import type { Model } from '../schema/define.ts'
import type { KindInfo } from '../schema/kind.ts'
import { sameValue } from '../schema/kind.ts'

/** Whether two values are the same text on the wire: `1.50` is not `1.5`, whatever the database's `=` says. */
function sameText(info: KindInfo, one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (info.kind === 'array' && Array.isArray(one) && Array.isArray(other)) {
    return (
      one.length === other.length && one.every((value, at) => sameText({ kind: 'text' }, value, other[at]))
    )
  }
  // numerics are the only ones that are equal under another text
  return info.kind !== 'numeric' && sameValue(info, one, other)
}

/** Names of the fields whose value differs between two states of a row, sorted. */
export function changedFields(model: Model, before: RowValue, after: RowValue): string[] {
  return [...model.fields.values()]
    .filter((field) => !sameText(field, before[field.name], after[field.name]))
    .map(({ name }) => name)
    .sort()
}
