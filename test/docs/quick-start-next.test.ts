import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../support/db.ts'
import { blocksOf, root } from './markdown.ts'

// The page is followed as it is written, in an app that Next.js serves. Only port and database are ours.
const blocks = blocksOf('docs/quick-start-next.md')
const app = join(root, '.test-results/quick-start-next')
const next = join(root, 'node_modules/next/dist/bin/next')
const env: NodeJS.ProcessEnv = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' }
for (const name of ['DATABASE_URL', 'SOURCE_KEY', 'NODE_ENV']) delete env[name]

let database: TestDatabase
let server: ChildProcess | undefined

const write = (file: string, text: string): void => {
  mkdirSync(dirname(join(app, file)), { recursive: true })
  writeFileSync(join(app, file), text)
}

/** What the starter of Next.js makes, as far as it is needed, inside this repository. */
function makeApp(): void {
  rmSync(app, { recursive: true, force: true })
  write('package.json', '{ "private": true }')
  write(
    'next.config.mjs',
    `const root = ${JSON.stringify(root)}
export default { outputFileTracingRoot: root, turbopack: { root }, typescript: { ignoreBuildErrors: true } }`,
  )
  write('app/layout.tsx', 'export default ({ children }) => <html lang="en"><body>{children}</body></html>')
  write('app/page.tsx', 'export default () => null')
}

/** The package as it is published. */
function installPackage(): void {
  const target = join(app, 'node_modules/postern')
  mkdirSync(target, { recursive: true })
  copyFileSync(join(root, 'package.json'), join(target, 'package.json'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(target, 'dist')], {
    cwd: root,
  })
}

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
  const port = await freePort()
  makeApp()
  installPackage()
  for (const { file, text } of blocks) {
    if (file === undefined) continue
    write(file, text.replaceAll('3000', String(port)).replace(/(DATABASE_URL=).*/, `$1${database.url}`))
  }
  const client = new pg.Client(database.url)
  await client.connect()
  for (const { language, text } of blocks) if (language === 'sql') await client.query(text)
  await client.end()

  // `npm run dev`: that an app like this also builds is what test/next is for, and takes as long again.
  server = spawn(process.execPath, [next, 'dev', '-H', 'localhost', '-p', String(port)], {
    cwd: app,
    env,
    detached: true,
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk
      if (output.includes('Ready')) resolve()
    }
    server?.stdout?.on('data', take)
    server?.stderr?.on('data', take)
    server?.on('exit', (code) => reject(new Error(`next dev ended with ${code}\n${output}`)))
  })
}, 240_000)

afterAll(async () => {
  // A group of its own: Next forks, and all of it must end.
  if (server?.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGKILL')
  await database?.drop()
})

test('following the page in an app that Next.js serves prints what the page says', async () => {
  const command = blocks.map(({ text }) => /^node --env-file=.env.local (\S+)$/m.exec(text)?.[1])
  expect(command.filter((file) => file !== undefined)).toEqual(['try.mts'])
  const { stdout } = await promisify(execFile)(process.execPath, ['--env-file=.env.local', 'try.mts'], {
    cwd: app,
    env,
  })
  expect(stdout).toBe(blocks.find(({ language }) => language === 'text')?.text)
}, 120_000)
