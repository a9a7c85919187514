import { Buffer } from 'node:buffer'
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import type { SignedContent } from './envelope.ts'
import { KeyFault } from './key-fault.ts'

export type SecretEncoding = 'utf8' | 'base64'

const SECRET_PREFIX = 'whsec_'
const PUBLIC_PREFIX = 'whpk_'
const PRIVATE_PREFIX = 'whsk_'

export const isPublicKeyText = (text: unknown) => typeof text === 'string' && text.startsWith(PUBLIC_PREFIX)
export const isPrivateKeyText = (text: unknown) => typeof text === 'string' && text.startsWith(PRIVATE_PREFIX)

/**
 * The HMAC key of a secret. `whsec_...` is base64 after the prefix, anything else stands for its own UTF-8 bytes,
 * unless `encoding` says otherwise. Both are never tried: a key that means two things is two keys.
 */
export function hmacKey(secret: string, encoding?: SecretEncoding): KeyObject {
  checkText(secret)
  if (isPublicKeyText(secret))
    throw new KeyFault('is a `whpk_` public key, which anyone may know; give it as `publicKey`')
  if (isPrivateKeyText(secret))
    throw new KeyFault('is a `whsk_` private key; give it as `privateKey` to the signing side')
  const prefixed = secret.startsWith(SECRET_PREFIX)
  switch (encoding ?? (prefixed ? 'base64' : 'utf8')) {
    case 'base64':
      return createSecretKey(decodeBase64(prefixed ? secret.slice(SECRET_PREFIX.length) : secret))
    case 'utf8':
      return createSecretKey(Buffer.from(secret, 'utf8'))
    default:
      throw new KeyFault('has an `encoding` other than `utf8` and `base64`')
  }
}

/** The Ed25519 public key of a `whpk_...` text: 32 bytes in base64. */
export function ed25519PublicKey(text: string): KeyObject {
  checkText(text)
  if (!isPublicKeyText(text)) throw new KeyFault('does not begin with `whpk_`')
  return publicKeyOf(decodeBase64(text.slice(PUBLIC_PREFIX.length)))
}

/** The Ed25519 private key of a `whsk_...` text: the 32-byte seed in base64, with or without the public half. */
export function ed25519PrivateKey(text: string): KeyObject {
  checkText(text)
  if (!isPrivateKeyText(text)) throw new KeyFault('does not begin with `whsk_`')
  const bytes = decodeBase64(text.slice(PRIVATE_PREFIX.length))
  if (bytes.length !== 32 && bytes.length !== 64) throw new KeyFault('is not 32 or 64 bytes long')
  // PKCS #8 around the seed (RFC 8410): unlike a JWK it does not need the public half to be known.
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes.subarray(0, 32)])
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  if (bytes.length === 64 && !createPublicKey(key).equals(publicKeyOf(bytes.subarray(32)))) {
    throw new KeyFault('has a public half that is of another key')
  }
  return key
}

function publicKeyOf(bytes: Buffer): KeyObject {
  if (bytes.length !== 32) throw new KeyFault('is not 32 bytes long')
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
    format: 'jwk',
  })
}

/** The `v1` value: HMAC-SHA256 in base64. */
export function signV1(key: KeyObject, content: SignedContent): string {
  return createHmac('sha256', key).update(content.prefix).update(content.body).digest('base64')
}

/** One HMAC whatever the number of values; each comparison is of equal length and constant time. */
export function verifyV1(key: KeyObject, content: SignedContent, values: readonly string[]): boolean {
  // Texts are compared, not the bytes behind them: base64 decoders accept many spellings of the same bytes.
  const expected = Buffer.from(signV1(key, content))
  return values.some((value) => {
    const given = Buffer.from(value)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

/** The `v1a` value: Ed25519 in base64. */
export function signV1a(key: KeyObject, content: SignedContent): string {
  return sign(null, content.bytes(), key).toString('base64')
}

export function verifyV1a(key: KeyObject, content: SignedContent, values: readonly string[]): boolean {
  return values.some((value) => {
    const signature = Buffer.from(value, 'base64')
    return (
      signature.length === 64 &&
      signature.toString('base64') === value &&
      verify(null, content.bytes(), key, signature)
    )
  })
}

/** What a text from a dashboard or an environment variable suffers on its way here, each named for what it is. */
function checkText(text: unknown): asserts text is string {
  if (text === undefined || text === null) throw new KeyFault('is missing; is the environment variable set?')
  if (typeof text !== 'string') throw new KeyFault('is not a string')
  if (text === '') throw new KeyFault('is empty')
  if (/\s/.test(text)) throw new KeyFault('contains white space')
  const scheme = /^(v1a?),/.exec(text)?.[1]
  if (scheme)
    throw new KeyFault(`has a \`${scheme},\` prefix: that is a signature or a header entry, not a key`)
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) throw new KeyFault('contains characters that are no text')
}

function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  // Buffer.from skips what it does not know: `whsec_???` would become an empty key, and a mistyped one a wrong key.
  if (bytes.toString('base64') !== text)
    throw new KeyFault('is not canonical base64 (RFC 4648, with padding)')
  if (bytes.length === 0) throw new KeyFault('is empty after its prefix')
  return bytes
}
