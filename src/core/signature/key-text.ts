import { type Bytes, fromBase64 } from './base64.ts'
import { KeyFault } from './key-fault.ts'

export type SecretEncoding = 'utf8' | 'base64'

const SECRET_PREFIX = 'whsec_'
const PUBLIC_PREFIX = 'whpk_'
const PRIVATE_PREFIX = 'whsk_'

export const isPublicKeyText = (text: unknown) => typeof text === 'string' && text.startsWith(PUBLIC_PREFIX)
export const isPrivateKeyText = (text: unknown) => typeof text === 'string' && text.startsWith(PRIVATE_PREFIX)

/**
 * The bytes of a secret. `whsec_...` is base64 after the prefix, anything else stands for its own UTF-8 bytes,
 * unless `encoding` says otherwise. Both are never tried: a key that means two things is two keys.
 */
export function secretBytes(secret: string, encoding?: SecretEncoding): Bytes {
  checkText(secret)
  if (isPublicKeyText(secret))
    throw new KeyFault('is a `whpk_` public key, which anyone may know; give it as `publicKey`')
  if (isPrivateKeyText(secret))
    throw new KeyFault('is a `whsk_` private key; give it as `privateKey` to the signing side')
  const prefixed = secret.startsWith(SECRET_PREFIX)
  switch (encoding ?? (prefixed ? 'base64' : 'utf8')) {
    case 'base64':
      return decodeBase64(prefixed ? secret.slice(SECRET_PREFIX.length) : secret)
    case 'utf8':
      return new TextEncoder().encode(secret)
    default:
      throw new KeyFault('has an `encoding` other than `utf8` and `base64`')
  }
}

/** The 32 bytes of a `whpk_...` text, an Ed25519 public key. */
export function publicKeyBytes(text: string): Bytes {
  checkText(text)
  if (!isPublicKeyText(text)) throw new KeyFault('does not begin with `whpk_`')
  const bytes = decodeBase64(text.slice(PUBLIC_PREFIX.length))
  if (bytes.length !== 32) throw new KeyFault('is not 32 bytes long')
  return bytes
}

/** The bytes of a `whsk_...` text, an Ed25519 private key: the seed, and the public half where the text has it. */
export function privateKeyBytes(text: string): {
  readonly seed: Bytes
  readonly publicHalf: Bytes | undefined
} {
  checkText(text)
  if (!isPrivateKeyText(text)) throw new KeyFault('does not begin with `whsk_`')
  const bytes = decodeBase64(text.slice(PRIVATE_PREFIX.length))
  if (bytes.length !== 32 && bytes.length !== 64) throw new KeyFault('is not 32 or 64 bytes long')
  return { seed: bytes.slice(0, 32), publicHalf: bytes.length === 64 ? bytes.slice(32) : undefined }
}

/** What a text from a dashboard or an environment variable suffers on its way here, each named for what it is. */
function checkText(text: unknown): asserts text is string {
  if (text === undefined || text === null)
    throw new KeyFault('is missing: the environment variable may not be set')
  if (typeof text !== 'string') throw new KeyFault('is not a string')
  if (text === '') throw new KeyFault('is empty')
  if (/\s/.test(text)) throw new KeyFault('contains white space')
  const scheme = /^(v1a?),/.exec(text)?.[1]
  if (scheme)
    throw new KeyFault(`has a \`${scheme},\` prefix: that is a signature or a header entry, not a key`)
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) throw new KeyFault('contains characters that are no text')
}

function decodeBase64(text: string): Bytes {
  const bytes = fromBase64(text)
  if (bytes === undefined) throw new KeyFault('is not canonical base64 (RFC 4648, with padding)')
  if (bytes.length === 0) throw new KeyFault('is empty after its prefix')
  return bytes
}
