/**
 * One check for the options of every constructor: an option that nobody reads was meant to do something, and a value of
 * another kind fails later, at a request, where its name is no longer known. TypeScript says both already; this says
 * it to plain JavaScript too.
 */

const kinds = {
  text: (value: unknown) => typeof value === 'string',
  number: (value: unknown) => typeof value === 'number',
  boolean: (value: unknown) => typeof value === 'boolean',
  function: (value: unknown) => typeof value === 'function',
  object: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: (value: unknown) => Array.isArray(value),
  /** Judged by the constructor itself. */
  any: () => true,
}

export type OptionKind = keyof typeof kinds

/** What each option of `T` must be; several where there is a choice. Every option must be named: that closes the list. */
export type OptionKinds<T> = { readonly [K in keyof Required<T>]: OptionKind | readonly OptionKind[] }

/**
 * Checks names and kinds of options. `undefined` counts as left out.
 *
 * @param owner how the caller wrote it, for example `createEndpoint`
 * @param hints what to do instead, for names that are no options but that people write
 * @throws TypeError naming the option, and the nearest known name
 */
export function checkOptions<T extends object>(
  owner: string,
  given: unknown,
  known: OptionKinds<T>,
  hints: Readonly<Record<string, string>> = {},
): void {
  if (!kinds.object(given))
    throw new TypeError(`${owner}: the options must be an object, not ${named(given)}.`)
  for (const [name, value] of Object.entries(given as object)) {
    if (!Object.hasOwn(known, name)) throw unknownName(owner, 'option', name, Object.keys(known), hints)
    if (value === undefined) continue
    const expected = [known[name as keyof T]].flat() as OptionKind[]
    if (expected.some((kind) => kinds[kind](value))) continue
    throw new TypeError(
      `${owner}: option "${name}" must be ${expected.map(article).join(' or ')}, not ${named(value)}.`,
    )
  }
}

/** The error for a name that is not known, with the nearest one that is. */
export function unknownName(
  owner: string,
  what: string,
  name: string,
  known: readonly string[],
  hints: Readonly<Record<string, string>> = {},
): TypeError {
  if (Object.hasOwn(hints, name)) return new TypeError(`${owner}: unknown ${what} "${name}": ${hints[name]}`)
  const near = nearest(name, known)
  const rest =
    near === undefined ? `expected one of ${[...known].sort().join(', ')}` : `did you mean "${near}"?`
  return new TypeError(`${owner}: unknown ${what} "${name}"; ${rest}`)
}

/** The name that was probably meant; undefined when none is near. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let best: { readonly name: string; readonly edits: number } | undefined
  for (const candidate of known) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase())
    if (edits <= Math.max(2, candidate.length / 3) && (best === undefined || edits < best.edits))
      best = { name: candidate, edits }
  }
  return best?.name
}

/** Edits (insert, delete, replace one character) that turn one text into the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}

const article = (kind: OptionKind): string => (/^[aeo]/.test(kind) ? `an ${kind}` : `a ${kind}`)

/** What a value is, without its content: it may be a secret. */
export function named(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object')
    return article(typeof value === 'string' ? 'text' : (typeof value as OptionKind))
  const made = (value as { constructor?: { name?: unknown } }).constructor
  const name = typeof made?.name === 'string' ? made.name : ''
  return name === '' || name === 'Object' ? 'an object' : `an instance of ${name}`
}

/** @throws TypeError unless it is a whole number of the range */
export function numberOf(
  name: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new TypeError(`${name} must be a whole number from ${min} to ${max}.`)
}

/** @throws TypeError for a name that no call option has */
export function checkCall<T extends object>(
  owner: string,
  given: T | undefined,
  names: readonly string[],
): T {
  if (given === undefined) return {} as T
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`${owner}: expected an object of options.`)
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw unknownName(owner, 'member', name, names)
  }
  return given
}

/** @throws TypeError unless `defineSchema` (or a `schemaFrom...`) made it */
export function checkSchema(owner: string, schema: unknown): void {
  const { models, definitions } = (schema ?? {}) as { models?: unknown; definitions?: unknown }
  if (models instanceof Map && kinds.object(definitions)) return
  throw new TypeError(`${owner}: the schema must come from defineSchema(), not ${named(schema)}.`)
}

/** @throws TypeError unless it is what a mount can pass requests to */
export function checkEndpoint(owner: string, endpoint: unknown): void {
  if (kinds.object(endpoint) && typeof (endpoint as { fetch?: unknown }).fetch === 'function') return
  throw new TypeError(
    `${owner}: the argument must be what createEndpoint() returned, not ${named(endpoint)}.`,
  )
}

const METHODS = ['load', 'list', 'commit', 'events'] as const

/** @throws TypeError unless it has the methods and the schema of an adapter */
export function checkAdapter(owner: string, option: string, adapter: unknown): void {
  const members = (kinds.object(adapter) ? adapter : {}) as Record<string, unknown>
  const missing = METHODS.filter((name) => typeof members[name] !== 'function')
  if (missing.length === METHODS.length) {
    throw new TypeError(
      `${owner}: option "${option}" must be an adapter, for example pgAdapter(pool, schema), not ${named(adapter)}.`,
    )
  }
  if (missing.length > 0) {
    throw new TypeError(`${owner}: the adapter given as "${option}" has no method ${missing.join(', ')}.`)
  }
  checkSchema(`${owner}: option "${option}"`, members.schema)
}
