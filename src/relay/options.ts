import type { PostgresAdapter } from '../postgres/adapter.ts'
import type { RelayStatus } from './admin.ts'
import type { Clock } from './clock.ts'
import type { DeliveryError, Sink } from './sink.ts'

/**
 * What happens while a relay runs. Nothing here is waited for, and nothing that is thrown, rejected or never settled
 * here stops the relay.
 */
export interface RelayHooks {
  /** A batch has arrived. */
  onDelivered?(delivery: { readonly events: number; readonly durationMs: number }): unknown
  /**
   * A batch has failed. `retryAt`: when it is tried again, by the database's clock; null when its events became dead
   * letters.
   */
  onFailed?(failure: {
    readonly error: DeliveryError
    readonly events: number
    readonly attempt: number
    readonly retryAt: Date | null
  }): unknown
  /** What this process does now; see `RelayState`. */
  onState?(state: RelayState): unknown
  /** The database could not be asked; the relay tries again. */
  onError?(error: unknown): unknown
}

/** `standby`: another process delivers. `waiting`: a batch has failed, and its time has not come. */
export type RelayState = 'standby' | 'delivering' | 'waiting' | 'idle' | 'stopped'

/** Options of `createRelay`. */
export interface RelayOptions extends RelayHooks {
  /** Whose events are relayed: of `postern/pg` or any other adapter on Postgres. */
  readonly adapter: PostgresAdapter
  /** Names the sink: its cursor, its lease and its dead letters. Letters, digits, `.`, `_`, `:` and `-`. */
  readonly name: string
  readonly sink: Sink
  /**
   * Where a relay that is not known yet begins: with everything that the log still has, or with what comes from now
   * on. Default `beginning`.
   */
  readonly from?: 'beginning' | 'now'
  /** Events in a batch at most, up to 10,000. Default 500. */
  readonly batchSize?: number
  /** Bytes of JSON in a batch at most, up to 64 MiB; an event that is larger travels alone. Default 1 MiB. */
  readonly batchBytes?: number
  /**
   * Waits before each attempt, in milliseconds, a year at most; their number, 100 at most, is that of the attempts.
   * Default `standardSchedule`.
   */
  readonly schedule?: readonly number[]
  /** Longest time for one attempt, in milliseconds, up to an hour. Default 30,000. */
  readonly deliveryTimeoutMs?: number
  /**
   * How long a process that died is waited for, in milliseconds, 300 to 600,000. Default 5,000. Three heartbeats are sent in it: a
   * process that cannot send them, because its database is away or its event loop is busy, stops delivering.
   */
  readonly leaseMs?: number
  /** Wait between two looks at an empty feed, in milliseconds, up to an hour: doubled from the first to the second. Default 25 and 1,000. */
  readonly pollMs?: readonly [number, number]
  /** For tests. */
  readonly clock?: Clock
}

/** What `createRelay` makes: one relay, running or not. */
export interface Relay {
  /**
   * Delivers until it is stopped. Any number of processes may run it under one name: one delivers, the others wait for
   * its place.
   *
   * @param options.signal stops it as `stop()` does
   * @param options.once returns when everything was delivered that was there, throws at the first failure that is to be
   * tried again, and at the end when events became dead letters or letters on their way again were not taken
   * @throws RelayHalted when only an operator can help: the sink is gone, the cursor has expired; with `once` also for
   * those failures
   * @throws PosternError `source_adapter_misconfigured` when the database is not migrated, or rights are missing
   */
  run(options?: { readonly signal?: AbortSignal; readonly once?: boolean }): Promise<void>
  /** Finishes the batch under way, writes down that it has, and gives its place to another process. */
  stop(): Promise<void>
  /** Looks at the feed at once. For whoever knows that something was committed: `onCommit` of an endpoint, a NOTIFY. */
  wake(): void
  /** How the relay is doing, whichever process runs it. Undefined before it has run for the first time. */
  status(): Promise<RelayStatus | undefined>
}

/** The relay cannot go on by itself. */
export class RelayHalted extends Error {
  override readonly name = 'RelayHalted'
}
