import type { JWK } from 'jose'
import type { SignedContent } from './envelope.ts'

/**
 * What a signature may be made with. No `none`, and nothing symmetric: with HS256 the published public key would
 * be the secret.
 */
export const ALGORITHMS: readonly string[] = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
]

/** The algorithm a private JWK signs with where it does not say so itself. */
export function algorithmOf(jwk: JWK): string | undefined {
  if (jwk.alg !== undefined) return jwk.alg
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA'
  if (jwk.kty === 'EC') return { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }[jwk.crv ?? '']
  return undefined
}

/** The `jws` value: `header..signature`. jose is loaded by the first one: most callers have a secret. */
export async function signJws(jwk: JWK, algorithm: string, content: SignedContent): Promise<string> {
  const header = {
    alg: algorithm,
    ...(jwk.kid === undefined ? {} : { kid: jwk.kid }),
    b64: false,
    crit: ['b64'],
  }
  const { FlattenedSign } = await import('jose')
  const jws = await new FlattenedSign(content.bytes()).setProtectedHeader(header).sign(jwk)
  return `${jws.protected}..${jws.signature}`
}
