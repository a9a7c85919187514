import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEndpoint } from '../../../src/index.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { blocksOf } from '../../docs/markdown.ts'
import { usualAdapters } from '../../support/adapters.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { ask, signingKey } from '../../support/source.ts'
import { generatePrismaClient } from '../prisma/generate.ts'

/** The pieces of code that README.md and docs/adapters.md show, run as they stand. */

const table = (name: string, tenant: string, done: string) =>
  `create table ${name} (id text primary key, ${tenant} text not null, title text not null, ${done} boolean not null)`

let database: TestDatabase
beforeAll(async () => {
  database = await freshDatabase()
  process.env.DATABASE_URL = database.url
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(
    `${table('tasks', 'organization_id', 'done')}; ${table('todo_items', 'org_id', 'is_done')}`,
  )
  // Prisma's model of these tests has more columns than the snippets; what it makes by itself has a place here
  await client.query(
    `create type task_status as enum ('todo'); alter table tasks add status task_status, add updated_at timestamptz`,
  )
  await client.end()
  await generatePrismaClient()
})
afterAll(() => database.drop())

type Handle = Record<string, () => Promise<unknown>>

/** Each library has its own word for it. */
const closings = ['$disconnect', 'destroy', 'end', 'close']

async function snippetOf(name: string): Promise<{ adapter: PostgresAdapter; close(): Promise<unknown> }> {
  const { adapter, ...handles } = await import(`./${name}.ts`)
  const [handle = (await import('./client.ts')).prisma] = Object.values<Record<string, unknown>>(handles)
  if (name === 'pglite') await (handle as unknown as PGlite).exec(table('tasks', 'organization_id', 'done'))
  // Kysely's snippet has the pool of pg's
  if (name === 'pg') return { adapter, close: async () => {} }
  const client = ((handle as Partial<Handle>).$client ?? handle) as Handle
  const closing = closings.find((word) => typeof client[word] === 'function')
  if (closing === undefined) throw new Error(`${name}.ts exports nothing that can be closed`)
  return { adapter, close: () => (client[closing] as Handle[string]).call(client) }
}

const shown = usualAdapters.filter(({ store }) => store !== 'memory')

test.each(shown)('$name: the snippet is all that it takes', async ({ name }) => {
  const { adapter, close } = await snippetOf(name)
  try {
    await adapter.migrate()
    const endpoint = createEndpoint({ adapter, signingKey })
    const scope = { organizationId: 'org_1' }
    const operations = [{ type: 'CREATE', model: 'tasks', id: `t ${name}`, input: { title: 'Paint' } }]
    const made = await ask(endpoint, { type: 'commit', correlationId: `k ${name}`, operations, scope })
    expect(made).toMatchObject({
      status: 200,
      body: { rows: [{ id: `t ${name}`, title: 'Paint', done: false }] },
    })
    const seen = await ask(endpoint, { type: 'load', model: 'tasks', id: `t ${name}`, scope })
    expect(seen.body.row).toEqual(made.body.rows[0])
  } finally {
    await close()
  }
})

test('docs/adapters.md shows them as they are', () => {
  const shown = new Map(blocksOf('docs/adapters.md').map(({ file, text }) => [file, text]))
  const files = readdirSync(import.meta.dirname).filter((name) => !/test|client/.test(name))
  for (const name of files) {
    const text = readFileSync(path.join(import.meta.dirname, name), 'utf8')
    // the page has said where the client comes from
    const expected = text.replace("import { prisma } from './client.ts'\n", '')
    expect(shown.get(name), name).toBe(expected)
  }
})
