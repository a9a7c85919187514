import { promises as fs, readdirSync, readFileSync } from 'node:fs'
import path, { join } from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as drizzleMigrate } from 'drizzle-orm/node-postgres/migrator'
import { Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, Migrator } from 'kysely/migration'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../src/index.ts'
import { freshDatabase } from '../support/db.ts'
import { caller } from '../support/postgres-source.ts'
import { type Project, project } from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const schema = defineSchema({ tasks: model({ fields: { title: z.string() }, mutable: true, capture: true }) })
let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
let app: Project

beforeAll(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(
    'create table tasks (id text primary key, organization_id text not null, title text not null)',
  )
  app = project({
    'postern.config.ts': `import { defineSchema, model, z } from 'postern'
export const schema = defineSchema({ tasks: model({ fields: { title: z.string() }, mutable: true, capture: true }) })
`,
  })
})
beforeEach(async () => {
  await pool.query('drop schema if exists postern cascade')
})
afterAll(async () => {
  app[Symbol.dispose]()
  await pool.end()
  await database.drop()
})

const run = (...args: string[]) => app.run(args, { DATABASE_URL: database.url })
const at = (...parts: string[]) => join(app.directory, ...parts)

test('--dry-run prints SQL that does what migrate does, and has done nothing', async () => {
  const dry = await run('migrate', '--dry-run')
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  expect(dry.stdout).toMatch(/^-- would apply migration 1.*; would run \d+ statements/)
  expect((await pool.query(`select to_regnamespace('postern') as found`)).rows).toEqual([{ found: null }])
  const { sql } = JSON.parse((await run('migrate', '--dry-run', '--json')).stdout) as { sql: string[] }
  expect(dry.stdout).toContain(`${sql.at(-1)};`)
  await pool.query(dry.stdout)
  await works('by-hand')
  const again = await run('migrate', '--dry-run')
  expect(again.stdout).toMatch(/^-- tables are up to date; would run \d+ statements/)
})

/** A commit goes through, and its event is there. */
async function works(id: string): Promise<void> {
  const { commit } = caller(pgAdapter(pool, schema), schema)
  await commit({ type: 'CREATE', model: 'tasks', id, input: { title: 'x' } })
  const { rows } = await pool.query('select entity_id from postern.changes')
  expect(rows).toEqual([{ entity_id: id }])
}

test("a migration for Drizzle runs under Drizzle's own migrator, in the empty file that drizzle-kit makes", async () => {
  const entry = { idx: 0, version: '7', when: 1, tag: '0000_postern', breakpoints: true }
  app.write({
    'drizzle/meta/_journal.json': JSON.stringify({ version: '7', dialect: 'postgresql', entries: [entry] }),
    'drizzle/0000_postern.sql': '-- Custom SQL migration file, put your code below! --',
  })
  const written = await run('sql', '--for', 'drizzle', '--out', 'drizzle/0000_postern.sql')
  expect(written).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining("schemaFilter: ['public']"),
  })
  await drizzleMigrate(drizzle(pool), { migrationsFolder: at('drizzle') })
  await works('d1')
})

test("a migration for Kysely goes up and down under Kysely's Migrator", async () => {
  expect(await run('sql', '--for', 'kysely', '--out', 'kysely')).toMatchObject({ code: 0, stderr: '' })
  const db = new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: database.url }) }),
  })
  const provider = new FileMigrationProvider({ fs, path, migrationFolder: at('kysely') })
  const migrator = new Migrator({ db, provider })
  expect((await migrator.migrateToLatest()).error).toBeUndefined()
  await works('k1')
  await pool.query('create view report as select * from postern.changes')
  expect((await migrator.migrateDown()).error).toMatchObject({
    message: expect.stringMatching(/not ours alone.*: view report\./),
  })
  await pool.query('drop view report')
  expect((await migrator.migrateDown()).error).toBeUndefined()
  const { rows } = await pool.query(`select to_regnamespace('postern') as name`)
  expect(rows).toEqual([{ name: null }])
  await db.destroy()
})

