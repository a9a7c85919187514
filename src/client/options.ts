import type { Scope } from '../core/adapter.ts'
import type { CallOptions } from '../core/caller/caller.ts'
import { checkOptions, numberOf } from '../core/options.ts'
import { createSigner, type SigningInput } from '../core/signature/sign.ts'

interface CommonOptions {
  /** Where the endpoint is mounted, for example `https://app.example.com/api/source`. Redirects are not followed. */
  readonly url: string | URL
  /** Default: the global one. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** Milliseconds for one attempt, signing and the answer's body included. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** Attempts after the first, at most 100. Default 4, with 0.1 to 5 seconds in between, doubling, with jitter. */
  readonly retries?: number | undefined
  /** The longest Retry-After that is waited for; a longer one ends the attempts. Milliseconds, default 30,000. */
  readonly maxRetryAfterMs?: number | undefined
  /** Bytes of a request's body at most; a larger one is not sent. Default 1 MiB, what an endpoint reads by default. */
  readonly maxRequestBytes?: number | undefined
  /** Bytes of an answer at most; reading a larger one ends. Default 32 MiB, twice what an endpoint of postern gives. */
  readonly maxAnswerBytes?: number | undefined
  /** Of every request; the one given with a call is laid over it. */
  readonly scope?: Scope | undefined
  /** Headers beside the signature's, for example the one by which `resolveKeys` knows the tenant. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A client that holds the key. */
export interface ClientWithKey extends CommonOptions {
  /** What requests are signed with: the endpoint's `signingKey`, a private key, or several during a rotation. */
  readonly signingKey: SigningInput | undefined
  readonly sign?: undefined
}

/** A client in a place that must not hold the key. */
export interface ClientWithSigner extends CommonOptions {
  readonly signingKey?: undefined
  /**
   * Signs in place of a key, for example by asking a server of yours: gives the Standard Webhooks headers of a body.
   * Called for each attempt, because a timestamp must be fresh. `id` is the `webhook-id` to sign under.
   */
  readonly sign: (body: string, options: { readonly id: string }) => Promise<Readonly<Record<string, string>>>
}

/** Options of `createClient`: with `signingKey`, or with `sign`. */
export type ClientOptions = ClientWithKey | ClientWithSigner

/** What a call of the client can be told beside its request. */
export interface ClientCallOptions extends CallOptions {
  /** Ends the call, its attempts included. What was sent may still be applied. */
  readonly signal?: AbortSignal | undefined
}

/** Options, checked and with every default filled in. */
export interface Settings {
  readonly url: string
  readonly sign: ClientWithSigner['sign']
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly timeoutMs: number
  readonly retries: number
  readonly maxRetryAfterMs: number
  readonly maxRequestBytes: number
  readonly maxAnswerBytes: number
  readonly scope: Scope
  readonly headers: Readonly<Record<string, string>>
  /** What no message may quote. */
  readonly secrets: readonly string[]
}

/** A larger number of milliseconds makes a timer fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1
const MAX_BYTES = 2 ** 30

/** @throws TypeError naming the option that is unknown or cannot work, and never quoting a key, a header or a password */
export function readOptions(options: ClientOptions): Settings {
  checkOptions<ClientWithKey | ClientWithSigner>(
    'createClient',
    options,
    {
      url: 'any',
      signingKey: 'any',
      sign: 'function',
      fetch: 'function',
      timeoutMs: 'number',
      retries: 'number',
      maxRetryAfterMs: 'number',
      maxRequestBytes: 'number',
      maxAnswerBytes: 'number',
      scope: 'object',
      headers: 'object',
    },
    { key: 'it is called "signingKey"', secret: 'it is called "signingKey"', baseUrl: 'it is called "url"' },
  )
  const headers = readHeaders(options.headers)
  const { fetch: own } = options
  return {
    url: readUrl(options.url),
    sign: readSigner(options),
    fetch: own ?? ((url, init) => fetch(url, init)),
    timeoutMs: numberOf('timeoutMs', options.timeoutMs, 10_000, 1, MAX_TIMER_MS),
    retries: numberOf('retries', options.retries, 4, 0, 100),
    maxRetryAfterMs: numberOf('maxRetryAfterMs', options.maxRetryAfterMs, 30_000, 0, MAX_TIMER_MS),
    maxRequestBytes: numberOf('maxRequestBytes', options.maxRequestBytes, 2 ** 20, 1, MAX_BYTES),
    maxAnswerBytes: numberOf('maxAnswerBytes', options.maxAnswerBytes, 2 ** 25, 1, MAX_BYTES),
    scope: options.scope ?? {},
    headers,
    secrets: secretsOf(options, headers),
  }
}

function readUrl(given: string | URL): string {
  let url: URL
  try {
    url = new URL(given)
  } catch {
    throw new TypeError(
      'createClient: option "url" must be an absolute URL, for example https://example.com/api/source.',
    )
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new TypeError(`createClient: option "url" must begin with https: or http:, not ${url.protocol}`)
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(
      'createClient: option "url" must not have a user name and password, which fetch refuses; send them in `headers`.',
    )
  }
  url.hash = ''
  return url.href
}

/** Invalid ones would fail each request, with an error that quotes the value. */
function readHeaders(given: CommonOptions['headers'] = {}): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase()
    if (lower.startsWith('webhook-') || lower === 'content-type')
      throw new TypeError(`createClient: the header ${lower} is set by the client itself.`)
    try {
      new Headers({ [name]: value })
      if (typeof value === 'string') continue
    } catch {
      // said below, without the value
    }
    throw new TypeError(
      `createClient: the header ${JSON.stringify(name)} has a name or a value that HTTP does not allow.`,
    )
  }
  return { ...given }
}

function readSigner({ signingKey, sign }: ClientOptions): ClientWithSigner['sign'] {
  if (sign !== undefined && signingKey !== undefined)
    throw new TypeError('createClient: give `signingKey` or `sign`, not both.')
  if (sign !== undefined) return sign
  if (signingKey === undefined) {
    throw new TypeError(
      'createClient: a client needs `signingKey` or `sign`; is the environment variable of the key set?',
    )
  }
  return createSigner(signingKey)
}

/** Short texts would blank out half of a message and protect nothing. */
const MIN_SECRET = 6

function secretsOf({ signingKey }: ClientOptions, headers: Readonly<Record<string, string>>): string[] {
  const keys = Array.isArray(signingKey) ? signingKey : [signingKey]
  const texts = keys.flatMap((key) => (typeof key === 'object' && key !== null ? Object.values(key) : [key]))
  return [...texts, ...Object.values(headers)].filter(
    (text): text is string => typeof text === 'string' && text.length >= MIN_SECRET,
  )
}
