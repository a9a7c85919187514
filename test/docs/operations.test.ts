import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { defineSchema, model, z } from 'postern'
import { type Client, createClient } from 'postern/client'
import { pgAdapter } from 'postern/pg'
import { grants } from 'postern/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Adapter, createEndpoint } from '../../src/index.ts'
import { freshDatabase, type TestDatabase } from '../support/db.ts'
import { blocksOf, fileOf, root } from './markdown.ts'

// What docs/operations.md says to type is typed here, by the roles that it names.
const schema = defineSchema({
  tasks: model({
    fields: { title: z.string().min(1), status: z.enum(['todo', 'doing', 'done']).default('todo') },
    mutable: true,
  }),
})
const signingKey = 'sk_test_of_the_operations_page'
const [security = '', retention = ''] = blocksOf('docs/operations.md')
  .filter(({ language }) => language === 'sql')
  .map(({ text }) => text)

let database: TestDatabase
let owner: pg.Pool
let application: pg.Pool
let role: string

/** Roles belong to the server, which other tests use too. */
const sql = (text: string) => owner.query(text.replaceAll('tasks_app', role))

function clientOf(adapter: Adapter): Client<typeof schema> {
  const endpoint = createEndpoint({ adapter, signingKey })
  return createClient<typeof schema>({
    url: 'http://localhost/source',
    signingKey: signingKey,
    retries: 0,
    scope: { organizationId: 'org_1' },
    fetch: (url, init) => endpoint.fetch(new Request(url, init)),
  })
}

async function collect<T>(walk: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of walk) all.push(one)
  return all
}

const create = (id: string) =>
  ({
    idempotencyKey: `create:${id}`,
    operations: [{ type: 'CREATE', model: 'tasks', id, input: { title: id } }],
  }) as const

/** Runs the page's script as it stands, but for the name of the role. */
async function followGrants(): Promise<void> {
  const script = fileOf('docs/operations.md', 'scripts/grants.ts').replaceAll('tasks_app', role)
  const file = join(root, '.test-results', `grants-${role}.ts`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, script)
  const env = { ...process.env, DATABASE_URL: database.url }
  await promisify(execFile)(process.execPath, ['--conditions=postern-source', file], { env })
  rmSync(file)
}

beforeAll(async () => {
  database = await freshDatabase()
  owner = new pg.Pool({ connectionString: database.url })
  role = `${new URL(database.url).pathname.slice(1)}_app`
  await owner.query(`create table tasks (id text primary key, organization_id text not null, title text not null,
    status text not null default 'todo')`)
  await pgAdapter(owner, schema).migrate()
  await sql("create role tasks_app login password 'change me'")
  await followGrants()
  const url = new URL(database.url)
  url.username = role
  url.password = 'change me'
  application = new pg.Pool({ connectionString: url.href })
})

afterAll(async () => {
  await application?.end()
  await sql('drop owned by tasks_app')
  await sql('drop role tasks_app')
  await owner?.end()
  await database?.drop()
})

test('the grants of the page are all that the application needs, and it cannot rewrite the log with them', async () => {
  const adapter = pgAdapter(application, schema)
  const source = clientOf(adapter)
  await source.commit(create('t1'))
  const { stamp } = await source.load('tasks', 't1')
  const update = {
    type: 'UPDATE',
    model: 'tasks',
    id: 't1',
    input: { status: 'done' },
    readAt: stamp,
  } as const
  await source.commit({
    idempotencyKey: 'finish',
    operations: [update, { ...update, input: { status: 'doing' } }],
  })
  expect((await source.list('tasks')).rows).toHaveLength(1)
  const feed = source.events()
  expect(await collect(feed)).toHaveLength(3)
  expect((await adapter.feedStatus()).blockers).toEqual([])
  await source.commit({
    idempotencyKey: 'delete',
    operations: [{ type: 'DELETE', model: 'tasks', id: 't1' }],
  })

  for (const forbidden of ['update postern.ledger set body = body', 'delete from postern.log']) {
    await expect(application.query(forbidden), forbidden).rejects.toThrow('permission denied')
  }
  const cursor = feed.cursor as string
  await expect(adapter.acknowledge('search-index', cursor)).rejects.toThrow()
  for (const statement of grants(role, { acknowledge: true })) await sql(statement)
  await adapter.acknowledge('search-index', cursor, 'org_1')
  await adapter.acknowledge('search-index', null)
})

test('the policies of the page hold for a request whose settings say whose it is, and for nobody else', async () => {
  await clientOf(pgAdapter(owner, schema)).commit(create('t2'))
  await sql(security)
  const guarded = pgAdapter(application, schema, {
    settings: ({ tenant }) => ({ 'app.tenant': tenant ?? '' }),
  })
  expect((await clientOf(guarded).load('tasks', 't2')).row).toMatchObject({ id: 't2' })
  expect((await clientOf(pgAdapter(application, schema)).load('tasks', 't2')).row).toBeNull()
  expect((await application.query('select from tasks')).rowCount).toBe(0)
  await sql('alter table tasks disable row level security')
})

test('the times of the page decide what prune drops', async () => {
  await sql(retention)
  const adapter = pgAdapter(owner, schema)
  const source = clientOf(adapter)
  await source.commit(create('t3'))
  for (const status of ['doing', 'done'] as const) {
    const operations = [{ type: 'UPDATE', model: 'tasks', id: 't3', input: { status } }] as const
    await source.commit({ idempotencyKey: `t3:${status}`, operations })
  }
  expect(await adapter.prune()).toMatchObject({ events: 0, keys: 0 })
  await sql("update postern.log set at = at - interval '8 days'")
  await sql("update postern.ledger set at = at - interval '29 days'")
  const { events, keys } = await adapter.prune()
  expect([events > 0, keys > 0]).toEqual([true, true])
  const kept = await owner.query("select type, data from postern.changes where entity_id = 't3'")
  expect(kept.rows).toEqual([{ type: 'UPDATE', data: expect.objectContaining({ status: 'done' }) }])
})

test('a follower goes on in a copy that has all it was told, and is told to load anew where entries are missing', async () => {
  const known = clientOf(pgAdapter(owner, schema)).events()
  await collect(known)
  await owner.end()
  await application.end()
  const name = new URL(database.url).pathname.slice(1)
  await using copy = await freshDatabase({ template: { database: name, major: 18 } })
  owner = new pg.Pool({ connectionString: database.url })
  application = new pg.Pool({ connectionString: database.url })
  await clientOf(pgAdapter(owner, schema)).commit(create('t4'))
  const ahead = clientOf(pgAdapter(owner, schema)).events({ cursor: known.cursor })
  expect(await collect(ahead)).toHaveLength(1)

  const pool = new pg.Pool({ connectionString: copy.url })
  try {
    const restored = clientOf(pgAdapter(pool, schema))
    expect(await collect(restored.events({ cursor: known.cursor }))).toEqual([])
    const expired = { status: 410, code: 'cursor_expired' }
    await expect(collect(restored.events({ cursor: ahead.cursor }))).rejects.toMatchObject(expired)
    // another entry under the same position
    await restored.commit(create('t5'))
    await expect(collect(restored.events({ cursor: ahead.cursor }))).rejects.toMatchObject(expired)
    await pool.query('select postern.renew_log()')
    await expect(collect(restored.events({ cursor: known.cursor }))).rejects.toMatchObject(expired)
  } finally {
    await pool.end()
  }
})
