import type { StaleReportOf } from '../core/caller/caller.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Schema } from '../core/schema/define.ts'

/** What can go wrong without the endpoint having said so. */
export type ClientFault =
  /** Refused before it was sent: `details.issues` has each place as a JSON pointer. Nothing was written. */
  | 'invalid_request'
  /** No answer: refused, reset, name not found, certificate not valid. */
  | 'network_error'
  /** No whole answer in time. */
  | 'timeout'
  /** An answer that no endpoint gives: a proxy's page, a redirect, a body of another shape. */
  | 'unexpected_answer'
  /** More operations wait in a batch than `maxQueued`. Nothing was sent. */
  | 'queue_full'

/** A code of the protocol, or one of the client's own. */
export type ClientErrorCode = ErrorCode | ClientFault

/**
 * A request that failed. `code` is one of the protocol's, one of the application's own rules, or a `ClientFault`.
 * After a failed commit with `retryable` true its outcome may be unknown: sending it again **with the same key** is
 * safe and tells.
 *
 * Neither message nor cause quotes a key, a header's value or the query of the URL.
 *
 * @example
 * try {
 *   await client.commit({ idempotencyKey: 'k1', operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { title: 'Oil' }, readAt: 7 }] })
 * } catch (error) {
 *   if (error instanceof ClientError && error.is('entity_not_found')) console.log('it is gone')
 *   else throw error
 * }
 */
export class ClientError extends Error {
  override readonly name: string = 'ClientError'
  readonly code: ClientErrorCode | (string & {})
  /** The HTTP status; undefined when there was no answer. */
  readonly status: number | undefined
  /** The same request may succeed later, a commit under the same key. */
  readonly retryable: boolean
  /** For the operator of the endpoint: it is in their log. */
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

  /** Whether `code` is this one; a misspelt code does not compile. */
  is<C extends ClientErrorCode>(code: C): this is ClientError & { readonly code: C } {
    return this.code === code
  }
}

/** What is known of a `stale_context`. */
export interface StaleError<S extends Schema = Schema> extends ClientError {
  readonly code: 'stale_context'
  readonly details: {
    /** The operations that were decided on an older state, each with the row as it is now: up to a megabyte of them. */
    readonly operations: readonly StaleReportOf<S>[]
    /** How many there are beside those, where all of them would have more than a megabyte. */
    readonly more?: number
  } & Readonly<Record<string, unknown>>
}

/**
 * Whether a commit was refused because a row had changed since it was read. Nothing of it was written: read again,
 * decide again, commit under a new key; `update` does all three.
 *
 * @example
 * try {
 *   await client.update('tasks', 't1', () => ({ status: 'done' }))
 * } catch (error) {
 *   if (!isStale<typeof schema>(error)) throw error
 *   console.log(error.details.operations.map(({ current }) => current))
 * }
 */
export function isStale<S extends Schema = Schema>(error: unknown): error is StaleError<S> {
  return isRefusal(error, 'stale_context') && Array.isArray(error.details?.operations)
}

/** What is known of a `precondition_failed`. */
export interface PreconditionError extends ClientError {
  readonly code: 'precondition_failed'
  readonly details: {
    /** The operations whose condition did not hold: their place, and the current values. */
    readonly operations: readonly (Readonly<Record<string, unknown>> & {
      readonly index: number
      readonly model: string
      readonly id: string
    })[]
  } & Readonly<Record<string, unknown>>
}

/**
 * Whether a commit was refused because a condition of an operation did not hold. Nothing of it was written.
 *
 * @example
 * try {
 *   await client.update('tasks', 't1', () => ({ status: 'done' }))
 * } catch (error) {
 *   if (!isPreconditionFailed(error)) throw error
 *   console.log(error.details.operations)
 * }
 */
export function isPreconditionFailed(error: unknown): error is PreconditionError {
  return isRefusal(error, 'precondition_failed') && Array.isArray(error.details?.operations)
}

/** By name as well: an application may have the client twice, and `instanceof` knows one of them. */
function isRefusal(error: unknown, code: string): error is ClientError {
  return (
    error instanceof Error && error.name === 'ClientError' && (error as Partial<ClientError>).code === code
  )
}

/** One fault of a request, at its place. */
export interface RequestIssue {
  /** A JSON pointer (RFC 6901) into the request. */
  readonly pointer: string
  readonly message: string
}

/** The error of a request that must not be sent. */
export function invalidRequest(issues: readonly RequestIssue[]): ClientError {
  const [first = { pointer: '', message: 'invalid' }] = issues
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  return new ClientError('invalid_request', `Not sent: ${first.pointer}: ${first.message}${more}`, {
    retryable: false,
    details: { issues },
  })
}
