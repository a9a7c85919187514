import { notify } from '../core/callback.ts'
import { attempt } from './attempt.ts'
import type { Clock } from './clock.ts'
import { cut } from './cut.ts'
import type { HeldLease } from './lease.ts'
import type { RelayHooks } from './options.ts'
import { RelayHalted } from './options.ts'
import { PageSize } from './page-size.ts'
import { redrive } from './redrive.ts'
import { batchOf, type DeliveryError, type Sink, storable } from './sink.ts'
import {
  boundOf,
  type DeliveryEffect,
  type DeliveryInput,
  type DeliveryState,
  type Failing,
  type Head,
  stateOf,
  transition,
  waitOf,
} from './state.ts'
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

/** A page of the log, and the batch that was cut off its beginning. */
interface Reading {
  readonly page: RelayPage
  readonly events: readonly RelayEvent[]
  readonly cursor: RelayCursor
}

/** How often a cursor that moves over nothing but foreign events is written down, in milliseconds. */
const SETTLE_MS = 5000
const BEHIND = 'An earlier event of its row is a dead letter.'

/** What is delivered under one lease: batch after batch from the head of the line. What is decided, `state.ts` decides. */
export class Delivery {
  readonly #at: DeliveryOptions
  readonly #run: string
  readonly #size: PageSize
  #cursor: RelayCursor
  #state: DeliveryState
  /** What was read and did not fit into the last batch. */
  #rest: RelayPage | undefined
  /** Whether the cursor has moved since it was written down, and when it was. */
  #moved = false
  #settled = performance.now()
  #postponedAt = 0
  /**
   * The process before may have died of a dead letter that was asked for again: then what is at the head of the line
   * is sent once before the next.
   */
  #headFirst: boolean
  lastError = 'its last batch has failed, and waits for the next attempt'
  /** What did not arrive and is a dead letter now, or still: undefined when there is nothing like that. */
  undelivered: string | undefined

  constructor(options: DeliveryOptions, lease: RelayLease) {
    this.#at = options
    this.#run = lease.run
    this.#size = new PageSize(options.batchSize, options.batchBytes)
    this.#cursor = lease.cursor
    this.#state = stateOf(lease.failing, lease.waitMs, lease.orphaned, options.clock.now())
    this.#headFirst = lease.orphaned
  }

