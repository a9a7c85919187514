import { Buffer } from 'node:buffer'
import type { ListRequest } from '../adapter.ts'
import { timestampText } from '../rules/event.ts'
import type { Field, Model } from '../schema/define.ts'

/**
 * A hand-written handler's row as it travels: the fields of the schema and no others, so that a `select *` does not
 * give away a column that the schema leaves out; each value in the form that the protocol gives its kind.
 *
 * @param related relations that were asked for; they keep what the handler embedded, reduced in the same way
 */
export function wireRow(
  model: Model,
  row: Readonly<Record<string, unknown>> | null,
  related: ListRequest['related'] = [],
): Record<string, unknown> | null {
  if (row === null) return null
  const wire: Record<string, unknown> = {}
  for (const field of model.fields.values()) wire[field.name] = wireValue(field, row[field.name])
  for (const { name, model: other } of related) {
    const embedded = row[name]
    wire[name] = Array.isArray(embedded)
      ? embedded.map((member) => wireRow(other, member))
      : wireRow(other, (embedded ?? null) as Readonly<Record<string, unknown>> | null)
  }
  return wire
}

function wireValue(field: Field, value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && (field.kind === 'bigint' || field.kind === 'numeric')) return String(value)
  if (value instanceof Date)
    return field.kind === 'date' ? value.toISOString().slice(0, 10) : timestampText(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (field.kind === 'array' && Array.isArray(value))
    return value.map((member) => wireValue({ ...field, kind: field.element ?? 'text' }, member))
  return value
}
