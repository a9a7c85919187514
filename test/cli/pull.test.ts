import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import type { Schema } from '../../src/index.ts'
import { freshDatabase } from '../support/db.ts'
import { caller } from '../support/postgres-source.ts'
import { specimenTables } from '../support/specimens.ts'
import { type Project, project } from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const tables = `${specimenTables}
alter table specimens add column organization_id text not null;
create type status as enum ('to do', 'it''s done');
create schema "Side";
create table organizations (id text primary key, name text not null);
create table people (
  id bigint generated always as identity primary key, organization_id text not null references organizations,
  email varchar(80) not null, "passwordHash" text not null, score int default 5);
create table tasks (
  id uuid primary key default gen_random_uuid(), organization_id text not null references organizations,
  title text not null, status status not null default 'to do', done boolean not null default false,
  price numeric(8,2) not null default 1.50, estimate bigint default '9007199254740993', meta jsonb not null default '{}',
  "author_id" bigint references people, "reviewer_id" bigint references people,
  "weird-Name" text, doubled numeric generated always as (price * 2) stored,
  created_at timestamptz not null default now(), updated_at timestamptz not null);
create table comments (id text primary key, task_id uuid not null references tasks on delete cascade, body text not null);
create table colors (code text primary key, label text not null);
create table "Side"."Oddities" ("Id" text primary key, organization_id text not null, "someText" text);
create table memberships (a text, b text, primary key (a, b));
create table loose (a text);
create table _prisma_migrations (id text primary key);`

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool
let app: Project
const env = () => ({ DATABASE_URL: database.url })

beforeAll(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(tables)
  app = project({})
})
afterAll(async () => {
  app[Symbol.dispose]()
  await pool.end()
  await database.drop()
})

test('a database of many types becomes a schema that check passes, and that commits and loads', async () => {
  const pulled = await app.run(
    ['pull', '--include-shared', '--mutable', '--db-schema', 'public', 'Side', '--out', 'schema.ts'],
    env(),
  )
  expect(pulled).toMatchObject({ code: 0, stderr: '' })
  expect(pulled.stdout).toContain('8 models, tenant in organization_id')
  const text = readFileSync(join(app.directory, 'schema.ts'), 'utf8')
  expect(text.slice(text.indexOf('  tasks: model('))).toBe(`  tasks: model({
    fields: {
      id: field.uuid().optional(),
      title: z.string(),
      status: z.enum(['to do', 'it\\'s done']).default('to do'),
      done: z.boolean().default(false),
      price: field.numeric().default('1.50'),
      estimate: field.bigint().nullable().default('9007199254740993'),
      meta: field.json().optional(),
      authorId: field.bigint().nullable().optional(),
      reviewerId: field.bigint().nullable().optional(),
      weirdName: z.string().nullable().optional(),
      doubled: field.numeric().nullable().optional(),
      createdAt: field.timestamp().optional(),
      updatedAt: field.timestamp(),
    },
    relations: {
      comments: relation.hasMany('comments', 'taskId'),
      author: relation.belongsTo('people', 'authorId'),
      reviewer: relation.belongsTo('people', 'reviewerId'),
    },
    columns: { weirdName: 'weird-Name' },
    mutable: ['CREATE', 'UPDATE', 'DELETE'],
    capture: true,
    readOnly: ['doubled'],
    touch: 'updatedAt',
  }),
  // public.loose is left out: has no primary key, and no unique index over columns that are NOT NULL
})
`)
  expect(text).toContain("policy: { by: 'parent', fk: 'taskId', parent: 'tasks' }")
  expect(text).toContain('// passwordHash is left out: looks like a secret')

  expect(await app.run(['migrate', '--schema', 'schema.ts'], env())).toMatchObject({ code: 0, stderr: '' })
  const checked = await app.run(['check', '--schema', 'schema.ts', '--json'], env())
  const lines = JSON.parse(checked.stdout) as { level: string; subject: string }[]
  const about = lines.filter(({ subject }) => subject !== 'role' && subject !== 'server')
  expect(about.map(({ level, subject }) => `${level} ${subject}`)).toEqual(
    ['oddities', 'colors', 'comments', 'memberships', 'organizations', 'people', 'specimens', 'tasks'].map(
      (name) => `ok ${name}`,
    ),
  )
  expect(checked.code).toBe(0)

  const { schema } = (await import(pathToFileURL(join(app.directory, 'schema.ts')).href)) as {
    schema: Schema
  }
  const source = pgAdapter(pool, schema)
  const { commit, load } = caller(source, schema)
  await pool.query(`insert into organizations values ('org_1', 'One'), ('org_2', 'Two')`)
  const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
  await commit([
    { type: 'CREATE', model: 'tasks', id, input: { title: 'Paint' } },
    { type: 'CREATE', model: 'comments', id: 'c1', input: { taskId: id, body: 'red' } },
    { type: 'CREATE', model: 'oddities', id: 'o1', input: { someText: 'odd' } },
    {
      type: 'CREATE',
      model: 'specimens',
      id: 's1',
      input: { moods: ['happy'], bytes: 'AAEC', nested: [{ a: 1 }] },
    },
  ])
  expect((await load('tasks', id)).row).toMatchObject({
    title: 'Paint',
    status: 'to do',
    price: '1.50',
    doubled: '3.00',
    estimate: '9007199254740993',
    meta: {},
  })
  expect((await load('specimens', 's1')).row).toMatchObject({
    moods: ['happy'],
    bytes: 'AAEC',
    nested: [{ a: 1 }],
  })
})

