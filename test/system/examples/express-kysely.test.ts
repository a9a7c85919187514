import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/index.ts'
import { blocksOf } from '../../docs/markdown.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { freePort } from '../../support/port.ts'
import { outputOf, type Running, startProcess } from '../../support/process.ts'
import { copyEnv, exampleEnv, installExample, exampleKey as key, shownBy } from './application.ts'

// Each step is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const page = 'docs/quick-start-express.md'
const shown = shownBy('examples/express-kysely/README.md')

let database: TestDatabase
let server: Running | undefined
let app: string
let url: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  database = await freshDatabase()
  app = installExample('express-kysely')
  copyEnv(app)
  const port = await freePort()
  url = `http://localhost:${port}/source`
  env = exampleEnv({ DATABASE_URL: database.url, PORT: String(port), POSTERN_URL: url })
  expect(await run('migrate.ts')).toBe(shownBy(page)[0])
})

afterEach(() => server?.stop())
afterAll(() => database?.drop())

const node = (file: string) => [process.execPath, '--env-file=.env', file]
const run = (file: string) => outputOf(node(file), { cwd: app, env })
const start = async (file: string) => {
  server = await startProcess(node(file), /^http:\/\/localhost:\d+\/source$/m, { cwd: app, env })
}

test('its types hold against the package as it is published', async () => {
  const tsc = join(import.meta.dirname, '../../../node_modules/typescript/bin/tsc')
  expect(await outputOf([process.execPath, tsc], { cwd: app, env })).toBe('')
})

test('served, it answers curl and prints what its README and the quick start say', async () => {
  await start('server.ts')
  const knock = blocksOf(page).find(({ text }) => text.includes('openssl'))
  const [, answered, tried] = shownBy(page)
  const answer = await outputOf(['/bin/sh', '-c', knock?.text ?? 'exit 1'], { cwd: app, env })
  expect(`${answer}\n`).toBe(answered)
  expect(tried).toBe(shown[0])
  expect(await run('try.ts')).toBe(tried)
})

test('with express.json() before it, the answer names the mistake and its fix', async () => {
  await start('wrong-order.ts')
  const [, said = ''] = shown
  const [, message] = said.trim().split(/^ClientError: /)
  const source = createClient({ url, signingKey: key, retries: 0, scope: { organizationId: 'org_1' } })
  await expect(source.list('tasks')).rejects.toMatchObject({
    status: 500,
    code: 'request_body_consumed',
    message,
  })
  await expect(run('try.ts')).rejects.toMatchObject({ stderr: expect.stringContaining(said.trim()) })
})
