import type {
  Buried,
  RelayCursor,
  RelayEvent,
  RelayLease,
  RelayPage,
  RelayStore,
} from '../adapters/postgres/relay-store.ts'
import type { Clock } from './clock.ts'
import { cut } from './cut.ts'
import { quietly } from './hooks.ts'
import type { HeldLease } from './lease.ts'
import { LeaseLost } from './lease.ts'
import type { RelayHooks } from './options.ts'
import { RelayHalted } from './options.ts'
import { nextAttempt } from './schedule.ts'
import type { RelayBatch, Sink } from './sink.ts'
import { batchOf, DeliveryError, deliveryError } from './sink.ts'

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
  lastError = 'its last batch has failed, and waits for the next attempt'

  constructor(options: DeliveryOptions, lease: RelayLease) {
    this.#at = options
    this.#cursor = lease.cursor
    this.#through = lease.through
    this.#attempt = lease.attempt
    this.#retryAt = lease.retryAt ?? 0
  }

  /** How long the head of the line must not be tried. */
  waitMs(): number {
    return this.#attempt === 0 ? 0 : this.#retryAt - this.#at.clock.now()
  }

  /** The database was asked at `askedAt`, and knew of no failure: if there was one before, it is to be tried at once. */
  resumed(askedAt: number): boolean {
    if (this.#attempt === 0 || askedAt < this.#postponedAt) return false
    this.#attempt = 0
    return true
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
      await this.#redrive(page, stopping)
      return true
    }
    const { events, cursor } = cut(page, this.#cursor, this.#through, batchBytes)
    if (events.length === 0) {
      this.#moved ||= cursor.position > this.#cursor.position
      this.#cursor = cursor
      if (performance.now() - this.#settled > SETTLE_MS) await this.settle()
      return false
    }
    await this.#deliver(page.epoch, events, cursor)
    return true
  }

  /** Writes down a cursor that has moved over events that are not for this relay. */
  async settle(): Promise<void> {
    if (this.#moved) await this.#advance(this.#cursor, 0, [])
    this.#settled = performance.now()
  }

  async #deliver(log: string, events: readonly RelayEvent[], cursor: RelayCursor): Promise<void> {
    const { name, store, held, clock, schedule } = this.#at
    const live = events.filter(({ parked }) => !parked)
    const parked = events
      .filter((event) => event.parked)
      .map((event): Buried => ({ ...event, attempts: 0, error: BEHIND }))
    if (live.length === 0) return this.#advance(cursor, 0, parked)

    const failure = await this.#send(batchOf(name, log, live, this.#attempt + 1))
    if (failure === undefined) return this.#advance(cursor, live.length, parked)

    if (failure.fault === 'gone') return this.#halt(failure.message)
    this.lastError = failure.message
    const now = clock.now()
    if (failure.fault === 'refused' && live.length > 1) {
      // somewhere in it is what the sink does not take: the first half goes on at once
      const half = live[Math.floor(live.length / 2) - 1] as RelayEvent
      this.#through = half.position
      this.#attempt = 0
      this.#failed(failure, live.length, new Date(now))
      const retry = { through: half.position, attempt: 0, retryAt: now, error: failure.message }
      return held.wrote(await store.postpone(held.fence, retry))
    }
    this.#attempt += 1
    const retryAt = nextAttempt(schedule, this.#attempt, now, failure.retryAfterMs)
    this.#failed(failure, live.length, retryAt === undefined ? null : new Date(retryAt))
    if (retryAt === undefined) {
      const dead = { attempts: this.#attempt, error: failure.message }
      const buried = events.map(
        (event): Buried => ({
          ...event,
          ...(event.parked ? { attempts: 0, error: BEHIND } : dead),
        }),
      )
      return this.#advance(cursor, 0, buried)
    }
    const through = events.at(-1)?.position as number
    this.#through = through
    this.#retryAt = retryAt
    held.wrote(
      await store.postpone(held.fence, { through, attempt: this.#attempt, retryAt, error: failure.message }),
    )
    this.#postponedAt = performance.now()
  }

  /** One attempt. @returns why it failed. @throws LeaseLost when it must not count. */
  async #send(batch: RelayBatch): Promise<DeliveryError | undefined> {
    const { sink, held, deliveryTimeoutMs } = this.#at
    const controller = new AbortController()
    const { signal } = controller
    const lost = (): void => controller.abort(held.lost.reason)
    const late = new DeliveryError(`It took longer than ${deliveryTimeoutMs} ms.`)
    const timer = setTimeout(() => controller.abort(late), deliveryTimeoutMs)
    held.lost.addEventListener('abort', lost, { once: true })
    const began = performance.now()
    try {
      // right before it is sent: a process that was frozen since it read the page finds out here
      held.assert()
      // a sink that does not look at the signal must not hold the relay
      await Promise.race([
        sink(batch, { signal }),
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        }),
      ])
      const delivered = { events: batch.texts.length, durationMs: performance.now() - began }
      quietly(() => this.#at.onDelivered?.(delivered))
      return undefined
    } catch (error) {
      held.assert()
      if (error instanceof LeaseLost) throw error
      return signal.reason === late ? late : deliveryError(error)
    } finally {
      clearTimeout(timer)
      held.lost.removeEventListener('abort', lost)
    }
  }

  #failed(error: DeliveryError, events: number, retryAt: Date | null): void {
    const attempt = Math.max(this.#attempt, 1)
    quietly(() => this.#at.onFailed?.({ error, events, attempt, retryAt }))
  }

  async #advance(cursor: RelayCursor, delivered: number, buried: readonly Buried[]): Promise<void> {
    const { store, held, leaseMs } = this.#at
    held.wrote(await store.advance(held.fence, leaseMs, cursor, { delivered, buried }))
    this.#cursor = cursor
    this.#through = null
    this.#attempt = 0
    this.#moved = false
    this.#settled = performance.now()
  }

  async #halt(error: string): Promise<never> {
    const { store, held } = this.#at
    held.wrote(await store.disable(held.fence, error))
    throw new RelayHalted(error)
  }

  /** The log is another one by now, or no longer reaches back so far. */
  async #expired({ verdict, epoch }: RelayPage): Promise<boolean> {
    if (verdict === 'cursor_expired' && epoch === this.#cursor.epoch && this.#cursor.base > 0) {
      // pruned while this relay walked from the beginning, before its name held pruning back: once more from there
      this.#cursor = { epoch: null, position: 0, base: 0 }
      return true
    }
    return this.#halt(
      'The log was restored or replaced, and does not know how far this relay has read: see `reset`.',
    )
  }

  /** Dead letters that somebody asked for, row by row, so that one that is refused keeps no other row back. */
  async #redrive(page: RelayPage, stopping: () => boolean): Promise<void> {
    const { name, store, held, batchSize } = this.#at
    const letters = await store.queued(batchSize)
    const rows = Map.groupBy(letters, ({ model, entityId }) => JSON.stringify([model, entityId]))
    for (const events of rows.values()) {
      if (stopping()) return
      const ids = events.map(({ letter }) => letter)
      const failure = await this.#send(batchOf(name, page.epoch, events, 1))
      if (failure === undefined) {
        held.wrote(await store.resolve(held.fence, ids))
        continue
      }
      if (failure.fault === 'gone') return this.#halt(failure.message)
      this.#failed(failure, events.length, null)
      const row = failure.fault === 'refused' ? (events[0] ?? null) : null
      held.wrote(await store.unqueue(held.fence, { letters: ids, row, error: failure.message }))
      if (row === null) return
    }
  }
}
