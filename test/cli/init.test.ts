import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import express from 'express'
import { Hono } from 'hono'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createClient } from '../../src/client/index.ts'
import { toExpress } from '../../src/express/index.ts'
import type { Endpoint } from '../../src/index.ts'
import { generatePrismaClient } from '../adapters/prisma/generate.ts'
import { freshDatabase } from '../support/db.ts'
import { type Project, project, root } from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

type Handler = (request: Request) => Promise<Response>

let database: Awaited<ReturnType<typeof freshDatabase>>
const projects: Project[] = []

beforeAll(async () => {
  database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(`create table chores (id text primary key, organization_id text not null, title text not null,
    status text not null default 'todo'); create index on chores (organization_id)`)
  await client.end()
  await generatePrismaClient()
})
afterEach(() => {
  for (const name of ['POSTERN_KEY', 'DATABASE_URL']) delete process.env[name]
})
afterAll(async () => {
  for (const project of projects) project[Symbol.dispose]()
  await database.drop()
})

const manifest = (...packages: string[]) =>
  JSON.stringify({
    name: 'app',
    private: true,
    dependencies: Object.fromEntries(packages.map((name) => [name, '*'])),
  })
const bundler = '{ "compilerOptions": { "module": "esnext", "moduleResolution": "bundler" } }'
const node = '{ "compilerOptions": { "module": "nodenext", "rewriteRelativeImportExtensions": true } }'

/** An application, as it is before. */
function application(files: Record<string, string>): Project {
  const one = project({ '.env': `DATABASE_URL=${database.url}`, '.gitignore': '.env*\n', ...files })
  projects.push(one)
  return one
}

/** Runs init and migrate there, sets its environment, and imports what was written. */
async function initialised(app: Project, route: string): Promise<Record<string, unknown>> {
  const init = await app.run(['init', '--yes'])
  expect(init).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('npx postern migrate') })
  expect(await app.run(['migrate'], { NODE_NO_WARNINGS: undefined })).toMatchObject({ code: 0, stderr: '' })
  for (const file of ['.env.local', '.env']) {
    if (existsSync(join(app.directory, file))) process.loadEnvFile(join(app.directory, file))
  }
  expect(process.env.POSTERN_KEY).toMatch(/^sk_[0-9a-f]{48}$/)
  expect(readFileSync(join(app.directory, '.env.example'), 'utf8')).toBe('POSTERN_KEY=\n')
  return (await import(pathToFileURL(join(app.directory, route)).href)) as Record<string, unknown>
}

/** A client that has the key can commit and load. */
async function works(id: string, target: { url?: string; handler?: Handler }): Promise<void> {
  const client = createClient({
    url: target.url ?? 'http://app/source',
    signingKey: process.env.POSTERN_KEY ?? '',
    scope: { organizationId: 'org_1' },
    ...(target.handler && {
      fetch: (url: string, init: RequestInit) => (target.handler as Handler)(new Request(url, init)),
    }),
  })
  await client.commit({
    idempotencyKey: id,
    operations: [{ type: 'CREATE', model: 'chores', id, input: { title: 'Paint' } }],
  })
  expect((await client.load('chores', id)).row).toEqual({ id, title: 'Paint', status: 'todo' })
}

