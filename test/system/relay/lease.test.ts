import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createRelay, type RelayState, relaysOf } from '../../../src/relay/index.ts'
import { HeldLease } from '../../../src/relay/lease.ts'
import { relayDatabase, relayStore } from '../../../src/relay/store.ts'
import { startRelayProcess } from './process.ts'
import { key, startReceiver } from './receiver.ts'
import { idsOf, openNotes, startRelay, until, write } from './support.ts'

test('of several relays one delivers: no batch twice, none at the same time, and another goes on when it stops', async () => {
  await using open = await openNotes()
  let underWay = 0
  let most = 0
  const got: number[] = []
  const by = new Set<number>()
  const states: RelayState[][] = [[], [], []]
  const start = (n: number) =>
    startRelay(open, {
      batchSize: 3,
      onState: (state) => states[n]?.push(state),
      sink: async ({ events }) => {
        underWay += 1
        most = Math.max(most, underWay)
        by.add(n)
        await sleep(2)
        got.push(...events.map(({ stamp }) => stamp))
        underWay -= 1
      },
    })
  for (let n = 0; n < 20; n += 1) await write(open, `n${n % 4}`)
  const relays = [start(0), start(1), start(2)]
  await until(() => got.length === 20)
  const leader = [...by][0] as number
  await until(() => states.filter((seen) => seen.includes('standby')).length === 2)
  await relays[leader]?.stop()
  for (let n = 0; n < 10; n += 1) await write(open, `n${n % 4}`)
  await until(() => got.length === 30)
  for (const { stop } of relays) await stop()
  expect(most).toBe(1)
  expect(by.size).toBe(2)
  expect(got).toEqual(got.map((_, n) => n + 1))
})

test('a holder whose heartbeats do not get through stops before its lease ends, and its writes are without effect', async () => {
  await using open = await openNotes()
  await write(open, 'n1')
  const store = relayStore(relayDatabase(open.source), 'sink')
  let aborted: (reason: unknown) => void = () => {}
  const reason = new Promise((resolve) => {
    aborted = resolve
  })
  let calls = 0
  const running = startRelay(open, {
    leaseMs: 600,
    sink: async (_, { signal }) => {
      calls += 1
      if (calls > 1) return
      // no heartbeat gets through: each waits for this row
      const other = await open.client()
      await other.query('begin; select from postern.relay for update')
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve())
      })
      // somebody else takes the lease, which has ended by now
      await other.query(`update postern.relay set holder = 'another', fence = fence + 1,
        lease_until = now() + interval '1 minute'; commit`)
      aborted(signal.reason)
    },
  })
  expect(await reason).toMatchObject({ name: 'LeaseLost' })
  expect(await running.relay.status()).toMatchObject({ position: 0, delivered: 0, attempt: 0 })
  // no older fence moves the cursor, buries or disables
  const cursor = { epoch: 'x', position: 1, base: 0, mark: '' }
  const retry = { through: 1, attempt: 1, events: 1, waitMs: 0, error: 'x' }
  expect(await store.advance('1', 1000, cursor, { delivered: 1, buried: [] })).toBe(false)
  expect(await store.postpone('1', retry)).toBe(null)
  expect(await store.trying('1', { letters: ['1'], tries: 1, waitMs: 0 })).toBe(false)
  expect(await store.disable('1', 'x')).toBe(false)
  expect(await store.resolve('1', ['1'])).toBe(false)
  expect(await store.unqueue('1', { letters: [], row: null, error: 'x' })).toBe(false)
  expect(await store.renew('1', 1000)).toBe(null)
  expect(calls).toBe(1)
  const [{ fence } = { fence: '' }] = await open.sql('select fence::text from postern.relay')
  await store.release(String(fence))
  await until(() => calls === 2)
  await running.stop()
})

test('when the holder is killed another takes over within its lease, and nothing is lost', async () => {
  await using open = await openNotes()
  await using receiver = await startReceiver()
  await using holder = await startRelayProcess({
    database: open.url,
    sink: 'http',
    url: receiver.url,
    key,
    leaseMs: 1000,
  })
  await write(open, 'n1')
  await until(() => receiver.accepted.length === 1)
  const { httpSink } = await import('../../../src/relay/index.ts')
  const second = startRelay(open, { sink: httpSink({ url: receiver.url, key }) })
  holder.kill()
  await write(open, 'n2')
  const arrived = () => receiver.accepted.flatMap(({ events }) => events.map(({ entityId }) => entityId))
  await until(() => arrived().includes('n2'))
  await second.stop()
  expect(arrived().at(-1)).toBe('n2')
})

test('a holder that was frozen for longer than its lease finds it lost before it sends anything more', async () => {
  await using open = await openNotes()
  await using receiver = await startReceiver()
  await using holder = await startRelayProcess({
    database: open.url,
    sink: 'http',
    url: receiver.url,
    key,
    leaseMs: 1000,
  })
  await write(open, 'n1')
  await until(() => receiver.accepted.length === 1)
  holder.freeze()
  for (let n = 0; n < 5; n += 1) await write(open, `late${n}`)
  const got: string[] = []
  const second = startRelay(open, { leaseMs: 60_000, sink: ({ events }) => void got.push(...idsOf(events)) })
  // the first event too, when the holder had not written down that it arrived
  await until(() => got.length >= 5)
  holder.thaw()
  // it says so itself; what it sent would have come before
  await until(() => holder.states.includes('standby'))
  await second.stop()
  expect(receiver.all).toHaveLength(1)
})

