import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../../src/client/index.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { post, sendRaw } from '../../support/mount.ts'
import { freePort } from '../../support/port.ts'
import { outputOf, type Running, startProcess } from '../../support/process.ts'
import { org, signed } from '../../support/source.ts'
import { copyEnv, exampleEnv, installExample, exampleKey as key, shownBy } from './application.ts'

// Built and started for real, on a real Postgres: what Next.js makes of the bytes is no one's to guess.
const next = join(import.meta.dirname, '../../../node_modules/next/dist/bin/next')

let database: TestDatabase
let server: Running | undefined
let app: string
let url: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  database = await freshDatabase()
  app = installExample('next-drizzle')
  const db = drizzle(database.url)
  // what `npx drizzle-kit migrate` does
  await migrate(db, { migrationsFolder: join(app, 'drizzle') })
  await db.$client.end()

  const port = await freePort()
  url = `http://localhost:${port}/api/source`
  env = exampleEnv({ DATABASE_URL: database.url, PORT: String(port), POSTERN_URL: url })
  // Without a key, as in a pipeline that builds: evaluating the route must not want secrets.
  await outputOf([process.execPath, next, 'build'], { cwd: app, env })
  copyEnv(app)
  server = await startProcess([process.execPath, next, 'start'], /Ready/, { cwd: app, env })
}, 240_000)

afterAll(async () => {
  server?.stop()
  await database?.drop()
})

test('a built and started Next.js app prints what its README and the quick start say', async () => {
  const shown = shownBy('examples/next-drizzle/README.md')
  expect(shownBy('docs/quick-start-next.md')).toEqual(shown)
  const command = [process.execPath, '--env-file=.env', 'try.mts']
  expect(await outputOf(command, { cwd: app, env })).toBe(shown.at(-1))
})

test('it answers signed commits, replays and loads', async () => {
  const source = createClient({ url, signingKey: key, scope: { organizationId: 'org_2' } })
  const commit = {
    idempotencyKey: 'k1',
    operations: [{ type: 'CREATE', model: 'tasks', id: 't2', input: { title: 'Paint' } }],
  } as const
  const first = await source.commit(commit)
  expect(first).toMatchObject({ rows: [{ id: 't2', title: 'Paint', status: 'todo' }], replayed: false })
  expect(await source.commit(commit)).toEqual({ ...first, replayed: true })
  expect(await source.load('tasks', 't2')).toEqual({ row: first.rows[0], stamp: first.stamps[0] })
  expect(await source.load('tasks', 't2', { scope: org })).toMatchObject({ row: null })
})

test('Next hands over the exact bytes: odd spacing and text of every script verify', async () => {
  const text = ` {"type":"list", "model":"tasks","scope":{"organizationId":"Gr\u00fc\u00dfe \u6f06 \u{1f58c}"}}\n`
  const { status, body } = await post(url, new TextEncoder().encode(text), { key })
  expect([status, body.rows]).toEqual([200, []])
})

test('a tampered body, no signature and a body over the limit are refused', async () => {
  const { headers, body } = await signed({ type: 'events' }, { key })
  const tampered = await sendRaw(url, { headers, body: new TextEncoder().encode('{"type":"evente"}') })
  expect([tampered.status, JSON.parse(tampered.text).error]).toEqual([401, 'source_signature_invalid'])
  expect((await sendRaw(url, { body })).status).toBe(401)
  const large = await sendRaw(url, { headers, body: new Uint8Array(1_100_000) })
  expect([large.status, JSON.parse(large.text).error]).toEqual([413, 'request_too_large'])
})

test('other methods are answered by Next itself', async () => {
  expect((await fetch(url)).status).toBe(405)
  expect((await fetch(url, { method: 'PUT' })).status).toBe(405)
})
