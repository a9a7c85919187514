import type { PostgresConnection, PostgresSession } from '../connection.ts'

/** A connection gave no answer in time. Whether a statement ran is not known: it carries no SQLSTATE. */
class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

/** Longer than a list's statement may run, so that the database's own limits come first. */
export const DEFAULT_DEADLINE_MS = 12_000

/** Longest look at what became of a commit after that, in milliseconds. */
export const LAST_LOOK_MS = 2000

/** Time for a client library to say more than that there was no answer, for example that nothing was sent. */
const LAST_WORD_MS = 25

/**
 * The connection whose calls end in time. No client library does this by itself: a host that is frozen sends no reset,
 * and a pool that is exhausted says nothing.
 */
export const bounded = <Tx>(connection: PostgresConnection<Tx>, ms: number): PostgresConnection<Tx> => ({
  ...connection,
  query: (text, values) => timed(ms, (signal) => connection.query(text, values, signal)),
  transaction: (work) =>
    timed(ms, (signal) =>
      connection.transaction((session, tx) => work(whileWanted(session, signal), tx), signal),
    ),
})

/** What was given up must not be committed when its connection answers after all. */
const whileWanted = (session: PostgresSession, signal: AbortSignal): PostgresSession => ({
  query: (text, values) => (signal.aborted ? Promise.reject(signal.reason) : session.query(text, values)),
})

async function timed<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const giveUp = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new DeadlineError(`The database gave no answer within ${Math.round(ms)} ms.`)
      giveUp.abort(error)
      timer = setTimeout(() => reject(error), LAST_WORD_MS)
    }, ms)
  })
  try {
    return await Promise.race([work(giveUp.signal), late])
  } finally {
    clearTimeout(timer)
  }
}