test('Next.js and Drizzle, with a client and tables of its own', async () => {
  const app = application({
    'package.json': manifest('next', 'drizzle-orm', 'pg', 'postern'),
    'tsconfig.json': bundler,
    'src/app/page.tsx': 'export default () => null\n',
    'src/db/tables.ts': `import { pgTable, text } from 'drizzle-orm/pg-core'
export const chores = pgTable('chores', { id: text().primaryKey(), organizationId: text('organization_id').notNull(),
  title: text().notNull(), status: text().notNull().default('todo') })
`,
    'src/db/index.ts': `import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import * as tables from './tables'
const pool = new Pool({ connectionString: process.env.DATABASE_URL })
pool.on('error', () => {})
export const db = drizzle(pool, { schema: tables })
`,
  })
  const { POST } = await initialised(app, 'src/app/api/source/route.ts')
  await works('next', { handler: POST as Handler })
  expect(
    readFileSync(join(app.directory, 'src/lib/endpoint.ts'), 'utf8'),
  ).toBe(`import { drizzleAdapter } from 'postern/drizzle'
import { createEndpoint } from 'postern'
import { db } from '../db/index'
import { schema } from './schema'

export const adapter = drizzleAdapter(db, schema)
export const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })
`)
  expect(
    readFileSync(join(app.directory, 'src/lib/schema.ts'), 'utf8'),
  ).toBe(`import { schemaFromDrizzle } from 'postern/drizzle'
import * as tables from '../db/tables'

// The allow-list: what is not here can be neither read nor written. Take out what callers need not see.
export const schema = schemaFromDrizzle(tables, {
  chores: {
    fields: ['title', 'status'],
    mutable: ['CREATE', 'UPDATE', 'DELETE'],
    capture: true,
  },
})
`)
  // beside a schema that declares the tables itself, the adapter is told of Drizzle's
  rmSync(join(app.directory, 'src/lib/endpoint.ts'))
  const ours = readFileSync(join(app.directory, 'src/lib/schema.ts'), 'utf8')
  app.write({
    'src/lib/schema.ts': "import { defineSchema } from 'postern'\nexport const schema = defineSchema({})\n",
  })
  await app.run(['init', '--yes'])
  expect(readFileSync(join(app.directory, 'src/lib/endpoint.ts'), 'utf8')).toContain(
    'drizzleAdapter(db, schema, { tables })',
  )
  app.write({ 'src/lib/schema.ts': ours })
  // a second time nothing is left to write, and nothing is written
  const key = readFileSync(join(app.directory, '.env.local'), 'utf8')
  const again = await app.run(['init', '--yes', '--json'])
  const { steps } = JSON.parse(again.stdout) as { steps: { action: string }[] }
  expect(steps.map(({ action }) => action)).toEqual(Array(steps.length).fill('keep'))
  expect(readFileSync(join(app.directory, '.env.local'), 'utf8')).toBe(key)
})

