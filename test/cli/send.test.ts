import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createEndpoint, defineSchema, model, z } from '../../src/index.ts'
import { toNode } from '../../src/node/index.ts'
import { type OpenSource, openSource } from '../support/postgres-source.ts'
import { command, postern, root } from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const schema = defineSchema({ tasks: model({ fields: { title: z.string() }, mutable: true }) })
const tables = 'create table tasks (id text primary key, organization_id text not null, title text not null)'
const key = 'sk_of_the_sender'
let open: OpenSource
let server: Server
let env: Record<string, string>

beforeAll(async () => {
  open = await openSource({ schema, tables })
  server = createServer(toNode(createEndpoint({ signingKey: key, adapter: open.source }))).listen(0)
  await once(server, 'listening')
  env = { POSTERN_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/source`, POSTERN_KEY: key }
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await open[Symbol.asyncDispose]()
})

const send = (args: string[], input?: string) =>
  postern(['send', ...args, '--tenant', 'org_1'], { env, ...(input !== undefined && { input }) })

test('a commit from standard input, the row and the list that it makes; the same again is a replay', async () => {
  const create = JSON.stringify({
    type: 'CREATE',
    model: 'tasks',
    id: 't1',
    input: { title: "Paint the 'door'" },
  })
  const first = await send(['commit', '-'], create)
  expect(first).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^applied, under the key cli:/),
  })
  const [again, loaded, listed, none] = await Promise.all([
    send(['commit', '-'], create),
    send(['load', 'tasks', 't1']),
    send(['list', 'tasks', '--where', '[["id","=","t1"]]', '--json']),
    send(['load', 'tasks', 't2']),
  ])
  expect(again.stdout).toMatch(/^replayed/)
  expect(loaded.stdout).toBe(`{ id: 't1', title: "Paint the 'door'" } stamp 1\n`)
  expect(JSON.parse(listed.stdout)).toMatchObject({ rows: [{ id: 't1' }], stamps: [1] })
  expect(none).toMatchObject({ code: 1, stdout: 'no such row, stamp 0\n' })
})

test('a refusal is shown with its code and details, exit code 1; a wrong call with 2', async () => {
  const stale = {
    idempotencyKey: 'k2',
    operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { title: 'x' }, readAt: 0 }],
  }
  const [refused, forged, file, where] = await Promise.all([
    send(['commit', '-'], JSON.stringify(stale)),
    send(['load', 'tasks', 't1', '--key', 'sk_of_another']),
    send(['commit', 'no-such-file.json']),
    send(['list', 'tasks', '--where', '[[']),
  ])
  expect(refused).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^409 stale_context: [\s\S]*readAt: 0/),
  })
  expect(forged).toMatchObject({ code: 1, stdout: expect.stringContaining('401 source_signature_invalid') })
  expect(file).toMatchObject({ code: 2, stderr: expect.stringContaining('no file no-such-file.json') })
  expect(where).toMatchObject({ code: 2, stderr: expect.stringContaining('--where is not JSON') })
})

test('an address with a password is refused and not repeated, and so is a key or a number that is none', async () => {
  const load = (...args: string[]) => send(['load', 'tasks', 't1', ...args])
  const schema = ['--schema', join(root, 'test/cli/schema.ts'), '--database', open.url]
  const answers = await Promise.all([
    load('--url', 'ftp://user:secretpw@h/x'),
    load('--url', 'http://user:secretpw@127.0.0.1:1/x'),
    load('--key', 'whsec_secretpw*'),
    load('--curl', '--key', 'whsec_secretpw*'),
    send(['list', 'tasks', '--limit', 'abc']),
    send(['events', '--limit', '1e99']),
    postern(['doctor', '--url', 'http://user:secretpw@127.0.0.1:1/x', ...schema], { env }),
    postern(['check', '--key', 'whsec_secretpw*', '--url', 'http://127.0.0.1:1/x', ...schema], { env }),
  ])
  expect(answers.map(({ code }) => code)).toEqual(Array(8).fill(2))
  expect(JSON.stringify(answers)).not.toContain('secretpw')
})

const curl = spawnSync('curl', ['--version']).status === 0
test.skipIf(!curl)(
  `--curl prints what curl can send, without the key${curl ? '' : ': curl is not installed'}`,
  async () => {
    const { stdout } = await send(['load', 'tasks', 't1', '--curl'])
    expect(stdout).not.toContain(key)
    const sent = await promisify(execFile)('sh', ['-c', `${stdout.trimEnd()} -s`])
    expect(JSON.parse(sent.stdout)).toMatchObject({ row: { id: 't1' }, stamp: 1 })
  },
)

test('events --follow shows what comes while it runs, and ends when interrupted with the cursor to go on from', async () => {
  const args = command(['send', 'events', '--follow', '--json', '--tenant', 'org_1'])
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value ?? 'null')
  expect(await next()).toMatchObject({ type: 'CREATE', entityId: 't1' })
  await send(
    ['commit', '-'],
    JSON.stringify({ type: 'UPDATE', model: 'tasks', id: 't1', input: { title: 'b' } }),
  )
  expect(await next()).toMatchObject({ type: 'UPDATE', changed: ['title'] })
  const id = 'x\u001b]0;title\u0007\nforged'
  await send(['commit', '-'], JSON.stringify({ type: 'CREATE', model: 'tasks', id, input: { title: id } }))
  expect(await next()).toMatchObject({ entityId: id })
  const plain = await send(['events'])
  expect(plain.stdout).toContain('CREATE tasks x\\u001b]0;title\\u0007\\u000aforged')
  expect(plain.stdout).not.toMatch(/[^\n\P{Cc}]/u)
  child.kill('SIGINT')
  expect(await next()).toMatchObject({ events: 3, cursor: expect.any(String) })
  await once(child, 'exit')
  expect(child.exitCode).toBe(0)
})

test('a reader that goes away in the middle of the events ends the program without a word', async () => {
  for (const half of [0, 1]) {
    await open.commit(
      Array.from({ length: 1_000 }, (_, n) => ({
        type: 'CREATE' as const,
        model: 'tasks',
        id: `many-${half}-${n}`,
        input: { title: 'x'.repeat(200) },
      })),
    )
  }
  const program = [process.execPath, ...command(['send', 'events', '--limit', '100', '--tenant', 'org_1'])]
  const words = program.map((word) => `'${word}'`).join(' ')
  const { stdout, stderr } = await promisify(execFile)(
    'sh',
    ['-c', `{ ${words}; echo "ended: $?" >&2; } | head -n 1`],
    { env: { ...process.env, ...env, NODE_NO_WARNINGS: '1' } },
  )
  expect(stdout).toContain('CREATE tasks t1')
  expect(stderr).toBe('ended: 141\n')
})
