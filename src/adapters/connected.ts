import { PosternError } from '../core/errors.ts'
import { toPosternError } from '../postgres/sqlstate.ts'

/** How long an adapter waits for a connection of its client library. */
export interface WaitOptions {
  /** Longest wait for a connection of the pool, in milliseconds. Default 5,000; the answer is then `source_busy`. */
  connectTimeoutMs?: number
}

/** What these options must be, for `checkPostgresAdapter`. */
export const waitKinds = { connectTimeoutMs: 'number' } as const

/**
 * Runs `work` on what `lend` gives once a connection is free. Client libraries wait for a pool without end and without
 * a word; here a wait that takes too long is `source_busy`. That is told apart from a connection that was lost: nothing
 * was sent yet, so the outcome is known, and a connection that comes later is given back unused.
 */
export function connected<C, T>(
  lend: (use: (connection: C) => Promise<T>) => PromiseLike<unknown>,
  work: (connection: C) => Promise<T>,
  { connectTimeoutMs = 5000 }: WaitOptions,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let begun = false
    let gaveUp = false
    const giveUp = (): void => {
      if (begun) return
      gaveUp = true
      stopWaiting()
      reject(busy())
    }
    const timer = setTimeout(giveUp, connectTimeoutMs)
    signal?.addEventListener('abort', giveUp, { once: true })
    const stopWaiting = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
    const use = async (connection: C): Promise<T> => {
      if (gaveUp) throw busy()
      begun = true
      stopWaiting()
      return work(connection)
    }
    // begun in a promise, so that what `lend` throws at once is a rejection too
    Promise.resolve()
      .then(() => lend(use))
      .then(
        (result) => resolve(result as T),
        (error: unknown) => {
          stopWaiting()
          reject(begun ? error : toPosternError(error, false))
        },
      )
  })
}

const busy = (): PosternError =>
  new PosternError('source_busy', 'No connection of the pool became free in time.')
