import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freshDatabase, type TestDatabase } from '../support/db.ts'
import { blocksOf, root } from './markdown.ts'

// The page is followed as it is written: its files, its commands, its output. Only port and database are ours.
const page = 'docs/quick-start-express.md'
const blocks = blocksOf(page)
const directory = join(root, '.test-results/quick-start-express')
const shell = blocks.filter(({ language, file }) => language === 'sh' && file === undefined)
const run = promisify(execFile)

// Each step is a process of its own.
vi.setConfig({ testTimeout: 120_000 })

let database: TestDatabase
let port: number
let server: ChildProcess | undefined

const localised = (text: string): string =>
  text.replaceAll('3000', String(port)).replace(/(DATABASE_URL=).*/, `$1${database.url}`)

const node = (file: string) => ['--conditions=postern-source', '--env-file=.env', file]

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

beforeAll(async () => {
  database = await freshDatabase()
  port = await freePort()
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const { file, text } of blocks) if (file) writeFileSync(join(directory, file), localised(text))
  const client = new pg.Client(database.url)
  await client.connect()
  for (const { language, text } of blocks) if (language === 'sql') await client.query(text)
  await client.end()
})

afterAll(async () => {
  server?.kill()
  await database.drop()
})

test('following the page migrates, serves, and prints what the page says', async () => {
  const commands = shell.flatMap(({ text }) =>
    [...text.matchAll(/^(?:node|npx) .*$/gm)].map(([line]) => line),
  )
  const [migrate = '', ...rest] = commands
  expect(rest).toEqual(['server.ts', 'try.ts'].map((file) => `node --env-file=.env ${file}`))

  const [, ...parameters] = migrate
    .replace(/--url \S+/, `--url ${database.url}`)
    .split(' ')
    .slice(1)
  const cli = ['--conditions=postern-source', join(root, 'src/cli/main.ts'), ...parameters]
  const migrated = await run(process.execPath, cli, { cwd: directory })
  expect(migrated.stdout).toMatch(/^applied migration 1/)

  server = spawn(process.execPath, node('server.ts'), { cwd: directory })
  const [ready] = await once(server.stdout as NodeJS.ReadableStream, 'data')
  expect(String(ready).trim()).toBe(`http://localhost:${port}/source`)

  const knock = blocks.find(({ text }) => text.includes('openssl'))
  const tools = spawnSync('sh', ['-c', 'command -v curl && command -v openssl']).status === 0
  if (tools) {
    const { stdout } = await run('sh', ['-c', localised(knock?.text ?? '')], { cwd: directory })
    expect(stdout).toBe('{"rows":[],"stamps":[],"stamp":0}')
  }

  const tried = await run(process.execPath, node('try.ts'), { cwd: directory })
  expect(tried.stdout).toBe(blocks.find(({ language }) => language === 'text')?.text)
})
