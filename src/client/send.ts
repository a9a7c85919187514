import pRetry from 'p-retry'
import { isInstance } from '../core/callback.ts'
import { messageId } from '../core/signature/sign.ts'
import { type Answer, type Check, readAnswer } from './answer.ts'
import { encodeRequest } from './encode.ts'
import { ClientError } from './error.ts'
import { addressOf, harmless, networkError } from './failure.ts'
import type { Settings } from './options.ts'

/** What is asked, and how its answer is known. */
export interface Request {
  readonly body: object
  readonly check: Check
  /** It may be sent again whatever became of it: it reads. */
  readonly safe: boolean
}

/** Signs and sends one request, as often as it takes. */
export type Send = <T>(request: Request, signal?: AbortSignal) => Promise<Answer<T>>

const MIN_DELAY_MS = 100
const MAX_DELAY_MS = 5_000

export function createSend(settings: Settings): Send {
  const { url, timeoutMs, maxRetryAfterMs } = settings
  const address = addressOf(url)

  async function attempt<T>(
    text: string,
    id: string,
    { check, safe }: Request,
    signal: AbortSignal | undefined,
  ): Promise<Answer<T>> {
    const timeout = AbortSignal.timeout(timeoutMs)
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout])
    const failure = (error: unknown, of: (error: unknown) => unknown): unknown => {
      if (isInstance(error, ClientError)) return error
      if (signal?.aborted) return signal.reason
      return timeout.aborted
        ? new ClientError('timeout', `No answer of ${address} within ${timeoutMs} ms.`, { retryable: true })
        : of(error)
    }
    // Signed anew each time: the timestamp must be fresh. The id stays, it is still the same message.
    const headers = await unlessAborted(either, () => signed(settings, text, id)).catch((error: unknown) => {
      throw failure(error, () => error)
    })
    try {
      const response = await unlessAborted(either, () =>
        settings.fetch(url, {
          method: 'POST',
          headers,
          body: text,
          // A redirect would carry the signed body to an address that nobody configured.
          redirect: 'manual',
          signal: either,
        }),
      )
      checkResponse(response)
      const answer = await unlessAborted(either, () => readText(response, settings.maxAnswerBytes))
      return readAnswer<T>(response, answer, check, safe)
    } catch (error) {
      throw failure(error, () => networkError(url, error, settings.secrets))
    }
  }

  return async <T>(request: Request, signal?: AbortSignal): Promise<Answer<T>> => {
    signal?.throwIfAborted()
    const text = encodeRequest(request.body)
    checkSize(text, settings.maxRequestBytes)
    const id = messageId()
    return pRetry(() => attempt<T>(text, id, request, signal), {
      retries: settings.retries,
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

async function signed(settings: Settings, text: string, id: string): Promise<Record<string, string>> {
  let signature: Readonly<Record<string, string>>
  try {
    signature = await settings.sign(text, { id })
  } catch (error) {
    // A key that cannot be used: a sentence that names the fault. It would be the same the next time.
    if (isInstance(error, TypeError) && error.message.startsWith('The signing key')) throw error
    throw new ClientError('invalid_request', 'Not sent: `sign` failed.', {
      retryable: false,
      cause: harmless(error, settings.secrets),
    })
  }
  const wanted = ['webhook-id', 'webhook-timestamp', 'webhook-signature']
  if (wanted.some((name) => typeof signature?.[name] !== 'string')) {
    throw new ClientError(
      'invalid_request',
      `Not sent: \`sign\` must give the headers ${wanted.join(', ')}.`,
      {
        retryable: false,
      },
    )
  }
  return {
    accept: 'application/json',
    ...settings.headers,
    'content-type': 'application/json',
    ...signature,
  }
}

function checkSize(text: string, max: number): void {
  // a UTF-16 unit becomes three bytes at most
  const bytes = text.length * 3 <= max ? 0 : new TextEncoder().encode(text).length
  if (bytes <= max) return
  throw new ClientError(
    'request_too_large',
    `Not sent: the request has ${bytes} bytes, \`maxRequestBytes\` is ${max}. Send fewer operations at once.`,
    { retryable: false },
  )
}

function checkResponse(response: Response): void {
  if (typeof response?.status === 'number' && typeof response.text === 'function') return
  throw new ClientError('unexpected_answer', '`fetch` gave something that is not a Response.', {
    retryable: false,
  })
}

/** The whole body as text, read piece by piece so that one without end is not kept. */
async function readText(response: Response, max: number): Promise<string> {
  const tooLarge = (): ClientError =>
    new ClientError('unexpected_answer', `The answer is larger than \`maxAnswerBytes\`, ${max} bytes.`, {
      status: response.status,
      // it would be as large the next time
      retryable: false,
    })
  if (!response.body) return response.text()
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > max) {
      reader.cancel().catch(() => {})
      throw tooLarge()
    }
    text += decoder.decode(value, { stream: true })
  }
}

/** The outcome of the work, or the signal's reason when that comes first: a `fetch` of one's own may ignore it. */
async function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let abort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    if (abort !== undefined) signal.removeEventListener('abort', abort)
  }
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
