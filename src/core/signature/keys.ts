import type { JSONWebKeySet, JWK } from 'jose'
import type { SignedContent } from './envelope.ts'
import { fixedKeySet, remoteKeySet } from './jwks.ts'
import { verifyJws } from './jws.ts'
import { ALGORITHMS } from './jws-sign.ts'
import { blaming, KeyFault } from './key-fault.ts'
import { isPublicKeyText, type SecretEncoding } from './key-text.ts'
import { ed25519PublicKey, hmacKey, verifyV1, verifyV1a } from './standard-webhooks.ts'

interface KeyEntryBase {
  /** A name for logs and for `VerifiedRequest.keyId`. Not secret. */
  id?: string | undefined
  /** The last moment at which the key counts: a `Date`, or RFC 3339 with an offset. For rotation; default: none. */
  notAfter?: Date | string | undefined
  /** The tenant that this key speaks for; `VerifiedRequest.organizationId` then says so. Default: any. */
  organizationId?: string | undefined
  /**
   * The key may ask for what belongs to all tenants at once: the feed of a request without `scope.organizationId`.
   * For a platform's own key. Default false.
   */
  allTenants?: boolean | undefined
  /**
   * The URL of the one endpoint that the key is for: it counts only where `createEndpoint` has this as its `url`.
   * Endpoints that share a key would otherwise accept what was recorded at another one. Default: any.
   */
  endpoint?: string | undefined
}

/** Scheme `v1`: a shared secret. */
export interface SecretKeyEntry extends KeyEntryBase {
  /** `sk_...` or any other text; `whsec_...` as Standard Webhooks writes it. */
  secret: string
  /** Default: `base64` for `whsec_...`, `utf8` (the bytes of the text itself) for everything else. */
  encoding?: SecretEncoding | undefined
}

/** Scheme `v1a`: an Ed25519 public key, `whpk_...`. */
export interface PublicKeyEntry extends KeyEntryBase {
  publicKey: string
}

/** Scheme `jws`: public keys as JWKs, or the https URL where they are published. */
export interface JwksEntry extends KeyEntryBase {
  jwks: string | JSONWebKeySet | readonly JWK[]
  /** What signatures may be made with. Default: EdDSA, ES*, PS* and RS*; never `none` and never HS*. */
  algorithms?: readonly string[] | undefined
  /** Permits an http URL on localhost, 127.0.0.1 or [::1]. For tests. */
  allowInsecure?: boolean | undefined
}

/** One key of an endpoint: a shared secret, a public key, or where public keys are published. */
export type KeyEntry = SecretKeyEntry | PublicKeyEntry | JwksEntry

/** What `createKeyRing` takes: one key or several; a text is a `v1` secret, or a `whpk_...` public key. */
export type KeyInput = string | KeyEntry | readonly (string | KeyEntry)[]

/** One key, imported and ready. Key material is reachable only as `KeyObject`, which prints and serialises as nothing. */
export interface PreparedKey {
  readonly scheme: 'v1' | 'v1a' | 'jws'
  readonly id: string | undefined
  readonly organizationId: string | undefined
  readonly allTenants: boolean
  /** In its one spelling. */
  readonly endpoint: string | undefined
  /** Milliseconds since 1970; the key counts up to and including it. */
  readonly notAfter: number
  /** Whether one of the values is this key's signature of the content. */
  readonly matches: (content: SignedContent, values: readonly string[]) => Match | Promise<Match>
}

/** A `kid` is only ever given by a JWS that held. */
export type Match = { readonly kid?: string } | undefined

/** Keys prepared once, for `verifyRequest`. Make it with `createKeyRing`; its content is no part of the API. */
export interface KeyRing {
  readonly keys: readonly PreparedKey[]
}

const ENTRY_KINDS = ['secret', 'publicKey', 'jwks'] as const
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/**
 * Prepares the keys that requests may be signed with. Several count at once, so that a rotation overlaps: give the
 * new key beside the old one, put `notAfter` on the old one, then take it out.
 *
 * Everything that can be found wrong without the network is found here, at the start. A JWKS URL is first fetched
 * when a request needs it.
 *
 * @throws TypeError with one sentence that names the key by its place or id and the fault, never the key's text
 * @example
 * const ring = createKeyRing([
 *   { id: 'summer', secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
 *   { id: 'spring', secret: 'sk_live_the_old_one', notAfter: '2026-07-01T00:00:00Z' },
 * ])
 */