  /** How long the head of the line must not be tried. */
  waitMs(): number {
    return waitOf(this.#state, this.#at.clock.now())
  }

  /** What the database said that was asked at `askedAt`. @returns whether there is something to do at once. */
  heard(news: RelayNews, askedAt: number): boolean {
    if (news.queued) this.#rest = undefined
    const { kind } = this.#state
    if (kind !== 'waiting' || askedAt < this.#postponedAt) return news.queued
    if (news.attempt > 0) {
      // The timers of a machine that slept stood still, and the database's clock did not.
      const dueAt = this.#at.clock.now() + news.waitMs
      if (dueAt < this.#state.dueAt) this.#state = { ...this.#state, dueAt }
      return news.queued
    }
    this.#turn({ kind: 'resumed' })
    return true
  }

  /** Dead letters that somebody asked for, also while the head of the line waits. @returns whether there were any. */
  redrive(stopping: () => boolean): Promise<boolean> {
    this.#rest = undefined
    return redrive({
      ...this.#at,
      run: this.#run,
      send: (batch) => attempt(this.#at, batch),
      gone: (failure) => this.#halt(failure.message),
      failed: (failure, events) => {
        this.undelivered = failure.message
        this.#failed(failure, events, 1, null)
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
    const reading = await this.#read()
    if (reading === 'expired') return true
    const headFirst = this.#headFirst && reading.events.length > 0
    this.#headFirst = false
    if (reading.page.queued && !headFirst) {
      await this.redrive(stopping)
      return true
    }
    if (reading.events.length > 0) {
      await this.#deliver(reading)
      return true
    }
    this.#turn({ kind: 'empty' })
    this.#moved ||= reading.cursor.position > this.#cursor.position
    this.#cursor = reading.cursor
    if (performance.now() - this.#settled > SETTLE_MS) await this.settle()
    return false
  }

  /** Writes down a cursor that has moved over events that are not for this relay. */
  async settle(): Promise<void> {
    if (this.#moved) await this.#advance({ events: [], cursor: this.#cursor }, 0, [])
    this.#settled = performance.now()
  }

  /** A page is read as large as it is sent: what is left over is sent next, and not read again. */
  async #read(): Promise<Reading | 'expired'> {
    const { store, batchBytes } = this.#at
    const bound = boundOf(this.#state)
    let page = this.#rest
    if (page === undefined) {
      const limit = bound === null ? this.#size.limit : Math.min(bound.events, this.#at.batchSize)
      page = await store.page(this.#cursor, limit)
      if (page.verdict !== null) {
        await this.#expired(page)
        return 'expired'
      }
      if (bound === null) this.#size.read(page.events)
    }
    this.#rest = undefined
    return { page, ...cut(page, this.#cursor, bound?.through ?? null, batchBytes) }
  }

  #turn(input: DeliveryInput): DeliveryEffect {
    const { state, effect } = transition(this.#state, input, this.#at.schedule)
    this.#state = state
    return effect
  }

  async #deliver(reading: Reading): Promise<void> {
    const head = headOf(reading.events)
    let effect = this.#turn({ kind: 'batch', batch: head })
    while (effect.kind !== 'none') {
      if (effect.kind === 'send') effect = await this.#send(reading, head, effect.attempt)
      else {
        await this.#write(effect, reading)
        // Only now may what is counted be sent; what was cut in half is read again.
        const { kind } = this.#state
        const whole = kind === 'counted' && this.#state.failing.through === head.through
        effect = whole ? this.#turn({ kind: 'batch', batch: head }) : { kind: 'none' }
      }
    }
  }

  async #send({ page, events }: Reading, head: Head, tried: number): Promise<DeliveryEffect> {
    const { name: relay, clock } = this.#at
    const live = events.filter(({ parked }) => !parked)
    const batch = batchOf({ relay, run: this.#run, log: page.epoch }, live, tried)
    const failure = await attempt(this.#at, batch)
    if (failure === undefined) return this.#turn({ kind: 'arrived' })
    this.lastError = failure.message
    const effect = this.#turn({ kind: 'failed', failure, now: clock.now() })
    if (effect.kind === 'bury') this.#failed(failure, head.live.length, effect.attempts, null)
    if (effect.kind !== 'postpone') return effect
    const retryAt = await this.#postpone(effect.failing, effect.waitMs, effect.error)
    this.#failed(failure, head.live.length, Math.max(effect.failing.attempt, 1), retryAt)
    return { kind: 'none' }
  }

  async #write(effect: DeliveryEffect, reading: Reading): Promise<void> {
    const { events } = reading
    if (effect.kind === 'pass') {
      await this.#advance(reading, effect.delivered, events.filter(({ parked }) => parked).map(behind))
    } else if (effect.kind === 'bury') {
      const dead = { attempts: effect.attempts, error: storable(effect.error) }
      await this.#advance(
        reading,
        0,
        events.map((event) => (event.parked ? behind(event) : { ...event, ...dead })),
      )
    } else if (effect.kind === 'postpone') {
      await this.#postpone(effect.failing, effect.waitMs, effect.error)
    } else if (effect.kind === 'halt') await this.#halt(effect.error)
  }

  /** Writes down that the batch is to be tried again. @returns when, by the database's clock. */
  async #postpone(failing: Failing, waitMs: number, message: string): Promise<Date> {
    const { store, held } = this.#at
    // A heartbeat that was sent before this is written knows of no failure: nobody has asked to try again.
    this.#postponedAt = Number.POSITIVE_INFINITY
    const retryAt = await store.postpone(held.fence, { ...failing, waitMs, error: storable(message) })
    held.wrote(retryAt !== null)
    this.#postponedAt = performance.now()
    return retryAt as Date
  }

  #failed(error: DeliveryError, events: number, tried: number, retryAt: Date | null): void {
    notify('onFailed', () => this.#at.onFailed?.({ error, events, attempt: tried, retryAt }))
  }

  async #advance(
    { page, events, cursor }: Pick<Reading, 'events' | 'cursor'> & { readonly page?: RelayPage },
    delivered: number,
    buried: readonly Buried[],
  ): Promise<void> {
    const { store, held, leaseMs } = this.#at
    const outcome = await store.advance(held.fence, leaseMs, cursor, { delivered, buried })
    const last = events.at(-1)
    if (outcome === 'again') {
      // The letters of a row were discarded meanwhile: its events are read again, and sent.
      if (last !== undefined) this.#state = { kind: 'bounded', through: last.position, events: events.length }
      return
    }
    held.wrote(outcome)
    const [first] = buried
    if (first !== undefined) this.undelivered ??= first.error
    this.#cursor = cursor
    this.#moved = false
    this.#settled = performance.now()
    // What was buried parks later events of its rows, which were read as if they could be sent.
    const rest = buried.length > 0 ? undefined : page?.events.slice(events.length)
    if (page !== undefined && rest !== undefined && rest.length > 0)
      this.#rest = { ...page, events: rest, queued: false }
  }

  async #halt(error: string): Promise<never> {
    const { store, held } = this.#at
    held.wrote(await store.disable(held.fence, storable(error)))
    throw new RelayHalted(error)
  }

  /** The log is another one by now, or no longer reaches back so far. */
  async #expired({ verdict, epoch }: RelayPage): Promise<void> {
    if (verdict === 'cursor_expired' && epoch === this.#cursor.epoch && this.#cursor.base > 0) {
      // Pruned while this relay walked from the beginning, before its name held pruning back: once more from there.
      this.#cursor = { epoch: null, position: 0, base: 0, mark: '' }
      return
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

function headOf(events: readonly RelayEvent[]): Head {
  const live = events.filter(({ parked }) => !parked).map(({ position }) => position)
  return { live, through: events.at(-1)?.position ?? 0, events: events.length }
}

const behind = (event: RelayEvent): Buried => ({ ...event, attempts: 0, error: BEHIND })
