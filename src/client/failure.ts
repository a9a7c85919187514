import { ClientError } from './error.ts'

/** What may be told of the address: query, user name and password may be secrets. */
export function addressOf(url: string | URL): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/** Failures of a connection that the same request meets again: the certificate, or an address that `fetch` refuses. */
const HOPELESS: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_INVALID_URL',
  'ERR_INVALID_ARG_TYPE',
  'ERR_INVALID_ARG_VALUE',
])

/** The error of a request that got no answer. */
export function networkError(url: string, error: unknown, secrets: readonly string[]): ClientError {
  const cause = harmless(error, secrets)
  const chain = chainOf(cause)
  const code = chain.map((one) => (one as { code?: unknown }).code).find((one) => typeof one === 'string')
  const last = chain.at(-1)
  const why = [code as string | undefined, last?.message]
    .filter((part) => part !== undefined && part !== '')
    .join(': ')
  const hopeless =
    (code !== undefined && HOPELESS.has(code as string)) ||
    chain.some(({ message }) => message === 'bad port')
  return new ClientError('network_error', `${addressOf(url)} could not be reached${why && ` (${why})`}.`, {
    retryable: !hopeless,
    cause,
  })
}

function chainOf(error: Error): Error[] {
  const chain: Error[] = []
  for (let one: unknown = error; one instanceof Error && chain.length < MAX_CAUSES; one = one.cause)
    chain.push(one)
  return chain
}

const MAX_CAUSES = 5
const MAX_TEXT = 2_000

/**
 * A copy of an error with its name, message, code and causes, and without secrets. The error itself may carry the
 * request: errors of a `fetch` of one's own do, with every header, and `console.log` prints all of it.
 */
export function harmless(error: unknown, secrets: readonly string[], depth = 0): Error {
  try {
    return copyOf(error, secrets, depth)
  } catch {
    // a proxy, or an object whose members throw when they are read
    return new Error('something that cannot be read was thrown')
  }
}

function copyOf(error: unknown, secrets: readonly string[], depth: number): Error {
  const clean = (text: unknown): string => {
    let safe = String(text).slice(0, MAX_TEXT)
    for (const secret of secrets) safe = safe.replaceAll(secret, '***')
    // user name and password of any URL, and its query
    return safe.replace(/\/\/[^\s/@]*@/g, '//***@').replace(/(\/\/[^\s?#]*)\?[^\s#]*/g, '$1?***')
  }
  const { name, message, code, cause, stack, errors } = (error instanceof Error ? error : {}) as Error & {
    code?: unknown
    errors?: unknown
  }
  // of a connection that tried several addresses, the first says it
  const inner = cause ?? (Array.isArray(errors) ? errors[0] : undefined)
  const deeper = inner !== undefined && depth + 1 < MAX_CAUSES
  const text = error instanceof Error ? clean(message) : 'something that is not an Error was thrown'
  const copy = new Error(text, deeper ? { cause: harmless(inner, secrets, depth + 1) } : undefined)
  copy.name = name === undefined ? 'Error' : clean(name)
  if (typeof stack === 'string') copy.stack = clean(stack)
  return typeof code === 'string' ? Object.assign(copy, { code: clean(code) }) : copy
}
