import { nextWait, REFUSED_ATTEMPTS } from './schedule.ts'

/**
 * `failed`: it may work later. `refused`: the sink is there and does not take this batch; it is cut in half until the
 * event that is refused stands alone. `gone`: nothing is to be sent any more; the relay is disabled.
 */
export type DeliveryFault = 'failed' | 'refused' | 'gone'

/** A batch at the head of the line that does not arrive. */
export interface Failing {
  /** It goes up to this position, and has so many events, those that wait for a dead letter included. */
  readonly through: number
  readonly events: number
  /** How often it was tried. */
  readonly attempt: number
}

/** Where the delivery of the batch at the head of the line stands. */
export type DeliveryState =
  /** It was never tried. */
  | { readonly kind: 'ready' }
  /** It ends where an earlier one was cut, or whose attempts an operator had begin anew. */
  | { readonly kind: 'bounded'; readonly through: number; readonly events: number }
  /** It failed, and is not tried before `dueAt`, on the clock of this process. */
  | { readonly kind: 'waiting'; readonly failing: Failing; readonly dueAt: number }
  /** The process before this one ended and did not say how its attempt went: it may have died of the batch. */
  | { readonly kind: 'suspect'; readonly failing: Failing | null }
  /** Its next attempt is counted already, since this process may not be left to count it. */
  | { readonly kind: 'counted'; readonly failing: Failing }
  /** An attempt is under way. */
  | { readonly kind: 'sending'; readonly attempt: number; readonly batch: Head }
  /** Only an operator can help. */
  | { readonly kind: 'halted'; readonly error: string }

/** The batch at the head of the line, as far as it is decided on. */
export interface Head {
  /** The positions that are to be sent. */
  readonly live: readonly number[]
  /** The position of its last event, sent or not, and how many there are. */
  readonly through: number
  readonly events: number
}

export interface Failure {
  readonly fault: DeliveryFault
  readonly message: string
  readonly retryAfterMs?: number | undefined
}

/** What happens to a delivery. */
export type DeliveryInput =
  | { readonly kind: 'batch'; readonly batch: Head }
  /** Nothing is at the head of the line. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'arrived' }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly now: number }
  /** An operator has asked to try at once. */
  | { readonly kind: 'resumed' }

/** What is to be done; the state is the one after it was. */
export type DeliveryEffect =
  | { readonly kind: 'none' }
  | { readonly kind: 'send'; readonly attempt: number }
  /** The cursor moves over the batch: so many of it have arrived, what was not sent is a dead letter. */
  | { readonly kind: 'pass'; readonly delivered: number }
  /** The cursor moves over the batch, and all of it becomes dead letters. */
  | { readonly kind: 'bury'; readonly attempts: number; readonly error: string }
  /** Written down: up to where the batch goes, how often it was tried, and how long it waits. */
  | { readonly kind: 'postpone'; readonly failing: Failing; readonly waitMs: number; readonly error: string }
  | { readonly kind: 'halt'; readonly error: string }

export interface Transition {
  readonly state: DeliveryState
  readonly effect: DeliveryEffect
}

export const DIED = 'The process that sent it ended before it could say how that went.'

const READY: DeliveryState = { kind: 'ready' }
const NONE: DeliveryEffect = { kind: 'none' }

/** The state in which a lease finds the head of the line. @param orphaned see `RelayLease` */
export function stateOf(
  failing: Failing | null,
  waitMs: number,
  orphaned: boolean,
  now: number,
): DeliveryState {
  if (failing !== null && failing.attempt > 0 && waitMs > 0)
    return { kind: 'waiting', failing, dueAt: now + waitMs }
  if (orphaned) return { kind: 'suspect', failing }
  if (failing === null) return READY
  if (failing.attempt === 0) return { kind: 'bounded', through: failing.through, events: failing.events }
  return { kind: 'waiting', failing, dueAt: now }
}

/** Where the next batch must end; null when it may be as large as any. */
export function boundOf(state: DeliveryState): { readonly through: number; readonly events: number } | null {
  switch (state.kind) {
    case 'bounded':
      return state
    case 'waiting':
    case 'counted':
    case 'suspect':
      return state.failing
    default:
      return null
  }
}

