import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { schemaDigest } from '../../src/core/schema/digest.ts'
import { defineSchema, model, z } from '../../src/index.ts'
import { freshDatabase } from '../support/db.ts'
import { caller } from '../support/postgres-source.ts'
import { type Project, project } from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const tasks = (more: object = {}) => ({
  tasks: model({ fields: { title: z.string(), ...more }, mutable: true }),
})
const present = defineSchema(tasks())
const older = defineSchema({
  ...tasks({ note: z.string().optional() }),
  // its functions end like those of the others
  notes: model({ fields: { body: z.string() }, mutable: true, capture: true }),
})
const [now, old] = [schemaDigest(present), schemaDigest(older)]
const create = { type: 'CREATE' as const, model: 'tasks', id: 't', input: { title: 'x' } }

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
let app: Project

beforeAll(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(`
create table tasks (id text primary key, organization_id text not null, title text not null, note text);
create table notes (id text primary key, organization_id text not null, body text not null)`)
  app = project({
    'postern.config.ts': `import { defineSchema, model, z } from 'postern'
export const schema = defineSchema({ tasks: model({ fields: { title: z.string() }, mutable: true }) })
`,
  })
})
beforeEach(async () => {
  await pool.query('drop schema if exists postern cascade; delete from tasks')
  await pgAdapter(pool, older).migrate()
  await pgAdapter(pool, present).migrate()
})
afterAll(async () => {
  app[Symbol.dispose]()
  await pool.end()
  await database.drop()
})

const run = (...args: string[]) => app.run(['retire', ...args], { DATABASE_URL: database.url })
const idle = (digest: string) =>
  pool.query(`update postern.model set used_at = now() - interval '8 days' where digest = $1`, [digest])
const functionsOf = async (digest: string): Promise<number> => {
  const { rows } = await pool.query(
    `select count(*)::int as n from pg_proc where pronamespace = 'postern'::regnamespace and proname like '%' || $1`,
    [digest],
  )
  return rows[0].n
}

test('lists what is installed, and drops what was compiled for a digest that is idle', async () => {
  await idle(old)
  const list = await run()
  expect(list.stdout.trim().split('\n')).toEqual([
    expect.stringMatching(`^${now} \\(present\\): \\d+ functions for tasks; last used`),
    expect.stringMatching(`^${old}: \\d+ functions for notes, tasks; last used`),
  ])
  const before = await functionsOf(old)
  expect(before).toBeGreaterThan(5)
  const dry = await run(old, '--dry-run', '--json')
  expect(JSON.parse(dry.stdout)).toMatchObject({ digest: old, dryRun: true, unknownTables: ['public.notes'] })
  expect(await functionsOf(old)).toBe(before)

  const { code, stdout } = await run(old)
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `Dropped ${before} functions of schema digest ${old}.
No other digest knows public.notes: the log of these tables stays, and capture triggers go on.
`,
  })
  expect(await functionsOf(old)).toBe(0)
  const retired = caller(pgAdapter(pool, older), older)
  await expect(retired.commit(create)).rejects.toMatchObject({ code: 'source_adapter_misconfigured' })
  // the others go on, and the old one comes back with its migration
  await caller(pgAdapter(pool, present), present).commit(create)
  await pool.query(`insert into notes values ('n', 'org_1', 'by hand')`)
  await pgAdapter(pool, older).migrate()
  const events = await caller(pgAdapter(pool, older), older).feed()
  expect(events.map((event) => [event.model, event.entityId])).toEqual([
    ['tasks', 't'],
    ['notes', 'n'],
  ])
})

test('the present digest, one in use and one that is not installed are refused; --force takes the first two', async () => {
  const refused = [await run(now), await run(old), await run('00000000'), await run("' or true --")]
  expect(refused.map(({ code, stderr }) => [code, stderr.trim()])).toEqual([
    [1, expect.stringContaining(`Schema digest ${now} is the one of the schema at hand.`)],
    [1, expect.stringContaining('which is less than 7 days ago')],
    [1, expect.stringContaining('Schema digest 00000000 is not installed in postern.')],
    [1, expect.stringContaining('is not installed in postern.')],
  ])
  expect(await functionsOf(now)).toBeGreaterThan(5)
  expect(await functionsOf(old)).toBeGreaterThan(5)
  expect((await run(old, '--force')).code).toBe(0)
  expect((await run(now, '--force')).code).toBe(0)
  expect((await run()).stdout).toBe('Nothing is installed.\n')
})

test('an application notes that its digest is in use, whatever rights it has', async () => {
  await idle(old)
  await pool.query('drop role if exists retire_reader; create role retire_reader')
  await pool.query(
    'grant usage on schema postern to retire_reader; grant select on postern.model to retire_reader',
  )
  const url = new URL(database.url)
  url.searchParams.set('options', '-c role=retire_reader')
  const reader = new pg.Pool({ connectionString: url.href, max: 1 })
  try {
    // it may read neither the table nor the log: what it is asked for is refused, and its schema was seen
    await expect(caller(pgAdapter(reader, older), older).load('tasks', 't')).rejects.toThrow()
  } finally {
    await reader.end()
  }
  const { rows } = await pool.query(
    `select max(used_at) > now() - interval '1 minute' as seen from postern.model where digest = $1`,
    [old],
  )
  expect(rows).toEqual([{ seen: true }])
  expect(await run(old)).toMatchObject({ code: 1 })
  await pool.query('drop owned by retire_reader; drop role retire_reader')
})
