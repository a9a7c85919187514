import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../../src/index.ts'
import { grants } from '../../../src/postgres/index.ts'
import { createRelay, relaysOf, type Sink } from '../../../src/relay/index.ts'
import { blocksOf } from '../../docs/markdown.ts'
import { majors } from '../../support/postgres-source.ts'
import { idsOf, openNotes, startRelay, until, write } from './support.ts'

describe.each(majors)('Postgres %i: a relay', (major) => {
  test('delivers every event once and in order, what was there before it and what comes, of all tenants', async () => {
    await using open = await openNotes(major)
    for (let n = 0; n < 12; n += 1) await write(open, `n${n % 3}`)
    await open
      .as({ organizationId: 'org_2' })
      .commit({ type: 'CREATE', model: 'lists', id: 'l', input: { name: 'a' } })
    const running = startRelay(open, { batchSize: 5 })
    await until(() => running.got.length === 13)
    for (let n = 0; n < 5; n += 1) await write(open, `n${n}`)
    await until(() => running.got.length === 18)
    await running.stop()
    expect(await running.ended).toBeUndefined()
    const feed = await open.as(null).feed()
    expect(running.got).toEqual(feed)
    expect(await running.relay.status()).toMatchObject({
      state: 'stopped',
      behind: 0,
      delivered: 18,
      lastError: null,
    })
  })

  test('goes on where it stopped, in another process or this one, and holds pruning back meanwhile', async () => {
    await using open = await openNotes(major)
    for (let n = 0; n < 6; n += 1) await write(open, 'n1')
    const first = startRelay(open)
    await until(() => first.got.length === 6)
    await first.stop()
    for (let n = 0; n < 6; n += 1) await write(open, 'n1')
    await open.sql(`update postern.meta set log_retention = '-1 day'`)
    expect((await open.source.prune()).events).toBeLessThanOrEqual(6)
    const second = startRelay(open)
    await until(() => second.got.length === 6)
    await second.stop()
    expect(second.got.map(({ stamp }) => stamp)).toEqual([7, 8, 9, 10, 11, 12])
    await open.source.prune()
    expect((await open.as(null).feed()).map(({ stamp }) => stamp)).toEqual([12])
    await relaysOf(open.source).forget('sink')
    expect((await open.source.feedStatus()).followers).toEqual([])
  })
})

