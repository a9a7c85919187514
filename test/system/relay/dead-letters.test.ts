import { expect, test } from 'vitest'
import { type ChangeEvent, createRelay, DeliveryError, relaysOf } from '../../../src/relay/index.ts'
import { leapingClock, openNotes, startRelay, until, write } from './support.ts'

/** A sink that takes nothing of some rows. */
function choosy(...rows: string[]) {
  const refused = new Set(rows)
  const got: ChangeEvent[] = []
  const calls: number[][] = []
  let down = false
  return {
    got,
    calls,
    refused,
    down: (is: boolean) => {
      down = is
    },
    sink: ({ events }: { events: readonly ChangeEvent[] }) => {
      calls.push(events.map(({ stamp }) => stamp))
      if (down) throw new Error('down')
      if (events.some(({ entityId }) => refused.has(entityId)))
        throw new DeliveryError('not this', { fault: 'refused' })
      got.push(...events)
    },
  }
}

const stampsOf = (events: readonly ChangeEvent[], row: string): number[] =>
  events.filter(({ entityId }) => entityId === row).map(({ stamp }) => stamp)

test('a sink that fails for the whole schedule leaves dead letters, the relay goes on, and a redrive delivers them', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const { got, calls, sink, down } = choosy()
  for (const row of ['a', 'b', 'a']) await write(open, row)
  down(true)
  const clock = leapingClock()
  const failures: (Date | null)[] = []
  const running = startRelay(open, { sink, clock, onFailed: ({ retryAt }) => failures.push(retryAt) })
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 3)
  expect(calls).toEqual(Array(10).fill([1, 2, 3]))
  expect(failures.filter((at) => at === null)).toHaveLength(1)
  down(false)
  await write(open, 'c')
  await until(() => stampsOf(got, 'c').length === 1)
  const letters = await relays.deadLetters('sink')
  expect(letters.map(({ position, attempts, error }) => ({ position, attempts, error }))).toEqual(
    [1, 2, 3].map((position) => ({ position, attempts: 10, error: 'down' })),
  )
  const feed = await open.as(null).feed()
  expect(letters.map(({ event }) => JSON.parse(event))).toEqual(feed.slice(0, 3))
  expect(await relays.redrive('sink')).toBe(3)
  await until(() => got.length === 4)
  await running.stop()
  expect([...got].sort((a, b) => a.stamp - b.stamp)).toEqual(feed)
  expect(stampsOf(got, 'a')).toEqual([1, 3])
  expect(await relays.status()).toMatchObject([{ deadLetters: 0, queued: 0, delivered: 4 }])
})

test('a row with a dead letter gets nothing else until that was sent: its order is kept, and other rows go on', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const { got, sink, refused } = choosy('bad')
  for (const row of ['bad', 'good']) await write(open, row)
  const running = startRelay(open, { sink, clock: leapingClock() })
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 1)
  for (const row of ['good', 'bad', 'good', 'bad']) await write(open, row)
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 3)
  await until(() => stampsOf(got, 'good').length === 3)
  expect(stampsOf(got, 'bad')).toEqual([])
  const letters = await relays.deadLetters('sink')
  expect(letters.map(({ attempts }) => attempts)).toEqual([3, 0, 0])
  expect(letters[1]?.error).toBe('An earlier event of its row is a dead letter.')

  // asked for while it is still refused: back to where they were
  expect(await relays.redrive('sink', { ids: [letters[2]?.id as string] })).toBe(3)
  await until(async () => (await relays.status())[0]?.queued === 0)
  expect(await relays.deadLetters('sink')).toMatchObject([{ attempts: 4 }, { attempts: 0 }, { attempts: 0 }])
  await write(open, 'bad')

  refused.clear()
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 4)
  expect(await relays.redrive('sink', { model: 'notes' })).toBe(4)
  await until(() => stampsOf(got, 'bad').length === 4)
  await write(open, 'bad')
  await until(() => stampsOf(got, 'bad').length === 5)
  await running.stop()
  expect(stampsOf(got, 'bad')).toEqual(stampsOf((await open.as(null).feed()) as never, 'bad'))
})

test('discarded letters are gone, and their row goes on', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const { got, sink, refused } = choosy('bad')
  for (const row of ['bad', 'bad']) await write(open, row)
  const running = startRelay(open, { sink, clock: leapingClock() })
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 2)
  refused.clear()
  expect(await relays.discard('sink', {})).toBe(2)
  await write(open, 'bad')
  await until(() => got.length === 1)
  await running.stop()
  expect(got[0]?.stamp).toBe(3)
})

