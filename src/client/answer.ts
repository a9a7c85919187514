import { decodeAnswer } from './decode.ts'
import { ClientError } from './error.ts'

/** An answer without an error, its shape checked. */
export interface Answer<T> {
  readonly body: T
  readonly headers: Headers
}

/** Why a body is not the answer that was asked for, with the place; undefined when it is. */
export type Check = (body: Readonly<Record<string, unknown>>) => string | undefined

/** Statuses that a proxy or a platform answers with when the endpoint could not be reached or is rolling over. */
const PASSING: readonly number[] = [408, 425, 429, 502, 503, 504]

/**
 * Reads an answer: a body of the shape that was asked for, or the error that it is. A status of 200 alone says nothing:
 * a proxy, a login page or another service answers 200 too, and a commit that counts as applied must have been.
 *
 * @param safe the request may be sent again whatever became of it
 */
export function readAnswer<T>(response: Response, text: string, check: Check, safe: boolean): Answer<T> {
  const { status, headers } = response
  const body = parse(text)
  const retryAfterMs = retryAfterOf(headers)
  if (status === 200) {
    const why = body === undefined ? 'its body is not a JSON object' : check(body)
    if (why === undefined) return { body: body as T, headers }
    throw new ClientError('unexpected_answer', `The answer is not one of an endpoint: ${why}.`, {
      status,
      retryable: safe,
      retryAfterMs,
    })
  }
  if (body !== undefined && isText(body.error) && isText(body.message) && status >= 400) {
    throw new ClientError(body.error, body.message, {
      status,
      retryable: body.retryable === true,
      requestId: isText(body.requestId) ? body.requestId : undefined,
      details: isObject(body.details) ? body.details : undefined,
      retryAfterMs,
    })
  }
  throw new ClientError(
    'unexpected_answer',
    `Status ${status}${redirectOf(response)}, and not an answer of an endpoint.`,
    {
      status,
      retryable: PASSING.includes(status),
      retryAfterMs,
    },
  )
}

/** A browser hides a redirect that is not followed: its status is 0. */
function redirectOf({ status, type, headers }: Response): string {
  if (type === 'opaqueredirect') return ', a redirect'
  const location = status >= 300 && status < 400 ? headers.get('location') : null
  // its query may be a secret
  return location === null
    ? ''
    : `, a redirect to ${location.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//')}`
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const body = decodeAnswer(text)
    return isObject(body) ? body : undefined
  } catch {
    return undefined
  }
}

/** Seconds or a date, as HTTP allows both. */
function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const wait = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return wait > 0 ? wait : undefined
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.getPrototypeOf(value) === Object.prototype

const optional = (value: unknown, holds: (value: unknown) => boolean): boolean =>
  value === undefined || value === null || holds(value)

/** `{ row, stamp }` */
export const checkLoad: Check = ({ row, stamp }) =>
  row !== null && !isObject(row)
    ? '`row` is not a row'
    : isCount(stamp)
      ? undefined
      : '`stamp` is not a position'

/** `{ rows, stamps, stamp, nextCursor? }` */
export const checkList: Check = ({ rows, stamps, stamp, nextCursor, total, feedCursor }) => {
  if (!Array.isArray(rows) || !rows.every(isObject)) return '`rows` is not a list of rows'
  if (!Array.isArray(stamps) || stamps.length !== rows.length || !stamps.every(isCount))
    return '`stamps` is not one position per row'
  if (!isCount(stamp)) return '`stamp` is not a position'
  if (!optional(nextCursor, isText)) return '`nextCursor` is not a text'
  if (!optional(feedCursor, isText)) return '`feedCursor` is not a text'
  return optional(total, isCount) ? undefined : '`total` is not a number of rows'
}

/**
 * `{ rows, stamps, notifications? }`, one row and one stamp an operation. Null is a row that was held back; an endpoint
 * with handlers of its own may also say null for a DELETE.
 */
export const checkCommit =
  (operations: readonly { readonly type?: unknown; readonly onStale?: unknown }[]): Check =>
  ({ rows, stamps, notifications }) => {
    const { length } = operations
    const mayBeNull = (index: number): boolean => {
      const { type, onStale } = operations[index] ?? {}
      return type === 'DELETE' || onStale === 'notify' || onStale === 'flag'
    }
    const all = (list: unknown, holds: (value: unknown) => boolean): boolean =>
      Array.isArray(list) &&
      list.length === length &&
      list.every((value, index) => holds(value) || (value === null && mayBeNull(index)))
    if (!all(rows, isObject)) return `\`rows\` is not one row for each of the ${length} operations`
    if (!all(stamps, isCount)) return `\`stamps\` is not one position for each of the ${length} operations`
    return optional(notifications, Array.isArray) ? undefined : '`notifications` is not a list'
  }

/** `{ events, nextCursor? }` */
export const checkEvents: Check = ({ events, nextCursor, caughtUp }) => {
  if (!Array.isArray(events)) return '`events` is not a list'
  const faulty = events.findIndex((event) => !isEvent(event))
  if (faulty !== -1) return `\`events\` has no event at ${faulty}`
  if (!optional(nextCursor, isText)) return '`nextCursor` is not a text'
  if (events.length > 0 && !isText(nextCursor)) return '`nextCursor` is missing'
  return optional(caughtUp, (value) => typeof value === 'boolean')
    ? undefined
    : '`caughtUp` is not true or false'
}

const isEvent = (event: unknown): boolean =>
  isObject(event) &&
  isText(event.id) &&
  isText(event.model) &&
  isText(event.entityId) &&
  isText(event.type) &&
  optional(event.data, isObject) &&
  optional(event.stamp, isCount)
