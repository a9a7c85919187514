import { Buffer } from 'node:buffer'
import {
  createHmac,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import type { SignedContent } from './envelope.ts'
import { publicKeyBytes, type SecretEncoding, secretBytes } from './key-text.ts'

/** The HMAC key of a secret, see `secretBytes`. */
export const hmacKey = (secret: string, encoding?: SecretEncoding): KeyObject =>
  createSecretKey(secretBytes(secret, encoding))

/** The Ed25519 public key of a `whpk_...` text: 32 bytes in base64. */
export const ed25519PublicKey = (text: string): KeyObject =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKeyBytes(text)).toString('base64url') },
    format: 'jwk',
  })

/** The `v1` value: HMAC-SHA256 in base64. */
function signV1(key: KeyObject, content: SignedContent): string {
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
