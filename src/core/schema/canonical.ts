import { Buffer } from 'node:buffer'
import type { KindInfo } from './kind.ts'

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
  switch (info.kind) {
    case 'bigint':
      return String(value)
    case 'numeric':
      return plainDecimal(String(value))
    case 'timestamp':
      return canonicalTime(value as string)
    case 'uuid':
      return (value as string).toLowerCase()
    case 'bytes':
      return Buffer.from(value as string, 'base64').toString('base64')
    case 'array':
      return (value as unknown[]).map((member) => canonicalValue({ kind: info.element ?? 'text' }, member))
    case 'json':
      return structuredClone(value)
    case 'integer':
    case 'number':
      return value === 0 ? 0 : value // no negative zero: it would travel as 0 and compare as 0 anyway
    default:
      return value
  }
}

const SCIENTIFIC = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/

/** As `numeric` prints: no exponent, the digits after the point as sent, no negative zero. */
function plainDecimal(text: string): string {
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

const TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/

/** In UTC with six digits of a second. `Date` would lose the microseconds and take years below 100 for 19xx. */
function canonicalTime(text: string): string {
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = 0, offsetMinute = 0] =
    TIME.exec(text) ?? []
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -1 : 1)
  const time = new Date(0)
  time.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  time.setUTCHours(Number(hour), Number(minute) - offset, Number(second))
  const whole = time.toISOString().replace(/^\+0/, '').slice(0, -5)
  return `${whole}.${fraction.padEnd(6, '0')}Z`
}
