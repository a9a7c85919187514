import { once } from 'node:events'
import { cpSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../../src/client/index.ts'
import { post } from '../../support/mount.ts'
import { installPackage } from '../../support/package.ts'
import { freePort } from '../../support/port.ts'
import { outputOf, type Running, startProcess } from '../../support/process.ts'
import { signed } from '../../support/source.ts'
import { exampleEnv, exampleKey as key } from './application.ts'

// What Next.js does around a route handler: a base path, a proxy before it, work after the answer, callers that go.
const root = join(import.meta.dirname, '../../..')
const next = join(root, 'node_modules/next/dist/bin/next')
const app = join(root, '.test-results/examples/next-server')
let server: Running | undefined
let at: string

beforeAll(async () => {
  rmSync(app, { recursive: true, force: true })
  cpSync(join(import.meta.dirname, 'next-server'), app, { recursive: true })
  installPackage(app)
  const port = await freePort()
  at = `http://localhost:${port}/shop/api`
  const env = exampleEnv({ PORT: String(port) })
  await outputOf([process.execPath, next, 'build'], { cwd: app, env })
  const own = { ...env, POSTERN_KEY: key }
  server = await startProcess([process.execPath, next, 'start'], /Ready/, { cwd: app, env: own })
}, 240_000)

afterAll(() => server?.stop())

const create = (id: string) => [{ type: 'CREATE', model: 'tasks', id, input: { title: 'Paint' } }] as const
const client = (path: string) => createClient({ url: `${at}/${path}`, signingKey: key, retries: 0 })
const told = async (): Promise<string[]> => (await (await fetch(`${at}/told`)).json()) as string[]

test('under a base path, and under another name that a proxy rewrites: one endpoint', async () => {
  const first = await client('source').commit({ idempotencyKey: 'k1', operations: create('t1') })
  const again = await client('behind').commit({ idempotencyKey: 'k1', operations: create('t1') })
  expect(again).toEqual({ ...first, replayed: true })
  expect((await client('behind').load('tasks', 't1')).row).toEqual({ id: 't1', title: 'Paint' })
})

test('a body passes the proxy byte for byte, whatever its spacing and script', async () => {
  const text = ` {"type":"list",\t"model":"tasks","query":{"where":[["title","Gr\u00fc\u00dfe \u6f06 \u{1f58c}"]]}}\n`
  const { status, body } = await post(`${at}/behind`, new TextEncoder().encode(text), { key })
  expect([status, body.rows]).toEqual([200, []])
})

test('an observer may hand work to `after`, which runs once the answer is sent', async () => {
  await client('source').commit({ idempotencyKey: 'told', operations: create('t2') })
  await expect.poll(told).toContain('told')
})

test('a caller that goes while its commit runs leaves it applied once, and is told so when it asks again', async () => {
  const request = {
    type: 'commit',
    correlationId: 'slow-1',
    clientTxId: 'slow-1',
    operations: create('t3'),
  }
  const { headers, body } = await signed(request, { key })
  const sent = httpRequest(`${at}/source`, { method: 'POST', headers })
  sent.on('error', () => {})
  sent.end(body)
  await once(sent, 'finish')
  await new Promise((resolve) => setTimeout(resolve, 100))
  sent.destroy()
  await expect
    .poll(async () => (await client('source').load('tasks', 't3')).row)
    .toEqual({ id: 't3', title: 'Paint' })
  const again = await post(`${at}/source`, request, { key })
  expect([again.status, again.headers['idempotent-replayed']]).toEqual([200, 'true'])
})

test('a caller that goes in the middle of its body leaves nothing, and the server answers the next one', async () => {
  const { headers, body } = await signed(
    { type: 'commit', correlationId: 'half', operations: create('t4') },
    { key },
  )
  const sent = httpRequest(`${at}/source`, {
    method: 'POST',
    headers: { ...headers, 'content-length': String(body.length) },
  })
  sent.on('error', () => {})
  sent.write(body.slice(0, 20))
  await new Promise((resolve) => setTimeout(resolve, 100))
  sent.destroy()
  expect((await client('source').load('tasks', 't4')).row).toBeNull()
  expect((await client('source').load('tasks', 't1')).row).not.toBeNull()
})
