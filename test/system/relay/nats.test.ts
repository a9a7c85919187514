import { randomBytes } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { relaysOf } from '../../../src/relay/index.ts'
import { natsSink } from '../../../src/relay/nats.ts'
import { batchOf } from '../../../src/relay/sink.ts'
import { type NatsServer, noNats, startNats } from './nats-server.ts'
import { leapingClock, openNotes, startRelay, until, write } from './support.ts'

describe.skipIf(noNats !== undefined)('the NATS sink', () => {
  let server: NatsServer
  let connection: NatsConnection
  beforeAll(async () => {
    server = await startNats()
    connection = await connect({ servers: server.url })
  })
  afterAll(async () => {
    await connection.close()
    await server[Symbol.asyncDispose]()
  })

  /** A stream of its own, and what it holds. */
  async function stream(more = {}) {
    const manager = await jetstreamManager(connection)
    const name = `test_${randomBytes(6).toString('hex')}`
    await manager.streams.add({ name, subjects: [`${name}.>`], ...more })
    return {
      name,
      subject: ({ model }: { model: string }) => `${name}.${model}`,
      async messages() {
        const { state } = await manager.streams.info(name)
        const all = []
        for (let seq = 1; seq <= state.last_seq; seq += 1)
          all.push(await manager.streams.getMessage(name, { seq }))
        return all.filter((message) => message !== null)
      },
      async [Symbol.asyncDispose]() {
        await manager.streams.delete(name)
      },
    }
  }

  const event = (id: string, position: number, entityId = 'a') => ({
    text: JSON.stringify({ id, model: 'notes', entityId, stamp: position }),
    id,
    position,
    model: 'notes',
    entityId,
    parked: false,
  })
  const of = (log: string, relay = 'sink', run = 'run') => ({ relay, run, log })
  const context = { signal: new AbortController().signal, progress: () => {} }

  test('publishes each event as it is, under its model, each row’s in order', async () => {
    await using open = await openNotes()
    await using to = await stream()
    for (let n = 0; n < 30; n += 1) await write(open, `n${n % 3}`, `${n}`)
    const running = startRelay(open, { sink: natsSink({ connection, subject: to.subject, stream: to.name }) })
    await until(async () => (await running.relay.status())?.delivered === 30)
    await running.stop()
    const messages = await to.messages()
    const feed = await open.as(null).feed()
    const arrived = messages.map((message) => message.json<(typeof feed)[0]>())
    for (const row of ['n0', 'n1', 'n2'])
      expect(arrived.filter(({ entityId }) => entityId === row)).toEqual(
        feed.filter(({ entityId }) => entityId === row),
      )
    expect(new Set(messages.map(({ subject }) => subject))).toEqual(new Set([`${to.name}.notes`]))
  })

  test('an event that comes again is stored once', async () => {
    await using to = await stream()
    const sink = natsSink({ connection, subject: to.subject })
    const batch = batchOf(of('log'), [event('k:0@org_1', 1), event('k:1@org_1', 2)], 1)
    await sink(batch, context)
    await sink(batch, context)
    expect(await to.messages()).toHaveLength(2)
  })

  test('what was purged within the duplicate window is stored again, and two relays on one stream have each their own', async () => {
    await using to = await stream()
    const sink = natsSink({ connection, subject: to.subject, stream: to.name })
    const events = [event('k:0@org_1', 1), event('k:1@org_1', 2)]
    const count = async (): Promise<number> => (await to.messages()).length
    await sink(batchOf(of('log'), events, 1), context)
    const manager = await jetstreamManager(connection)
    await manager.streams.purge(to.name)
    await sink(batchOf(of('log'), events, 1), context)
    expect(await count()).toBe(2)
    await sink(batchOf(of('log', 'other'), events, 1), context)
    expect(await count()).toBe(4)
    await sink(batchOf(of('log', 'sink', 'after a reset'), events, 1), context)
    expect(await count()).toBe(6)
    // a retry of its own is no second message
    await sink(batchOf(of('log', 'sink', 'after a reset'), events, 2), context)
    expect(await count()).toBe(6)
  })

  test('each event that is stored starts the time over: many of one row over a slow link may take long', async () => {
    await using to = await stream()
    const sink = natsSink({ connection, subject: to.subject })
    const stored: number[] = []
    const progress = () => void stored.push(stored.length + 1)
    await sink(batchOf(of('log'), [event('k:0', 1), event('k:1', 2), event('k:2', 3, 'b')], 1), {
      ...context,
      progress,
    })
    expect(stored).toEqual([1, 2, 3])
  })

  test('different events are never taken for one: other logs, other spellings, ids that no header can hold', async () => {
    await using to = await stream()
    const sink = natsSink({ connection, subject: to.subject })
    const ids = ['a b:0', 'a%20b:0', 'a%2520b:0', 'k:0@línea', 'k:0@a\r\nNats-Msg-Id: x', 'k:0@a\nb']
    for (const log of ['one', 'two'])
      await sink(
        batchOf(
          of(log),
          ids.map((id, n) => event(id, n)),
          1,
        ),
        context,
      )
    expect((await to.messages()).map((message) => message.json<{ id: string }>().id).sort()).toEqual(
      [...ids, ...ids].sort(),
    )
  })

  test('after a failure nothing more of its row is published, and nothing of the batch once it is given up', async () => {
    await using to = await stream()
    const sink = natsSink({
      connection,
      subject: ({ id }) => (id === 'bad' ? 'nobody.stores.this' : `${to.name}.x`),
      timeoutMs: 500,
    })
    const events = [event('a1', 1), event('bad', 2), event('a2', 3), event('b1', 4, 'b')]
    await expect(sink(batchOf(of('log'), events, 1), context)).rejects.toThrow('did not store')
    const ids = (await to.messages()).map((message) => message.json<{ id: string }>().id)
    expect(ids).toContain('a1')
    expect(ids).not.toContain('a2')
  })

  test('an event that is larger than stream or server take becomes a dead letter, and the others arrive', async () => {
    await using open = await openNotes()
    await using to = await stream({ max_msg_size: 5000 })
    for (const [row, bytes] of [
      ['a', 10],
      ['large', 6000],
      ['huge', 1_100_000],
      ['b', 10],
    ] as const)
      await write(open, row, 'x'.repeat(bytes))
    const running = startRelay(open, {
      batchBytes: 10_000_000,
      clock: leapingClock(),
      sink: natsSink({ connection, subject: to.subject }),
    })
    await until(async () => (await running.relay.status())?.behind === 0)
    await running.stop()
    expect((await to.messages()).map((message) => message.json<{ entityId: string }>().entityId)).toEqual([
      'a',
      'b',
    ])
    expect(await relaysOf(open.source).deadLetters('sink')).toMatchObject([
      { entityId: 'large', error: 'An event is larger than the stream takes.' },
      { entityId: 'huge', error: 'An event is larger than the server takes.' },
    ])
  })
})