test('an event is handed on as the database wrote it, digit by digit', async () => {
  await using open = await openNotes()
  // more digits than a double has, as a writer beside the endpoint may leave them
  await open.sql(`insert into notes values ('n', 'org_1', 'x', '{"exact":12345678901234567890.123}')`)
  await open.commit({ type: 'UPDATE', model: 'notes', id: 'n', input: { text: 'y' } })
  const bodies: string[] = []
  const running = startRelay(open, { sink: ({ body }) => void bodies.push(body) })
  await until(() => bodies.length === 1)
  await running.stop()
  expect(bodies[0]).toMatch(/^\{"events":\[\{"id":".*"exact": ?12345678901234567890\.123\}\}.*\]\}$/)
})

test('batches end at the number and at the bytes asked for, and one large event travels alone', async () => {
  await using open = await openNotes()
  for (let n = 0; n < 9; n += 1) await write(open, `n${n}`, n === 4 ? 'y'.repeat(4000) : 'x')
  const batches: number[][] = []
  const sink = ({ events }: { events: readonly { stamp: number }[] }) =>
    void batches.push(events.map(({ stamp }) => stamp))
  const running = startRelay(open, { sink, batchSize: 3, batchBytes: 1000 })
  await until(() => batches.flat().length === 9)
  await running.stop()
  expect(batches.flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(batches).toContainEqual([5])
  expect(Math.max(...batches.map(({ length }) => length))).toBe(3)
})

test('nothing is read ahead while a batch is under way', async () => {
  await using open = await openNotes()
  for (let n = 0; n < 6; n += 1) await write(open, `n${n}`)
  const seen: number[] = []
  let open_: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    open_ = resolve
  })
  const running = startRelay(open, {
    batchSize: 2,
    sink: async ({ events }) => {
      seen.push(events.length)
      await gate
    },
  })
  await until(() => seen.length === 1)
  expect((await running.relay.status())?.delivered).toBe(0)
  expect(seen).toEqual([2])
  open_()
  await until(() => seen.length === 3)
  await running.stop()
})

test('stop finishes the batch under way and writes down that it arrived', async () => {
  await using open = await openNotes()
  for (let n = 0; n < 4; n += 1) await write(open, `n${n}`)
  let release: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let started = false
  const running = startRelay(open, {
    batchSize: 2,
    sink: async () => {
      started = true
      await gate
    },
  })
  await until(() => started)
  const stopped = running.stop()
  release()
  await stopped
  expect(await running.relay.status()).toMatchObject({ state: 'stopped', delivered: 2, position: 2 })
})

test('run with once ends when all is delivered, and throws when the sink fails', async () => {
  await using open = await openNotes()
  for (let n = 0; n < 5; n += 1) await write(open, `n${n}`)
  const got: string[] = []
  const relay = createRelay({
    adapter: open.source,
    name: 'once',
    batchSize: 2,
    sink: ({ events }) => void got.push(...idsOf(events)),
  })
  await relay.run({ once: true })
  expect(got).toEqual(idsOf(await open.as(null).feed()))
  await write(open, 'late')
  const failing = createRelay({
    adapter: open.source,
    name: 'once',
    sink: () => Promise.reject(new Error('the index is down')),
  })
  await expect(failing.run({ once: true })).rejects.toThrow('the index is down')
})

test('a relay that begins now sends nothing of before', async () => {
  await using open = await openNotes()
  await write(open, 'before')
  const running = startRelay(open, { from: 'now' })
  await until(async () => (await running.relay.status()) !== undefined)
  await write(open, 'after')
  await until(() => running.got.length === 1)
  await running.stop()
  expect(running.got.map(({ entityId }) => entityId)).toEqual(['after'])
})

test('the events of a model that only a newer version of the application knows are delivered too', async () => {
  await using open = await openNotes()
  const older = defineSchema({
    lists: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
  })
  await pgAdapter(open.pool, older).migrate()
  await write(open, 'n1')
  const running = startRelay(open, { adapter: pgAdapter(open.pool, older) })
  await until(() => running.got.length === 1)
  await running.stop()
  expect(running.got[0]).toMatchObject({ model: 'notes', entityId: 'n1' })
})

test('hooks hear of each batch and of what the relay does, and one that throws stops nothing', async () => {
  await using open = await openNotes()
  await write(open, 'n1')
  const heard: unknown[] = []
  const running = startRelay(open, {
    onDelivered: ({ events }) => {
      heard.push(events)
      throw new Error('of a hook')
    },
    onState: async (state) => {
      heard.push(state)
      throw new Error('of a hook')
    },
  })
  await until(() => heard.includes('idle'))
  await running.stop()
  expect(heard).toEqual([1, 'delivering', 'idle', 'stopped'])
})

test('wake has the feed looked at before its time', async () => {
  await using open = await openNotes()
  const running = startRelay(open, { pollMs: [600_000, 600_000] })
  let idle = 0
  await until(async () => {
    idle += (await running.relay.status()) === undefined ? 0 : 1
    return idle > 20
  })
  await write(open, 'n1')
  running.relay.wake()
  await until(() => running.got.length === 1)
  await running.stop()
})

test('the trigger of docs/push.md wakes a relay that would look again much later', async () => {
  await using open = await openNotes()
  const [trigger = ''] = blocksOf('docs/push.md')
    .filter(({ language, text }) => language === 'sql' && text.includes('pg_notify'))
    .map(({ text }) => text)
  await open.sql(trigger)
  const running = startRelay(open, { pollMs: [600_000, 600_000] })
  const listener = await open.client()
  listener.on('notification', () => running.relay.wake())
  await listener.query('listen postern_events')
  await until(async () => (await running.relay.status())?.state === 'running')
  for (const id of ['n1', 'n2']) {
    await write(open, id)
    await until(() => running.got.some(({ entityId }) => entityId === id))
  }
  await running.stop()
})

test('under a default isolation of serializable it works all the same', async () => {
  await using open = await openNotes()
  await open.sql(
    `alter database ${new URL(open.url).pathname.slice(1)} set default_transaction_isolation = 'serializable'`,
  )
  const pool = new pg.Pool({ connectionString: open.url })
  await write(open, 'n1')
  const running = startRelay(open, { adapter: pgAdapter(pool, open.schema) })
  await until(() => running.got.length === 1)
  await running.stop()
  await pool.end()
})

test('a role with the grants of a relay can do all that a relay and its operator do', async () => {
  await using open = await openNotes()
  await write(open, 'n1')
  const role = `relay_${new URL(open.url).pathname.slice(-12)}`
  await open.sql(`create role ${role} login`)
  const url = new URL(open.url)
  url.username = role
  const pool = new pg.Pool({ connectionString: url.href })
  try {
    for (const statement of grants(role, { relay: true })) await open.sql(statement)
    const source = pgAdapter(pool, open.schema)
    const relays = relaysOf(source)
    const once = (sink: Sink) =>
      createRelay({ adapter: source, name: 'sink', sink, schedule: [0] }).run({ once: true })
    await expect(once(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect(await relays.deadLetters('sink')).toMatchObject([{ entityId: 'n1', attempts: 1 }])
    await relays.redrive('sink')
    const got: string[] = []
    await once(({ events }) => void got.push(...idsOf(events)))
    expect(got).toHaveLength(1)
    await relays.resume('sink')
    await relays.reset('sink', 'now')
    await relays.discard('sink', {})
    expect(await relays.status()).toMatchObject([{ state: 'stopped', deadLetters: 0 }])
    await relays.forget('sink')
  } finally {
    await pool.end()
    await open.sql(`drop owned by ${role}`)
    await open.sql(`drop role ${role}`)
  }
})

test('an option that cannot be right is refused at once', async () => {
  await using open = await openNotes()
  const options = { adapter: open.source, name: 'sink', sink: () => {} }
  for (const wrong of [
    { name: '' },
    { name: 'a b' },
    { batchSize: 0 },
    { leaseMs: 10 },
    { schedule: [] },
    { schedule: [-1] },
    { schedule: [Number.NaN] },
    { schedule: [1e300] },
    { schedule: Array(101).fill(1) },
    { deliveryTimeoutMs: 2 ** 31 },
    { leaseMs: 2 ** 31 },
    { pollMs: [1, 2 ** 31] },
    { batchSize: 10_001 },
    { batchBytes: 2 ** 40 },
    { sink: 'https://sink.example' },
    { onFailed: 5 },
    { from: 'start' },
  ])
    expect(() => createRelay({ ...options, ...(wrong as object) })).toThrow(TypeError)
  expect(() => createRelay({ ...options, adapter: {} as never })).toThrow(/on Postgres/)
})

test('a database that is not migrated ends it with the command that mends it', async () => {
  await using open = await openNotes()
  await open.sql('drop table postern.dead_letter, postern.relay')
  const running = startRelay(open)
  expect(await running.ended).toMatchObject({
    code: 'source_adapter_misconfigured',
    message: expect.stringContaining('npx postern migrate'),
  })
})
