import { settled } from '../callback.ts'
import { PosternError } from '../errors.ts'

/**
 * What is called of a rate limiter: those of `rate-limiter-flexible` fit as they are, in memory or over Redis, Postgres
 * and others. It rejects with `{ msBeforeNext }` when the caller has used its requests up.
 */
export interface RateLimiter {
  consume(caller: string, points?: number): Promise<unknown>
}

/** Requests per time, by whom they are counted. */
export interface RateLimits {
  /** Counts by `scope.organizationId`; the empty text for requests without one. Refused requests count as well. */
  readonly tenant?: RateLimiter | undefined
  /** Counts by the id of the key; the empty text for keys without one. */
  readonly key?: RateLimiter | undefined
}

/**
 * Counts one request of a key, or of a tenant.
 *
 * @throws PosternError `rate_limited` with the seconds to wait; `source_unavailable` when the limiter's own store fails,
 *   since letting everyone through then would be a way around it
 */
export async function countRequest(
  limiter: RateLimiter | undefined,
  caller: string | null | undefined,
  timeoutMs: number,
): Promise<void> {
  if (limiter === undefined) return
  try {
    await settled('rateLimit', () => limiter.consume(caller ?? '', 1), timeoutMs)
  } catch (reason) {
    const msBeforeNext = waitOf(reason)
    if (msBeforeNext === undefined) {
      throw new PosternError('source_unavailable', 'The rate limiter cannot be reached.', { cause: reason })
    }
    throw new PosternError('rate_limited', undefined, {
      retryAfter: Math.max(1, Math.ceil(msBeforeNext / 1000)),
    })
  }
}

/** What a limiter that refuses says, or several in one, the longest of theirs: anything may have been thrown. */
function waitOf(reason: unknown): number | undefined {
  try {
    const own = msBeforeNext(reason)
    if (own !== undefined || reason instanceof Error) return own
    // `RateLimiterUnion`: by the name of each limiter that refuses; one whose store failed says no time
    const each = Object.values(reason as object).map(msBeforeNext)
    return each.length > 0 && !each.includes(undefined) ? Math.max(...(each as number[])) : undefined
  } catch {
    return undefined
  }
}

function msBeforeNext(reason: unknown): number | undefined {
  const { msBeforeNext: wait } = reason as { msBeforeNext?: unknown }
  return typeof wait === 'number' && !Number.isNaN(wait) ? wait : undefined
}
