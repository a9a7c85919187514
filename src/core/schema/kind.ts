import { Buffer } from 'node:buffer'
import { z } from 'zod'
import type { $ZodType } from 'zod/v4/core'
import {
  canonicalTime,
  compareDecimal,
  compareText,
  compareTime,
  isBase64,
  isDate,
  isDecimal,
  isInt64,
  isUuid,
  plainDecimal,
  sameJson,
  timeRefusal,
} from './exact.ts'

/** All that the library must know of one kind of value. Rows of `kinds`; nothing else tells kinds apart. */
interface KindRecord {
  /** What travels, in TypeScript. What JSON cannot carry without loss is a string. */
  readonly typescript: 'string' | 'number' | 'boolean' | 'unknown'
  /**
   * Why a value is no exact one of the kind, or null when it is one. Databases are lenient here: they round a seventh
   * digit of a second, roll 24:00 over to the next day and drop an offset.
   */
  refuse(value: unknown): string | null
  /** The one form in which a value is kept and travels: what Postgres gives back for it. Default: as it is. */
  canonical?(value: unknown): unknown
  /** Whether two values in canonical form are one. Default: `===`. */
  same?(one: unknown, other: unknown): boolean
  /** The order of two values in canonical form, as Postgres has it under the collation "C". Absent: they have none. */
  compare?(one: unknown, other: unknown): number
  /** The one spelling of an id of the kind, or null when the text is none. Absent: no key may be of this kind. */
  id?(text: string): string | null
  /** The value that such an id stands for in its row. Default: the text. */
  fromId?(id: string): unknown
  /** zod formats (`z.iso.date()`, `z.int32()`) that mean this kind. */
  readonly formats?: readonly string[]
  /** LIKE works on it. */
  readonly isText?: true
  /** A number: its column may draw values from a sequence. */
  readonly isNumber?: true
  /** `touch` and `archive` can set it to the time of a commit. */
  readonly holdsTime?: true
}

const record = <const K extends KindRecord>(kind: K): KindRecord => kind
const unless = (holds: boolean, expected: string): string | null => (holds ? null : expected)
// no negative zero: it would travel as 0 and compare as 0 anyway
const plainZero = (value: unknown): unknown => (value === 0 ? 0 : value)
const byNumber = (one: unknown, other: unknown): number => Number(one) - Number(other)
const byText = (one: unknown, other: unknown): number => compareText(one as string, other as string)
const byTime = (one: unknown, other: unknown): number => compareTime(one as string, other as string)
const byDecimal = (one: unknown, other: unknown): number => compareDecimal(one as string, other as string)
const int64Id = (text: string): string | null => (isInt64(text) ? text : null)
/**
 * What a field holds, as far as the wire is concerned. JSON has fewer types than a database: the kind says how a value
 * travels without loss (protocol, "Responses") and which texts are exact on the way in.
 */
