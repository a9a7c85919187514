import { Buffer } from 'node:buffer'
import { PosternError } from '../errors.ts'
import { decodeJson } from '../protocol/json.ts'
import type { SignedContent } from './envelope.ts'
import type { KeyFinder } from './jwks.ts'

/** Each of these offers the verifier a key, or the address of one, of the sender's choosing. */
const KEY_CARRYING_HEADERS = ['jwk', 'jku', 'x5u', 'x5c']

interface Protected {
  readonly alg: string
  readonly kid: string | undefined
}

/**
 * Verifies compact JWS with detached, unencoded content: `header..signature` (RFC 7515 appendix F, RFC 7797).
 *
 * The header is judged here before jose sees it: jose takes the last of two `alg` members, decodes base64url with
 * padding and stray bits, and follows neither rule about which headers may be present.
 *
 * @returns the verified `kid` in an object when one of the values holds, otherwise undefined
 * @throws PosternError `source_unavailable` when the key set cannot be had, so that nothing can be said
 */
export async function verifyJws(
  findKey: KeyFinder,
  algorithms: readonly string[],
  content: SignedContent,
  values: readonly string[],
): Promise<{ kid?: string } | undefined> {
  let unavailable: PosternError | undefined
  for (const value of values) {
    const [encoded = '', payload, signature = '', ...rest] = value.split('.', 4)
    if (payload !== '' || rest.length > 0 || !isBase64url(signature)) continue
    const header = readHeader(encoded)
    if (header === undefined || !algorithms.includes(header.alg)) continue
    const { flattenedVerify } = await import('jose')
    try {
      // Flattened form, because the compact one must be a string and content is bytes. No unprotected `header`
      // member is ever passed, so only what is signed counts.
      const jws = { protected: encoded, payload: content.bytes(), signature }
      await flattenedVerify(jws, findKey, { algorithms: [...algorithms] })
      return header.kid === undefined ? {} : { kid: header.kid }
    } catch (error) {
      // Everything else jose and Web Crypto say (no such key, several, wrong type, bad signature) is a "no" here.
      if (error instanceof PosternError) unavailable = error
    }
  }
  if (unavailable) throw unavailable
  return undefined
}

function readHeader(encoded: string): Protected | undefined {
  if (!isBase64url(encoded)) return undefined
  let header: unknown
  try {
    header = decodeJson(Buffer.from(encoded, 'base64url'))
  } catch {
    return undefined
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header)) return undefined
  const { alg, kid, b64, crit } = header as Record<string, unknown>
  if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string') || b64 !== false)
    return undefined
  if (!Array.isArray(crit) || crit.length !== 1 || crit[0] !== 'b64') return undefined
  if (KEY_CARRYING_HEADERS.some((name) => Object.hasOwn(header, name))) return undefined
  return { alg, kid }
}

/** Without padding, and with the unused bits of the last character zero: one spelling for the same bytes. */
function isBase64url(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text
}
