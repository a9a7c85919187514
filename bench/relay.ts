// npm run bench:relay -- [--events 50000] [--idle 20]
// What a relay carries, how soon an event arrives, and what it costs when nothing happens. Postgres with fsync on.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import pg from 'pg'
import { pgAdapter } from '../src/adapters/pg.ts'
import type { PostgresAdapter } from '../src/postgres/adapter.ts'
import type { Relay, RelayOptions, Sink } from '../src/relay/index.ts'
import { createRelay, httpSink, relaysOf } from '../src/relay/index.ts'
import { natsSink } from '../src/relay/nats.ts'
import { caller } from '../test/support/caller.ts'
import { startPostgres } from '../test/support/pg-server.ts'
import { natsCollector } from '../test/system/relay/collector.ts'
import { noNats, startNats } from '../test/system/relay/nats-server.ts'
import { notes, noteTables } from '../test/system/relay/schema.ts'

/** The far end, in a thread of its own: reads what is posted, and answers. */
async function serve(): Promise<void> {
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    response.writeHead(204).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  parentPort?.postMessage((server.address() as AddressInfo).port)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { events: { type: 'string', default: '50000' }, idle: { type: 'string', default: '20' } },
  })
  const events = Number(values.events)
  const server = await startPostgres({ durable: true })
  const pool = new pg.Pool({ connectionString: server.url, max: 8 })
  pool.on('error', () => {})
  const source = pgAdapter(pool, notes)
  const far = new Worker(new URL(import.meta.url), { execArgv: process.execArgv })
  const listening = once(far, 'message')
  try {
    await pool.query(noteTables)
    await source.migrate()
    const call = caller(source, notes)
    console.log(`writing ${events} events ...`)
    for (let from = 0; from < events; from += 500) {
      const input = {
        text: 'a title of the usual length, some forty bytes',
        meta: { done: false, tags: ['a', 'b'] },
      }
      await call.commit(
        Array.from({ length: Math.min(500, events - from) }, (_, n) => ({
          type: 'CREATE' as const,
          model: 'notes',
          id: `n${from + n}`,
          input,
        })),
      )
    }
    const [port] = (await listening) as [number]
    const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const http = httpSink({ url: `http://127.0.0.1:${port}/`, key })

    const carried = async (name: string, sink: Sink, batchSize: number): Promise<number> => {
      let bytes = 0
      const counting: Sink = (batch, context) => {
        bytes += batch.body.length
        return sink(batch, context)
      }
      const began = performance.now()
      await createRelay({
        adapter: source,
        name: `bench:${name}:${batchSize}`,
        sink: counting,
        batchSize,
      }).run({
        once: true,
      })
      const seconds = (performance.now() - began) / 1000
      const rate = Math.round(events / seconds)
      console.log(
        `${name.padEnd(8)} batches of ${String(batchSize).padStart(4)}: ${String(rate).padStart(6)} events/s, ${(bytes / events).toFixed(0)} bytes an event`,
      )
      await relaysOf(source).forget(`bench:${name}:${batchSize}`)
      return rate
    }
    await carried('function', () => {}, 500)
    await carried('http', http, 100)
    const rate = await carried('http', http, 500)
    if (noNats === undefined) {
      await using nats = await startNats()
      await using stream = await natsCollector(nats.url)
      const { connect } = await import('@nats-io/transport-node')
      const connection = await connect({ servers: nats.url })
      await carried('nats', natsSink({ connection, subject: () => `${stream.sink.subject}.x` }), 500)
      await connection.close()
    }

    const polled = await delay(source, call, {})
    console.log(`delay, polling:   median ${polled.median} ms, 99 % ${polled.worst} ms`)
    const woken = await delay(source, call, { wake: true })
    console.log(`delay, woken:     median ${woken.median} ms, 99 % ${woken.worst} ms`)

    const seconds = Number(values.idle)
    const idle = await idleCost(source, pool, seconds, http)
    console.log(
      `idle for ${seconds} s: ${idle.statements.toFixed(1)} statements/s, ${idle.cpuMs.toFixed(1)} ms of CPU/s in the relay, ${idle.walBytes.toFixed(0)} bytes of WAL/s`,
    )
    console.log(`relay: ${rate} events/s to a local HTTP sink in batches of 500`)
  } finally {
    await far.terminate()
    await pool.end()
    await server.stop()
  }
}

type Caller = ReturnType<typeof caller>

/** From the answer of a commit to its arrival at a sink, after pauses of up to two seconds. */
async function delay(
  source: PostgresAdapter,
  call: Caller,
  { wake = false },
): Promise<{ median: number; worst: number }> {
  const arrived = new Map<string, number>()
  const relay = createRelay({
    adapter: source,
    name: 'bench:delay',
    from: 'now',
    sink: ({ events }) => {
      for (const { entityId } of events) arrived.set(entityId, performance.now())
    },
  })
  const running = relay.run()
  while ((await relay.status()) === undefined) await sleep(10)
  const delays: number[] = []
  for (let n = 0; n < 40; n += 1) {
    await sleep(Math.random() * 2000 * (wake ? 0.1 : 1))
    const id = `${wake ? 'w' : 'd'}${n}`
    await call.commit({ type: 'CREATE', model: 'notes', id, input: { text: 'x' } })
    const committed = performance.now()
    if (wake) relay.wake()
    while (!arrived.has(id)) await sleep(1)
    delays.push((arrived.get(id) as number) - committed)
  }
  await relay.stop()
  await running
  await relaysOf(source).forget('bench:delay')
  delays.sort((a, b) => a - b)
  const at = (share: number): number => Math.round(delays[Math.floor((delays.length - 1) * share)] as number)
  return { median: at(0.5), worst: at(0.99) }
}

async function idleCost(source: PostgresAdapter, pool: pg.Pool, seconds: number, sink: Sink) {
  const options: RelayOptions = { adapter: source, name: 'bench:idle', from: 'now', sink }
  const relay: Relay = createRelay(options)
  const running = relay.run()
  await sleep(3000)
  const look = async () => {
    await pool.query('select pg_stat_force_next_flush()').catch(() => {})
    const { rows } = await pool.query(
      `select xact_commit::int as transactions, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint as wal
       from pg_stat_database where datname = current_database()`,
    )
    return { transactions: rows[0].transactions as number, wal: Number(rows[0].wal) }
  }
  // statistics of a backend come at the end of its next transaction, a second later at most
  const before = await look()
  const cpu = process.cpuUsage()
  await sleep(seconds * 1000)
  const { user, system } = process.cpuUsage(cpu)
  const after = await look()
  await relay.stop()
  await running
  return {
    statements: (after.transactions - before.transactions - 2) / seconds,
    cpuMs: (user + system) / 1000 / seconds,
    walBytes: (after.wal - before.wal) / seconds,
  }
}

if (isMainThread) await main()
else await serve()
