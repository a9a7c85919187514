import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type DeliveryState,
  DIED,
  type Failure,
  type Head,
  stateOf,
  transition,
  waitOf,
} from '../../../src/relay/state.ts'

const schedule = [0, 1000, 60_000]
const head = (...live: number[]): Head => ({
  live,
  through: live.at(-1) ?? 9,
  events: Math.max(live.length, 1),
})
const failure = (fault: Failure['fault'], retryAfterMs?: number): Failure => ({
  fault,
  message: 'no',
  retryAfterMs,
})
const ready = { kind: 'ready' } as DeliveryState

/** Sends the batch at the head and has it fail. */
function fail(state: DeliveryState, batch: Head, how: Failure, now = 0) {
  const sent = transition(state, { kind: 'batch', batch }, schedule)
  expect(sent.effect.kind).toBe('send')
  return transition(sent.state, { kind: 'failed', failure: how, now }, schedule)
}

describe('a batch at the head of the line', () => {
  test('is sent, and the cursor passes it', () => {
    const sent = transition(ready, { kind: 'batch', batch: head(1, 2) }, schedule)
    expect(sent.effect).toEqual({ kind: 'send', attempt: 1 })
    expect(transition(sent.state, { kind: 'arrived' }, schedule)).toEqual({
      state: ready,
      effect: { kind: 'pass', delivered: 2 },
    })
  })

  test('of which nothing may be sent is passed without an attempt', () => {
    expect(transition(ready, { kind: 'batch', batch: head() }, schedule).effect).toEqual({
      kind: 'pass',
      delivered: 0,
    })
  })

  test('that fails waits by the schedule, and becomes dead letters when it has ended', () => {
    let state: DeliveryState = ready
    const waits: number[] = []
    for (;;) {
      const { state: next, effect } = fail(state, head(1, 2), failure('failed'))
      if (effect.kind !== 'postpone') {
        expect(effect).toEqual({ kind: 'bury', attempts: 3, error: 'no' })
        break
      }
      waits.push(effect.waitMs)
      state = next
    }
    expect(waits).toEqual([1000, 60_000])
  })

  test('that is refused is cut in half at once until one event stands alone', () => {
    const first = fail(ready, head(1, 2, 3, 4), failure('refused'))
    expect(first.effect).toMatchObject({ kind: 'postpone', waitMs: 0, failing: { through: 2, attempt: 0 } })
    const second = fail(first.state, head(1, 2), failure('refused'))
    expect(second.effect).toMatchObject({ failing: { through: 1, attempt: 0 } })
    expect(fail(second.state, head(1), failure('refused')).effect).toMatchObject({
      waitMs: 1000,
      failing: { attempt: 1 },
    })
  })

  test('waits as long as the sink asks for, a day at most, and never for what is no number', () => {
    const waited = (ms: unknown) =>
      (fail(ready, head(1), failure('failed', ms as number)).effect as { waitMs: number }).waitMs
    expect(waited(5000.5)).toBe(5001)
    expect(waited(Number.POSITIVE_INFINITY)).toBe(86_400_000)
    for (const none of [Number.NaN, -1, '7000', 7000n, null]) expect(waited(none)).toBe(1000)
  })

  test('whose sink is gone halts the relay', () => {
    expect(fail(ready, head(1, 2), failure('gone'))).toEqual({
      state: { kind: 'halted', error: 'no' },
      effect: { kind: 'halt', error: 'no' },
    })
  })

  test('that waits is due at once when an operator asks, and its attempts begin anew', () => {
    const { state } = fail(ready, head(1, 2), failure('failed'), 500)
    expect(waitOf(state, 600)).toBe(900)
    const resumed = transition(state, { kind: 'resumed' }, schedule).state
    expect(waitOf(resumed, 600)).toBe(0)
    expect(transition(resumed, { kind: 'batch', batch: head(1, 2) }, schedule).effect).toEqual({
      kind: 'send',
      attempt: 1,
    })
  })
})

describe('a batch that a process may have died of', () => {
  test('is counted before it is sent', () => {
    const counted = transition(stateOf(null, 0, true, 0), { kind: 'batch', batch: head(1, 2) }, schedule)
    expect(counted.effect).toMatchObject({
      kind: 'postpone',
      waitMs: 0,
      error: DIED,
      failing: { attempt: 1, through: 2 },
    })
    expect(transition(counted.state, { kind: 'batch', batch: head(1, 2) }, schedule).effect).toEqual({
      kind: 'send',
      attempt: 1,
    })
  })

  test('is cut in half from the second time on, and becomes a dead letter alone', () => {
    const suspect = (attempt: number, ...live: number[]) =>
      transition(
        stateOf({ through: 9, events: 4, attempt }, 0, true, 0),
        { kind: 'batch', batch: head(...live) },
        schedule,
      ).effect
    expect(suspect(1, 1, 2, 3, 4)).toMatchObject({ kind: 'postpone', failing: { through: 2, attempt: 1 } })
    expect(suspect(3, 1, 2)).toMatchObject({ kind: 'postpone', failing: { through: 1, attempt: 3 } })
    expect(suspect(3, 1)).toEqual({ kind: 'bury', attempts: 3, error: DIED })
  })

  test('is no suspect while it waits, nor once it is not at the head', () => {
    expect(stateOf({ through: 2, events: 2, attempt: 1 }, 5000, true, 100)).toEqual({
      kind: 'waiting',
      failing: { through: 2, events: 2, attempt: 1 },
      dueAt: 5100,
    })
    expect(transition(stateOf(null, 0, true, 0), { kind: 'empty' }, schedule).state).toEqual(ready)
  })
})

test('whatever the sink answers and however often processes die, every event is delivered or a dead letter, in a bounded number of attempts', () => {
  const answer = fc.constantFrom('arrives', 'failed', 'refused', 'dies')
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.infiniteStream(answer), (events, answers) => {
      const out: number[] = []
      let state: DeliveryState = ready
      let sent = 0
      let next = 1
      // What the database holds: it is all that a new process knows.
      let written: { through: number; events: number; attempt: number } | null = null
      while (next <= events) {
        const bound: number = state.kind === 'ready' ? events : (written?.through ?? events)
        const live = Array.from({ length: Math.min(bound, events) - next + 1 }, (_, n) => next + n)
        let { state: after, effect } = transition(state, { kind: 'batch', batch: head(...live) }, schedule)
        if (effect.kind === 'send') {
          sent += 1
          const how = answers.next().value
          if (how === 'dies') {
            state = stateOf(written, 0, true, 0)
            continue
          }
          const input =
            how === 'arrives'
              ? { kind: 'arrived' as const }
              : { kind: 'failed' as const, failure: failure(how), now: 0 }
          ;({ state: after, effect } = transition(after, input, schedule))
        }
        state = after
        if (effect.kind === 'postpone') written = effect.failing
        if (effect.kind === 'pass' || effect.kind === 'bury') {
          out.push(...live)
          next = (live.at(-1) as number) + 1
          written = null
        }
      }
      expect(out).toEqual(Array.from({ length: events }, (_, n) => n + 1))
      expect(sent).toBeLessThanOrEqual(events * 2 * (schedule.length + 2) * 2)
    }),
  )
})