test("a migration for Prisma lies where Prisma looks, and runs as one text, as Prisma's engine runs it", async () => {
  expect(await run('sql', '--for', 'prisma', '--out', 'prisma/migrations')).toMatchObject({
    code: 0,
    stderr: '',
  })
  const [directory = ''] = readdirSync(at('prisma/migrations'))
  expect(directory).toMatch(/^\d{14}_postern$/)
  await pool.query(readFileSync(at('prisma/migrations', directory, 'migration.sql'), 'utf8'))
  await works('p1')
})

test('--all is everything, also on a database that has it; a plain file over another is refused', async () => {
  await run('migrate')
  const [some, all] = await Promise.all([
    run('sql', '--out', 'some.sql'),
    run('sql', '--all', '--out', 'all.sql'),
  ])
  expect([some.code, all.code]).toEqual([0, 0])
  expect(readFileSync(at('some.sql'), 'utf8')).not.toContain('create table')
  expect(await run('sql', '--out', 'all.sql')).toMatchObject({ code: 2 })
  await pool.query('drop schema postern cascade')
  await pool.query(readFileSync(at('all.sql'), 'utf8'))
  expect(await run('check')).toMatchObject({ code: 0 })
  await works('a1')
})

test('an upgrade in a file builds its index within the one transaction that the file is', async () => {
  await run('migrate')
  await pool.query('drop index postern.log_tenant; delete from postern.migration where version = 3')
  expect(await run('sql', '--out', 'upgrade.sql')).toMatchObject({ code: 0 })
  await pool.query(readFileSync(at('upgrade.sql'), 'utf8'))
  expect(await run('check')).toMatchObject({ code: 0 })
  await works('u1')
})

test('down says what is lost and does nothing, until --yes; it touches no schema that is not ours alone', async () => {
  await run('migrate')
  await works('w1')
  const asked = await run('migrate', '--down')
  expect(asked.code).toBe(2)
  expect(asked.stdout).toContain('  1 keys: a commit that is sent again')
  expect(asked.stdout).toContain('  the capture triggers of tasks')
  // the application's: in our schema, and built on what is there
  await pool.query(`create table postern.mine (id int); create type postern.mood as enum ('sad');
    create function postern.help() returns int language sql as 'select 1'; alter table tasks add column mood postern.mood;
    create view report as select * from postern.changes;
    create materialized view counted as select count(*) from postern.ledger;
    create table kept (at bigint references postern.log);
    create function elsewhere(postern.applied) returns int language sql as 'select 1'`)
  const names = [
    'column mood of table tasks',
    'constraint kept_at_fkey on table kept',
    'function elsewhere(postern.applied)',
    'function postern.help()',
    'materialized view counted',
    'table postern.mine',
    'type postern.mood',
    'view report',
  ]
  const shown = await run('migrate', '--down')
  expect(shown).toMatchObject({
    code: 2,
    stdout: expect.stringContaining(names.map((name) => `  ${name}\n`).join('')),
  })
  expect(await run('migrate', '--down', '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      `Schema postern is not ours alone; this would be dropped too: ${names.join(', ')}.`,
    ),
  })
  await pool.query(`alter table tasks drop column mood; drop table kept, postern.mine; drop view report;
    drop materialized view counted; drop function elsewhere; drop function postern.help; drop type postern.mood`)
  expect(await run('migrate', '--down', '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Dropped schema postern'),
  })
  const { rows } = await pool.query(
    `select to_regnamespace('postern') as name, (select count(*)::int from tasks) as tasks`,
  )
  expect(rows).toEqual([{ name: null, tasks: expect.any(Number) }])
  await pool.query(`insert into tasks values ('free', 'org_1', 'no trigger is in the way')`)
  expect(await run('migrate', '--down')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Nothing of ours is in schema postern'),
  })
})