test('only the tables that are named, the tenant that is named; and a file that is there stays', async () => {
  const one = await app.run(['pull', '--table', 'colors', '--tenant-column', 'code'], env())
  expect(one.stdout).toContain("policy: { by: 'column', column: 'code' }")
  expect(one.stdout).not.toContain('tasks')
  const file = ['pull', '--table', 'colors', '--out', 'there.ts']
  app.write({ 'there.ts': '// mine\n' })
  expect(await app.run(file, env())).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there already'),
  })
  expect(readFileSync(join(app.directory, 'there.ts'), 'utf8')).toBe('// mine\n')
  expect(await app.run(['pull', '--table', 'gone'], env())).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no table gone; there are'),
  })
})

test('a database without tables, or with all of them elsewhere, is exit code 1 and says where they are', async () => {
  await using empty = await freshDatabase()
  const nothing = await app.run(['pull'], { DATABASE_URL: empty.url })
  expect(nothing).toMatchObject({ code: 1 })
  expect(nothing.stdout + nothing.stderr).toContain('this database has none that the role may read')
  const client = new pg.Client(empty.url)
  await client.connect()
  await client.query('create schema crm; create table crm.people (id text primary key, organization_id text)')
  await client.end()
  const elsewhere = await app.run(['pull'], { DATABASE_URL: empty.url })
  expect(elsewhere).toMatchObject({ code: 1 })
  expect(elsewhere.stdout + elsewhere.stderr).toMatch(/there are tables in: crm.*--db-schema/)
  const named = await app.run(['pull', '--db-schema', 'crm'], { DATABASE_URL: empty.url })
  expect(named).toMatchObject({ code: 0, stdout: expect.stringContaining('people: model({') })
})

test('an archived_at that is no time is a field like any other: what was pulled is a schema', async () => {
  await using database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(`create table notes (id text primary key, organization_id text not null, archived_at bigint);
    create table memos (id text primary key, organization_id text not null, archived_at timestamptz)`)
  await client.end()
  const env = { DATABASE_URL: database.url }
  expect(await app.run(['pull', '--mutable', '--out', 'archives.ts'], env)).toMatchObject({ code: 0 })
  const { schema } = (await import(pathToFileURL(join(app.directory, 'archives.ts')).href)) as {
    schema: Schema
  }
  expect(schema.models.get('notes')?.archive).toBeUndefined()
  expect(schema.models.get('memos')?.archive?.name).toBe('archivedAt')
  const migrated = await app.run(['migrate', '--schema', 'archives.ts'], env)
  expect(migrated).toMatchObject({ code: 0, stderr: '' })
})

test('names cannot leave the comments and texts that they stand in; a terminal is not commanded by them', async () => {
  await using other = await freshDatabase()
  const client = new pg.Client(other.url)
  await client.connect()
  const evil = [
    "t\nx: console.log('IN') as never,//",
    't\u2028globalThis.injected = 1,//',
    't\u001b[2J\u009b5n',
  ]
  for (const name of evil) await client.query(`create table ${client.escapeIdentifier(name)} (a int)`)
  await client.query(`create table ok (id text primary key, org_id text not null, "password_\rglobalThis.injected = 1//" text,
      "toString" text, kind text default E'a\u2028\\'b');
    create table links (id text primary key, organization_id text not null); create table more (like links);
    alter table more add primary key (id); create table "my.dotted" (id text primary key, org_id text);
    create table todos (id text primary key, ok_id text references ok, "x\nglobalThis.injected = 1//" text)`)
  await client.end()
  const env = { DATABASE_URL: other.url }
  const pulled = await app.run(['pull', '--out', 'evil.ts'], env)
  expect(pulled.code).toBe(0)
  expect(pulled.stdout).not.toMatch(/[^\n\P{Cc}]/u)
  expect(pulled.stdout).toContain('left out: public."my.dotted", has a dot in its name')
  expect(pulled.stdout).toContain('without a tenant: todos: left as comments; --include-shared')
  const text = readFileSync(join(app.directory, 'evil.ts'), 'utf8')
  expect(text.split('\n').filter((line) => line.includes('injected') && !/^ *\/\//.test(line))).toEqual([])
  expect(text).not.toMatch(/[\p{Zl}\p{Zp}]|[^\n\P{Cc}]/u)
  const loaded = (await import(pathToFileURL(join(app.directory, 'evil.ts')).href)) as { schema: Schema }
  expect(globalThis).not.toHaveProperty('injected')
  const { models } = loaded.schema
  expect([...models.values()].map(({ name, policy, mutable }) => [name, policy, [...mutable]])).toEqual([
    ['links', { by: 'column', column: 'organization_id' }, []],
    ['more', { by: 'column', column: 'organization_id' }, []],
    // another name for the same
    ['ok', { by: 'column', column: 'org_id' }, []],
  ])
  expect(text).not.toContain('mutable')
  const writable = await app.run(['pull', '--mutable', '--table', 'links', 'more', 'ok'], env)
  expect(writable.stdout).toContain("mutable: ['CREATE', 'DELETE'],")
  expect(await app.run(['migrate', '--schema', 'evil.ts'], env)).toMatchObject({ code: 0, stderr: '' })

  // nobody's tables alone: nothing is served until somebody says so
  const none = await app.run(['pull', '--table', 'todos', '--json'], env)
  expect(JSON.parse(none.stdout)).toMatchObject({ models: [], shared: ['todos'] })
  app.write({ 'todos.ts': (JSON.parse(none.stdout) as { text: string }).text })
  expect(await app.run(['migrate', '--schema', 'todos.ts'], env)).toMatchObject({ code: 0, stderr: '' })
  const shared = await app.run(['pull', '--table', 'todos', '--include-shared', '--out', 'shared.ts'], env)
  expect(shared.stdout).toContain('without a tenant, read only for every signed caller: todos')
  expect(await app.run(['migrate', '--schema', 'shared.ts'], env)).toMatchObject({ code: 0, stderr: '' })
})