export const kinds = {
  text: record({
    typescript: 'string',
    isText: true,
    // schemas that came from the reference system declare times as plain strings
    holdsTime: true,
    refuse: (value) => unless(typeof value === 'string', 'expected a string'),
    compare: byText,
    id: (text) => (text === '' ? null : text),
  }),
  integer: record({
    typescript: 'number',
    isNumber: true,
    formats: ['safeint', 'int32', 'uint32'],
    refuse: (value) => unless(Number.isSafeInteger(value), 'expected a whole number'),
    canonical: plainZero,
    compare: byNumber,
    id: int64Id,
    fromId: Number,
  }),
  number: record({
    typescript: 'number',
    isNumber: true,
    refuse: (value) => unless(typeof value === 'number', 'expected a number'),
    canonical: plainZero,
    compare: byNumber,
  }),
  bigint: record({
    typescript: 'string',
    isNumber: true,
    refuse: (value) => unless(isInt64(value), 'expected a whole number of at most 64 bits, as a string'),
    canonical: String,
    compare: byDecimal,
    id: int64Id,
  }),
  numeric: record({
    typescript: 'string',
    refuse: (value) => unless(isDecimal(value), 'expected a decimal number, as a string'),
    canonical: (value) => plainDecimal(String(value)),
    compare: byDecimal,
  }),
  boolean: record({
    typescript: 'boolean',
    refuse: (value) => unless(typeof value === 'boolean', 'expected true or false'),
    compare: byNumber,
  }),
  timestamp: record({
    typescript: 'string',
    holdsTime: true,
    formats: ['datetime'],
    refuse: timeRefusal,
    canonical: (value) => canonicalTime(value as string),
    compare: byTime,
  }),
  date: record({
    typescript: 'string',
    formats: ['date'],
    refuse: (value) => unless(isDate(value), 'expected a date, YYYY-MM-DD'),
    compare: byTime,
  }),
  uuid: record({
    typescript: 'string',
    formats: ['uuid', 'guid'],
    refuse: (value) => unless(isUuid(value), 'expected a UUID'),
    canonical: (value) => (value as string).toLowerCase(),
    compare: byText,
    id: (text) => (isUuid(text) ? text.toLowerCase() : null),
  }),
  bytes: record({
    typescript: 'string',
    formats: ['base64'],
    refuse: (value) => unless(isBase64(value), 'expected base64'),
    canonical: (value) => Buffer.from(value as string, 'base64').toString('base64'),
    compare: (one, other) =>
      Buffer.compare(Buffer.from(one as string, 'base64'), Buffer.from(other as string, 'base64')),
  }),
  json: record({
    typescript: 'unknown',
    refuse: () => null,
    canonical: (value) => structuredClone(value),
    same: sameJson,
  }),
} satisfies Record<string, KindRecord>

/** The kind of one value that is no array. */
export type ScalarKind = keyof typeof kinds
export type Kind = ScalarKind | 'array'

export interface KindInfo {
  readonly kind: Kind
  /** The kind of the members when `kind` is `array`. */
  readonly element?: ScalarKind
  /** How deep an array is; default 1. */
  readonly dimensions?: number
}

/** The record of a kind; undefined for an array, whose members have one. */
const recordOf = (kind: Kind): KindRecord | undefined => (kind === 'array' ? undefined : kinds[kind])

/** What an array's members are: values, or arrays one dimension less deep. */
/** What the members of an array are: arrays, where it has several dimensions. */
export const memberInfo = ({ element = 'text', dimensions = 1 }: KindInfo): KindInfo =>
  dimensions > 1 ? { kind: 'array', element, dimensions: dimensions - 1 } : { kind: element }

/** Kinds that a zod type carries because one of the `field.*` helpers made it. */
export const kindRegistry = z.registry<KindInfo>()

const formats: ReadonlyMap<string, ScalarKind> = new Map(
  Object.entries(kinds).flatMap(([kind, { formats: names = [] }]) =>
    names.map((name) => [name, kind as ScalarKind] as const),
  ),
)

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
  const def = inner._zod.def as { type: string; format?: string; element?: $ZodType; checks?: unknown[] }
  switch (def.type) {
    case 'string':
      return { kind: formats.get(def.format ?? '') ?? 'text' }
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
    case 'array':
      return arrayOf(kindOf(def.element as $ZodType))
    default:
      return { kind: 'json' }
  }
}

function arrayOf({ kind, element, dimensions = 1 }: KindInfo): KindInfo {
  if (kind === 'json') return { kind: 'json' }
  return kind === 'array'
    ? { kind, element: element ?? 'text', dimensions: dimensions + 1 }
    : { kind: 'array', element: kind }
}

function isInteger(type: $ZodType): boolean {
  const def = type._zod.def as { format?: string }
  const bag = type._zod.bag as { format?: string }
  return [def.format, bag.format].some((format) => formats.get(format ?? '') === 'integer')
}

function literalKind(def: { type: string; values?: unknown[] }): ScalarKind {
  const values = def.values ?? []
  if (values.length > 0 && values.every((value) => typeof value === 'number')) return 'number'
  if (values.length > 0 && values.every((value) => typeof value === 'boolean')) return 'boolean'
  return 'text'
}

/** Says why `value` is no exact value of the kind, or null when it is one. */
export function refusal(info: KindInfo, value: unknown): string | null {
  return recordOf(info.kind)?.refuse(value) ?? (info.kind === 'array' ? arrayRefusal(info, value) : null)
}

