import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSourceClient } from '../../src/client/index.ts'
import { post, sendRaw } from '../support/mount.ts'
import { apiKey, org, signed } from '../support/source.ts'

const root = join(import.meta.dirname, '../..')
const app = join(import.meta.dirname, 'app')
const env: NodeJS.ProcessEnv = { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' }
delete env.SOURCE_KEY

let server: ChildProcess
let url: string

/** The package as it is published, installed where only this app finds it: the app goes through its exports map. */
function installPackage(): void {
  const target = join(app, 'node_modules/postern')
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  copyFileSync(join(root, 'package.json'), join(target, 'package.json'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  // Its exit code says whether types hold, which is for another check; what is missing fails the build below.
  spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(target, 'dist')], {
    cwd: root,
  })
}

function run(args: string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, env })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`)
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

const next = join(root, 'node_modules/next/dist/bin/next')

beforeAll(async () => {
  installPackage()
  rmSync(join(app, '.next'), { recursive: true, force: true })
  // Without SOURCE_KEY, as in a pipeline that builds: evaluating the route must not want secrets.
  run([next, 'build'], app)
  const port = await freePort()
  const args = [next, 'start', '-H', '127.0.0.1', '-p', String(port)]
  // A group of its own: Next forks, and all of it must end.
  server = spawn(process.execPath, args, { cwd: app, env: { ...env, SOURCE_KEY: apiKey }, detached: true })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk
      if (output.includes('Ready')) resolve()
    }
    server.stdout?.on('data', read)
    server.stderr?.on('data', read)
    server.on('exit', (code) => reject(new Error(`next start ended with ${code}\n${output}`)))
  })
  url = `http://127.0.0.1:${port}/api/source`
}, 240_000)

const stop = (): void => {
  if (server?.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGKILL')
}
afterAll(stop)
// Also where the run ends before its hooks.
process.once('exit', stop)

test('a built and started Next.js app answers signed commits, replays and loads', async () => {
  const source = createSourceClient({ url, key: apiKey, scope: org })
  const commit = {
    key: 'k1',
    operations: [{ type: 'CREATE', model: 'tasks', id: 't1', input: { title: 'Paint' } }],
  } as const
  const first = await source.commit(commit)
  expect(first).toMatchObject({ rows: [{ id: 't1', title: 'Paint' }], replayed: false })
  expect(await source.commit(commit)).toEqual({ ...first, replayed: true })
  expect(await source.load('tasks', 't1')).toEqual({ row: first.rows[0], stamp: first.stamps[0] })
})

test('Next hands over the exact bytes: odd spacing and text of every script verify', async () => {
  const text = ` {"type":"list", "model":"tasks","scope":{"organizationId":"Gr\u00fc\u00dfe \u6f06 \u{1f58c}"}}\n`
  const { status, body } = await post(url, new TextEncoder().encode(text))
  expect([status, body.rows]).toEqual([200, []])
})

test('a tampered body, no signature and a body over the limit are refused', async () => {
  const { headers, body } = await signed({ type: 'events' })
  const tampered = await sendRaw(url, { headers, body: new TextEncoder().encode('{"type":"evente"}') })
  expect([tampered.status, JSON.parse(tampered.text).error]).toEqual([401, 'source_signature_invalid'])
  expect((await sendRaw(url, { body })).status).toBe(401)
  const large = await sendRaw(url, { headers, body: new Uint8Array(60_000) })
  expect([large.status, JSON.parse(large.text).error]).toEqual([413, 'request_too_large'])
})

test('other methods are answered by Next itself', async () => {
  expect((await fetch(url)).status).toBe(405)
  expect((await fetch(url, { method: 'PUT' })).status).toBe(405)
})
