import { Buffer } from 'node:buffer'
import type { ListRequest } from '../../core/adapter.ts'
import { PosternError } from '../../core/errors.ts'
import { timestampText } from '../../core/rules/event.ts'
import type { Field, Model } from '../../core/schema/define.ts'
import type { KindInfo } from '../../core/schema/kind.ts'
import { refusal } from '../../core/schema/kind.ts'

/**
 * A hand-written handler's row as it travels: the fields of the schema and no others, so that a `select *` does not
 * give away a column that the schema leaves out; each value in the form that the protocol gives its kind. A row of
 * another tenant is null, should a handler forget its condition; that can be seen only where the schema declares the
 * tenant's field.
 *
 * @param handler whose answer this is, for the error
 * @param related relations that were asked for; they keep what the handler embedded, reduced in the same way
 * @throws PosternError `source_adapter_misconfigured` for what is not a row of this model
 */
export function wireRow(
  model: Model,
  tenant: string | null,
  row: unknown,
  handler: string,
  related: ListRequest['related'] = [],
): Record<string, unknown> | null {
  if (row === null) return null
  if (typeof row !== 'object' || Array.isArray(row))
    throw misshapen(handler, `rows of ${model.name} as objects`)
  const members = row as Readonly<Record<string, unknown>>
  if (isForeign(model, tenant, members)) return null
  const wire: Record<string, unknown> = {}
  for (const field of model.fields.values()) {
    const value = Object.hasOwn(members, field.name) ? wireValue(field, members[field.name]) : null
    const why = value === null ? missing(model, field) : refusal(field, value)
    if (why !== null)
      throw misshapen(handler, `rows of ${model.name} whose ${field.name} fits the schema (${why})`)
    wire[field.name] = value
  }
  for (const { name, model: other, relation } of related) {
    const embedded = members[name] ?? (relation.type === 'hasMany' ? [] : null)
    if (Array.isArray(embedded) !== (relation.type === 'hasMany'))
      throw misshapen(
        handler,
        `${model.name}.${name} as ${relation.type === 'hasMany' ? 'an array' : 'one row'}`,
      )
    wire[name] = Array.isArray(embedded)
      ? embedded.flatMap((member) => wireRow(other, tenant, member, handler) ?? [])
      : wireRow(other, tenant, embedded, handler)
  }
  return wire
}

function isForeign(
  { tenantField }: Model,
  tenant: string | null,
  row: Readonly<Record<string, unknown>>,
): boolean {
  if (tenantField === undefined || tenant === null) return false
  const owner = row[tenantField.name]
  return owner !== undefined && String(owner) !== tenant
}

/** The tenant's own column is the handler's to hide; every other field that takes no null must be there. */
const missing = (model: Model, field: Field): string | null =>
  field.nullable || field === model.tenantField ? null : 'it is missing or null'

function wireValue(info: KindInfo, value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && (info.kind === 'bigint' || info.kind === 'numeric')) return String(value)
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) return value
    return info.kind === 'date' ? value.toISOString().slice(0, 10) : timestampText(value)
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (info.kind === 'array' && Array.isArray(value))
    return value.map((member) => wireValue({ kind: info.element ?? 'text' }, member))
  return value
}

export function misshapen(handler: string, expected: string): PosternError {
  return new PosternError('source_adapter_misconfigured', `The ${handler} handler must return ${expected}.`)
}
