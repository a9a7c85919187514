import { jwtVerify, SignJWT } from 'jose'
import type { EffectsPolicy } from './effects.ts'
import { TestingError } from './errors.ts'
import { isCopyName } from './names.ts'

/** The header that carries a session's token. */
export const SESSION_HEADER = 'x-test-session'

/** Where the key is looked for when no option gives it. */
const KEY_VARIABLE = 'POSTERN_TEST_SESSION_KEY'

const ISSUER = 'postern:test-session'
const MIN_KEY = 32

/** What a token says of its session. */
export interface SessionClaims {
  readonly id: string
  readonly fixture: string
  /** The session's database on the server; null for PGlite. */
  readonly database: string | null
  /** The base that it was copied from; see `Base`. */
  readonly incarnation: string
  readonly effects: EffectsPolicy
  readonly expiresAt: Date
}

/** @throws TypeError for a key that could be guessed */
export function sessionKey(given: string | undefined): Uint8Array | undefined {
  const text = given ?? process.env[KEY_VARIABLE]
  if (text === undefined) return undefined
  if (text.length < MIN_KEY) {
    throw new TypeError(`The key of test sessions needs at least ${MIN_KEY} characters.`)
  }
  return new TextEncoder().encode(text)
}

export async function signToken(key: Uint8Array, claims: SessionClaims): Promise<string> {
  const { id, fixture, database, incarnation, effects, expiresAt } = claims
  return new SignJWT({ fixture, database, base: incarnation, effects })
    .setProtectedHeader({ alg: 'HS256', typ: 'postern-test-session' })
    .setIssuer(ISSUER)
    .setSubject(id)
    .setExpirationTime(expiresAt)
    .sign(key)
}

/**
 * What a token says, once its signature holds. Whatever is wrong with it is one and the same answer as no token at
 * all: who has no key learns nothing of sessions.
 *
 * @throws TestingError `test_session_invalid`
 */
export async function readToken(key: Uint8Array, token: string | null | undefined): Promise<SessionClaims> {
  try {
    if (token == null || token.length > 4096) throw new TypeError('no token')
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      typ: 'postern-test-session',
      issuer: ISSUER,
      requiredClaims: ['sub', 'exp'],
    })
    const { sub, exp, fixture, database, base, effects } = payload as Record<string, unknown>
    const known = database === null || (typeof database === 'string' && isCopyName(database))
    if (!known || typeof base !== 'string') throw new TypeError('not of ours')
    return {
      id: String(sub),
      fixture: String(fixture),
      database,
      incarnation: base,
      effects: effects as EffectsPolicy,
      expiresAt: new Date(Number(exp) * 1000),
    }
  } catch {
    throw new TestingError('test_session_invalid')
  }
}
