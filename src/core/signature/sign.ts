import type { JWK } from 'jose'
import { isEnvelopeId, type SignedContent, signedContent } from './envelope.ts'
import { ALGORITHMS, algorithmOf, signJws } from './jws-sign.ts'
import { blaming, KeyFault } from './key-fault.ts'
import { isPrivateKeyText, type SecretEncoding } from './key-text.ts'
import { ed25519Signer, hmacSigner } from './web-sign.ts'

/** What a request is signed with; the key decides the scheme. */
export type SigningKey =
  /** `v1`: the same text and encoding as on the verifying side. */
  | { secret: string; encoding?: SecretEncoding | undefined }
  /** `v1a`: an Ed25519 private key, `whsk_...`. */
  | { privateKey: string }
  /** `jws`: a private JWK. `algorithm` is needed where neither its `alg` nor its curve tells: RSA. */
  | { jwk: JWK; algorithm?: string | undefined }

/** One key or several, of one scheme or of many; a text is a `v1` secret, or a `whsk_...` private key. */
export type SigningInput = string | SigningKey | readonly (string | SigningKey)[]

export interface SignOptions {
  /** The webhook-id: 1 to 255 printable ASCII characters, no comma. Default: `msg_` and 128 random bits. */
  id?: string | undefined
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined
}

/** The Standard Webhooks headers of one request. A retry is signed anew: the timestamp must be fresh. */
export type SignatureHeaders = Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>

export type Signer = (body: Uint8Array | string, options?: SignOptions) => Promise<SignatureHeaders>

type EntryMaker = (content: SignedContent) => Promise<string>

/**
 * Prepares keys for signing, once. With several keys each request carries one entry a key, in their order, so that
 * a receiver accepts it before and after a rotation.
 *
 * @throws TypeError with one sentence that names the fault, never the key's text
 * @example
 * const sign = createSigner('sk_live_the_key')
 * const body = JSON.stringify({ type: 'load', model: 'tasks', id: 't1' })
 * await fetch('https://example.com/source', { method: 'POST', body, headers: await sign(body) })
 */
export function createSigner(keys: SigningInput): Signer {
  const list = Array.isArray(keys)
    ? (keys as readonly (string | SigningKey)[])
    : [keys as string | SigningKey]
  if (list.length === 0) throw new TypeError('No signing key is configured: the list of keys is empty.')
  const makers = list.map((key, index) => {
    const name = list.length === 1 ? 'The signing key' : `The signing key at [${index}]`
    const make = blaming(name, () => prepare(key))
    return (content: SignedContent) =>
      make(content).catch((error: unknown) => blaming(name, () => rethrow(error)))
  })
  return async (body, options = {}) => {
    const id = options.id ?? messageId()
    if (!isEnvelopeId(id)) {
      throw new TypeError(
        'The webhook-id must be 1 to 255 printable ASCII characters without comma; a dot only among letters, digits, _ and -.',
      )
    }
    const timestamp = Math.floor(timeOf(options.now ?? Date.now) / 1000)
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    const content = signedContent(id, timestamp, bytes)
    const entries = await Promise.all(makers.map((make) => make(content)))
    return {
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': entries.join(' '),
    }
  }
}

/**
 * Signs one request. Prepares the key each time: whoever signs many uses `createSigner`.
 *
 * @throws TypeError as `createSigner`
 * @example
 * const headers = await signRequest('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', '{"type":"events"}')
 */
export async function signRequest(
  keys: SigningInput,
  body: Uint8Array | string,
  options: SignOptions = {},
): Promise<SignatureHeaders> {
  return createSigner(keys)(body, options)
}

/** A webhook-id: 128 random bits. `crypto.randomUUID` is missing in pages without https, where `sign` may still sign. */
export function messageId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `msg_${hex}`
}

function rethrow(error: unknown): never {
  throw error
}

function prepare(input: string | SigningKey): EntryMaker {
  const key: SigningKey =
    typeof input === 'object' && input !== null
      ? input
      : isPrivateKeyText(input)
        ? { privateKey: input }
        : { secret: input }
  if ('secret' in key) {
    const sign = hmacSigner(key.secret, key.encoding)
    return async (content) => `v1,${await sign(content)}`
  }
  if ('privateKey' in key) {
    const sign = ed25519Signer(key.privateKey)
    return async (content) => `v1a,${await sign(content)}`
  }
  if (!('jwk' in key)) throw new KeyFault('must have one of `secret`, `privateKey`, `jwk`')
  const { jwk } = key
  const algorithm = key.algorithm ?? algorithmOf(jwk)
  if (jwk.d === undefined) throw new KeyFault('has no private part (`d`)')
  if (algorithm === undefined)
    throw new KeyFault('needs an `algorithm`: neither `alg` nor the curve tells it')
  if (!ALGORITHMS.includes(algorithm))
    throw new KeyFault(`has the algorithm ${JSON.stringify(algorithm)}, which no verifier may accept`)
  return async (content) => `jws,${await signJws(jwk, algorithm, content)}`
}

/** A clock of the application's. A promise in place of a number is no time, and its rejection must not be left alone. */
function timeOf(now: () => number): number {
  const ms: unknown = now()
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  new Promise((resolve) => resolve(ms)).catch(() => {})
  throw new TypeError('The option `now` must give milliseconds since 1970.')
}
