import { randomBytes } from 'node:crypto'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import type { RelayProcessOptions } from './process.ts'
import { key, startReceiver } from './receiver.ts'

/** An event as it arrived. */
export interface Arrival {
  readonly id: string
  readonly row: string
  readonly stamp: number
  readonly text: string
}

/** The far end of a relay: where its events arrive, in the order in which they do. */
export interface Collector extends AsyncDisposable {
  /** What a relay process is told of it. */
  readonly sink: Pick<RelayProcessOptions, 'sink' | 'url' | 'key' | 'subject'>
  /** How many have arrived so far, those that came again included. */
  count(): Promise<number>
  arrivals(): Promise<readonly Arrival[]>
  /** The most batches that were under way at once; undefined where that cannot be seen. */
  atOnce(): number | undefined
  /** Called while a batch is under way, and sometimes right after its answer. */
  onBatch(listener: () => void): void
}

export async function httpCollector(): Promise<Collector> {
  const receiver = await startReceiver()
  let listener: () => void = () => {}
  receiver.behave((_, response) => {
    if (Math.random() < 0.5) listener()
    else response.once('finish', () => setTimeout(listener, Math.random() * 5))
    return 204
  })
  return {
    sink: { sink: 'http', url: receiver.url, key },
    count: async () => receiver.accepted.reduce((sum, { events }) => sum + events.length, 0),
    arrivals: async () => receiver.accepted.flatMap(({ body }) => eventsOf(body)),
    atOnce: receiver.atOnce,
    onBatch: (next) => {
      listener = next
    },
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  }
}

export async function natsCollector(url: string): Promise<Collector> {
  const connection = await connect({ servers: url })
  const manager = await jetstreamManager(connection)
  const subject = `postern_${randomBytes(6).toString('hex')}`
  await manager.streams.add({ name: subject, subjects: [`${subject}.>`] })
  let listener: () => void = () => {}
  const poll = setInterval(() => listener(), 20)
  const count = async (): Promise<number> => (await manager.streams.info(subject)).state.messages
  return {
    sink: { sink: 'nats', url, subject },
    count,
    async arrivals() {
      const consumer = await jetstream(connection).consumers.get(subject)
      const all: Arrival[] = []
      for (const expected = await count(); all.length < expected; ) {
        for await (const message of await consumer.fetch({ max_messages: 500, expires: 2000 }))
          all.push(arrivalOf(message.string()))
      }
      return all
    },
    atOnce: () => undefined,
    onBatch: (next) => {
      listener = next
    },
    async [Symbol.asyncDispose]() {
      clearInterval(poll)
      await manager.streams.delete(subject)
      await connection.close()
    },
  }
}

function eventsOf(body: string): Arrival[] {
  const { events } = JSON.parse(body) as { events: object[] }
  return events.map((event) => arrivalOf(JSON.stringify(event)))
}

function arrivalOf(text: string): Arrival {
  const { id, model, entityId, stamp } = JSON.parse(text)
  return { id, row: `${model}/${entityId}`, stamp, text: JSON.stringify(JSON.parse(text)) }
}