export function createKeyRing(keys: KeyInput): KeyRing {
  const list = Array.isArray(keys) ? (keys as readonly (string | KeyEntry)[]) : [keys as string | KeyEntry]
  if (list.length === 0) throw new TypeError('No signing key is configured: the list of keys is empty.')
  const named = list.map((input, index) => ({
    input,
    name: nameOf(input, list.length === 1 ? undefined : index),
  }))
  return { keys: named.map(({ input, name }) => blaming(name, () => prepareKey(input))) }
}

function prepareKey(input: string | KeyEntry): PreparedKey {
  const entry: KeyEntry =
    typeof input === 'object' && input !== null
      ? input
      : isPublicKeyText(input)
        ? { publicKey: input }
        : { secret: input }
  if (ENTRY_KINDS.filter((kind) => kind in entry).length !== 1) {
    throw new KeyFault(`must have exactly one of ${ENTRY_KINDS.map((kind) => `\`${kind}\``).join(', ')}`)
  }
  // An empty text would read as "no tenant" in one place and as a tenant in another.
  if (entry.organizationId === '') throw new KeyFault('has an empty `organizationId`')
  if (entry.organizationId !== undefined && entry.allTenants === true)
    throw new KeyFault('has both `organizationId` and `allTenants`')
  const base = {
    id: entry.id,
    organizationId: entry.organizationId,
    allTenants: entry.allTenants === true,
    endpoint: entry.endpoint === undefined ? undefined : endpointUrl(entry.endpoint),
    notAfter: readMoment(entry.notAfter),
  }
  if ('secret' in entry) {
    const key = hmacKey(entry.secret, entry.encoding)
    return {
      ...base,
      scheme: 'v1',
      matches: (content, values) => (verifyV1(key, content, values) ? {} : undefined),
    }
  }
  if ('publicKey' in entry) {
    const key = ed25519PublicKey(entry.publicKey)
    return {
      ...base,
      scheme: 'v1a',
      matches: (content, values) => (verifyV1a(key, content, values) ? {} : undefined),
    }
  }
  const algorithms = readAlgorithms(entry.algorithms)
  const findKey =
    typeof entry.jwks === 'string'
      ? remoteKeySet(entry.jwks, entry.allowInsecure === true)
      : fixedKeySet(entry.jwks, algorithms)
  return {
    ...base,
    scheme: 'jws',
    matches: (content, values) => verifyJws(findKey, algorithms, content, values),
  }
}

function readAlgorithms(algorithms: readonly string[] | undefined): readonly string[] {
  if (algorithms === undefined) return ALGORITHMS
  if (algorithms.length === 0) throw new KeyFault('has an empty list of `algorithms`')
  const refused = algorithms.find((algorithm) => !ALGORITHMS.includes(algorithm))
  if (refused !== undefined)
    throw new KeyFault(`allows the algorithm ${JSON.stringify(refused)}; known: ${ALGORITHMS.join(', ')}`)
  return [...algorithms]
}

/** An endpoint's address in one spelling. A query or fragment is no part of it. @throws KeyFault */
export function endpointUrl(text: string): string {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new KeyFault('has an `endpoint` that is not an http URL')
  return url.origin + url.pathname.replace(/\/+$/, '')
}

function readMoment(moment: Date | string | undefined): number {
  if (moment === undefined) return Number.POSITIVE_INFINITY
  // Without an offset a text would mean another moment on another machine.
  if (typeof moment === 'string' && !RFC3339.test(moment))
    throw new KeyFault('has a `notAfter` that is not RFC 3339 with an offset')
  const milliseconds = new Date(moment).getTime()
  if (Number.isNaN(milliseconds)) throw new KeyFault('has a `notAfter` that is no moment')
  return milliseconds
}

function nameOf(input: string | KeyEntry, index: number | undefined): string {
  const id = typeof input === 'object' && input !== null ? input.id : undefined
  if (typeof id === 'string') return `The signing key ${JSON.stringify(id)}`
  return index === undefined ? 'The signing key' : `The signing key at [${index}]`
}