function arrayRefusal(info: KindInfo, value: unknown): string | null {
  if (!Array.isArray(value)) return 'expected an array'
  const inner = memberInfo(info)
  for (const [index, member] of value.entries()) {
    if (member === null && inner.kind !== 'array') continue
    const why = refusal(inner, member)
    if (why !== null) return `member ${index}: ${why}`
  }
  return inner.kind === 'array' ? raggedRefusal(value as unknown[][]) : null
}

/** Postgres keeps no array of empty arrays, and none whose members differ in length. */
function raggedRefusal(members: readonly (readonly unknown[])[]): string | null {
  const [first] = members
  if (first === undefined) return null
  if (members.some(({ length }) => length !== first.length)) return 'members must be of one length'
  return first.length === 0 ? 'members must not be empty' : null
}

/**
 * The one form in which a value is kept and travels: what Postgres gives back for what was sent. Times are in UTC with
 * six digits of a second, decimals without exponent, UUIDs in lower case. For stores that keep values by themselves;
 * the value is one that the endpoint let through.
 *
 * @param info the field, or the kind of an array's members
 * @example
 * canonicalValue({ kind: 'timestamp' }, '2026-01-01T01:00:00+01:00') // '2026-01-01T00:00:00.000000Z'
 */
export function canonicalValue(info: KindInfo, value: unknown): unknown {
  if (value === null || value === undefined) return null
  if (info.kind !== 'array') return recordOf(info.kind)?.canonical?.(value) ?? value
  return (value as unknown[]).map((member) => canonicalValue(memberInfo(info), member))
}

/**
 * Whether two values of a field travel as the same value: `1.50` is another numeric than `1.5`, and JSON is compared
 * without regard to the order of members. Null is the same as null.
 */
export function sameValue(info: KindInfo, one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (one === null || other === null || one === undefined || other === undefined) return false
  if (Array.isArray(one) && Array.isArray(other) && info.kind === 'array') {
    const inner = memberInfo(info)
    return one.length === other.length && one.every((member, at) => sameValue(inner, member, other[at]))
  }
  return recordOf(info.kind)?.same?.(one, other) ?? false
}

/** Whether values of the kind have an order: conditions and `orderBy` ask for it. */
export const isOrdered = ({ kind }: KindInfo): boolean => recordOf(kind)?.compare !== undefined

/** The order of two values of a kind, neither of them null, as Postgres has it under the collation "C". */
export const compareValues = ({ kind }: KindInfo, one: unknown, other: unknown): number =>
  recordOf(kind)?.compare?.(one, other) ?? 0

/** Whether LIKE works on the kind. */
export const isText = ({ kind }: KindInfo): boolean => recordOf(kind)?.isText ?? false

/** Whether a sequence may make values of the kind. */
export const isNumber = ({ kind }: KindInfo): boolean => recordOf(kind)?.isNumber ?? false

/** Whether `touch` and `archive` can set a field of the kind to the time of a commit. */
export const holdsTime = ({ kind }: KindInfo): boolean => recordOf(kind)?.holdsTime ?? false

/** Whether a key may be of the kind. */
export const isKeyKind = ({ kind }: KindInfo): boolean => recordOf(kind)?.id !== undefined

/**
 * The one spelling of an id under which log and lock know its row, or null when it cannot be an id of the kind.
 * Without it `"05"` and `"5"` would be two rows to the log and one to the table, and evade staleness.
 */
export function canonicalId(kind: Kind, id: string | number): string | null {
  // 5 and "5" are one number; a number is no text
  if (typeof id !== 'string' && kind !== 'integer' && kind !== 'bigint') return null
  return recordOf(kind)?.id?.(String(id)) ?? null
}

/** The value that an id stands for in its row: ids are texts, whole numbers travel as numbers. */
export const keyValue = (kind: Kind, id: string): unknown => recordOf(kind)?.fromId?.(id) ?? id

/** What travels of a kind, as TypeScript; `member` narrows a value (a union of literals). */
export function typeText(info: KindInfo, member?: string): string {
  if (info.kind !== 'array') return member ?? kinds[info.kind].typescript
  const inner = typeText(memberInfo(info), member)
  return inner.includes('|') ? `(${inner})[]` : `${inner}[]`
}
