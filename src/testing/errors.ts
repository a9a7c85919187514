import { Rejection } from '../core/errors.ts'

/**
 * Every code that fixtures and test sessions answer with, beside those of the protocol: its HTTP status, whether the
 * same call may succeed later, what it means and what to do.
 */
export const testingErrors = {
  test_session_invalid: {
    status: 401,
    retryable: false,
    meaning: 'This request carries no token of an open test session.',
    remedy: 'Attach a session and send its `x-test-session` header.',
  },
  fingerprint_mismatch: {
    status: 409,
    retryable: false,
    meaning: 'The sealed base was made of other inputs than the ones expected.',
    remedy: 'Run the set-up again; a retry finds the same old base.',
  },
  fixture_not_sealed: {
    status: 409,
    retryable: false,
    meaning: 'There is no sealed base of this fixture.',
    remedy: 'Run the set-up, which populates and seals it.',
  },
  fixture_fingerprint_changed: {
    status: 409,
    retryable: false,
    meaning: 'The base was unsealed or sealed anew after this session was attached.',
    remedy: 'Attach a new session.',
  },
  test_session_limit: {
    status: 429,
    retryable: true,
    meaning: 'As many test sessions are open as this fixture allows.',
    remedy: 'Dispose of sessions, sweep leaked ones, or raise `maxSessions`.',
  },
} as const

/** A code of fixtures and test sessions: a key of `testingErrors`. */
export type TestingErrorCode = keyof typeof testingErrors

/**
 * What a fixture or a test session refuses. An endpoint under test answers it as it does the refusals of the
 * application's own rules: with this code and status.
 */
export class TestingError extends Rejection {
  readonly retryable: boolean
  declare readonly code: TestingErrorCode

  constructor(
    code: TestingErrorCode,
    message?: string,
    { details, cause }: { details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    const { status, retryable, meaning } = testingErrors[code]
    super(code, message ?? meaning, { status, ...(details !== undefined && { details }) })
    this.retryable = retryable
    if (cause !== undefined) this.cause = cause
  }
}
