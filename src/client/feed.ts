import type { EventOf } from '../core/caller/caller.ts'
import { numberOf } from '../core/options.ts'
import type { Schema } from '../core/schema/define.ts'
import type { ModelName } from '../core/schema/infer.ts'
import { checkEvents } from './answer.ts'
import { ClientError } from './error.ts'
import { type ClientCallOptions, MAX_TIMER_MS } from './options.ts'
import { type Send, sleep } from './send.ts'

/** Where a walk through the feed starts, and whether it ends. */
export interface EventsQuery<S extends Schema = Schema> {
  /** Where an earlier walk got to. Without it: from the oldest event that is kept. */
  readonly cursor?: string | undefined
  /** `now`: from the end on, without what was there before. Not beside a cursor. */
  readonly from?: 'now' | undefined
  /** Only changes of these models. A cursor moves past the others, so keep one for each choice. Default: of all. */
  readonly models?: readonly ModelName<S>[] | undefined
  /** Events of a page. Default and cap are the endpoint's: 100 and 1,000 unless told otherwise. */
  readonly limit?: number | undefined
  /** Goes on after the newest event and waits for more. Default false. */
  readonly follow?: boolean | undefined
  /** Milliseconds between two looks when there was nothing new. Default 1,000. */
  readonly pollMs?: number | undefined
  /**
   * Called, and waited for, with each cursor up to which everything is acknowledged: keep it, and start the next walk
   * from it. Called for pages without events too, whose cursors move past what other tenants wrote. An error that it
   * throws ends the walk.
   */
  readonly onCursor?: ((cursor: string) => unknown) | undefined
}

/**
 * The events of a feed, one by one, in log order.
 *
 * Asking for the next event acknowledges the one before; leaving the loop (`break`, an error) does not. What is not
 * acknowledged comes again when the feed is iterated again or a walk starts from `cursor`, together with the other
 * events of its page: an event arrives at least once, and `event.id` tells that it has been dealt with.
 */
export interface EventFeed<S extends Schema = Schema> extends AsyncIterable<EventOf<S>> {
  /** The last cursor up to which everything is acknowledged; undefined before the first. */
  readonly cursor: string | undefined
  /** Acknowledges the event that the loop is at, before leaving it with `break`. */
  acknowledge(): void
}

export function createFeed<S extends Schema>(
  send: Send,
  query: EventsQuery<S>,
  scope: object,
  { signal }: ClientCallOptions,
): EventFeed<S> {
  const { limit, follow = false, onCursor, models, from } = query
  const pollMs = numberOf('pollMs', query.pollMs, 1_000, 1, MAX_TIMER_MS)
  let cursor = query.cursor
  /** Events of the page that the loop is in, and how many of them are acknowledged. */
  let open: { readonly count: number; readonly end: string; done: number } | undefined

  async function moveTo(next: string): Promise<void> {
    open = undefined
    if (next === cursor) return
    cursor = next
    await onCursor?.(next)
  }
  /** The page is dealt with once each of its events is. */
  const settle = async (): Promise<void> => {
    if (open !== undefined && open.done === open.count) await moveTo(open.end)
  }

  async function* walk(): AsyncGenerator<EventOf<S>, void, undefined> {
    await settle()
    for (;;) {
      const at = cursor
      let page: Page<S>
      try {
        const body = {
          type: 'events',
          ...(at !== undefined && { cursor: at }),
          ...(limit !== undefined && { limit }),
          ...(models !== undefined && { models }),
          ...(at === undefined && from !== undefined && { from }),
          ...scope,
        }
        page = (await send<Page<S>>({ body, check: checkEvents, safe: true }, signal)).body
      } catch (error) {
        if (signal?.aborted) return
        throw error
      }
      const { events, nextCursor, caughtUp } = page
      if (events.length > 0) {
        if (nextCursor === at) throw stuck()
        const reading = { count: events.length, end: nextCursor as string, done: 0 }
        open = reading
        for (const [index, event] of events.entries()) {
          yield event
          reading.done = index + 1
          if (signal?.aborted) return settle()
        }
        await settle()
        if (caughtUp === true && !follow) return
      } else {
        // An endpoint that has nothing new may leave the cursor out; the old one still holds.
        if (nextCursor != null) await moveTo(nextCursor)
        if (!follow) return
        try {
          await sleep(pollMs, signal)
        } catch {
          return
        }
      }
    }
  }

  return {
    get cursor() {
      return cursor
    },
    acknowledge() {
      if (open === undefined) return
      open.done = Math.min(open.done + 1, open.count)
      if (open.done === open.count) {
        cursor = open.end
        open = undefined
      }
    },
    [Symbol.asyncIterator]: walk,
  }
}

interface Page<S extends Schema> {
  readonly events: readonly EventOf<S>[]
  readonly nextCursor?: string | null
  /** Nothing more at this moment. */
  readonly caughtUp?: boolean | null
}

/** Without it a walk would give the same events for ever. */
export function stuck(): ClientError {
  return new ClientError('unexpected_answer', 'The answer leads back to the cursor that it was asked for.', {
    status: 200,
    retryable: false,
  })
}
