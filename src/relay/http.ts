import { clockOf, isWait, settled } from '../core/callback.ts'
import { checkOptions } from '../core/options.ts'
import type { SigningInput } from '../core/signature/sign.ts'
import { createSigner } from '../core/signature/sign.ts'
import type { DeliveryFault, RelayBatch, Sink } from './sink.ts'
import { DeliveryError } from './sink.ts'

/** Options of `httpSink`. */
export interface HttpSinkOptions {
  /** Where batches are posted to. `https:`, or `http:` to this machine; see `allowHttp`. */
  readonly url: string | URL
  /** What they are signed with, as on the calling side of an endpoint: `whsec_...`, `sk_...`, `whsk_...`, a JWK. */
  readonly key: SigningInput
  /** Headers beside postern's own, none of which may be named here. */
  readonly headers?: Readonly<Record<string, string>>
  /** Longest wait for an answer, in milliseconds, up to an hour. Default 15,000. */
  readonly timeoutMs?: number
  /** Allows `http:` to other machines: rows then travel in the clear. Default false. */
  readonly allowHttp?: boolean
  /** Default: the global one. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** The clock of signatures and of `Retry-After`, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

/** Statuses that say: there is somebody, and this body is not taken. */
const REFUSED: readonly number[] = [400, 413, 422]
/** So much of an answer is read to keep the connection for the next batch; of what is longer the connection is closed. */
const ANSWER_BYTES = 65_536

/**
 * Posts `{"events":[...]}`, signed with Standard Webhooks headers. Any 2xx says that all of it has arrived. 410 Gone
 * disables the relay; 400, 413 and 422 say that the body is not taken, and it comes again in smaller batches; everything
 * else, redirects too, is tried again by the schedule, and not before `Retry-After`.
 *
 * The `webhook-id` stays the same when the same events are sent again, and stands in `Idempotency-Key` too.
 *
 * @throws TypeError for an address, a key, a header or a number that cannot be right; the sentence holds neither the key
 *   nor a header's value
 * @example
 * const sink = httpSink({ url: 'https://api.example.com/source/events', key: process.env.RELAY_KEY ?? '' })
 */
export function httpSink(options: HttpSinkOptions): Sink {
  checkOptions<HttpSinkOptions>('httpSink', options, {
    url: 'any',
    key: 'any',
    headers: 'any',
    timeoutMs: 'any',
    allowHttp: 'boolean',
    fetch: 'any',
    now: 'any',
  })
  const url = addressOf(options.url, options.allowHttp ?? false)
  const sign = createSigner(options.key)
  const send = options.fetch ?? ((address: string, init: RequestInit) => fetch(address, init))
  const now = options.now ?? Date.now
  const timeoutMs = options.timeoutMs ?? 15_000
  if (!isWait(timeoutMs) || timeoutMs > LONGEST_TIMEOUT_MS)
    throw new TypeError(`timeoutMs must be a whole number from 1 to ${LONGEST_TIMEOUT_MS}.`)
  if (typeof send !== 'function' || typeof now !== 'function')
    throw new TypeError('fetch and now must be functions.')
  const own = headersOf(options.headers)
  const time = clockOf('now', now)

  return async (batch: RelayBatch, { signal }) => {
    const { body } = batch
    const signature = await sign(body, { id: batch.id, now: time })
    const timeout = AbortSignal.timeout(timeoutMs)
    const headers = new Headers(own)
    const ours = { 'content-type': 'application/json', 'idempotency-key': batch.id, ...signature }
    for (const [name, value] of Object.entries(ours)) headers.set(name, value)
    const init: RequestInit = {
      method: 'POST',
      headers,
      body,
      // rows must not go to an address that nobody configured
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    }
    const late = (): DeliveryError => new DeliveryError(`No answer within ${timeoutMs} ms.`)
    let response: Response
    try {
      // a fetch of the application's may not look at the signal
      response = await settled('fetch', () => send(url, init), timeoutMs, late)
    } catch (cause) {
      signal.throwIfAborted()
      if (timeout.aborted || cause instanceof DeliveryError) throw late()
      throw new DeliveryError(`The sink could not be reached${reason(cause)}.`, { cause })
    }
    if (!isResponse(response)) throw new DeliveryError('The option `fetch` gave no Response.')
    await finish(response)
    if (response.ok) return
    const { status } = response
    throw new DeliveryError(`The sink answered ${status}${words(status)}.`, {
      fault: faultOf(status),
      retryAfterMs: retryAfterOf(response.headers, time()),
    })
  }
}

const LONGEST_TIMEOUT_MS = 3_600_000

/** What says how the body is to be read, and what proves who sends: of these there is one value, and it is not given. */
const OURS =
  /^(?:webhook-.*|content-type|content-length|content-encoding|idempotency-key|host|connection|transfer-encoding)$/i

/** Checked at the start: at a delivery the runtime's own message would hold the value, and be written down. */
function headersOf(given: Readonly<Record<string, string>> = {}): Headers {
  const headers = new Headers({ 'user-agent': 'postern-relay' })
  for (const [name, value] of Object.entries(given)) {
    if (OURS.test(name)) throw new TypeError(`The header ${name} of an HTTP sink is postern's own.`)
    if (typeof value !== 'string') throw new TypeError(`The header ${name} of an HTTP sink must be a text.`)
    try {
      headers.set(name, value)
    } catch {
      throw new TypeError(`The header ${JSON.stringify(name)} of an HTTP sink is not a valid HTTP header.`)
    }
  }
  return headers
}

/** Of any implementation: an application's fetch may bring its own classes. */
const isResponse = (given: unknown): given is Response =>
  typeof given === 'object' &&
  given !== null &&
  typeof (given as Response).status === 'number' &&
  typeof (given as Response).ok === 'boolean' &&
  typeof (given as Response).headers?.get === 'function'

function addressOf(given: string | URL, allowHttp: boolean): string {
  if (!URL.canParse(String(given))) throw new TypeError('The address of an HTTP sink is no URL.')
  const url = new URL(given)
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new TypeError('The address of an HTTP sink must begin with https:.')
  if (url.protocol === 'http:' && !local && !allowHttp)
    throw new TypeError('The address of an HTTP sink must begin with https:, or `allowHttp` must be set.')
  // it would end up in logs; what proves who sends is the signature
  if (url.username !== '' || url.password !== '')
    throw new TypeError('The address of an HTTP sink must not hold a user or a password.')
  return url.href
}

const faultOf = (status: number): DeliveryFault =>
  status === 410 ? 'gone' : REFUSED.includes(status) ? 'refused' : 'failed'

const words = (status: number): string => {
  if (status === 410) return ' Gone'
  return status >= 300 && status < 400 ? ', a redirect, which is not followed' : ''
}

/** The name of a network error; its message may hold the address. */
function reason(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; depth += 1) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string' && /^[A-Z_0-9]{3,40}$/.test(code)) return `: ${code}`
    at = at.cause
  }
  return ''
}

/** Reads the answer's body to its end, so that the connection can be used again. What it says does not matter. */
async function finish(response: Response): Promise<void> {
  let bytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > ANSWER_BYTES) return
    }
  } catch {
    // the status has been said
  }
}

/** Seconds or a date, as HTTP allows both. A date is of the sink's clock, which its answer tells. */
function retryAfterOf(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const theirs = Date.parse(headers.get('date') ?? '')
  const wait = /^\d{1,9}$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - (Number.isNaN(theirs) ? now : theirs)
  return wait > 0 ? wait : undefined
}
