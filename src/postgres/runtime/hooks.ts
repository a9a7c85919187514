import type { CommitAnswer, CommitRequest } from '../../core/adapter.ts'
import { settled } from '../../core/callback.ts'
import { PosternError, Rejection } from '../../core/errors.ts'
import type { PostgresConnection, PostgresSession } from '../connection.ts'
import { sqlstateOf } from '../sqlstate.ts'
import type { CommitContext } from './commit.ts'
import { ownFault, retrySerialization } from './commit.ts'
import { withEcho } from './echo.ts'
import { callMany, reserveCall } from './plan.ts'
import type { Settings } from './settings.ts'
import { applySettings } from './settings.ts'
import { readAnswer } from './verdict.ts'

/** What a hook gets. */
export interface HookContext<Tx> {
  /** The client library's own transaction handle: what is written through it stands or falls with the commit. */
  readonly tx: Tx
  readonly operations: CommitRequest['operations']
  readonly context: CommitRequest
}

/**
 * The customer's own rules and derived writes, inside the commit's transaction. Throw `Rejection` to refuse:
 * everything is rolled back and the key is not burnt. A hook runs again when the database asks for the whole
 * transaction again (serialization failures), and never for a replay.
 */
export interface CommitHooks<Tx> {
  /** Before the rows are locked and judged. */
  beforeCommit?(context: HookContext<Tx>): void | Promise<void>
  /** After the rows were written; `rows` are as they travel. */
  afterCommit?(context: HookContext<Tx> & { readonly rows: readonly unknown[] }): void | Promise<void>
}

/**
 * A commit in a transaction of its own: for hooks, for settings, and on databases whose default isolation is not read
 * committed. The rules stay in the database's functions, which are called as ever, so that nothing here weakens them.
 */
export function commitApart<Tx>(
  connection: PostgresConnection<Tx>,
  request: CommitRequest,
  context: CommitContext,
  hooks: CommitHooks<Tx>,
  settings: Settings,
): Promise<CommitAnswer> {
  return retrySerialization(() =>
    connection.transaction((session, tx) => commitIn(session, tx, request, context, hooks, settings, true)),
  )
}

/**
 * The same inside a transaction that is open.
 *
 * @param alone whether the endpoint opened it, and nothing else hangs on it.
 */
export async function commitIn<Tx>(
  session: PostgresSession,
  tx: Tx,
  request: CommitRequest,
  context: CommitContext,
  hooks: CommitHooks<Tx>,
  settings: Settings,
  alone: boolean,
): Promise<CommitAnswer> {
  const { models } = context.manifest
  await applySettings(session, settings)
  const hook = { tx, operations: request.operations, context: request }
  if (hooks.beforeCommit !== undefined || hooks.afterCommit !== undefined) {
    // the key first: a twin must neither run the hooks nor see half of their work
    const reserve = reserveCall(request, context.schema, context.lockTimeoutMs)
    const [reserved] = await session.query(reserve.text, reserve.values)
    if (reserved?.answer != null) return readAnswer(reserved, request, models, context.schema)
    await ruled('beforeCommit', () => hooks.beforeCommit?.(hook))
  }
  // the function for several operations explains an objection by itself; an error would end this transaction
  const call = withEcho(callMany(request, models, context.functionName, false, alone), request.echo)
  const [row] = await session.query(call.text, call.values).catch((error: unknown) => {
    throw ownFault(error)
  })
  const answer = readAnswer(row, request, models, context.schema)
  if (hooks.afterCommit !== undefined) {
    const { rows } = JSON.parse(answer.body) as { rows: unknown[] }
    await ruled('afterCommit', () => hooks.afterCommit?.({ ...hook, rows }))
    // a hook that swallowed a database error has lost the transaction; COMMIT then answers ROLLBACK, without an
    // error, and most client libraries do not look
    await session.query('select 1', [])
  }
  return answer
}

/**
 * What a hook throws without a SQLSTATE is the application's own failure. It came before COMMIT: the outcome is
 * known, whatever the error looks like.
 */
async function ruled(name: string, hook: () => void | Promise<void>): Promise<void> {
  try {
    // One that never settles would keep the transaction, its locks and its connection.
    await settled(name, hook)
  } catch (error) {
    const known = error instanceof PosternError || error instanceof Rejection
    if (known || sqlstateOf(error) !== undefined) throw error
    throw new PosternError('internal_error', undefined, { cause: error })
  }
}
