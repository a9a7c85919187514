// `npm run bench:hot-row`: many writers on one row, each with `readAt` and a retry when it was stale. Prints commits and
// refusals a second. `-- --writers 64 --seconds 6`.
import { parseArgs } from 'node:util'
import pg from 'pg'
import { defineSchema, model, z } from 'postern'
import { pgAdapter } from 'postern/pg'
import type { CommitRequest } from '../src/core/adapter.ts'
import { startPostgres } from '../test/support/pg-server.ts'

const { values } = parseArgs({
  options: { writers: { type: 'string', default: '64' }, seconds: { type: 'string', default: '6' } },
})
const writers = Number(values.writers)
const seconds = Number(values.seconds)

const server = await startPostgres({ durable: true, settings: { max_connections: writers + 20 } })
const pool = new pg.Pool({ connectionString: server.url, max: writers })
await pool.query('create table counters (id text primary key, organization_id text not null, n int not null)')
await pool.query(`insert into counters values ('hot', 'org_1', 0)`)
const schema = defineSchema({ counters: model({ fields: { n: z.int32() }, mutable: true }) })
const counters = schema.models.get('counters')!
const adapter = pgAdapter(pool, schema, { connectTimeoutMs: 30_000 })
await adapter.migrate()

const context = { tenant: 'org_1', scope: {}, requestId: 'bench' }
let key = 0
const raised = (n: number, readAt: number): CommitRequest => ({
  ...context,
  idempotencyKey: `k${key++}`,
  intent: 'bench',
  intentHash: null,
  operations: [
    {
      index: 0,
      type: 'UPDATE',
      model: counters,
      id: 'hot',
      input: { n },
      readAt,
      onStale: 'reject',
      transactionId: null,
    },
  ],
  answerBytes: 16_777_216,
  echo: undefined,
})

let commits = 0
let refusals = 0
const end = performance.now() + seconds * 1000
await Promise.all(
  Array.from({ length: writers }, async () => {
    while (performance.now() < end) {
      const { row, stamp } = JSON.parse(await adapter.load({ ...context, model: counters, id: 'hot' }))
      const outcome = await adapter
        .commit(raised(row.n + 1, stamp))
        .catch((error: { code?: string }) => error)
      if ('body' in outcome) commits += 1
      else if (outcome.code === 'stale_context') refusals += 1
      else throw outcome
    }
  }),
)
const { rows } = await pool.query('select n from counters')
if (rows[0].n !== commits) throw new Error(`${commits} commits, and the row counts ${rows[0].n}`)
console.log(
  `hot row: ${writers} writers, ${(commits / seconds).toFixed(1)} commits a second, ${(refusals / Math.max(commits, 1)).toFixed(1)} refusals a commit`,
)
await pool.end()
await server.stop()
