import { Buffer } from 'node:buffer'
import { createPublicKey } from 'node:crypto'
import type { FlattenedVerifyGetKey, JSONWebKeySet, JWK } from 'jose'
import { PosternError } from '../errors.ts'
import { decodeJson } from '../protocol/json.ts'
import { KeyFault } from './key-fault.ts'

const MAX_BYTES = 256 * 1024
const TIMEOUT_MS = 5_000
const COOL_DOWN_MS = 30_000
const MAX_AGE_MS = 600_000

/** Finds the public key for a protected header. Rejects with `source_unavailable` when a key set cannot be had. */
export type KeyFinder = FlattenedVerifyGetKey

/** Loads jose with the first signature that needs it: most endpoints have no such key, and it is a third of their start. */
function withJose(make: (jose: typeof import('jose')) => KeyFinder): KeyFinder {
  let made: Promise<KeyFinder> | undefined
  return async (...header) => {
    made ??= import('jose').then(make)
    return (await made)(...header)
  }
}

/**
 * Keys given in the configuration. Each is imported once here, so that a broken one stops the start and not the
 * first request that names it.
 */
export function fixedKeySet(given: JSONWebKeySet | readonly JWK[], algorithms: readonly string[]): KeyFinder {
  const keys: unknown = Array.isArray(given) ? given : (given as JSONWebKeySet | null)?.keys
  if (!Array.isArray(keys) || keys.length === 0) throw new KeyFault('has no keys')
  const names = new Set<string>()
  for (const jwk of keys as (JWK | null)[]) {
    if (jwk === null || typeof jwk !== 'object') throw new KeyFault('has a member that is no JWK')
    checkPublicKey(jwk, algorithms)
    if (jwk.kid === undefined) continue
    if (names.has(jwk.kid)) throw new KeyFault('has two members with one `kid`')
    names.add(jwk.kid)
  }
  return withJose(({ createLocalJWKSet }) => createLocalJWKSet({ keys: keys as JWK[] }))
}

function checkPublicKey(jwk: JWK, algorithms: readonly string[]): void {
  if (jwk.kty === 'oct' || jwk.k !== undefined) throw new KeyFault('has a symmetric key; give it as `secret`')
  if (jwk.d !== undefined) throw new KeyFault('has a private key; give its public part alone')
  if (jwk.alg !== undefined && !algorithms.includes(jwk.alg)) {
    throw new KeyFault('has a key whose `alg` is not among the allowed algorithms')
  }
  let bits: number | undefined
  try {
    bits = createPublicKey({ key: jwk as Record<string, unknown>, format: 'jwk' }).asymmetricKeyDetails
      ?.modulusLength
  } catch {
    throw new KeyFault('has a member that is no usable JWK')
  }
  if (bits !== undefined && bits < 2048) throw new KeyFault('has an RSA key shorter than 2048 bits')
}

/**
 * Keys published at an https URL of the configuration, never one that a request names. jose keeps them for ten
 * minutes, fetches at most once at a time, and for a `kid` it does not know at most once in thirty seconds. What it
 * leaves open is closed here: it fetches at every request while the endpoint is down, and reads an answer of any
 * size.
 */
export function remoteKeySet(address: string, allowInsecure: boolean): KeyFinder {
  const url = checkAddress(address, allowInsecure)
  let failedUntil = Number.NEGATIVE_INFINITY

  const fetchKeys = async (href: string, init: RequestInit): Promise<Response> => {
    // Monotonic, so that a clock set back does not stretch the pause.
    const pause = failedUntil - performance.now()
    if (pause > 0) throw unavailable(pause, undefined)
    try {
      const response = await fetch(href, { ...init, redirect: 'error' })
      const text = await readKeySet(response)
      return new Response(text)
    } catch (cause) {
      failedUntil = performance.now() + COOL_DOWN_MS
      throw unavailable(COOL_DOWN_MS, cause)
    }
  }

  return withJose(({ createRemoteJWKSet, customFetch }) =>
    createRemoteJWKSet(url, {
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: COOL_DOWN_MS,
      cacheMaxAge: MAX_AGE_MS,
      [customFetch]: fetchKeys,
    }),
  )
}

function checkAddress(address: string, allowInsecure: boolean): URL {
  const url = URL.parse(address)
  if (url === null) throw new KeyFault('is not a URL')
  const local = url.hostname === 'localhost' || url.hostname === '127.0.0.1' || url.hostname === '[::1]'
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local && allowInsecure)) {
    throw new KeyFault('is not an https URL')
  }
  if (url.username !== '' || url.password !== '') throw new KeyFault('has credentials in its URL')
  return url
}

/** The document, judged here because a 200 with a page of HTML must cool down like any other failure. */
async function readKeySet(response: Response): Promise<string> {
  if (response.status !== 200) throw new Error(`the key set was answered with status ${response.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_BYTES) throw new Error(`the key set is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const keys = (decodeJson(bytes) as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys) || !keys.every((key) => key !== null && typeof key === 'object')) {
    throw new Error('the answer is not a JSON Web Key Set')
  }
  return bytes.toString('utf8')
}

function unavailable(pauseMs: number, cause: unknown): PosternError {
  const retryAfter = Math.ceil(pauseMs / 1000)
  return new PosternError(
    'source_unavailable',
    'The keys that signatures are checked with cannot be had right now.',
    {
      retryAfter,
      cause,
    },
  )
}
