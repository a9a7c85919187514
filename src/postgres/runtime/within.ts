import { PosternError, Rejection } from '../../core/errors.ts'
import type { PostgresConnection, PostgresSession } from '../connection.ts'
import { states } from '../signals.ts'
import { sqlstateOf, toPosternError } from '../sqlstate.ts'
import { applySettings } from './settings.ts'

const SAVEPOINT = 'postern_commit'

/**
 * A session on the transaction that the application gave; undefined where the connection cannot join one.
 *
 * @throws PosternError `source_adapter_misconfigured` when `tx` is no transaction of this client library.
 */
export function sessionWithin<Tx>(connection: PostgresConnection<Tx>, tx: Tx): PostgresSession | undefined {
  try {
    return connection.within?.(tx)
  } catch (error) {
    if (error instanceof PosternError) throw error
    const why = error instanceof TypeError ? `: ${error.message}` : ''
    throw new PosternError('source_adapter_misconfigured', `The commit cannot join \`tx\`${why}.`, {
      cause: error,
    })
  }
}

/**
 * Runs a commit inside a transaction that the application opened and ends. The savepoint keeps a refusal from leaving
 * half a commit, or a transaction that takes no more statements, to an application that catches it and goes on.
 */
export async function inSavepoint<T>(
  session: PostgresSession,
  work: (session: PostgresSession) => Promise<T>,
): Promise<T> {
  try {
    await session.query(`savepoint ${SAVEPOINT}`, [])
    const result = await work(session).catch(async (error: unknown) => {
      // Where the connection is gone the error above is the one that tells.
      await session.query(`rollback to savepoint ${SAVEPOINT}`, []).catch(() => {})
      throw error
    })
    await session.query(`release savepoint ${SAVEPOINT}`, [])
    return result
  } catch (error) {
    throw reasonOf(error)
  }
}

/** Settings of a commit last as long as its transaction, which here is the application's: they are put back. */
export async function keepingSettings<T>(
  session: PostgresSession,
  names: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const reads = names.map((_, index) => `current_setting($${index + 1}::text, true) as "${index}"`)
  const [before = {}] = await session.query(`select ${reads.join(', ')}`, names)
  const result = await work()
  await applySettings(session, Object.fromEntries(names.map((name, index) => [name, before[index] ?? ''])))
  return result
}

function reasonOf(error: unknown): Error {
  if (error instanceof PosternError || error instanceof Rejection) return error
  const why = misuse[sqlstateOf(error) ?? '']
  if (why !== undefined) return new PosternError('source_adapter_misconfigured', why, { cause: error })
  return toPosternError(error, false)
}

const misuse: Readonly<Record<string, string>> = {
  '25P01': '`tx` is not inside a transaction: give the handle that your client library made for one.',
  '25P02': 'The transaction of `tx` was aborted by an earlier error; nothing more can be done in it.',
  [states.isolation]:
    'The transaction of `tx` must be READ COMMITTED: staleness is judged with a fresh snapshot for each statement.',
}