test('the lease is given back at the end, so that nobody waits for it', async () => {
  await using open = await openNotes()
  const store = relayStore(relayDatabase(open.source), 'sink')
  await createRelay({ adapter: open.source, name: 'sink', leaseMs: 600_000, sink: () => {} }).run({
    once: true,
  })
  expect(await store.acquire('another', 1000)).toMatchObject({ orphaned: false })
})

test('a name that was forgotten and comes back has fences that nobody had before', async () => {
  await using open = await openNotes()
  const store = relayStore(relayDatabase(open.source), 'sink')
  const fences = new Set<string>()
  for (let n = 0; n < 3; n += 1) {
    await store.open('beginning')
    const lease = await store.acquire(`h${n}`, 50)
    fences.add((lease as { fence: string }).fence)
    await relaysOf(open.source).forget('sink')
  }
  const all = [...fences].map(BigInt)
  for (const one of all) for (const other of all) expect(one - other).not.toBe(1n)
  expect(fences.size).toBe(3)
})

test.each(['reset', 'forget'] as const)(
  '%s waits for the lease of who delivers, so that no two do at once',
  async (what) => {
    await using open = await openNotes()
    const store = relayStore(relayDatabase(open.source), 'sink')
    await store.open('beginning')
    const { fence } = (await store.acquire('one', 400)) as { fence: string }
    const before = await open.sql('select lease_until from postern.relay')
    const relays = relaysOf(open.source)
    if (what === 'reset') {
      await relays.reset('sink', 'now')
      expect(await store.acquire('two', 1000)).toBe(null)
      expect(await open.sql('select lease_until from postern.relay')).toEqual(before)
    } else {
      await relays.forget('sink')
      expect(await open.sql('select clock_timestamp() > $1 as over', [before[0]?.lease_until])).toEqual([
        { over: true },
      ])
    }
    expect(await store.renew(fence, 1000)).toBe(null)
    await store.open('beginning')
    await until(async () => (await store.acquire('two', 1000)) !== null)
  },
)

test('at its end a heartbeat under way is waited for, and renews nothing that was given back', async () => {
  await using open = await openNotes()
  const store = relayStore(relayDatabase(open.source), 'sink')
  await store.open('beginning')
  const { fence } = (await store.acquire('one', 900)) as { fence: string }
  const order: string[] = []
  const told = {
    ...store,
    async renew(of: string, ms: number) {
      order.push('asked')
      await sleep(100)
      const answer = await store.renew(of, ms)
      order.push('renewed')
      return answer
    },
    async release(of: string) {
      await store.release(of)
      order.push('released')
    },
  }
  const held = new HeldLease(told, fence, 900, performance.now(), () => order.push('news'))
  await until(() => order.length > 0)
  await held.end()
  expect(order).toEqual(['asked', 'renewed', 'released'])
})

test('a machine that slept finds its lease over, though the time of the process stood still', () => {
  const store = {} as ReturnType<typeof relayStore>
  const held = new HeldLease(store, '1', 60_000, performance.now(), () => {})
  held.assert()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  try {
    expect(() => held.assert()).toThrow('Another process')
  } finally {
    vi.useRealTimers()
  }
})

test('a batch that ends the process that sends it is counted all the same, and ends as a dead letter; the rest arrives', async () => {
  await using open = await openNotes()
  const store = relayStore(relayDatabase(open.source), 'sink')
  for (const row of ['a', 'poison', 'b']) await write(open, row)
  const got: string[] = []
  const relays = relaysOf(open.source)
  let deaths = 0
  for (; (await relays.status())[0]?.behind !== 0 && deaths < 10; ) {
    const died = new AbortController()
    const running = startRelay(open, {
      schedule: [0, 1],
      sink: async ({ events }) => {
        if (!events.some(({ entityId }) => entityId === 'poison')) return void got.push(...idsOf(events))
        deaths += 1
        died.abort()
        await sleep(600_000, undefined, { ref: false })
      },
    })
    await until(async () => died.signal.aborted || (await relays.status())[0]?.behind === 0)
    // what its death looks like to the next: a holder that is not there any more, its lease over
    await open.sql(
      `update postern.relay set holder = 'dead', fence = fence + 1, lease_until = now() - interval '1 s'`,
    )
    await Promise.race([running.stop(), sleep(1000)])
  }
  expect(await store.queued(1, 1000)).toEqual([])
  expect(await relays.deadLetters('sink')).toMatchObject([{ entityId: 'poison', attempts: 2 }])
  expect(got).toEqual(idsOf((await open.as(null).feed()).filter(({ entityId }) => entityId !== 'poison')))
})
