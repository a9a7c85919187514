import pRetry from 'p-retry'
import { ClientError } from './error.ts'
import type { ClientOptions } from './types.ts'

/** An answer without an error. */
export interface Answer {
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

/** Signs and sends one request, as often as it takes. */
export type Send = (request: object, signal?: AbortSignal) => Promise<Answer>

const MIN_DELAY_MS = 100
const MAX_DELAY_MS = 5_000

/** Statuses that a proxy or a platform answers with when the source could not be reached or is rolling over. */
const PASSING: readonly number[] = [408, 425, 429, 502, 503, 504]

export function createSend(options: ClientOptions): Send {
  const url = new URL(options.url).href
  const sign = signerOf(options)
  const send = options.fetch ?? ((input: string, init: RequestInit) => fetch(input, init))
  const timeoutMs = options.timeoutMs ?? 10_000
  const maxRetryAfterMs = options.maxRetryAfterMs ?? 30_000

  async function attempt(body: string, id: string, signal: AbortSignal | undefined): Promise<Answer> {
    // Signed anew each time: the timestamp must be fresh. The id stays, it is still the same message.
    const signature = await sign(body, { id })
    const timeout = AbortSignal.timeout(timeoutMs)
    const init: RequestInit = {
      method: 'POST',
      headers: {
        accept: 'application/json',
        ...options.headers,
        'content-type': 'application/json',
        ...signature,
      },
      body,
      // A redirect would carry the signed body to an address that nobody configured.
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    }
    try {
      const response = await send(url, init)
      return readAnswer(response, await response.text())
    } catch (cause) {
      if (cause instanceof ClientError) throw cause
      signal?.throwIfAborted()
      if (timeout.aborted) {
        throw new ClientError('timeout', `No answer within ${timeoutMs} ms.`, {
          retryable: true,
          cause,
        })
      }
      throw new ClientError('network_error', 'The source could not be reached.', {
        retryable: true,
        cause,
      })
    }
  }

  return (request, signal) => {
    const body = JSON.stringify(request)
    const id = `msg_${crypto.randomUUID()}`
    return pRetry(() => attempt(body, id, signal), {
      retries: options.retries ?? 4,
      minTimeout: MIN_DELAY_MS,
      maxTimeout: MAX_DELAY_MS,
      randomize: true,
      signal,
      shouldRetry: async ({ error }) => {
        if (!(error instanceof ClientError) || !error.retryable) return false
        const wait = error.retryAfterMs ?? 0
        if (wait > maxRetryAfterMs) return false
        // On top of it comes the jittered delay, so that callers who were told the same do not return as one.
        if (wait > 0) await sleep(wait, signal)
        return true
      },
    })
  }
}

/** The signing code is loaded only where a key is held: it needs `node:crypto`, which a browser has not. */
function signerOf({ signingKey: key, sign }: ClientOptions): NonNullable<ClientOptions['sign']> {
  if (sign !== undefined) return sign
  if (key === undefined) throw new TypeError('A source client needs `signingKey` or `sign`.')
  const signer = import('../core/signature/sign.ts').then(({ createSigner }) => createSigner(key))
  // A key that cannot be used fails the first call, not the process.
  signer.catch(() => {})
  return async (body, options) => ({ ...(await (await signer)(body, options)) })
}

function readAnswer(response: Response, text: string): Answer {
  const { status, headers } = response
  const body = parse(text)
  if (status === 200 && body !== undefined) return { body, headers }
  const retryAfterMs = retryAfterOf(headers)
  if (body !== undefined && typeof body.error === 'string' && typeof body.message === 'string') {
    throw new ClientError(body.error, body.message, {
      status,
      retryable: body.retryable === true,
      requestId: typeof body.requestId === 'string' ? body.requestId : undefined,
      details: isObject(body.details) ? body.details : undefined,
      retryAfterMs,
    })
  }
  const location = headers.get('location')
  const redirect = status >= 300 && status < 400 && location !== null ? `, a redirect to ${location}` : ''
  throw new ClientError('unexpected_answer', `Status ${status}${redirect}, and no answer of a source.`, {
    status,
    retryable: PASSING.includes(status),
    retryAfterMs,
  })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return isObject(body) ? body : undefined
  } catch {
    return undefined
  }
}

/** Seconds or a date, as HTTP allows both. */
function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const wait = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return wait > 0 ? wait : undefined
}

/** Resolves after the time, rejects with the signal's reason when that comes first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    if (signal?.aborted) return reject(signal.reason)
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
