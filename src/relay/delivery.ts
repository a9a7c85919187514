import { attempt } from './attempt.ts'
import type { Clock } from './clock.ts'
import { cut } from './cut.ts'
import { quietly } from './hooks.ts'
import type { HeldLease } from './lease.ts'
import type { RelayHooks } from './options.ts'
import { RelayHalted } from './options.ts'
import { redrive } from './redrive.ts'
import { nextAttempt, REFUSED_ATTEMPTS } from './schedule.ts'
import type { DeliveryError, Sink } from './sink.ts'
import { batchOf, storable } from './sink.ts'
import type {
  Buried,
  RelayCursor,
  RelayEvent,
  RelayLease,
  RelayNews,
  RelayPage,
  RelayStore,
} from './store.ts'

export interface DeliveryOptions extends RelayHooks {
  readonly name: string
  readonly sink: Sink
  readonly store: RelayStore
  readonly held: HeldLease
  readonly leaseMs: number
  readonly clock: Clock
  readonly schedule: readonly number[]
  readonly batchSize: number
  readonly batchBytes: number
  readonly deliveryTimeoutMs: number
}

/** How often a cursor that moves over nothing but foreign events is written down, in milliseconds. */
const SETTLE_MS = 5000
const DIED = 'The process that sent it ended before it could say how that went.'
const BEHIND = 'An earlier event of its row is a dead letter.'

/** What is delivered under one lease: batch after batch from the head of the line. */
export class Delivery {
  readonly #at: DeliveryOptions
  #cursor: RelayCursor
  /** The failing batch goes up to here. */
  #through: number | null
  #attempt: number
  #retryAt: number
  /** Whether the cursor has moved since it was written down, and when it was. */
  #moved = false
  #settled = performance.now()
  #postponedAt = 0
  /** The batch at the head may have ended the process that sent it, and does so again: see `#suspect`. */
  #orphaned: boolean
  /** Its attempt has been counted before it is made. */
  #counted = false
  lastError = 'its last batch has failed, and waits for the next attempt'
  /** What did not arrive and is a dead letter now, or still: undefined when there is nothing like that. */
  undelivered: string | undefined

  constructor(options: DeliveryOptions, lease: RelayLease) {
    this.#at = options
    this.#cursor = lease.cursor
    this.#through = lease.through
    this.#attempt = lease.attempt
    this.#retryAt = lease.retryAt ?? 0
    this.#orphaned = lease.orphaned && this.waitMs() <= 0
  }

  /** How long the head of the line must not be tried. */
  waitMs(): number {
    return this.#attempt === 0 ? 0 : this.#retryAt - this.#at.clock.now()
  }

  /** What the database said that was asked at `askedAt`. @returns whether there is something to do at once. */
  heard(news: RelayNews, askedAt: number): boolean {
    const resumed = news.attempt === 0 && this.#attempt > 0 && askedAt >= this.#postponedAt
    if (resumed) this.#attempt = 0
    return resumed || news.queued
  }

