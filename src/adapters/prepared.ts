import { sqlstateOf } from '../postgres/sqlstate.ts'

/** Whether statements are prepared once a connection, which saves their parsing and planning at each call. */
export interface PrepareOptions {
  /**
   * `auto`, the default: the first hundred texts are prepared, until the database or a pooler before it refuses that once;
   * then none is any more. `false`: none is. postgres.js decides by itself: behind a pooler in transaction mode that
   * forgets names, give the client its own `prepare: false`.
   */
  prepare?: 'auto' | false
}

/** What these options must be, for `checkPostgresAdapter`. */
export const prepareKinds = { prepare: ['text', 'boolean'] } as const

/** Texts that one connection may come to keep because of us: those of lists are without number, and none is forgotten. */
const KEPT = 100

/**
 * Says which texts to prepare: those with parameters that come first.
 *
 * @throws TypeError for another value of the option
 */
export function keptTexts(prepare: unknown = 'auto'): (text: string) => boolean {
  if (prepare !== 'auto' && prepare !== false)
    throw new TypeError(`option "prepare" must be 'auto' or false, not ${JSON.stringify(prepare)}`)
  const kept = new Set<string>()
  return (text) => {
    if (prepare && kept.size < KEPT) kept.add(text)
    return kept.has(text)
  }
}

/** The names of statements that are prepared, for a client library that wants a name. */
export interface Prepared {
  /** Undefined: the text is sent without a name. */
  nameOf(text: string, values: readonly unknown[]): Promise<string | undefined>
  /** Whether the error says that names are not understood, and nothing has run. No name is given afterwards. */
  refuses(error: unknown): boolean
}

/**
 * A pooler that changes the server's connection at each transaction and knows nothing of prepared statements: the name
 * is not there (26000), is there already from another client (42P05), or is against its protocol (08P01).
 */
const REFUSALS = ['26000', '42P05', '08P01']

/** @throws TypeError for another value of the option */
export function preparedStatements(prepare: PrepareOptions['prepare']): Prepared {
  let works = true
  const isKept = keptTexts(prepare)
  const names = new Map<string, Promise<string>>()
  return {
    async nameOf(text, values) {
      if (!works || values.length === 0 || !isKept(text)) return undefined
      const name = names.get(text) ?? digestName(text)
      names.set(text, name)
      return name
    },
    refuses(error) {
      if (!REFUSALS.includes(sqlstateOf(error) ?? '')) return false
      works = false
      return true
    },
  }
}

/** By the text alone: behind a pooler, a name that counts up would be another client's statement. */
async function digestName(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  const hex = Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, '0'))
  return `postern_${hex.join('')}`
}
