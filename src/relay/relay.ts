import { randomUUID } from 'node:crypto'
import { isWait, notify } from '../core/callback.ts'
import { PosternError } from '../core/errors.ts'
import { checkOptions, type OptionKinds } from '../core/options.ts'
import { relaysOf } from './admin.ts'
import { Nap, systemClock } from './clock.ts'
import { Delivery } from './delivery.ts'
import { HeldLease, LeaseLost } from './lease.ts'
import type { Relay, RelayOptions, RelayState } from './options.ts'
import { RelayHalted } from './options.ts'
import { standardSchedule } from './schedule.ts'
import type { RelayLease, RelayStore } from './store.ts'
import { relayDatabase, relayStore } from './store.ts'

/** Between two attempts to become the one that delivers, in milliseconds. */
const STANDBY_MS = 1000
/** The longest sleep at a time: a laptop that slept meanwhile must not sleep on. */
const NAP_MS = 300_000

const YEAR_MS = 366 * 86_400_000

/**
 * Follows the feed of an adapter and delivers every event to a sink, at least once, each row's in the order of the log.
 * Where it stands is kept in the database, so it goes on after any crash, in any process.
 *
 * One batch is under way at a time, and later ones wait for it: a batch that fails is tried again by the schedule.
 * When that ends, its events become dead letters and the relay goes on; rows with dead letters get nothing more until
 * these were sent (`redrive`) or given up (`discard`), see `relaysOf`.
 *
 * @throws TypeError for a name or a number that cannot be right
 * @throws PosternError `source_adapter_misconfigured` for an adapter that is not on Postgres
 * @example
 * const sink: Sink = ({ events }) => fetch('http://search:7700/changes', { method: 'POST', body: JSON.stringify(events) })
 * const relay = createRelay({ adapter, name: 'search', sink })
 * await relay.run()
 */
export function createRelay(options: RelayOptions): Relay {
  checkRelayOptions(options)
  const { name, adapter } = options
  const store = relayStore(relayDatabase(adapter), name)
  const clock = options.clock ?? systemClock
  const holder = randomUUID()
  let nap = new Nap(clock)
  let stopping = false
  let running: Promise<void> | undefined

  return {
    run({ signal, once = false } = {}) {
      if (running !== undefined) throw new Error(`The relay ${name} is running in this process already.`)
      const stop = (): void => {
        stopping = true
        nap.wake()
      }
      stopping = signal?.aborted ?? false
      nap = new Nap(clock)
      signal?.addEventListener('abort', stop, { once: true })
      running = work({ options, store, holder, nap, once, stopping: () => stopping }).finally(() => {
        signal?.removeEventListener('abort', stop)
        running = undefined
        tell(options, 'stopped')
      })
      return running
    },
    async stop() {
      stopping = true
      nap.wake()
      // why it ended is told to whoever called `run`
      await running?.catch(() => {})
    },
    wake: () => nap.wake(),
    status: async () => (await relaysOf(adapter).status()).find((relay) => relay.name === name),
  }
}

/** Bounds of the numbers: the least, and the most. */
const BOUNDS = {
  batchSize: [1, 10_000],
  batchBytes: [1, 67_108_864],
  deliveryTimeoutMs: [1, 3_600_000],
  leaseMs: [300, 600_000],
} as const
const MOST_ATTEMPTS = 100
const LONGEST_POLL_MS = 3_600_000

/** Every option; those that are `any` are judged one by one. */
const KNOWN: OptionKinds<RelayOptions> = {
  adapter: 'any',
  name: 'any',
  sink: 'any',
  from: 'any',
  batchSize: 'any',
  batchBytes: 'any',
  schedule: 'any',
  deliveryTimeoutMs: 'any',
  leaseMs: 'any',
  pollMs: 'any',
  clock: 'object',
  onDelivered: 'any',
  onFailed: 'any',
  onState: 'any',
  onError: 'any',
}

function checkRelayOptions(options: RelayOptions): void {
  checkOptions<RelayOptions>('createRelay', options, KNOWN)
  const { name, sink, from, schedule, pollMs } = options
  if (typeof name !== 'string' || !/^[A-Za-z0-9._:-]{1,100}$/.test(name))
    throw new TypeError('A relay’s name has 1 to 100 letters, digits, dots, colons, _ and -.')
  if (typeof sink !== 'function') throw new TypeError('sink must be a function of one batch.')
  for (const hook of ['onDelivered', 'onFailed', 'onState', 'onError'] as const) {
    if (options[hook] !== undefined && typeof options[hook] !== 'function')
      throw new TypeError(`${hook} must be a function.`)
  }
  if (from !== undefined && from !== 'beginning' && from !== 'now')
    throw new TypeError("from must be 'beginning' or 'now'.")
  for (const [option, [least, most]] of Object.entries(BOUNDS)) {
    const value: unknown = options[option as keyof typeof BOUNDS]
    if (value !== undefined && !(isWait(value) && value >= least && value <= most))
      throw new TypeError(`${option} must be a whole number from ${least} to ${most}.`)
  }
  if (schedule !== undefined && !areWaits(schedule, 1, MOST_ATTEMPTS, YEAR_MS))
    throw new TypeError(
      `schedule must have 1 to ${MOST_ATTEMPTS} waits in milliseconds, a year at most each.`,
    )
  if (pollMs !== undefined && !areWaits(pollMs, 2, 2, LONGEST_POLL_MS))
    throw new TypeError('pollMs must be two waits in milliseconds, an hour at most each.')
}