test('a redrive to a sink that is down gives all letters back at once, and holds nothing else up', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const rows = ['a', 'b', 'c', 'd']
  const { calls, got, sink, refused, down } = choosy(...rows)
  for (const row of rows) await write(open, row)
  const running = startRelay(open, { sink, clock: leapingClock() })
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 4)
  const before = calls.length
  down(true)
  await relays.redrive('sink')
  await until(async () => (await relays.status())[0]?.queued === 0)
  // one row that fails says nothing of the sink, three one after the other do
  expect(calls.slice(before)).toEqual([[1], [2], [3]])
  expect((await relays.deadLetters('sink')).map(({ error }) => error)).toEqual(rows.map(() => 'down'))
  down(false)
  refused.clear()
  await write(open, 'e')
  await until(() => got.length === 1)
  await running.stop()
})

test('a letter that fails each time it is asked for keeps back its own row, and no other letter', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const rows = ['a', 'stuck', 'b']
  const { got, sink, refused } = choosy(...rows)
  for (const row of rows) await write(open, row)
  const failing = ({ events }: { events: readonly ChangeEvent[] }) => {
    if (refused.size === 0 && events.some(({ entityId }) => entityId === 'stuck')) throw new Error('500')
    return sink({ events })
  }
  const running = startRelay(open, { sink: failing, clock: leapingClock() })
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 3)
  refused.clear()
  await relays.redrive('sink')
  await until(async () => (await relays.status())[0]?.queued === 0)
  await running.stop()
  expect(got.map(({ entityId }) => entityId)).toEqual(['a', 'b'])
  expect(await relays.deadLetters('sink')).toMatchObject([{ entityId: 'stuck', error: '500', attempts: 4 }])
})

test('a letter that ends every process that sends it is given back; its row waits alone', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const { sink, refused } = choosy('poison', 'a')
  for (const row of ['poison', 'a', 'poison']) await write(open, row)
  const first = startRelay(open, { sink, clock: leapingClock() })
  await until(async () => ((await relays.status())[0]?.deadLetters ?? 0) === 3)
  await first.stop()
  refused.clear()
  await relays.redrive('sink')
  await write(open, 'new')
  const got: string[] = []
  let deaths = 0
  for (; ((await relays.status())[0]?.queued ?? 0) > 0 && deaths < 10; ) {
    const died = Promise.withResolvers<void>()
    const running = startRelay(open, {
      schedule: [0, 1, 1],
      sink: async ({ events }) => {
        if (!events.some(({ entityId }) => entityId === 'poison'))
          return void got.push(...events.map(({ entityId }) => entityId))
        deaths += 1
        died.resolve()
        await new Promise(() => {})
      },
    })
    await Promise.race([died.promise, until(async () => (await relays.status())[0]?.queued === 0)])
    // its death, as the next one sees it
    await open.sql(
      `update postern.relay set holder = 'dead', fence = fence + 1, lease_until = now() - interval '1 s'`,
    )
    await running.stop()
    // after the first death at the latest all that is not of its row has arrived
    if (deaths > 1) expect(got.toSorted()).toEqual(['a', 'new'])
  }
  expect(deaths).toBe(3)
  expect(got.toSorted()).toEqual(['a', 'new'])
  expect(await relays.deadLetters('sink')).toMatchObject([
    { entityId: 'poison', attempts: 6, queued: false, error: expect.stringContaining('ended before') },
    { entityId: 'poison', attempts: 0, queued: false },
  ])
})

test('reset: from the beginning all is sent again, from now on nothing of before', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const { got, sink } = choosy('bad')
  for (const row of ['bad', 'good']) await write(open, row)
  const once = () =>
    createRelay({ adapter: open.source, name: 'sink', sink, schedule: [0] }).run({ once: true })
  await expect(once()).rejects.toThrow('Some events are dead letters: not this')
  expect(await relays.status()).toMatchObject([{ deadLetters: 1 }])
  await relays.reset('sink', 'beginning')
  await expect(once()).rejects.toThrow('Some events are dead letters: not this')
  expect(stampsOf(got, 'good')).toEqual([2, 2])
  expect(await relays.status()).toMatchObject([{ deadLetters: 1 }])
  await write(open, 'skipped')
  await relays.reset('sink', 'now')
  await write(open, 'good')
  await once()
  expect(got.map(({ stamp }) => stamp)).toEqual([2, 2, 4])
})

