import { PosternError } from '../errors.ts'
import { readEnvelope, type SignatureEntry, signedContent } from './envelope.ts'
import type { KeyRing, Match, PreparedKey } from './keys.ts'

export { readEnvelope } from './envelope.ts'

const DEFAULT_TOLERANCE_SECONDS = 300

/**
 * How many entries of one scheme are tried. An HMAC is computed once however many values it is compared with; a
 * public-key check hashes the whole body anew for each value, so a forger could buy a lot of work with few bytes.
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
}

export interface VerifyOptions {
  /** How far the timestamp may be from the clock, in whole seconds either way, both ends included. Default 300. */
  toleranceSeconds?: number | undefined
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined
}

/**
 * Verifies a request by its Standard Webhooks headers over the body's raw bytes, before anything decodes them.
 *
 * Schemes: `v1` (HMAC-SHA256), `v1a` (Ed25519), `jws` (detached JWS). A key is only ever tried with its own scheme.
 * The errors say what is wrong with the request and nothing of the keys: an unknown, an expired and a wrong key are
 * the same `source_signature_invalid`.
 *
 * @throws PosternError 401 `source_id_missing`, `source_timestamp_missing`, `source_timestamp_invalid`,
 *   `source_timestamp_expired`, `source_signature_missing`, `source_signature_invalid`; 503 `source_unavailable`
 *   when no key holds and a JWKS URL that might have had one cannot be reached
 * @example
 * const ring = createKeyRing('sk_live_the_key')
 * const body = new Uint8Array(await request.arrayBuffer())
 * const { id } = await verifyRequest(ring, request.headers, body)
 */
export async function verifyRequest(
  ring: KeyRing,
  headers: Headers,
  body: Uint8Array,
  options: VerifyOptions = {},
): Promise<VerifiedRequest> {
  const { id, timestamp, signatures } = readEnvelope(headers)
  const now = (options.now ?? Date.now)()
  const skew = Math.abs(Math.floor(now / 1000) - timestamp)
  // The negation matters: a clock or tolerance that is not a number must refuse, not accept.
  if (!(skew <= (options.toleranceSeconds ?? DEFAULT_TOLERANCE_SECONDS))) {
    throw new PosternError('source_timestamp_expired')
  }

  const content = signedContent(id, timestamp, body)
  let unavailable: PosternError | undefined
  for (const key of ring.keys) {
    const values = valuesFor(key, signatures)
    if (values.length === 0 || now > key.notAfter) continue
    try {
      // Not awaited unless it has to be: the two local schemes answer at once.
      const answer = key.matches(content, values)
      const match = answer instanceof Promise ? await answer : answer
      if (match) return { id, timestamp, ...signer(key, match) }
    } catch (error) {
      // One key set out of reach must not hide that another key holds.
      if (!(error instanceof PosternError)) throw error
      unavailable = error
    }
  }
  throw unavailable ?? new PosternError('source_signature_invalid')
}

function valuesFor(key: PreparedKey, signatures: readonly SignatureEntry[]): string[] {
  const values: string[] = []
  for (const { scheme, value } of signatures) {
    if (scheme === key.scheme && values.length < MAX_TRIED[key.scheme]) values.push(value)
  }
  return values
}

function signer(
  key: PreparedKey,
  match: NonNullable<Match>,
): Pick<VerifiedRequest, 'keyId' | 'organizationId'> {
  const keyId = key.id ?? match.kid
  return {
    ...(keyId === undefined ? {} : { keyId }),
    ...(key.organizationId === undefined ? {} : { organizationId: key.organizationId }),
  }
}
