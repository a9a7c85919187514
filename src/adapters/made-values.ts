import { PosternError } from '../core/errors.ts'

/*
 * Values that an ORM makes in this process, in the form in which values of their column travel. An ORM hands a `Date`
 * to whatever column takes times; JSON has none, and a date, a time of day and a point in time are three texts.
 */

/**
 * A value for a column of the SQL type `type`, as Postgres and the ORMs write it: `timestamp (3) with time zone`,
 * `date`, `jsonb`. Days and times of day are those of UTC, as the ORMs have them.
 */
export function madeFor(type: string, value: unknown): unknown {
  switch (/^[a-z]+/.exec(type)?.[0]) {
    case 'date':
      return value instanceof Date ? iso(value).slice(0, 10) : dayOf(value)
    case 'timestamp':
    case 'timestamptz':
      return value instanceof Date ? iso(value) : instantOf(value)
    case 'time':
    case 'timetz':
      if (!(value instanceof Date)) return value
      return iso(value).slice(11, -1) + (/timetz|with time zone/.test(type) ? '+00' : '')
    case 'json':
    case 'jsonb':
      return exactJson(value)
    default:
      return value
  }
}

/** An invalid date is told by what it is later refused as, not by a RangeError. */
const iso = (value: Date): string => (Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString())

const DAY = String.raw`\d{4,}-\d{2}-\d{2}`
const dayFirst = new RegExp(`^(${DAY})(?:[T ].*)?$`)
const instant = new RegExp(
  String.raw`^(${DAY})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,6})?)?)? ?(Z|[+-]\d{2}(?::?\d{2})?)?$`,
)

const dayOf = (value: unknown): unknown =>
  typeof value === 'string' ? (dayFirst.exec(value)?.[1] ?? value) : value

/** Postgres's own spellings (`2024-01-01 10:00:00+00`) as RFC 3339. A time without an offset is one of UTC. */
function instantOf(value: unknown): unknown {
  const [, day, time = '00:00', seconds = ':00', offset = 'Z'] =
    typeof value === 'string' ? (instant.exec(value) ?? []) : []
  if (day === undefined) return value
  const zone = offset === 'Z' ? 'Z' : `${offset.slice(0, 3)}:${offset.replace(':', '').slice(3) || '00'}`
  return `${day}T${time}${seconds}${zone}`
}

/** In lib.es2022 neither is known; Node 22 and Deno have both. */
const raw = JSON as unknown as {
  rawJSON?: (text: string) => unknown
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
}

/** A JSON value whose numbers keep all of their digits, those of a `bigint` included. */
function exactJson(value: unknown): unknown {
  const text = JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? numberOf(String(member)) : member,
  ) as string | undefined
  return text === undefined ? null : parseExactly(text)
}

/** `JSON.parse` whose numbers are not rounded: `JSON.stringify` writes them as they stand in the text. */
export const parseExactly = (text: string): unknown =>
  raw.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? numberOf(source) : value,
  )

function numberOf(text: string): unknown {
  if (String(Number(text)) === text) return Number(text)
  if (raw.rawJSON !== undefined) return raw.rawJSON(text)
  throw new PosternError(
    'source_adapter_misconfigured',
    'A JSON value that the ORM made holds a number that this runtime cannot write exactly.',
  )
}
