// A relay in a process of its own: node worker.ts '{"database":"postgres://...","sink":"http",...}'
import pg from 'pg'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { createRelay, httpSink, type Sink } from '../../../src/relay/index.ts'
import type { RelayProcessOptions } from './process.ts'
import { notes } from './schema.ts'

const options = JSON.parse(process.argv[2] as string) as RelayProcessOptions
// when the parent is gone, however it went, so is this
process.stdin.on('end', () => process.exit()).resume()

const pool = new pg.Pool({ connectionString: options.database, max: 3 })
pool.on('error', () => {})

async function sinkOf({ sink, url, key = '', subject = 'postern' }: RelayProcessOptions): Promise<Sink> {
  if (sink === 'http') return httpSink({ url, key })
  const { connect } = await import('@nats-io/transport-node')
  const { natsSink } = await import('../../../src/relay/nats.ts')
  return natsSink({
    connection: await connect({ servers: url }),
    subject: ({ model }) => `${subject}.${model}`,
  })
}

const { leaseMs = 1000, batchSize = 100 } = options
await createRelay({
  adapter: pgAdapter(pool, notes),
  name: 'sink',
  sink: await sinkOf(options),
  leaseMs,
  batchSize,
  pollMs: [2, 50],
  schedule: [0, 50, 100, 200, 400, 800, 1600, 3200],
  onState: (state) => console.log(state),
}).run()
