import { createHash } from 'node:crypto'
import { settled } from '../callback.ts'
import { PosternError } from '../errors.ts'
import type { KeyInput, KeyRing } from '../signature/keys.ts'
import { createKeyRing } from '../signature/keys.ts'
import type { EndpointOptions, ResolveKeys } from './options.ts'

/** Key rings kept ready for `resolveKeys`; more tenants than these only cost the import of their keys again. */
const MAX_RINGS = 1_000

/** Gives the keys that a request may be signed with; a promise only where `resolveKeys` makes one. */
export type KeyLookup = (request: Request) => KeyRing | Promise<KeyRing>

/**
 * The keys of the options, prepared once. A key that cannot be used stops the start. Where none is set (undefined, or an
 * empty text) it does not, because frameworks evaluate routes at build time, where the secrets of production are absent.
 * Such an endpoint answers every request with `source_api_key_missing`. One that is not set beside others that are is a
 * mistake, and stops the start.
 *
 * @throws TypeError when the options name no way to get a key, or several; and as `createKeyRing`
 */
export function keyLookup(
  options: Pick<EndpointOptions, 'signingKey' | 'keys' | 'resolveKeys' | 'url'>,
  timeoutMs?: number,
): KeyLookup {
  const ways = (['signingKey', 'keys', 'resolveKeys'] as const).filter((name) => name in options)
  if (options.url !== undefined && !URL.canParse(options.url))
    throw new TypeError('createEndpoint: option "url" must be an http URL.')
  const given = ways.filter((name) => options[name] !== undefined)
  if (ways.length === 0) throw new TypeError('createEndpoint: give `signingKey`, `keys` or `resolveKeys`.')
  if (given.length > 1)
    throw new TypeError(
      `createEndpoint: give one of ${given.map((name) => `\`${name}\``).join(', ')}, not all.`,
    )
  if (options.resolveKeys !== undefined) return resolvedKeys(options.resolveKeys, timeoutMs)
  const input = options.signingKey ?? options.keys
  if (input === undefined || isUnset(input)) {
    return () => {
      throw new PosternError('source_api_key_missing')
    }
  }
  const ring = createKeyRing(input)
  if (options.url === undefined && ring.keys.some(({ endpoint }) => endpoint !== undefined)) {
    throw new TypeError('createEndpoint: a key is bound to an `endpoint`: give the endpoint its own `url`.')
  }
  return () => ring
}

/** Whether no secret has a value: what `process.env.KEY`, or `process.env.KEY ?? ''`, gives where it is not set. */
function isUnset(input: KeyInput): boolean {
  const keys: readonly unknown[] = Array.isArray(input) ? input : [input]
  return keys.length > 0 && keys.every((key) => isBlank(isObject(key) && 'secret' in key ? key.secret : key))
}

const isBlank = (secret: unknown): boolean => secret === undefined || secret === ''

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

function resolvedKeys(resolveKeys: ResolveKeys, timeoutMs: number | undefined): KeyLookup {
  const rings = new Map<string, KeyRing>()
  return async (request) => {
    const asked = { headers: request.headers, url: request.url }
    const input = await settled('resolveKeys', () => resolveKeys(asked), timeoutMs)
    // The same answer as for a wrong key: it must not tell which tenants exist.
    if (input == null || (Array.isArray(input) && input.length === 0))
      throw new PosternError('source_signature_invalid')
    const name = nameOf(input)
    const ring = rings.get(name) ?? prepare(input)
    // Set again in any case: the map keeps its order of use, oldest first.
    rings.delete(name)
    rings.set(name, ring)
    if (rings.size > MAX_RINGS) rings.delete(rings.keys().next().value as string)
    return ring
  }
}

function nameOf(input: KeyInput): string {
  try {
    return createHash('sha256').update(JSON.stringify(input)).digest('base64')
  } catch (cause) {
    throw unusable(cause)
  }
}

function prepare(input: KeyInput): KeyRing {
  try {
    return createKeyRing(input)
  } catch (cause) {
    throw unusable(cause)
  }
}

const unusable = (cause: unknown): PosternError =>
  new PosternError('source_adapter_misconfigured', 'The keys that resolveKeys gave cannot be used.', {
    cause,
  })
