import { PosternError } from '../errors.ts'
import { pointer } from './request.ts'

/**
 * A request as the bytes that would travel. What `JSON.stringify` changes without a word is refused, because it would
 * ask for something else than what was meant: `readAt: NaN` becomes null, and a commit that was to be judged is not.
 * Members that are undefined count as left out; a `Date` and everything else with `toJSON` becomes what it says.
 *
 * @throws PosternError `invalid_json` with the place
 */
export function encodeJson(request: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(checked(request, [], new Set())))
}

function checked(value: unknown, path: readonly (string | number)[], inside: ReadonlySet<object>): unknown {
  switch (typeof value) {
    case 'string':
      if (value.isWellFormed()) return value
      throw unfit(path, 'a text with half of a surrogate pair')
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw unfit(path, String(value))
    case 'object':
      return value === null ? null : checkedObject(value, path, inside)
    case 'bigint':
      throw unfit(path, 'a bigint; send it as a string')
    default:
      throw unfit(path, `a value of type ${typeof value}`)
  }
}

function checkedObject(
  value: object,
  path: readonly (string | number)[],
  around: ReadonlySet<object>,
): unknown {
  if (around.has(value)) throw unfit(path, 'a circle')
  const inside = new Set(around).add(value)
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') {
    const said: unknown = toJSON.call(value, '')
    // An invalid Date says null.
    if (said === null) throw unfit(path, 'an object that has no JSON form')
    return checked(said, path, inside)
  }
  // Array.from fills holes with undefined, which is refused below: JSON.stringify would send null.
  if (Array.isArray(value))
    return Array.from(value, (member, index) => checked(member, [...path, index], inside))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null)
    throw unfit(path, `an instance of ${value.constructor?.name ?? 'a class'}`)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([name, member]) => [name, checked(member, [...path, name], inside)]))
}

function unfit(path: readonly (string | number)[], what: string): PosternError {
  const place = pointer(path)
  return new PosternError('invalid_json', `${place || 'The request'}: ${what} cannot be sent as JSON`, {
    details: { pointer: place },
  })
}
