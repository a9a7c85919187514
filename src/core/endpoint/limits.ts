import { CALLBACK_TIMEOUT_MS, isWait, LONGEST_WAIT_MS } from '../callback.ts'
import { unknownName } from '../options.ts'
import type { QueryLimits } from '../protocol/query.ts'

/** How much one request, and all requests at once, may ask of this process. Give only those that differ. */
export interface Limits extends QueryLimits {
  /** Bytes of a request's body at most. Default 1 MiB. */
  readonly bodyBytes: number
  /** Milliseconds that a whole body may take to arrive. Default 10,000. */
  readonly bodyTimeoutMs: number
  /** Operations of one commit at most. Default 1,000. */
  readonly operations: number
  /** Bytes of the answer to one commit at most; one that would be larger is not applied. Default 16 MiB. */
  readonly answerBytes: number
  /** Rows of a list page when the query names no limit. Default 100. */
  readonly listDefault: number
  /** Rows of a list page at most. Default 1,000. */
  readonly listMax: number
  /** Members of IN and NOT IN at most. Default 1,000. */
  readonly inMembers: number
  /** Conditions of `where` at most. Default 50. */
  readonly conditions: number
  /** Characters of a LIKE pattern at most. Default 256. */
  readonly patternLength: number
  /** Events of a page when the request names no limit. Default 100. */
  readonly eventsDefault: number
  /** Events of a page at most. Default 1,000. */
  readonly eventsMax: number
  /** Verified requests at work at once in this endpoint; more wait their turn. Default 100. */
  readonly inFlight: number
  /** The same for one tenant. Default 50. */
  readonly inFlightPerTenant: number
  /** The same for one key. Default 100. */
  readonly inFlightPerKey: number
  /**
   * Lists of one tenant at work at once: they hold a connection for as long as they run. Less than the connections of
   * your pool. Default 4.
   */
  readonly listsPerTenant: number
  /** Requests that wait for their turn at most, half of them of one tenant; one more is `source_busy`. Default 200. */
  readonly queued: number
  /** Milliseconds that a request waits for its turn at most; then it is `source_busy`. Default 5,000. */
  readonly queueMs: number
  /**
   * Milliseconds that each function of the application's may take: `resolveKeys`, `resolveScopes`, `authorize`, an
   * adapter that is picked, each call of an adapter or a handler. Then the answer is `source_unavailable`, of a commit
   * `commit_outcome_unknown`. Default 30,000.
   */
  readonly callbackTimeoutMs: number
  /** Seconds that webhook-timestamp may be from this clock, either way, both ends included. Default 300. */
  readonly toleranceSeconds: number
}

/** What an endpoint allows when it is told nothing else. */
export const defaultLimits: Limits = {
  bodyBytes: 1_048_576,
  bodyTimeoutMs: 10_000,
  operations: 1_000,
  answerBytes: 16_777_216,
  listDefault: 100,
  listMax: 1_000,
  inMembers: 1_000,
  conditions: 50,
  patternLength: 256,
  eventsDefault: 100,
  eventsMax: 1_000,
  inFlight: 100,
  inFlightPerTenant: 50,
  inFlightPerKey: 100,
  listsPerTenant: 4,
  queued: 200,
  queueMs: 5_000,
  callbackTimeoutMs: CALLBACK_TIMEOUT_MS,
  toleranceSeconds: 300,
}

/**
 * The limits given, the rest filled in.
 *
 * @throws TypeError for a limit that is unknown, not a whole number, or too small
 */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  const limits: Record<string, number> = { ...defaultLimits }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultLimits, name))
      throw unknownName('createEndpoint', 'limit', name, Object.keys(defaultLimits))
    if (value === undefined) continue
    const least = name === 'queued' ? 0 : 1
    if (!Number.isSafeInteger(value) || value < least)
      throw new TypeError(`limits.${name} must be a whole number from ${least}`)
    if (name.endsWith('Ms') && !isWait(value))
      throw new TypeError(`limits.${name} must be at most ${LONGEST_WAIT_MS} milliseconds`)
    limits[name] = value
  }
  const resolved = limits as unknown as Limits
  if (resolved.listDefault > resolved.listMax)
    throw new TypeError('limits.listDefault is above limits.listMax')
  if (resolved.eventsDefault > resolved.eventsMax)
    throw new TypeError('limits.eventsDefault is above limits.eventsMax')
  return resolved
}
