import { settled } from '../core/callback.ts'

/** How long what is closed may take before what it holds is ended from outside. */
const GRACE_MS = 2_000

class StillOpen extends Error {}

/**
 * Closes, and goes on without it when that does not end: a pool waits for ever for a connection that somebody took and
 * did not give back. The database is dropped next, which ends that connection.
 */
export async function closedInTime(what: string, close: () => unknown): Promise<void> {
  try {
    await settled(what, close, GRACE_MS, (message) => new StillOpen(message))
  } catch (error) {
    if (!(error instanceof StillOpen)) throw error
    console.warn(
      `postern: ${what} was not closed within ${GRACE_MS} ms: a connection was not given back. It is terminated.`,
    )
  }
}

/** Runs all of them, whatever one does. @throws the first error, at the end */
export async function allOf(closers: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = []
  for (const closer of closers) {
    try {
      await closer()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
