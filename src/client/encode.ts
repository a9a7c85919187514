import { ExactNumber } from './decode.ts'
import { invalidRequest, type RequestIssue } from './error.ts'

/** As deep as an endpoint reads. */
const MAX_DEPTH = 64
const MAX_ISSUES = 100

/**
 * The JSON text of a request, or an error that names each value which JSON does not carry exactly.
 *
 * `JSON.stringify` alone sends `NaN` as null, drops `undefined` and functions, takes `-0` for 0 and calls `toJSON`: an
 * operation whose `readAt` became null would be applied unjudged, and a query whose `where` was dropped would list
 * everything. The text is written in the same pass that checks, so that what was checked is what is sent.
 *
 * @throws ClientError `invalid_request` with `details.issues`
 */
export function encodeRequest(request: object): string {
  const issues: RequestIssue[] = []
  const text = write(request, [], [], issues)
  if (issues.length > 0) throw invalidRequest(issues)
  return text
}

function write(
  value: unknown,
  path: readonly (string | number)[],
  above: readonly object[],
  issues: RequestIssue[],
): string {
  const refuse = (message: string): string => {
    if (issues.length < MAX_ISSUES) issues.push({ pointer: pointerOf(path), message })
    return 'null'
  }
  switch (typeof value) {
    case 'string':
      return value.isWellFormed()
        ? JSON.stringify(value)
        : refuse('a surrogate without its other half is not text')
    case 'boolean':
      return String(value)
    case 'number':
      if (!Number.isFinite(value)) return refuse(`${value} is not a number in JSON`)
      return Object.is(value, -0) ? refuse('JSON has no negative zero; send 0') : String(value)
    case 'bigint':
      return refuse('a bigint is not a number in JSON; send its text')
    case 'undefined':
      return refuse('undefined is not a value; leave the member out, or send null')
    case 'object':
      break
    default:
      return refuse(`a ${typeof value} is not a value in JSON`)
  }
  if (value === null) return 'null'
  if (above.includes(value)) return refuse('the value contains itself')
  if (above.length === MAX_DEPTH) return refuse(`more than ${MAX_DEPTH} levels of nesting`)
  const inside = [...above, value]
  if (Array.isArray(value))
    return writeArray(value, path, inside, issues) ?? refuse('an array with holes or members of its own')
  if (!isPlain(value)) return refuse(`${classOf(value)} is not a plain object${adviceFor(value)}`)
  if (Object.getOwnPropertySymbols(value).length > 0) return refuse('JSON has no members named by a symbol')
  const members: string[] = []
  for (const [name, member] of Object.entries(value)) {
    const place = [...path, name]
    if (!name.isWellFormed()) return refuse('a surrogate without its other half is not text')
    members.push(`${JSON.stringify(name)}:${write(member, place, inside, issues)}`)
  }
  return `{${members.join(',')}}`
}

function writeArray(
  value: readonly unknown[],
  path: readonly (string | number)[],
  above: readonly object[],
  issues: RequestIssue[],
): string | undefined {
  // as many own keys as members, and `length`
  if (Reflect.ownKeys(value).length !== value.length + 1) return undefined
  return `[${value.map((member, index) => write(member, [...path, index], above, issues)).join(',')}]`
}

/** Made by `{}` or `JSON.parse`, here or in another realm: a prototype that has none itself. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function classOf(value: object): string {
  const { name } = (Object.getPrototypeOf(value)?.constructor ?? {}) as { name?: unknown }
  return typeof name === 'string' && name !== '' ? `a ${name}` : 'an instance of a class'
}

function adviceFor(value: object): string {
  if (value instanceof Date) return '; send its text, `toISOString()`'
  if (value instanceof ExactNumber) return ': this number does not fit into a JavaScript one; send it as text'
  if (value instanceof Uint8Array) return '; send base64'
  return ''
}

function pointerOf(path: readonly (string | number)[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