test('Express and Prisma, with a client of its own', async () => {
  const app = application({
    'package.json': manifest('express', '@prisma/client', 'pg', 'postern'),
    'tsconfig.json': node,
  })
  const generated = relative(
    join(app.directory, 'lib'),
    join(root, 'test/adapters/prisma/generated/client.ts'),
  )
  app.write({
    'lib/prisma.ts': `import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '${generated}'
const make = () => new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL ?? '' }) })
const kept = globalThis as unknown as { prisma?: ReturnType<typeof make> }
export const prisma = kept.prisma ?? make()
`,
  })
  const { endpoint } = await initialised(app, 'lib/endpoint.ts')
  const server: Server = express()
    .post('/source', toExpress(endpoint as Endpoint))
    .listen(0)
  await once(server, 'listening')
  try {
    await works('express', { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/source` })
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

/** Another database, for one application. */
async function databaseOf(ddl: string) {
  const other = await freshDatabase()
  const client = new pg.Client(other.url)
  await client.connect()
  await client.query(ddl)
  await client.end()
  return other
}

test('Drizzle tables in several modules, under other names than in the database, are named and not declared again', async () => {
  await using other = await databaseOf(`
    create table customers (id uuid primary key default gen_random_uuid(), tenant_id text not null, "fullName" text not null,
      password_hash text);
    create table order_lines (id text primary key, customer_id uuid not null references customers, quantity int not null,
      total int generated always as (quantity * 2) stored, note text, updated_at timestamptz);
    create table notes (id text primary key, line_id text not null references order_lines, tenant_id text not null);
    create table unknown_here (id text primary key, tenant_id text not null)`)
  const app = application({
    '.env': `DATABASE_URL=${other.url}`,
    'package.json': manifest('hono', 'drizzle-orm', 'pg', 'postern'),
    'tsconfig.json': node,
    'db/customers.ts': `import { pgTable, text, uuid } from 'drizzle-orm/pg-core'
export const customers = pgTable('customers', { id: uuid().primaryKey().defaultRandom(), tenantId: text().notNull(),
  name: text('fullName').notNull(), passwordHash: text() })
`,
    'db/lines.ts': `import { relations, sql } from 'drizzle-orm'
import { integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { customers } from './customers.ts'
export const lines = pgTable('order_lines', { key: text('id').primaryKey(), customer: uuid('customer_id').notNull(),
  quantity: integer().notNull(), total: integer().generatedAlwaysAs(sql\`quantity * 2\`), updatedAt: timestamp({ withTimezone: true }) })
export const lineNotes = pgTable('notes', { id: text().primaryKey(), lineId: text().notNull(), tenantId: text().notNull() })
export const ofLines = relations(lines, ({ one }) => ({ buyer: one(customers, { fields: [lines.customer], references: [customers.id] }) }))
`,
    'db/client.ts': `import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
const pool = new Pool({ connectionString: process.env.DATABASE_URL })
pool.on('error', () => {})
export const db = drizzle(pool, { casing: 'snake_case' })
`,
  })
  const init = await app.run(['init', '--yes', '--mutable', 'orderLines', 'customers'])
  expect(init).toMatchObject({ code: 0, stderr: '' })
  expect(init.stdout).toMatch(/create lib\/schema\.ts +names what db\/lines, db\/customers declares/)
  expect(init.stdout).toContain('left out: public.unknown_here, is not declared in db/lines or db/customers')
  expect(
    readFileSync(join(app.directory, 'lib/schema.ts'), 'utf8'),
  ).toBe(`import { schemaFromDrizzle } from 'postern/drizzle'
import * as tables from '../db/lines.ts'
import * as tables2 from '../db/customers.ts'

// The allow-list: what is not here can be neither read nor written. Take out what callers need not see.
export const schema = schemaFromDrizzle({ ...tables2, ...tables }, {
  customers: {
    fields: ['name'],
    // password_hash is left out: looks like a secret
    policy: { by: 'column', column: 'tenant_id' },
    mutable: ['CREATE', 'UPDATE', 'DELETE'],
    capture: true,
  },
  lineNotes: {
    fields: ['lineId'],
    policy: { by: 'column', column: 'tenant_id' },
  },
  lines: {
    fields: ['customer', 'quantity', 'total', 'updatedAt'],
    // note is left out: is not declared in db/lines or db/customers
    policy: { by: 'parent', fk: 'customer', parent: 'customers' },
    mutable: ['CREATE', 'UPDATE', 'DELETE'],
    capture: true,
    readOnly: ['total'],
    touch: 'updatedAt',
  },
  // public.unknown_here is left out: is not declared in db/lines or db/customers
}, { casing: 'snake_case' })
`)
  expect(await app.run(['migrate'])).toMatchObject({ code: 0, stderr: '' })
  expect(await app.run(['check'])).toMatchObject({ code: 0 })
  Object.assign(process.env, { DATABASE_URL: other.url })
  const { endpoint } = (await import(pathToFileURL(join(app.directory, 'lib/endpoint.ts')).href)) as {
    endpoint: Endpoint
  }
  const local = endpoint.local({ organizationId: 'org_1' })
  const customer = 'c3f1b2a4-0000-4000-8000-000000000001'
  await local.commit({
    idempotencyKey: 'k',
    operations: [
      { type: 'CREATE', model: 'customers', id: customer, input: { name: 'Ada' } },
      { type: 'CREATE', model: 'lines', id: 'l1', input: { customer, quantity: 4 } },
    ],
  })
  const { rows } = await local.list('lines', { related: ['buyer'] })
  expect(rows).toMatchObject([{ key: 'l1', quantity: 4, total: 8, buyer: { id: customer, name: 'Ada' } }])
  expect(rows[0]?.updatedAt).toEqual(expect.any(String))
})

test('Prisma models are named and not declared again; a client that is not generated yet is said', async () => {
  await using other = await databaseOf(`create type task_status as enum ('todo', 'in progress', 'done');
    create table projects (id text primary key, organization_id text not null, name text not null, budget numeric);
    create table tasks (id text primary key, organization_id text not null, title text not null,
      status task_status not null default 'todo', code text unique, estimate int, score float8, views bigint, amount numeric,
      done boolean not null default false, due_at timestamptz(6), local_at timestamp(6), started_on date, ref uuid, blob bytea,
      meta jsonb, tags text[], counts bigint[], project_id text references projects, updated_at timestamptz(6),
      archived_at timestamptz(6));
    create table task_tags (task_id text not null references tasks, tag text not null, weight int, primary key (task_id, tag))`)
  const app = application({
    '.env': `DATABASE_URL=${other.url}`,
    'package.json': manifest('express', '@prisma/client', 'pg', 'postern'),
    'tsconfig.json': node,
  })
  const generated = relative(
    join(app.directory, 'lib'),
    join(root, 'test/adapters/prisma/generated/client.ts'),
  )
  const client = (from: string) => `import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '${from}'
export const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL ?? '' }) })
`
  app.write({ 'lib/prisma.ts': client('./generated/client.ts') })
  const early = await app.run(['init', '--dry-run'])
  expect(early.stderr).toMatch(
    /^postern: lib\/prisma\.ts cannot be imported \(.*generated.*\): the schema declares the tables itself/,
  )
  expect(early.stdout).toContain('export const schema = defineSchema({')
  app.write({ 'lib/prisma.ts': client(generated) })
  const { endpoint } = (await initialised(app, 'lib/endpoint.ts')) as { endpoint: Endpoint }
  const schema = readFileSync(join(app.directory, 'lib/schema.ts'), 'utf8')
  expect(schema).toContain(`import { schemaFromPrisma } from 'postern/prisma'
import { prisma } from './prisma.ts'
`)
  expect(schema).toContain(`export const schema = schemaFromPrisma(prisma, {
  project: {
    fields: ['name', 'budget'],
    mutable: ['CREATE', 'UPDATE', 'DELETE'],
    capture: true,
  },
`)
  expect(schema).toContain(`  taskTag: {
    fields: ['weight'],
    policy: { by: 'parent', fk: 'taskId', parent: 'task' },
`)
  const local = endpoint.local({ organizationId: 'org_1' })
  await local.commit({
    idempotencyKey: 'k',
    operations: [
      { type: 'CREATE', model: 'project', id: 'p1', input: { name: 'Home', budget: '1.50' } },
      {
        type: 'CREATE',
        model: 'task',
        id: 't1',
        input: { title: 'Paint', projectId: 'p1', tags: [], counts: [] },
      },
    ],
  })
  const { rows } = await local.list('task', { related: ['project'] })
  expect(rows).toMatchObject([{ id: 't1', status: 'todo', project: { name: 'Home', budget: '1.50' } }])
})

test.each([
  ['Kysely', ['kysely', 'pg']],
  ['postgres.js', ['postgres', 'pg']],
  ['node-postgres in plain JavaScript', ['pg']],
  ['Drizzle', ['drizzle-orm', 'pg']],
])('Hono and %s, which exports no client', async (name, packages) => {
  const plain = name.includes('JavaScript')
  const app = application({
    'package.json': manifest('hono', 'postern', ...packages),
    ...(!plain && { 'tsconfig.json': node }),
  })
  if (name === 'postgres.js') app.write({ 'package.json': manifest('hono', 'postern', 'postgres') })
  const { endpoint } = await initialised(app, `lib/endpoint.${plain ? 'js' : 'ts'}`)
  const hono = new Hono().post('/source', (c) => (endpoint as Endpoint).fetch(c.req.raw))
  await works(name, { handler: async (request) => hono.fetch(request) })
})

test('what was written compiles against the package', () => {
  expect(projects.length).toBe(8)
  const all = project({})
  projects.push(all)
  const options = {
    module: 'esnext',
    moduleResolution: 'bundler',
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: false,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  }
  const include = projects.map(({ directory }) => directory)
  all.write({
    'tsconfig.json': JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: options,
      include,
      exclude: [],
    }),
  })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', all.directory, '--pretty', 'false'], {
    encoding: 'utf8',
  })
  // the sources have a check of their own
  expect(
    stdout.split('\n').filter((line) => line.startsWith('.test-results') || line.includes('error TS18')),
  ).toEqual([])
})

test('without --yes, and without a terminal to ask, nothing is written; --dry-run shows the files', async () => {
  const app = application({ 'package.json': manifest('express', 'pg'), '.env': '' })
  const asked = await app.run(['init'])
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('nothing was written: say --yes') })
  const dry = await app.run(['init', '--dry-run'])
  expect(dry.stdout).toContain('export const endpoint = createEndpoint({')
  expect(dry.stdout).not.toContain('sk_')
  expect(existsSync(join(app.directory, 'lib'))).toBe(false)
  const none = application({ 'package.json': manifest('pg') })
  expect(await none.run(['init', '--yes'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no framework found'),
  })
})

