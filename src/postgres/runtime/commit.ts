import type { CommitAnswer, CommitRequest } from '../../core/adapter.ts'
import { PosternError, Rejection } from '../../core/errors.ts'
import type { PostgresConnection, PostgresSession } from '../connection.ts'
import { readCommitted } from '../connection.ts'
import {
  isObjection,
  isOutcomeUnknown,
  isSerialization,
  sqlstateOf,
  toPosternError,
  wasNeverSent,
} from '../sqlstate.ts'
import { withEcho } from './echo.ts'
import type { Manifest } from './manifest.ts'
import type { Call, FunctionName } from './plan.ts'
import { callMany, callOne, reserveCall } from './plan.ts'
import { readAnswer } from './verdict.ts'

export interface CommitContext {
  readonly schema: string
  readonly functionName: FunctionName
  readonly manifest: Manifest
  /** Longest wait for a lock, in milliseconds. */
  readonly lockTimeoutMs: number
}

/** How often a commit is run again as a whole after a serialization failure or a deadlock. */
const ATTEMPTS = 8

/** Runs `work` again, whole and bounded, while the database says that two transactions met. */
export async function retrySerialization<T>(work: () => Promise<T>): Promise<T> {
  let met: unknown
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (met !== undefined && isAborted(error)) throw met
      if (!isSerialization(sqlstateOf(error)) || attempt === ATTEMPTS) throw error
      met = error
      await pause(attempt)
    }
  }
}

/** The caller's own transaction ended with the first error: nothing can be tried again in it, and that error tells more. */
const isAborted = (error: unknown): boolean =>
  !(error instanceof PosternError) && sqlstateOf(error) === '25P02'

/**
 * Runs a commit: one statement, one round trip. More follows only on trouble: the whole again after a serialization
 * failure, and once more in strict order when the database objected, for that answer names the operation.
 */
export async function commitOnce(
  session: PostgresSession,
  request: CommitRequest,
  context: CommitContext,
): Promise<CommitAnswer> {
  const { manifest, functionName } = context
  const [only] = request.operations
  const run = (call: Call): Promise<CommitAnswer> => {
    const { text, values } = withEcho(call, request.echo)
    return retrySerialization(async () => {
      const [row] = await session.query(text, values)
      return readAnswer(row, request, manifest.models, context.schema)
    })
  }
  try {
    const single = request.operations.length === 1 && only !== undefined
    return await run(
      single
        ? callOne(request, only, functionName, true)
        : callMany(request, manifest.models, functionName, false, true),
    )
  } catch (error) {
    if (error instanceof PosternError || !isObjection(sqlstateOf(error))) throw error
    return await run(callMany(request, manifest.models, functionName, true, true)).catch(
      (failure: unknown) => {
        throw isAborted(failure) ? error : ownFault(failure)
      },
    )
  }
}

/**
 * What objects while an operation is applied comes as a verdict. A constraint that is thrown by the function itself is
 * one of our own tables: the operator's matter, never the caller's.
 */
export function ownFault(error: unknown): unknown {
  // a verdict has the database's own error as its cause
  if (error instanceof PosternError || !sqlstateOf(error)?.startsWith('23')) return error
  return new PosternError(
    'source_adapter_misconfigured',
    'The log refused an entry: its sequence is behind it, or it was edited. Run `npx postern check`; after a restore `npx postern renew-log`.',
    { cause: error },
  )
}

/** Full jitter: two commits that met once must not meet again in step. */
const pause = (attempt: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(200, 2 ** attempt)))

/**
 * What a commit's error means. When the connection was lost the commit may have happened: the ledger is asked once,
 * on another connection. Its entry settles the matter; none does not, for the statement may still be on its way.
 */
export async function settle(
  error: unknown,
  connection: PostgresConnection,
  request: CommitRequest,
  context: CommitContext,
): Promise<CommitAnswer> {
  if (error instanceof PosternError || error instanceof Rejection) throw error
  const state = sqlstateOf(error)
  if (!isOutcomeUnknown(state) || wasNeverSent(error)) throw toPosternError(error, false)
  const { text, values } = reserveCall(request, context.schema, context.lockTimeoutMs)
  const found = await readCommitted(connection)
    .query(text, values)
    .catch(() => [])
  if (found[0]?.answer != null) return readAnswer(found[0], request, context.manifest.models, context.schema)
  throw new PosternError('commit_outcome_unknown', undefined, { cause: error })
}
