import type { ErrorCode } from '../core/errors.ts'

/** What can go wrong without the source having said so. */
export type TransportCode =
  /** No answer: refused, reset, name not found. */
  | 'network_error'
  /** No whole answer in time. */
  | 'timeout'
  /** An answer that no source gives: a proxy's page, a redirect, text that is no JSON. */
  | 'unexpected_answer'

/**
 * A request that failed. `code` is one of the protocol's, one of a customer's own rules, or a `TransportCode`.
 * After a failed commit with `retryable` true its outcome may be unknown: sending it again **with the same key** is
 * safe and tells.
 *
 * @example
 * try {
 *   await client.commit({ idempotencyKey: 'k1', operations: [{ type: 'DELETE', model: 'tasks', id: 't1', readAt: 7 }] })
 * } catch (error) {
 *   if (error instanceof ClientError && error.code === 'stale_context') console.log(error.details)
 *   else throw error
 * }
 */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ErrorCode | TransportCode | (string & {})
  /** The HTTP status; undefined when there was no answer. */
  readonly status: number | undefined
  /** The same request may succeed later, a commit under the same key. */
  readonly retryable: boolean
  /** For the operator of the source: it stands in their log. */
  readonly requestId: string | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined
  /** What Retry-After asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: ClientError['code'],
    message: string,
    options: {
      retryable: boolean
      status?: number | undefined
      requestId?: string | undefined
      details?: Readonly<Record<string, unknown>> | undefined
      retryAfterMs?: number | undefined
      cause?: unknown
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status
    this.retryable = options.retryable
    this.requestId = options.requestId
    this.details = options.details
    this.retryAfterMs = options.retryAfterMs
  }
}
