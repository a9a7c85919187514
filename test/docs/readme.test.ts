import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Endpoint } from '../../src/index.ts'
import { freshDatabase, type TestDatabase } from '../support/db.ts'
import { type Mounted, serve } from '../support/mount.ts'
import { blocksOf, root } from './markdown.ts'

// The first code that a reader sees, run: the schema, the endpoint, the route, the agent.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const directory = join(root, '.test-results/readme')
const POSTERN_KEY = 'sk_test_of_the_readme'

let database: TestDatabase
let pool: pg.Pool
let server: Mounted | undefined

beforeAll(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url })
  await pool.query(`
    create table projects (id text primary key, name text not null);
    create table tasks (id text primary key, organization_id text not null, title text not null,
      status text not null default 'todo', project_id text references projects);
    insert into tasks (id, organization_id, title) values ('t1', 'org_1', 'Paint the door');`)
  rmSync(directory, { recursive: true, force: true })
  const files = blocksOf('README.md').filter(({ file }) => file !== undefined)
  for (const { file = '', text } of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    writeFileSync(join(directory, file), text)
  }
})

afterAll(async () => {
  await server?.close()
  await pool?.end()
  // The route keeps its pool, as in an application: the database goes when the run ends.
})

test('the schema, the route and the agent of the README do together what it says', async () => {
  const { schema } = await import(pathToFileURL(join(directory, 'lib/schema.ts')).href)
  const { pgAdapter } = await import('../../src/adapters/pg.ts')
  await pgAdapter(pool, schema).migrate()

  process.env.DATABASE_URL = database.url
  process.env.POSTERN_KEY = POSTERN_KEY
  const route = pathToFileURL(join(directory, 'app/api/source/route.ts')).href
  const { POST } = (await import(route)) as { POST: Endpoint['fetch'] }
  const { toRequest, sendResponse } = await import('../../src/node/bridge.ts')
  server = await serve(async (request, response) => sendResponse(response, await POST(toRequest(request))))

  const agent = blocksOf('README.md').find(({ file }) => file === 'agent.ts')
  const local = agent?.text.replace('https://app.example.com/api/source', server.url) ?? ''
  writeFileSync(join(directory, 'agent.ts'), local)
  const run = () =>
    promisify(execFile)(process.execPath, ['--conditions=postern-source', 'agent.ts'], {
      cwd: directory,
      env: { ...process.env, POSTERN_KEY },
    })
  await run()
  const { rows } = await pool.query('select status from tasks')
  expect(rows).toEqual([{ status: 'done' }])
})
