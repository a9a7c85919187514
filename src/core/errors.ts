/**
 * Every error this endpoint can answer with, in one place: the types, the responses and the reference page
 * in the docs come from this table. Source of the rule: the protocol's section "Errors".
 */
interface ErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number
  /** Whether the same request, with the same idempotency key, may succeed later. */
  readonly retryable: boolean
  /** What happened, for the person who reads the answer. */
  readonly meaning: string
  /** What to do about it. */
  readonly remedy: string
}

const entry = (status: number, retryable: boolean, meaning: string, remedy: string): ErrorEntry => ({
  status,
  retryable,
  meaning,
  remedy,
})

/**
 * Every code of the protocol: its HTTP status, whether the same request may succeed later, what it means and what to do.
 * All of them stand in `docs/errors.md`.
 */
export const errors = {
  method_not_allowed: entry(405, false, 'Only POST is answered here.', 'Send the request with POST.'),
  request_too_large: entry(
    413,
    false,
    'The body is larger than this endpoint reads.',
    'Send fewer operations at once, or raise `limits.bodyBytes`.',
  ),
  commit_too_large: entry(
    413,
    false,
    'The answer to this commit would be larger than this endpoint gives. Nothing of it was applied.',
    'Send fewer operations at once, or raise `limits.answerBytes`.',
  ),
  request_timeout: entry(
    408,
    true,
    'The body did not arrive in time.',
    'Send it again; slow links want a larger `limits.bodyTimeoutMs`.',
  ),
  request_truncated: entry(
    400,
    true,
    'Fewer bytes arrived than Content-Length announced.',
    'Send it again; look for a proxy that cuts bodies.',
  ),
  request_body_consumed: entry(
    500,
    false,
    'Something read the body before the endpoint could verify its signature.',
    'Mount the endpoint before any body parser; the message names the way of the framework.',
  ),
  unsupported_encoding: entry(
    415,
    false,
    'The body is compressed or not UTF-8 JSON.',
    'Send plain JSON: the signature covers the bytes as they are.',
  ),

  source_api_key_missing: entry(
    401,
    false,
    'No key is configured for this request.',
    'Configure `signingKey`, `keys` or `resolveKeys`.',
  ),
  source_id_missing: entry(
    401,
    false,
    'The webhook-id header is missing.',
    'Sign the request (Standard Webhooks headers).',
  ),
  source_timestamp_missing: entry(
    401,
    false,
    'The webhook-timestamp header is missing.',
    'Sign the request (Standard Webhooks headers).',
  ),
  source_timestamp_invalid: entry(
    401,
    false,
    'The webhook-timestamp header is no whole number of Unix seconds.',
    'Send whole seconds, for example 1767225600.',
  ),
  source_timestamp_expired: entry(
    401,
    false,
    'The webhook-timestamp is too far from this clock.',
    'Check both clocks and sign again.',
  ),
  source_signature_missing: entry(
    401,
    false,
    'The webhook-signature header is missing.',
    'Sign the request (Standard Webhooks headers).',
  ),
  source_signature_invalid: entry(
    401,
    false,
    'No signature of this request holds.',
    'Check that both sides have the same key and that nothing rewrites the body.',
  ),

  invalid_json: entry(400, false, 'The body is not strict JSON.', 'See `details.pointer` for the place.'),
  unknown_source_request: entry(
    400,
    false,
    'The request is of no known type or shape.',
    'Send `type` load, list, commit or events; see `details`.',
  ),
  source_commit_requires_correlation_id: entry(
    400,
    false,
    'A commit needs an idempotency key.',
    'Send `correlationId` (or `clientTxId`).',
  ),
  idempotency_key_mismatch: entry(
    400,
    false,
    'The Idempotency-Key header and the body name two keys.',
    'Send the same key in both, or in one of them.',
  ),
  source_commit_invalid: entry(
    400,
    false,
    'An operation or one of its values is refused.',
    'See `details.issues` for each place.',
  ),
  source_operation_id_required: entry(
    400,
    false,
    'An operation other than CREATE needs an id.',
    'Send `id` with the operation.',
  ),
  invalid_query: entry(
    400,
    false,
    'The query asks for something that the schema does not allow.',
    'See `details.issues` for each place.',
  ),
  not_null_violation: entry(
    400,
    false,
    'A value that the database requires is missing.',
    'Send the field named in `details`.',
  ),
  check_violation: entry(
    400,
    false,
    'A check constraint of the database refused a value.',
    'See `details.constraint`.',
  ),
  constraint_violation: entry(
    400,
    false,
    'A rule of the database refused the change.',
    'See `details.constraint`.',
  ),

  source_forbidden: entry(403, false, 'This caller may not do that.', 'Check scope and grants.'),
  source_load_not_configured: entry(
    404,
    false,
    'This endpoint does not answer load for the model.',
    'Configure an adapter or a load handler.',
  ),
  source_list_not_configured: entry(
    404,
    false,
    'This endpoint does not answer list for the model.',
    'Configure an adapter or a list handler.',
  ),
  source_commit_not_configured: entry(
    404,
    false,
    'This endpoint does not answer commit.',
    'Configure an adapter or a commit handler.',
  ),
  source_events_not_configured: entry(
    404,
    false,
    'This endpoint does not answer events.',
    'Configure an adapter or an events handler.',
  ),
  source_model_not_configured: entry(
    404,
    false,
    'The model is not part of this endpoint.',
    'Check the model name against the schema.',
  ),
  entity_not_found: entry(404, false, 'There is no such row for this caller.', 'Check model, id and tenant.'),

  stale_context: entry(
    409,
    false,
    'The row changed after the state that this commit was decided on.',
    'Read again, decide again, commit under a new key.',
  ),
  idempotency_conflict: entry(
    409,
    false,
    'This idempotency key was used for another commit.',
    'Use a new key for a new intent.',
  ),
  idempotency_key_expired: entry(
    409,
    false,
    'This idempotency key is older than the ledger vouches for.',
    'Read the rows to learn the outcome; use a new key.',
  ),
  unique_violation: entry(409, false, 'Another row already has that value.', 'See `details.constraint`.'),
  foreign_key_violation: entry(
    409,
    false,
    'A referenced row is missing, or this row is still referenced.',
    'See `details.constraint`.',
  ),
  source_commit_echo_not_supported: entry(
    409,
    false,
    'This adapter cannot give the echo that was asked for.',
    'Leave out `echo`, or use an adapter that supports it.',
  ),

  cursor_invalid: entry(400, false, 'The cursor was not issued for this query.', 'Start without a cursor.'),
  cursor_expired: entry(
    410,
    false,
    'The log no longer reaches back to this cursor.',
    'Load the rows anew, then follow from the newest cursor.',
  ),

  rate_limited: entry(
    429,
    true,
    'This caller has sent more requests than it may for now.',
    'Send it again, with the same key, after Retry-After.',
  ),
  source_busy: entry(503, true, 'The source is busy.', 'Send it again with the same key after Retry-After.'),
  source_unavailable: entry(
    503,
    true,
    'The database cannot be reached or does not accept writes.',
    'Send it again with the same key after Retry-After.',
  ),
  commit_outcome_unknown: entry(
    503,
    true,
    'The connection was lost while the commit was under way.',
    'Send it again with the same key: it is applied once.',
  ),

  source_adapter_misconfigured: entry(
    500,
    false,
    'The endpoint is not set up to answer this.',
    'The message names the fix; it is for the operator.',
  ),
  internal_error: entry(
    500,
    true,
    'Something unexpected went wrong.',
    'Send it again with the same key; give `requestId` to the operator.',
  ),
} as const satisfies Record<string, ErrorEntry>

