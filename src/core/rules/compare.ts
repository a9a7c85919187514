import type { RowValue } from '../adapter.ts'
import type { Model } from '../schema/define.ts'
import type { KindInfo } from '../schema/kind.ts'

/**
 * The order of two texts by code points, which is the order of their UTF-8 bytes and of Postgres' collation "C".
 * JavaScript's own `<` compares UTF-16 units and puts U+FF5E after U+1F600: two stores would lock in two orders.
 */
export function compareText(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)]
    if (a !== b) return rank(a) - rank(b)
  }
  return one.length - other.length
}

/** Surrogates stand for code points above all that one unit can say, though their units do not come last. */
const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit)

/** The order of two plain decimal texts (`-12.50`) by value, exact at any length. */
export function compareDecimal(one: string, other: string): number {
  const [a, b] = [split(one), split(other)]
  const digits = Math.max(a.fraction.length, b.fraction.length)
  const difference = scaled(a, digits) - scaled(b, digits)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

interface Decimal {
  readonly whole: string
  readonly fraction: string
}

function split(text: string): Decimal {
  const [whole = '0', fraction = ''] = text.split('.')
  return { whole, fraction }
}

const scaled = ({ whole, fraction }: Decimal, digits: number): bigint =>
  BigInt(whole + fraction.padEnd(digits, '0'))

/**
 * Whether two values of a field are the same value, as the database's own `=` has it: numerics by value (`1.50` is
 * `1.5`), JSON without regard to the order of members. Null is the same as null.
 */
export function sameValue(info: KindInfo, one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (info.kind === 'numeric' && typeof one === 'string' && typeof other === 'string') {
    return compareDecimal(one, other) === 0
  }
  if (info.kind === 'array' && Array.isArray(one) && Array.isArray(other)) {
    const element: KindInfo = { kind: info.element ?? 'text' }
    return one.length === other.length && one.every((member, at) => sameValue(element, member, other[at]))
  }
  return info.kind === 'json' && sameJson(one, other)
}

function sameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && sameJson(member(one, name), member(other, name)))
  )
}

const member = (object: object, name: string): unknown => (object as Record<string, unknown>)[name]

/** Names of the fields whose value differs between two states of a row, sorted. */
export function changedFields(model: Model, before: RowValue, after: RowValue): string[] {
  return [...model.fields.values()]
    .filter((field) => !sameValue(field, before[field.name], after[field.name]))
    .map(({ name }) => name)
    .sort()
}
