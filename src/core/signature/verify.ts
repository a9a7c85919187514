import { clockOf } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { readEnvelope, type SignatureEntry, type SignedContent, signedContent } from './envelope.ts'
import {
  createKeyRing,
  endpointUrl,
  type KeyInput,
  type KeyRing,
  type Match,
  type PreparedKey,
} from './keys.ts'
import { type VerificationWork, verificationWork } from './work.ts'

export { readEnvelope } from './envelope.ts'

const DEFAULT_TOLERANCE_SECONDS = 300

/**
 * How many entries of one scheme are tried. An HMAC is computed once however many values it is compared with; a
 * public-key check hashes the whole body anew for each value.
 */
const MAX_TRIED = { v1: 16, v1a: 4, jws: 4 } as const

/** Who signed, as far as the keys tell. */
export interface VerifiedRequest {
  /** The webhook-id header. */
  readonly id: string
  /** The webhook-timestamp header: Unix seconds. */
  readonly timestamp: number
  /** The `id` of the key's entry, else the `kid` of the JWS. */
  readonly keyId?: string
  /** The only tenant that the key speaks for. A request for another one must be refused. */
  readonly organizationId?: string
  /** The key may ask for what belongs to all tenants at once. */
  readonly allTenants?: true
}

/** What `verifyRequest` judges by, beside the keys. */
export interface VerifyOptions {
  /** How far the timestamp may be from the clock, in whole seconds either way, both ends included. Default 300. */
  toleranceSeconds?: number | undefined
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined
  /** The URL of this endpoint. Keys that are bound to another one do not count, and without it no bound key does. */
  endpoint?: string | undefined
}

/**
 * Verifies a request by its Standard Webhooks headers over the body's raw bytes, before anything decodes them.
 *
 * Schemes: `v1` (HMAC-SHA256), `v1a` (Ed25519), `jws` (detached JWS). A key is only ever tried with its own scheme.
 * The errors say what is wrong with the request and nothing of the keys: an unknown, an expired and a wrong key are
 * the same `source_signature_invalid`.
 *
 * The work for one request is bounded, whatever the number of keys, and lets the event loop run in between.
 *
 * @param keys a ring that `createKeyRing` prepared, or keys as `createEndpoint` takes them, prepared at each call
 * @throws PosternError 401 `source_id_missing`, `source_timestamp_missing`, `source_timestamp_invalid`,
 *   `source_timestamp_expired`, `source_signature_missing`, `source_signature_invalid`; 503 `source_unavailable`
 *   when no key holds and a JWKS URL that might have had one cannot be reached; 413 `request_too_large` and 503
 *   `source_busy` when there is too much to be checked; TypeError for keys that cannot be used
 * @example
 * const ring = createKeyRing('sk_live_the_key')
 * const request = new Request('https://app.example.com/api/source', { method: 'POST', body: '{}' })
 * const body = new Uint8Array(await request.arrayBuffer())
 * const { id } = await verifyRequest(ring, request.headers, body)
 */
export async function verifyRequest(
  keys: KeyRing | KeyInput,
  headers: Headers,
  body: Uint8Array,
  options: VerifyOptions = {},
): Promise<VerifiedRequest> {
  const { id, timestamp, signatures } = readEnvelope(headers)
  const now = options.now === undefined ? Date.now() : clockOf('now', options.now)()
  const skew = Math.abs(Math.floor(now / 1000) - timestamp)
  // The negation matters: a clock or tolerance that is not a number must refuse, not accept.
  if (!(skew <= (options.toleranceSeconds ?? DEFAULT_TOLERANCE_SECONDS))) {
    throw new PosternError('source_timestamp_expired')
  }
  const ring = isRing(keys) ? keys : createKeyRing(keys)
  const endpoint = options.endpoint === undefined ? undefined : endpointUrl(options.endpoint)
  const usable = lastUsedFirst(ring).filter(
    (key) => now <= key.notAfter && (key.endpoint === undefined || key.endpoint === endpoint),
  )
  const work = verificationWork(body.byteLength)
  try {
    const { key, match } = await signerOf(usable, signedContent(id, timestamp, body), signatures, work)
    used(ring, key)
    return { id, timestamp, ...signer(key, match) }
  } finally {
    work.end()
  }
}

const isRing = (keys: KeyRing | KeyInput): keys is KeyRing =>
  typeof keys === 'object' && keys !== null && 'keys' in keys && !Array.isArray(keys)

/** The key that made one of the signatures. */
async function signerOf(
  keys: readonly PreparedKey[],
  content: SignedContent,
  signatures: readonly SignatureEntry[],
  work: VerificationWork,
): Promise<{ readonly key: PreparedKey; readonly match: NonNullable<Match> }> {
  let unavailable: PosternError | undefined
  // Every key with the first entry before any with the second: most requests have one.
  for (let round = 0; round < MAX_TRIED.v1a; round++) {
    for (const key of keys) {
      const values = valuesFor(key, signatures, round)
      if (values.length === 0) continue
      const turn = work.step(key.scheme)
      if (turn !== undefined) await turn
      try {
        // Not awaited unless it has to be: the two local schemes answer at once.
        const answer = key.matches(content, values)
        const match = answer instanceof Promise ? await answer : answer
        if (match) return { key, match }
      } catch (error) {
        // One key set out of reach must not hide that another key holds.
        if (!(error instanceof PosternError)) throw error
        unavailable = error
      }
    }
  }
  throw unavailable ?? new PosternError('source_signature_invalid')
}

/** The values to try in a round: all of them for an HMAC, which is made once; one for a public key. */
function valuesFor(key: PreparedKey, signatures: readonly SignatureEntry[], round: number): string[] {
  const values = signatures
    .filter(({ scheme }) => scheme === key.scheme)
    .slice(0, MAX_TRIED[key.scheme])
    .map(({ value }) => value)
  if (key.scheme === 'v1') return round === 0 ? values : []
  return values.slice(round, round + 1)
}

/** The keys of each ring, those that signed last first: in a large ring almost every request is settled by the first few. */
const orders = new WeakMap<KeyRing, PreparedKey[]>()

function lastUsedFirst(ring: KeyRing): readonly PreparedKey[] {
  return orders.get(ring) ?? ring.keys
}

function used(ring: KeyRing, key: PreparedKey): void {
  const order = orders.get(ring) ?? [...ring.keys]
  const place = order.indexOf(key)
  if (place > 0) order.splice(0, 0, ...order.splice(place, 1))
  orders.set(ring, order)
}

function signer(
  key: PreparedKey,
  match: NonNullable<Match>,
): Pick<VerifiedRequest, 'keyId' | 'organizationId' | 'allTenants'> {
  const keyId = key.id ?? match.kid
  return {
    ...(keyId === undefined ? {} : { keyId }),
    ...(key.organizationId === undefined ? {} : { organizationId: key.organizationId }),
    ...(key.allTenants ? { allTenants: true } : {}),
  }
}
