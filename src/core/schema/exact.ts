/**
 * Texts and numbers that stand for exact values: which ones do, the one spelling of each, and their order. Kinds
 * (`kind.ts`) are put together from these.
 */

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const INTEGER = /^(0|-?[1-9]\d{0,18})$/
const DECIMAL = /^-?(0|[1-9]\d{0,999})(\.\d{1,999})?$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const YEAR = String.raw`(\d{4}|[1-9]\d{4,5})`
const DATE = new RegExp(String.raw`^${YEAR}-(\d{2})-(\d{2})( BC)?$`)
const TIME = new RegExp(
  String.raw`^${YEAR}-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:Z|([+-])(\d{2}):(\d{2}))( BC)?$`,
)
const INFINITE = /^-?infinity$/

/** Whether it is a whole number of at most 64 bits. A number counts as long as JavaScript holds it exactly. */
export function isInt64(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0)
  if (typeof value !== 'string' || !INTEGER.test(value)) return false
  const exact = BigInt(value)
  return exact <= INT64_MAX && exact >= INT64_MIN
}

export const isDecimal = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && DECIMAL.test(value))

export const isUuid = (value: unknown): boolean => typeof value === 'string' && UUID.test(value)

export const isBase64 = (value: unknown): boolean => typeof value === 'string' && BASE64.test(value)

/** `2026-01-31`, `0044-03-15 BC`, `infinity`. */
export function isDate(value: unknown): boolean {
  if (typeof value !== 'string') return false
  if (INFINITE.test(value)) return true
  const [, year, month, day, era] = DATE.exec(value) ?? []
  return isDay(year, month, day, era)
}

function isDay(year?: string, month?: string, day?: string, era?: string): boolean {
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  if (!(y >= 1 && m >= 1 && m <= 12 && d >= 1)) return false
  // there is no year 0: 1 BC comes before 1
  const astronomical = era === undefined ? y : 1 - y
  const leap = (astronomical % 4 === 0 && astronomical % 100 !== 0) || astronomical % 400 === 0
  const days = m === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(m) ? 30 : 31
  return d <= days
}

/** Why a text is no exact time, or null. */
export function timeRefusal(value: unknown): string | null {
  if (typeof value !== 'string') return 'expected a time, RFC 3339'
  if (INFINITE.test(value)) return null
  const [, year, month, day, hour, minute, second, fraction, , offsetHour, offsetMinute, era] =
    TIME.exec(value) ?? []
  if (!isDay(year, month, day, era)) return 'expected a time, RFC 3339 with Z or an offset'
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    return 'the time of day does not exist; expected 00:00:00 to 23:59:59'
  if ((fraction ?? '').length > 6) return 'has more than six digits of a second'
  if (offsetHour !== undefined && (Number(offsetHour) > 15 || Number(offsetMinute) > 59))
    return 'the offset does not exist; expected at most 15:59'
  return null
}

/** In UTC with six digits of a second. `Date` would lose the microseconds and take years below 100 for 19xx. */
export function canonicalTime(text: string): string {
  const match = TIME.exec(text)
  if (match === null) return text
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second,
    fraction = '',
    sign,
    offsetHour = 0,
    offsetMinute = 0,
    era,
  ] = match
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -1 : 1)
  const astronomical = era === undefined ? Number(year) : 1 - Number(year)
  // the calendar repeats every 400 years; Date does not reach as far as Postgres
  const cycle = Math.floor(astronomical / 400) * 400
  const time = new Date(0)
  time.setUTCFullYear(2000 + astronomical - cycle, Number(month) - 1, Number(day))
  time.setUTCHours(Number(hour), Number(minute) - offset, Number(second))
  const shifted = time.getUTCFullYear() - 2000 + cycle
  const whole = time.toISOString().slice(4, -5)
  const [shown, ending] = shifted > 0 ? [shifted, ''] : [1 - shifted, ' BC']
  return `${String(shown).padStart(4, '0')}${whole}.${fraction.padEnd(6, '0')}Z${ending}`
}

/** The order of two dates or canonical times: by value, `-infinity` first, years before 1 backwards. */
export function compareTime(one: string, other: string): number {
  const [a, b] = [yearOf(one), yearOf(other)]
  return a === b ? compareText(afterYear(one), afterYear(other)) : a < b ? -1 : 1
}

function yearOf(text: string): number {
  if (INFINITE.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  const year = Number(text.slice(0, text.indexOf('-')))
  return text.endsWith(' BC') ? 1 - year : year
}

const afterYear = (text: string): string => text.slice(text.indexOf('-') + 1)

const SCIENTIFIC = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/

/** As `numeric` prints: no exponent, the digits after the point as sent, no negative zero. */
export function plainDecimal(text: string): string {
  const [, sign = '', whole = '0', fraction = '', exponent = '0'] = SCIENTIFIC.exec(text) ?? []
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  const before =
    digits
      .slice(0, Math.max(point, 0))
      .padEnd(point, '0')
      .replace(/^0+(?=\d)/, '') || '0'
  const after = digits.slice(Math.max(point, 0)).padStart(digits.length - point, '0')
  const plain = point < digits.length ? `${before}.${after}` : before
  return /[1-9]/.test(plain) ? sign + plain : plain
}

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

/** Whether two JSON values are one, without regard to the order of members. */
export function sameJson(one: unknown, other: unknown): boolean {
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