/** A code of the protocol: a key of `errors`. */
export type ErrorCode = keyof typeof errors

export interface PosternErrorOptions {
  /** Machine-readable particulars for the answer. Never SQL, secrets or rows that the caller may not see. */
  details?: Record<string, unknown> | undefined
  /** The same as JSON text, where it carries rows: their numbers must not pass through JavaScript's. */
  detailsJson?: string | undefined
  /** The error underneath; it goes to `onError`, never over the wire. */
  cause?: unknown
  /** Seconds for the Retry-After header. */
  retryAfter?: number | undefined
}

/**
 * An error with a code of the protocol. Whatever an adapter, a handler or a hook throws becomes one of these
 * before it is answered; anything unknown becomes `internal_error`.
 *
 * @example
 * throw new PosternError('entity_not_found', 'There is no such task.', { details: { model: 'tasks' } })
 */
export class PosternError extends Error {
  override readonly name = 'PosternError'
  readonly code: ErrorCode
  readonly status: number
  readonly retryable: boolean
  /** JSON text of the details, for the answer; undefined when there are none. */
  readonly detailsJson: string | undefined
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message?: string, options: PosternErrorOptions = {}) {
    super(message ?? errors[code].meaning, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = errors[code].status
    this.retryable = errors[code].retryable
    this.detailsJson =
      options.detailsJson ?? (options.details === undefined ? undefined : JSON.stringify(options.details))
    this.retryAfter = options.retryAfter ?? (this.status === 503 ? 1 : undefined)
  }

  /** The details as values. */
  get details(): Record<string, unknown> | undefined {
    return this.detailsJson === undefined
      ? undefined
      : (JSON.parse(this.detailsJson) as Record<string, unknown>)
  }
}

/**
 * A "no" of the customer's own rules, thrown from a hook or a handler: the whole commit is rolled back and the
 * caller gets `code` and `message` as they are, with a 4xx status (422 unless told otherwise).
 *
 * @example
 * throw new Rejection('budget_exceeded', 'The project has no budget left.', { status: 409 })
 */
export class Rejection extends Error {
  override readonly name = 'Rejection'
  readonly code: string
  readonly status: number
  readonly details: Record<string, unknown> | undefined

  constructor(
    code: string,
    message: string,
    options: { status?: number; details?: Record<string, unknown> } = {},
  ) {
    super(message)
    this.code = code
    const status = options.status ?? 422
    if (status < 400 || status > 499) throw new RangeError('Rejection: status must be 400 to 499')
    this.status = status
    this.details = options.details
  }
}

/** One fault at one place of a request. `pointer` is a JSON pointer (RFC 6901) into the request body. */
export interface Issue {
  pointer: string
  message: string
}

/** Listed in one answer at most. A body of 1 MiB has room for half a million faults, whose list would take 50 MiB. */
const MAX_ISSUES = 100

/** A request error that lists the faults found (the first 100 of them), each with its place. */
export function issuesError(code: ErrorCode, issues: readonly Issue[]): PosternError {
  const first = issues[0]
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  return new PosternError(
    code,
    first === undefined ? undefined : `${first.pointer}: ${first.message}${more}`,
    {
      details: { issues: issues.slice(0, MAX_ISSUES) },
    },
  )
}