  /** Dead letters that somebody asked for, also while the head of the line waits. @returns whether there were any. */
  redrive(stopping: () => boolean): Promise<boolean> {
    return redrive({
      ...this.#at,
      send: (batch) => attempt(this.#at, batch),
      gone: (failure) => this.#halt(failure.message),
      failed: (failure, events) => {
        this.undelivered = failure.message
        this.#failed(failure, events, null)
      },
      stopping,
    })
  }

  /**
   * The next batch, or the dead letters that somebody asked for.
   *
   * @returns whether there was anything to do
   * @throws LeaseLost, RelayHalted, and what the database says
   */
  async step(stopping: () => boolean): Promise<boolean> {
    const { store, batchSize, batchBytes } = this.#at
    const page = await store.page(this.#cursor, batchSize)
    if (page.verdict !== null) return this.#expired(page)
    if (page.queued) {
      await this.redrive(stopping)
      return true
    }
    const { events, cursor } = cut(page, this.#cursor, this.#through, batchBytes)
    if (events.length === 0) {
      this.#orphaned = false
      this.#moved ||= cursor.position > this.#cursor.position
      this.#cursor = cursor
      if (performance.now() - this.#settled > SETTLE_MS) await this.settle()
      return false
    }
    if (!this.#orphaned || (await this.#suspect(events, cursor)))
      await this.#deliver(page.epoch, events, cursor)
    return true
  }

  /** Writes down a cursor that has moved over events that are not for this relay. */
  async settle(): Promise<void> {
    if (this.#moved) await this.#advance(this.#cursor, 0, [])
    this.#settled = performance.now()
  }

  /**
   * The process before this one ended while this batch was the next: an attempt is counted before it is made, since
   * nobody may be left to count it. The second time the batch is cut in half, so that what ends processes stands alone.
   *
   * @returns whether the batch is to be sent
   */
  async #suspect(events: readonly RelayEvent[], cursor: RelayCursor): Promise<boolean> {
    const { clock, schedule } = this.#at
    const live = events.filter(({ parked }) => !parked)
    if (live.length === 0) return true
    this.#orphaned = false
    const halve = this.#attempt > 0 && live.length > 1
    if (this.#attempt >= schedule.length && !halve) {
      await this.#bury(events, cursor, DIED)
      return false
    }
    const last = halve ? live[Math.floor(live.length / 2) - 1] : events.at(-1)
    if (!halve) this.#attempt += 1
    await this.#postpone((last as RelayEvent).position, clock.now(), DIED)
    this.#counted = true
    return !halve
  }

  async #deliver(log: string, events: readonly RelayEvent[], cursor: RelayCursor): Promise<void> {
    const { name, clock, schedule } = this.#at
    const live = events.filter(({ parked }) => !parked)
    const parked = events.filter((event) => event.parked).map(behind)
    if (live.length === 0) return this.#advance(cursor, 0, parked)

    const tried = this.#counted ? Math.max(this.#attempt, 1) : this.#attempt + 1
    const failure = await attempt(this.#at, batchOf(name, log, live, tried))
    this.#counted = false
    if (failure === undefined) return this.#advance(cursor, live.length, parked)

    if (failure.fault === 'gone') return this.#halt(failure.message)
    this.lastError = failure.message
    const now = clock.now()
    if (failure.fault === 'refused' && live.length > 1) {
      // somewhere in it is what the sink does not take: the first half goes on at once
      const half = live[Math.floor(live.length / 2) - 1] as RelayEvent
      this.#attempt = 0
      this.#failed(failure, live.length, new Date(now))
      return this.#postpone(half.position, now, failure.message)
    }
    this.#attempt = tried
    const waits = failure.fault === 'refused' ? schedule.slice(0, REFUSED_ATTEMPTS) : schedule
    const retryAt = nextAttempt(waits, tried, now, failure.retryAfterMs)
    this.#failed(failure, live.length, retryAt === undefined ? null : new Date(retryAt))
    if (retryAt === undefined) return this.#bury(events, cursor, failure.message)
    await this.#postpone((events.at(-1) as RelayEvent).position, retryAt, failure.message)
  }

  /** Writes down that the batch up to this position is to be tried again, and when. */
  async #postpone(through: number, retryAt: number, message: string): Promise<void> {
    const { store, held } = this.#at
    const error = storable(message)
    this.#through = through
    this.#retryAt = Math.ceil(retryAt)
    // a heartbeat that was sent before this is written knows of no failure: nobody has asked to try again
    this.#postponedAt = Number.POSITIVE_INFINITY
    const retry = { through, attempt: this.#attempt, retryAt: this.#retryAt, error }
    held.wrote(await store.postpone(held.fence, retry))
    this.#postponedAt = performance.now()
  }

  /** The batch becomes dead letters, and the relay goes on behind it. */
  #bury(events: readonly RelayEvent[], cursor: RelayCursor, message: string): Promise<void> {
    const dead = { attempts: this.#attempt, error: storable(message) }
    return this.#advance(
      cursor,
      0,
      events.map((event) => (event.parked ? behind(event) : { ...event, ...dead })),
    )
  }

  #failed(error: DeliveryError, events: number, retryAt: Date | null): void {
    const attempt = Math.max(this.#attempt, 1)
    quietly(() => this.#at.onFailed?.({ error, events, attempt, retryAt }))
  }

  async #advance(cursor: RelayCursor, delivered: number, buried: readonly Buried[]): Promise<void> {
    const { store, held, leaseMs } = this.#at
    const outcome = await store.advance(held.fence, leaseMs, cursor, { delivered, buried })
    // the letters of a row were discarded meanwhile: its events are read again, and sent
    if (outcome === 'again') return
    held.wrote(outcome)
    const [first] = buried
    if (first !== undefined) this.undelivered ??= first.error
    this.#cursor = cursor
    this.#through = null
    this.#attempt = 0
    this.#moved = false
    this.#settled = performance.now()
  }

  async #halt(error: string): Promise<never> {
    const { store, held } = this.#at
    held.wrote(await store.disable(held.fence, storable(error)))
    throw new RelayHalted(error)
  }

  /** The log is another one by now, or no longer reaches back so far. */
  async #expired({ verdict, epoch }: RelayPage): Promise<boolean> {
    if (verdict === 'cursor_expired' && epoch === this.#cursor.epoch && this.#cursor.base > 0) {
      // pruned while this relay walked from the beginning, before its name held pruning back: once more from there
      this.#cursor = { epoch: null, position: 0, base: 0 }
      return true
    }
    if (epoch === this.#cursor.epoch && verdict === 'cursor_expired')
      return this.#halt(
        'Events were pruned that this relay had not read: its follower no longer held pruning back. See `reset`.',
      )
    return this.#halt(
      'The log was restored or replaced, and does not know how far this relay has read: see `reset`.',
    )
  }
}

const behind = (event: RelayEvent): Buried => ({ ...event, attempts: 0, error: BEHIND })
