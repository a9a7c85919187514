import { setTimeout as sleep } from 'node:timers/promises'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import pg from 'pg'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { createRelay, DeliveryError, relaysOf, type Sink } from '../../../src/relay/index.ts'
import { natsSink } from '../../../src/relay/nats.ts'
import { caller } from '../../support/caller.ts'
import { startBroker } from './broker.ts'
import { notes, noteTables } from './schema.ts'

const ROWS = 20
const NAMES = ['a', 'b'] as const
const POISON = 'r7'

export interface StormReport {
  readonly events: number
  readonly lost: number
  readonly disordered: number
}

/**
 * Two relays publish one log to one stream while the broker, one server or a cluster, is killed and started again; a row that is refused becomes
 * dead letters, which are sent again; then the stream is purged and both relays are reset, within its duplicate window.
 */
export async function runStorms(database: string, commits: number, size: number): Promise<StormReport> {
  await using cleanup = new AsyncDisposableStack()
  const broker = cleanup.use(await startBroker(size))
  const connection = await connect({
    servers: [...broker.servers],
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
    waitOnFirstConnect: true,
  })
  cleanup.defer(() => connection.close())
  const manager = await retried(() => jetstreamManager(connection))
  await retried(() => manager.streams.add({ name: 'storm', subjects: ['storm.>'], num_replicas: size }))

  const pool = new pg.Pool({ connectionString: database, max: 8 })
  pool.on('error', () => {})
  cleanup.defer(() => pool.end())
  await pool.query(noteTables)
  const adapter = pgAdapter(pool, notes)
  await adapter.migrate()
  const call = caller(adapter, notes)
  const relays = relaysOf(adapter)

  let poisoned = true
  const relay = (name: string) => {
    const send = natsSink({
      connection,
      stream: 'storm',
      subject: ({ model }) => `storm.${name}.${model}`,
      timeoutMs: 500,
    })
    const sink: Sink = (batch, context) => {
      if (poisoned && batch.events.some(({ entityId }) => entityId === POISON))
        throw new DeliveryError('not this', { fault: 'refused' })
      return send(batch, context)
    }
    const made = createRelay({
      adapter,
      name,
      sink,
      leaseMs: 1000,
      pollMs: [2, 50],
      batchSize: 50,
      schedule: Array(60).fill(100),
    })
    const running = made.run()
    cleanup.defer(async () => {
      await made.stop()
      await running
    })
  }
  for (const name of NAMES) relay(name)

  const expected = new Set<string>()
  for (let n = 0; n < commits; n += 1) {
    const id = `r${n % ROWS}`
    const type = n < ROWS ? 'CREATE' : 'UPDATE'
    await call.commit([{ type, model: 'notes', id, input: { text: `${n}` } }] as never, { key: `c${n}` })
    expected.add(`c${n}:0@org_1`)
    // twice while they deliver
    if (n === Math.floor(commits / 3) || n === Math.floor((commits * 2) / 3)) {
      // of a cluster the one that answers for the stream
      const { cluster } = await retried(() => manager.streams.info('storm'))
      await broker.restart(size === 1 ? 'n0' : (cluster?.leader ?? 'n0'))
    }
  }
  const caughtUp = async (): Promise<boolean> =>
    (await relays.status()).every(({ behind, queued }) => behind === 0 && queued === 0)
  await until(caughtUp)
  poisoned = false
  for (const name of NAMES) await relays.redrive(name)
  await until(async () =>
    (await relays.status()).every(({ deadLetters, behind }) => deadLetters === 0 && behind === 0),
  )
  const first = await judge()

  await manager.streams.purge('storm')
  for (const name of NAMES) await relays.reset(name, 'beginning')
  await until(async () =>
    (await relays.status()).every(({ behind, position }) => position > 0 && behind === 0),
  )
  const second = await judge()
  return {
    events: expected.size * NAMES.length * 2,
    lost: first.lost + second.lost,
    disordered: first.disordered + second.disordered,
  }

  async function judge(): Promise<{ lost: number; disordered: number }> {
    const { state } = await retried(() => manager.streams.info('storm'))
    const consumer = await retried(() => jetstream(connection).consumers.get('storm'))
    const seen = new Set<string>()
    const last = new Map<string, number>()
    let disordered = 0
    for (let read = 0; read < state.messages; ) {
      for await (const message of await consumer.fetch({ max_messages: 500, expires: 2000 })) {
        read += 1
        const { id, entityId, stamp } = message.json<{ id: string; entityId: string; stamp: number }>()
        const name = message.subject.split('.')[1] as string
        if (seen.has(`${name} ${id}`)) continue
        seen.add(`${name} ${id}`)
        const row = `${name} ${entityId}`
        if ((last.get(row) ?? 0) > stamp) disordered += 1
        last.set(row, Math.max(last.get(row) ?? 0, stamp))
      }
    }
    const lost = NAMES.flatMap((name) => [...expected].filter((id) => !seen.has(`${name} ${id}`)))
    return { lost: lost.length, disordered }
  }
}

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 100) throw error
      await sleep(100)
    }
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20)
}