test('letters that are discarded while a batch is under way do not come back: the events behind them are sent', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  await write(open, 'a')
  const fails = () => Promise.reject(new Error('no'))
  const options = { adapter: open.source, name: 'sink', schedule: [0] }
  await expect(createRelay({ ...options, sink: fails }).run({ once: true })).rejects.toThrow('no')
  for (const row of ['a', 'b']) await write(open, row)
  const got: ChangeEvent[] = []
  const sink = async ({ events }: { events: readonly ChangeEvent[] }) => {
    got.push(...events)
    if (got.length === 1) expect(await relays.discard('sink', {})).toBe(1)
  }
  await createRelay({ ...options, sink }).run({ once: true })
  expect(stampsOf(got, 'a')).toEqual([2])
  expect(await relays.status()).toMatchObject([{ deadLetters: 0, behind: 0 }])
})

test('a redrive keeps to the bytes of a batch, and a letter that is refused holds back none before it', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const { got, calls, sink, refused } = choosy('a')
  for (let n = 0; n < 9; n += 1) await write(open, 'a', 'y'.repeat(300))
  const options = { adapter: open.source, name: 'sink', batchBytes: 2500, schedule: [0] }
  const once = (use: typeof sink) => createRelay({ ...options, sink: use }).run({ once: true })
  await expect(once(sink)).rejects.toThrow('dead letters')
  refused.clear()
  calls.length = 0
  await relays.redrive('sink')
  const picky = ({ events }: { events: readonly ChangeEvent[] }) => {
    if (events.some(({ stamp }) => stamp === 6)) throw new DeliveryError('not this', { fault: 'refused' })
    return sink({ events })
  }
  await expect(once(picky)).rejects.toThrow('Some events are dead letters: not this')
  expect(stampsOf(got, 'a')).toEqual([1, 2, 3, 4, 5])
  expect(Math.max(...calls.map(({ length }) => length))).toBeLessThan(6)
  expect((await relays.deadLetters('sink')).map(({ position, queued }) => [position, queued])).toEqual(
    [6, 7, 8, 9].map((position) => [position, false]),
  )
  await relays.redrive('sink')
  await once(sink)
  expect(stampsOf(got, 'a')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('a redrive does not wait for a batch that waits', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  const { got, sink, refused } = choosy('dead')
  await write(open, 'dead')
  const options = { adapter: open.source, name: 'sink', schedule: [0], sink }
  await expect(createRelay(options).run({ once: true })).rejects.toThrow('not this')
  refused.clear()
  refused.add('stuck')
  await write(open, 'stuck')
  const running = startRelay(open, { sink, schedule: [0, 86_400_000] })
  await until(async () => (await relays.status())[0]?.state === 'retrying')
  await relays.redrive('sink')
  await until(() => stampsOf(got, 'dead').length === 1)
  await running.stop()
  expect(await relays.status()).toMatchObject([{ deadLetters: 0, attempt: 1 }])
})

test('a relay whose follower was forgotten says that events were pruned, not that the log is another one', async () => {
  await using open = await openNotes()
  const once = () => createRelay({ adapter: open.source, name: 'sink', sink: () => {} }).run({ once: true })
  await write(open, 'a')
  await once()
  for (let n = 0; n < 5; n += 1) await write(open, 'a')
  await open.source.acknowledge('relay:sink', null)
  await open.sql(`update postern.meta set log_retention = '-1 day'`)
  await open.source.prune()
  await expect(once()).rejects.toThrow(/pruned.*reset/)
})

test('after a restore into another database the relay halts rather than skip in silence, and says what to do', async () => {
  await using open = await openNotes()
  const { sink, got } = choosy()
  await write(open, 'a')
  const once = () => createRelay({ adapter: open.source, name: 'sink', sink }).run({ once: true })
  await once()
  // what a copy of the database looks like to a follower: another incarnation of the log
  await open.sql(`update postern.meta set incarnation = gen_random_uuid()`)
  await write(open, 'b')
  await expect(once()).rejects.toThrow(/restored or replaced.*reset/)
  await expect(once()).rejects.toThrow(/restored or replaced.*reset/)
  await relaysOf(open.source).reset('sink', 'beginning')
  await once()
  expect(got.map(({ stamp }) => stamp)).toEqual([1, 1, 2])
})

test('what is asked of a relay that is not there, or of letters that are none, is refused', async () => {
  await using open = await openNotes()
  const relays = relaysOf(open.source)
  for (const ask of [
    () => relays.redrive('none'),
    () => relays.discard('none', {}),
    () => relays.resume('none'),
    () => relays.reset('none', 'now'),
    () => relays.forget('none'),
  ])
    await expect(ask()).rejects.toThrow('There is no relay none.')
  await expect(relays.redrive('none', { ids: ['1}'] })).rejects.toThrow(
    'The id of a dead letter is a whole number',
  )
  expect(await relays.deadLetters('none')).toEqual([])
})
