import { z } from 'zod'
import type { $ZodType } from 'zod/v4/core'

/**
 * What a field holds, as far as the wire is concerned. JSON has fewer types than a database: the kind says how
 * a value travels without loss (protocol, "Responses") and which texts are exact on the way in.
 */
export type Kind =
  | 'text'
  | 'integer'
  | 'number'
  | 'bigint'
  | 'numeric'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'uuid'
  | 'bytes'
  | 'json'
  | 'array'

export interface KindInfo {
  readonly kind: Kind
  /** The kind of the members when `kind` is `array`. */
  readonly element?: Kind
}

/** Kinds that a zod type carries because one of the `field.*` helpers made it. */
export const kindRegistry = z.registry<KindInfo>()

const formats: Record<string, Kind> = {
  uuid: 'uuid',
  guid: 'uuid',
  datetime: 'timestamp',
  date: 'date',
  safeint: 'integer',
  int32: 'integer',
  uint32: 'integer',
  base64: 'bytes',
}

/** Optional, nullable, default and the like wrap the type that says the kind. */
export function unwrap(type: $ZodType): $ZodType {
  let inner = type
  for (;;) {
    const def = inner._zod.def as { type: string; innerType?: $ZodType; in?: $ZodType }
    if (kindRegistry.get(inner) !== undefined) return inner
    if (def.type === 'pipe' && def.in !== undefined) inner = def.in
    else if (def.innerType !== undefined) inner = def.innerType
    else return inner
  }
}

/** The kind of a zod type: what a `field.*` helper said, else what the type itself says. */
export function kindOf(type: $ZodType): KindInfo {
  const inner = unwrap(type)
  const said = kindRegistry.get(inner)
  if (said !== undefined) return said
  const def = inner._zod.def as { type: string; format?: string; element?: z.ZodType; checks?: unknown[] }
  switch (def.type) {
    case 'string':
      return { kind: formats[def.format ?? ''] ?? 'text' }
    case 'number':
      return { kind: isInteger(inner) ? 'integer' : 'number' }
    case 'bigint':
      return { kind: 'bigint' }
    case 'boolean':
      return { kind: 'boolean' }
    case 'date':
      return { kind: 'timestamp' }
    case 'enum':
    case 'literal':
    case 'template_literal':
      return { kind: literalKind(def) }
    case 'array': {
      const { kind } = kindOf(def.element as $ZodType)
      return kind === 'json' || kind === 'array' ? { kind: 'json' } : { kind: 'array', element: kind }
    }
    default:
      return { kind: 'json' }
  }
}

function isInteger(type: $ZodType): boolean {
  const def = type._zod.def as { format?: string }
  if (def.format !== undefined && formats[def.format] === 'integer') return true
  const bag = type._zod.bag as { format?: string }
  return bag.format !== undefined && formats[bag.format] === 'integer'
}

function literalKind(def: { type: string; values?: unknown[] }): Kind {
  const values = def.values ?? []
  if (values.length > 0 && values.every((value) => typeof value === 'number')) return 'number'
  if (values.length > 0 && values.every((value) => typeof value === 'boolean')) return 'boolean'
  return 'text'
}

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const DECIMAL = /^-?(0|[1-9]\d{0,999})(\.\d{1,999})?$/
const INTEGER = /^(0|-?[1-9]\d{0,18})$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const TIMESTAMP = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(Z|[+-](\d{2}):(\d{2}))$/

/**
 * Says why `value` is no exact value of the kind, or null when it is one. Databases are lenient here: they round
 * a seventh digit of a second, roll 24:00 over to the next day and drop an offset; a caller must never get
 * something else than what was sent, so all of these are refused.
 */
export function refusal(info: KindInfo, value: unknown): string | null {
  switch (info.kind) {
    case 'text':
      return typeof value === 'string' ? null : 'expected a string'
    case 'boolean':
      return typeof value === 'boolean' ? null : 'expected true or false'
    case 'number':
      return typeof value === 'number' ? null : 'expected a number'
    case 'integer':
      return Number.isSafeInteger(value) ? null : 'expected a whole number'
    case 'bigint':
      return isBigint(value) ? null : 'expected a whole number of at most 64 bits, as a string'
    case 'numeric':
      return typeof value === 'number' || (typeof value === 'string' && DECIMAL.test(value))
        ? null
        : 'expected a decimal number, as a string'
    case 'uuid':
      return typeof value === 'string' && UUID.test(value) ? null : 'expected a UUID'
    case 'bytes':
      return typeof value === 'string' && BASE64.test(value) ? null : 'expected base64'
    case 'date':
      return typeof value === 'string' && isDate(DATE.exec(value)) ? null : 'expected a date, YYYY-MM-DD'
    case 'timestamp':
      return typeof value === 'string' ? timestampRefusal(value) : 'expected a time, RFC 3339'
    case 'json':
      return null
    case 'array':
      return arrayRefusal(info, value)
  }
}

function arrayRefusal(info: KindInfo, value: unknown): string | null {
  if (!Array.isArray(value)) return 'expected an array'
  for (const [index, member] of value.entries()) {
    if (member === null) continue
    const why = refusal({ kind: info.element ?? 'text' }, member)
    if (why !== null) return `member ${index}: ${why}`
  }
  return null
}

function isBigint(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0)
  if (typeof value !== 'string' || !INTEGER.test(value)) return false
  const exact = BigInt(value)
  return exact <= INT64_MAX && exact >= INT64_MIN
}

function isDate(match: RegExpExecArray | null): boolean {
  if (match === null) return false
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (year < 1 || month < 1 || month > 12 || day < 1) return false
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31
  return day <= days
}

function timestampRefusal(value: string): string | null {
  const match = TIMESTAMP.exec(value)
  if (match === null || !isDate(match)) return 'expected a time, RFC 3339 with Z or an offset'
  if (Number(match[4]) > 23 || Number(match[5]) > 59 || Number(match[6]) > 59) return 'no such time of day'
  if ((match[7] ?? '').length > 6) return 'more than six digits of a second'
  if (match[9] !== undefined && (Number(match[9]) > 15 || Number(match[10]) > 59)) return 'no such offset'
  return null
}

/**
 * The one spelling of an id under which log and lock know its row, or null when it cannot be an id of the kind.
 * Without it `"05"` and `"5"` would be two rows to the log and one to the table, and evade staleness.
 */
export function canonicalId(kind: Kind, id: string | number): string | null {
  const text = String(id)
  switch (kind) {
    case 'integer':
    case 'bigint':
      return isBigint(text) ? text : null
    case 'uuid':
      return UUID.test(text) ? text.toLowerCase() : null
    default:
      return typeof id === 'string' && text !== '' ? text : null
  }
}
