import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { systemClock } from '../../../src/relay/clock.ts'
import { Delivery } from '../../../src/relay/delivery.ts'
import { DeliveryError } from '../../../src/relay/index.ts'
import { HeldLease } from '../../../src/relay/lease.ts'
import { type RelayLease, relayDatabase, relayStore } from '../../../src/relay/store.ts'
import { openNotes, startRelay, until, write } from './support.ts'

test.each([
  ['a NUL and half a character at the cut', () => new Error(`\0${'x'.repeat(499)}😀`)],
  ['megabytes', () => new DeliveryError('y'.repeat(5_000_000))],
  ['no text at all', () => Object.create(null)],
  ['a wait that is no number', () => new DeliveryError('no', { retryAfterMs: Number.NaN })],
  ['a wait with a fraction', () => new DeliveryError('no', { retryAfterMs: 70_000.25 })],
])('a failure with %s is written down as any other, and waits as any other', async (_, thrown) => {
  await using open = await openNotes()
  await write(open, 'n1')
  const errors: unknown[] = []
  let calls = 0
  const running = startRelay(open, {
    schedule: [0, 60_000.5],
    onError: (error) => errors.push(error),
    sink: () => {
      calls += 1
      throw thrown()
    },
  })
  await until(async () => errors.length > 0 || (await running.relay.status())?.state === 'retrying')
  await running.stop()
  expect(errors).toEqual([])
  expect(calls).toBe(1)
  const status = await running.relay.status()
  expect(status?.attempt).toBe(1)
  expect(status?.lastError?.length).toBeLessThanOrEqual(500)
})

test("when to try again goes by the database's clock, whatever this process takes for the time", async () => {
  await using open = await openNotes()
  await write(open, 'n1')
  const real = Date.now
  const ahead = vi.spyOn(Date, 'now').mockImplementation(() => real() + 86_400_000)
  try {
    const running = startRelay(open, {
      schedule: [0, 600_000],
      sink: () => {
        throw new Error('no')
      },
    })
    await until(async () => (await running.relay.status())?.attempt === 1)
    await running.stop()
  } finally {
    ahead.mockRestore()
  }
  const [row] = await open.sql(
    `select retry_at between now() and now() + interval '11 minutes' as soon from postern.relay where name = 'sink'`,
  )
  expect(row).toEqual({ soon: true })
})

test('what cannot be written down is tried again after ever longer waits', async () => {
  await using open = await openNotes()
  await write(open, 'n1')
  await open.sql(`create function never() returns trigger language plpgsql as $$ begin raise 'never'; end $$;
    create trigger never before update of attempt on postern.relay for each row
    when (new.attempt > 0) execute function never()`)
  const waits: number[] = []
  let calls = 0
  const running = startRelay(open, {
    sink: () => {
      calls += 1
      throw new Error('no')
    },
    clock: {
      now: Date.now,
      sleep: async (ms) => void waits.push(ms),
    },
  })
  await until(() => calls >= 7)
  await running.stop()
  expect(waits.slice(0, 6)).toEqual([200, 400, 800, 1600, 3200, 5000])
})

test('a sink that says what has arrived may take longer than one attempt, and one that says nothing may not', async () => {
  await using open = await openNotes()
  await write(open, 'n1')
  let calls = 0
  const running = startRelay(open, {
    deliveryTimeoutMs: 400,
    schedule: [0, 60_000],
    sink: async (_, { signal, progress }) => {
      calls += 1
      for (let n = 0; n < 6 && !signal.aborted; n += 1) {
        await sleep(100)
        progress()
      }
    },
  })
  await until(async () => {
    const status = await running.relay.status()
    return status !== undefined && (status.delivered === 1 || status.attempt > 0)
  })
  expect(await running.relay.status()).toMatchObject({ delivered: 1, attempt: 0 })
  await running.stop()
  expect(calls).toBe(1)
})

test('a heartbeat that was answered before a failure is written down is no wish to try again at once', async () => {
  await using open = await openNotes()
  await write(open, 'n1')
  const store = relayStore(relayDatabase(open.source), 'sink')
  await store.open('beginning')
  const lease = (await store.acquire('one', 60_000)) as RelayLease
  const held = new HeldLease(store, lease.fence, 60_000, performance.now(), () => {})
  const askedAt: number[] = []
  const delivery: Delivery = new Delivery(
    {
      name: 'sink',
      held,
      leaseMs: 60_000,
      clock: systemClock,
      schedule: [0, 60_000],
      batchSize: 1,
      batchBytes: 1000,
      deliveryTimeoutMs: 1000,
      sink: () => {
        askedAt.push(performance.now())
        throw new Error('no')
      },
      store: {
        ...store,
        postpone(fence, retry) {
          // its answer comes now, and knows nothing of this failure
          delivery.heard({ attempt: 0, waitMs: 0, queued: false }, askedAt[0] as number)
          return store.postpone(fence, retry)
        },
      },
    },
    lease,
  )
  await delivery.step(() => false)
  expect(delivery.waitMs()).toBeGreaterThan(0)
  // that one was asked after it
  expect(delivery.heard({ attempt: 0, waitMs: 0, queued: false }, performance.now())).toBe(true)
  expect(delivery.waitMs()).toBe(0)
  await held.end()
})
