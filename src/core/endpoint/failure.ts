import { type ErrorCode, errors, PosternError, Rejection } from '../errors.ts'

/** Anything thrown, as it is answered. */
export interface Failure {
  readonly code: string
  readonly status: number
  readonly message: string
  readonly retryable: boolean
  /** JSON text: rows in it were written by the database, and must not pass through JavaScript's numbers. */
  readonly detailsJson: string | undefined
  /** Seconds. */
  readonly retryAfter: number | undefined
  /** The error, when it is a refusal by rule and no fault of this side. */
  readonly refusal: PosternError | Rejection | undefined
}

/**
 * What may be said of an error. Only the two classes that are made for it speak for themselves; of anything else the
 * caller learns that it happened, since a driver's message quotes SQL and rows.
 */
export function failureOf(error: unknown): Failure {
  try {
    return spoken(error) ?? unspoken()
  } catch {
    // A proxy, or an object whose members throw when they are read.
    return unspoken()
  }
}

function spoken(error: unknown): Failure | undefined {
  if (isSourceError(error)) {
    const { status, retryable } = errors[error.code]
    const { code, message, detailsJson } = error
    const retryAfter = Number.isFinite(error.retryAfter) ? error.retryAfter : undefined
    const refusal = status < 500 || error.code === 'source_busy' ? error : undefined
    return { code, status, message, retryable, detailsJson, retryAfter, refusal }
  }
  if (isRejection(error)) {
    const { code, status, message, details } = error
    return {
      code,
      status,
      message,
      retryable: false,
      detailsJson: textOf(details),
      retryAfter: undefined,
      refusal: error,
    }
  }
  return undefined
}

function unspoken(): Failure {
  const { status, retryable, meaning } = errors.internal_error
  const shown = { detailsJson: undefined, retryAfter: undefined, refusal: undefined }
  return { code: 'internal_error', status, message: meaning, retryable, ...shown }
}

/** By name too: bundlers may give an adapter its own copy of the class. */
function isSourceError(error: unknown): error is PosternError {
  if (error instanceof PosternError) return true
  return error instanceof Error && error.name === 'PosternError' && Object.hasOwn(errors, codeOf(error))
}

function isRejection(error: unknown): error is Rejection {
  if (error instanceof Rejection) return true
  if (!(error instanceof Error) || error.name !== 'Rejection' || codeOf(error) === '') return false
  const { status } = error as Rejection
  return Number.isInteger(status) && status >= 400 && status <= 499
}

/** A customer's own rule may put into `details` what JSON cannot carry. */
function textOf(details: unknown): string | undefined {
  try {
    return JSON.stringify(details)
  } catch {
    return undefined
  }
}

const codeOf = (error: Error): ErrorCode | '' => (error as Partial<PosternError>).code ?? ''
