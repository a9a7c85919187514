const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/**
 * The schedule that Standard Webhooks recommends: ten attempts in a little over three days. Each number is the wait
 * in milliseconds before an attempt, counted from the failure of the one before.
 */
export const standardSchedule: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** A sink that asks for a longer wait than this is asked again anyway. */
const LONGEST_MS = 24 * HOUR

/** Attempts for one event that a sink refuses: it is there, and holding everything up for days would not change its mind. */
export const REFUSED_ATTEMPTS = 3

/**
 * How long the batch waits for its next attempt, in whole milliseconds; undefined when the schedule has ended.
 *
 * @param failed how often it has failed, from 1
 */
export function nextWait(
  schedule: readonly number[],
  failed: number,
  retryAfterMs: unknown = 0,
): number | undefined {
  const wait = schedule[failed]
  if (wait === undefined) return undefined
  // What a sink has calculated may be no number, and a fraction is none to the database.
  const asked = typeof retryAfterMs === 'number' && retryAfterMs > 0 ? Math.min(retryAfterMs, LONGEST_MS) : 0
  return Math.ceil(Math.max(wait, asked))
}