/** How long the head of the line must not be tried, in milliseconds. */
export const waitOf = (state: DeliveryState, now: number): number =>
  state.kind === 'waiting' ? Math.max(state.dueAt - now, 0) : 0

/**
 * What becomes of a delivery by what happens to it. All that a relay decides about its batches is decided here: it
 * reads no clock, asks no database and sends nothing.
 */
export function transition(
  state: DeliveryState,
  input: DeliveryInput,
  schedule: readonly number[],
): Transition {
  switch (input.kind) {
    case 'empty':
      // What the process before may have died of is not at the head any more.
      return { state: state.kind === 'suspect' ? READY : state, effect: NONE }
    case 'resumed':
      return { state: resumed(state), effect: NONE }
    case 'batch':
      return headed(state, input.batch, schedule)
    case 'arrived':
      return { state: READY, effect: { kind: 'pass', delivered: sending(state).batch.live.length } }
    case 'failed':
      return failed(sending(state), input.failure, input.now, schedule)
  }
}

function resumed(state: DeliveryState): DeliveryState {
  if (state.kind !== 'waiting') return state
  return { kind: 'bounded', through: state.failing.through, events: state.failing.events }
}

function headed(state: DeliveryState, batch: Head, schedule: readonly number[]): Transition {
  if (batch.live.length === 0)
    return {
      state: state.kind === 'suspect' ? { kind: 'suspect', failing: null } : READY,
      effect: { kind: 'pass', delivered: 0 },
    }
  if (state.kind === 'suspect') return suspected(state.failing, batch, schedule)
  const tried = state.kind === 'waiting' ? state.failing.attempt : 0
  const attempt = state.kind === 'counted' ? Math.max(state.failing.attempt, 1) : tried + 1
  return { state: { kind: 'sending', attempt, batch }, effect: { kind: 'send', attempt } }
}

/** The second time the batch is cut in half, so that in the end what processes die of stands alone. */
function suspected(failing: Failing | null, batch: Head, schedule: readonly number[]): Transition {
  const attempt = failing?.attempt ?? 0
  const halve = attempt > 0 && batch.live.length > 1
  if (attempt >= schedule.length && !halve)
    return { state: READY, effect: { kind: 'bury', attempts: attempt, error: DIED } }
  const counted = halve
    ? { ...firstHalf(batch), attempt }
    : { through: batch.through, events: batch.events, attempt: attempt + 1 }
  return {
    state: { kind: 'counted', failing: counted },
    effect: { kind: 'postpone', failing: counted, waitMs: 0, error: DIED },
  }
}

function failed(
  { attempt, batch }: Extract<DeliveryState, { kind: 'sending' }>,
  { fault, message: error, retryAfterMs }: Failure,
  now: number,
  schedule: readonly number[],
): Transition {
  if (fault === 'gone') return { state: { kind: 'halted', error }, effect: { kind: 'halt', error } }
  if (fault === 'refused' && batch.live.length > 1) {
    // Somewhere in it is what the sink does not take: the first half goes on at once.
    const failing = { ...firstHalf(batch), attempt: 0 }
    const { through, events } = failing
    return {
      state: { kind: 'bounded', through, events },
      effect: { kind: 'postpone', failing, waitMs: 0, error },
    }
  }
  const waits = fault === 'refused' ? schedule.slice(0, REFUSED_ATTEMPTS) : schedule
  const waitMs = nextWait(waits, attempt, retryAfterMs)
  if (waitMs === undefined) return { state: READY, effect: { kind: 'bury', attempts: attempt, error } }
  const failing = { through: batch.through, events: batch.events, attempt }
  return {
    state: { kind: 'waiting', failing, dueAt: now + waitMs },
    effect: { kind: 'postpone', failing, waitMs, error },
  }
}

/** Where the batch ends that has only the first half of what is to be sent. */
function firstHalf({ live, through, events }: Head): { through: number; events: number } {
  return { through: live[Math.floor(live.length / 2) - 1] ?? through, events }
}

function sending(state: DeliveryState): Extract<DeliveryState, { kind: 'sending' }> {
  if (state.kind === 'sending') return state
  throw new Error(`No attempt is under way: the delivery is ${state.kind}.`)
}