test('--mutable and --no-capture say what callers may change; the steps are those of the package manager', async () => {
  const app = application({
    'package.json': manifest('express', 'pg'),
    'pnpm-lock.yaml': '',
  })
  const init = await app.run(['init', '--yes', '--mutable', 'chores', '--no-capture'])
  expect(init).toMatchObject({ code: 0, stderr: '' })
  expect(init.stdout).toContain('  pnpm add postern zod\n')
  expect(init.stdout).toContain('  pnpm exec postern migrate\n')
  const written = () => readFileSync(join(app.directory, 'lib/schema.js'), 'utf8')
  expect(written()).toContain("    mutable: ['CREATE', 'UPDATE', 'DELETE'],\n    capture: false,\n")
  rmSync(join(app.directory, 'lib'), { recursive: true })
  await app.run(['init', '--yes', '--mutable', 'none'])
  expect(written()).not.toMatch(/mutable|capture/)
  rmSync(join(app.directory, 'lib'), { recursive: true })
  expect(await app.run(['init', '--yes', '--mutable', 'chorez'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no model chorez; expected all, none, or some of chores'),
  })
  expect(existsSync(join(app.directory, 'lib'))).toBe(false)
})

test('environment files: empty, a key elsewhere or quoted, an empty key, a directory, not ignored', async () => {
  const keyed = (app: Project, file: string) => readFileSync(join(app.directory, file), 'utf8')
  const bare = {
    'package.json': `\uFEFF${manifest('express', 'pg', 'postern')}`,
    '.env': '',
    '.gitignore': '',
  }
  const init = async (files: Record<string, string>, env = {}) => {
    const app = project({ ...bare, ...files })
    projects.push(app)
    spawnSync('git', ['init', '-q'], { cwd: app.directory })
    return { app, ran: await app.run(['init', '--yes'], env) }
  }
  const [empty, elsewhere, blank, ignored] = await Promise.all([
    init({ '.env.example': '' }),
    init({ '.env.local': "export POSTERN_KEY = 'sk_mine'\n" }),
    init({ '.env.local': 'POSTERN_KEY=\n' }),
    init({ '.gitignore': '.env*\n!.env\n' }),
  ])
  expect(empty.ran).toMatchObject({ code: 0, stderr: '' })
  expect(keyed(empty.app, '.env')).toMatch(/^POSTERN_KEY=sk_[0-9a-f]{48}\n$/)
  expect(keyed(empty.app, '.env.example')).toBe('POSTERN_KEY=\n')
  expect(empty.ran.stdout).toMatch(/append \.gitignore +so that git ignores \.env\n/)
  expect(keyed(empty.app, '.gitignore')).toBe('.env\n')
  expect(elsewhere.ran.stdout).toMatch(/keep +\.env\.local .*has a POSTERN_KEY/)
  expect(keyed(elsewhere.app, '.env')).toBe('')
  expect(keyed(blank.app, '.env.local')).toMatch(/^POSTERN_KEY=\nPOSTERN_KEY=sk_\w+\n$/)
  expect(keyed(ignored.app, '.gitignore')).toBe('.env*\n!.env\n.env\n')
  // without git, by the patterns
  const patterns = await init({ '.gitignore': '/.env\n' }, { PATH: '' })
  expect(patterns.ran.stdout).toMatch(/ a fresh key\n/)
  const app = project({ 'package.json': manifest('express', 'pg'), '.env/inner': '' })
  projects.push(app)
  expect(await app.run(['init', '--yes'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/keep +\.env +is a directory/),
  })
})

test('tables without a tenant are not exposed without being named', async () => {
  await using other = await freshDatabase()
  const client = new pg.Client(other.url)
  await client.connect()
  await client.query('create table todos (id text primary key, title text); create table loose (a text)')
  await client.end()
  const app = application({ 'package.json': manifest('express', 'pg', 'postern') })
  const ran = await app.run(['init', '--yes', '--database', other.url])
  expect(ran.stdout).toContain('without a tenant: todos: left as comments')
  expect(ran.stdout).toContain(
    'left out: public.loose, has no primary key, and no unique index over columns that are NOT NULL',
  )
  expect(readFileSync(join(app.directory, 'lib/schema.js'), 'utf8')).toContain('\n  // todos: model({\n')
})