const areWaits = (given: readonly number[], least: number, most: number, longest: number): boolean =>
  Array.isArray(given) &&
  given.length >= least &&
  given.length <= most &&
  given.every((ms) => typeof ms === 'number' && ms >= 0 && ms <= longest)

interface Work {
  readonly options: RelayOptions
  readonly store: RelayStore
  readonly holder: string
  readonly nap: Nap
  readonly once: boolean
  stopping(): boolean
}

/** Waits for the lease, and delivers as long as it has it; again and again until it is stopped. */
async function work(at: Work): Promise<void> {
  const { options, store, holder, nap } = at
  const leaseMs = options.leaseMs ?? 5000
  let opened = false
  let trouble = 0
  while (!at.stopping()) {
    try {
      if (!opened) await store.open(options.from ?? 'beginning')
      opened = true
      const askedAt = performance.now()
      const lease = await store.acquire(holder, leaseMs)
      if (lease === null) {
        trouble = 0
        tell(options, 'standby')
        await nap.rest(STANDBY_MS)
      } else if ('disabled' in lease) throw new RelayHalted(lease.disabled)
      else {
        // to have the lease is no success: what is done with it may fail each time
        const stepped = (): void => {
          trouble = 0
        }
        await lead(at, lease, askedAt, leaseMs, stepped)
      }
      if (at.once && lease !== null) return
    } catch (error) {
      if (error instanceof LeaseLost) continue
      const hopeless = error instanceof PosternError && error.code === 'source_adapter_misconfigured'
      if (error instanceof RelayHalted || hopeless || at.once) throw error
      notify('onError', () => options.onError?.(error))
      trouble += 1
      await nap.rest(Math.min(100 * 2 ** trouble, 5000))
    }
  }
}

/** Delivers while it has the lease. */
async function lead(
  at: Work,
  lease: RelayLease,
  askedAt: number,
  leaseMs: number,
  stepped: () => void,
): Promise<void> {
  const { options, store, nap, once } = at
  const clock = options.clock ?? systemClock
  const [shortest = 25, longest = 1000] = options.pollMs ?? []
  const held = new HeldLease(store, lease.fence, leaseMs, askedAt, (news, asked) => {
    if (delivery.heard(news, asked)) nap.wake()
  })
  const delivery = new Delivery(
    {
      ...options,
      store,
      held,
      leaseMs,
      clock,
      schedule: options.schedule ?? standardSchedule,
      batchSize: options.batchSize ?? 500,
      batchBytes: options.batchBytes ?? 1_048_576,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? 30_000,
    },
    lease,
  )
  held.lost.addEventListener('abort', () => nap.wake(), { once: true })
  let idleMs = shortest
  try {
    while (!at.stopping()) {
      held.assert()
      const waitMs = delivery.waitMs()
      if (waitMs > 0) {
        if (once) throw new RelayHalted(`The relay is failing: ${delivery.lastError}`)
        tell(options, 'waiting')
        // an operator's redrive does not wait for the head of the line
        if (await delivery.redrive(at.stopping)) continue
        await nap.rest(Math.min(waitMs, NAP_MS))
        continue
      }
      const busy = await delivery.step(at.stopping)
      stepped()
      if (busy) {
        tell(options, 'delivering')
        idleMs = shortest
        continue
      }
      if (once) break
      tell(options, 'idle')
      // what it was woken for may still be in flight
      const woken = await nap.rest(idleMs)
      idleMs = woken ? shortest : Math.min(Math.max(idleMs, 1) * 2, longest)
    }
    await delivery.settle()
    if (once && delivery.undelivered !== undefined)
      throw new RelayHalted(`Some events are dead letters: ${delivery.undelivered}`)
  } finally {
    await held.end()
  }
}

const states = new WeakMap<RelayOptions, RelayState>()

/** Says what the relay does, once each time that it changes. */
function tell(options: RelayOptions, state: RelayState): void {
  if (states.get(options) === state) return
  states.set(options, state)
  notify('onState', () => options.onState?.(state))
}
