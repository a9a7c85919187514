import { type Bytes, toBase64 } from './base64.ts'
import type { SignedContent } from './envelope.ts'
import { KeyFault } from './key-fault.ts'
import { privateKeyBytes, type SecretEncoding, secretBytes } from './key-text.ts'

/*
 * Signing with WebCrypto alone, which Node, Bun, Deno, browsers, Workers and Edge share. A key is read at once, so that
 * a text that cannot be one stops the start; WebCrypto imports it when it first signs.
 */

/** Makes the `v1` value of a secret: HMAC-SHA256 in base64. */
export function hmacSigner(
  secret: string,
  encoding?: SecretEncoding,
): (content: SignedContent) => Promise<string> {
  const bytes = secretBytes(secret, encoding)
  const importKey = once(() =>
    webCrypto().importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']),
  )
  return async (content) => toBase64(await signature('HMAC', await importKey(), content))
}

/** Makes the `v1a` value of a `whsk_...` private key: Ed25519 in base64. */
export function ed25519Signer(privateKey: string): (content: SignedContent) => Promise<string> {
  const { seed, publicHalf } = privateKeyBytes(privateKey)
  const importKey = once(async () => {
    // PKCS #8 around the seed (RFC 8410): unlike a JWK it does not need the public half to be known.
    const pkcs8 = Uint8Array.of(...PKCS8_ED25519, ...seed)
    const key = await webCrypto().importKey('pkcs8', pkcs8, 'Ed25519', publicHalf !== undefined, ['sign'])
    if (publicHalf === undefined) return key
    const { x = '' } = await webCrypto().exportKey('jwk', key)
    const known = toBase64(publicHalf).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
    if (x !== known) throw new KeyFault('has a public half that is of another key')
    return key
  })
  return async (content) => toBase64(await signature('Ed25519', await importKey(), content))
}

const PKCS8_ED25519 = [
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

async function signature(algorithm: string, key: Key, content: SignedContent): Promise<Bytes> {
  return new Uint8Array(await webCrypto().sign(algorithm, key, content.bytes()))
}

function webCrypto(): typeof crypto.subtle {
  const { subtle } = globalThis.crypto ?? {}
  if (subtle === undefined)
    throw new KeyFault('cannot be used here: WebCrypto needs https or localhost; give `sign` in its place')
  return subtle
}

/** The first outcome for every call. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= work()
    return result
  }
}
