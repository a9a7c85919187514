// npm run test:runtimes [-- deno]: the package as it is built, in each runtime that it is said to run in. The first run
// installs them into dev/runtimes, with their own lockfile. One line for each runtime; the last line counts.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import pg from 'pg'
import { createEndpoint, signRequest } from 'postern'
import { createClient } from 'postern/client'
import { memoryAdapter } from 'postern/memory'
import { toNode } from 'postern/node'
import { installPackage } from '../../support/package.ts'
import { startPostgres } from '../../support/pg-server.ts'
import { outputOf } from '../../support/process.ts'
import { exercise } from './exercise.ts'
import { schema } from './schema.ts'

const root = join(import.meta.dirname, '../../..')
const runtimes = join(root, 'dev/runtimes')
const [wanted = ''] = process.argv.slice(2)
const key = 'sk_of_the_runtimes'

/** A reason why a runtime cannot run on this machine. */
class Skip extends Error {}

if (!existsSync(join(runtimes, 'node_modules'))) {
  console.log('installing the runtimes into dev/runtimes, once')
  execFileSync('npm', ['ci', '--no-audit', '--loglevel=error'], { cwd: runtimes, stdio: 'inherit' })
}

// An application outside of the checkout, so that no configuration of the repository applies to it.
const base = mkdtempSync(join(tmpdir(), 'postern-runtimes-'))
const app = join(base, 'app')
mkdirSync(app)
symlinkSync(join(root, 'node_modules'), join(base, 'node_modules'), 'dir')
for (const file of ['schema.ts', 'exercise.ts', 'server.ts', 'worker.ts', 'browser.ts'])
  cpSync(join(import.meta.dirname, file), join(app, file))
installPackage(app)
const postgres = await startPostgres()

const runs: Readonly<Record<string, () => Promise<number>>> = {
  ...Object.fromEntries([22, 24, 26].map((major) => [`node ${major}`, () => onServer(nodeOf(major))])),
  bun: () => onServer([join(runtimes, 'node_modules/bun/bin/bun.exe')]),
  deno: () =>
    onServer([
      join(runtimes, 'node_modules/deno/deno'),
      'run',
      '-A',
      '--no-config',
      '--node-modules-dir=manual',
    ]),
  workerd: inWorkerd,
  browser: inBrowser,
}

let passed = 0
let failed = 0
try {
  for (const [name, run] of Object.entries(runs).filter(([name]) => name.includes(wanted))) {
    try {
      console.log(`✓ ${name}: ${await run()} promises kept`)
      passed++
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      if (error instanceof Skip) {
        console.log(`- ${name}: skipped, ${said}`)
        continue
      }
      failed++
      console.log(`✗ ${name}: ${said}`)
    }
  }
} finally {
  await postgres.stop()
  rmSync(base, { recursive: true, force: true })
}
console.log(`runtimes: ${passed} passed, ${failed} failed`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)

/** The binary of a major, from npm. @throws Skip where npm has none for this platform */
function nodeOf(major: number): string[] {
  const name = `node-${major}-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const file = join(runtimes, 'node_modules', name, 'bin/node')
  if (!existsSync(file)) throw new Skip(`npm has no Node ${major} for ${process.platform} ${process.arch}`)
  return [file]
}

/** On a runtime that serves: an empty database, and the program in a process of its own. */
async function onServer(command: string[]): Promise<number> {
  const url = new URL(postgres.url)
  url.pathname = `/runtime_${Date.now()}`
  const admin = new pg.Client(postgres.url)
  await admin.connect()
  await admin.query(`create database ${url.pathname.slice(1)}`)
  await admin.end()
  const env = { ...process.env, DATABASE_URL: url.href, NODE_OPTIONS: '' }
  const output = await outputOf([...command, 'server.ts'], { cwd: app, env })
  return Number(output.trim().split('\n').at(-1))
}

async function bundled(file: string, platform: 'browser' | 'neutral'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(app, file)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform,
    mainFields: ['module', 'main'],
    conditions: platform === 'neutral' ? ['workerd', 'worker', 'import'] : [],
    external: ['node:*'],
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

interface Worker {
  readonly ready: Promise<URL>
  dispatchFetch(url: string): Promise<Response>
  dispose(): Promise<void>
}

async function inWorkerd(): Promise<number> {
  const { Miniflare } = await installed<{ Miniflare: new (options: object) => Worker }>('miniflare')
  const worker = new Miniflare({
    modules: true,
    script: await bundled('worker.ts', 'neutral'),
    compatibilityDate: '2026-07-01',
    compatibilityFlags: ['nodejs_compat'],
  })
  const here = await serveEndpoint()
  try {
    const url = new URL('/source', await worker.ready).href
    const scope = { organizationId: 'org_1' }
    const asEndpoint = await exercise(
      createClient<typeof schema>({ url, scope, signingKey: key, retries: 0 }),
      createClient<typeof schema>({ url, scope, signingKey: 'sk_of_a_stranger', retries: 0 }),
    )
    const answer = await worker.dispatchFetch(
      `http://worker/client?url=${encodeURIComponent(`${here.url}/source`)}`,
    )
    const text = await answer.text()
    if (!answer.ok) throw new Error(`the client in workerd: ${text}`)
    return asEndpoint + Number(text)
  } finally {
    here.close()
    await worker.dispose()
  }
}

interface Browser {
  newPage(): Promise<{
    goto(url: string): Promise<unknown>
    waitForFunction(script: string): Promise<unknown>
    evaluate<T>(script: string): Promise<T>
  }>
  close(): Promise<void>
}

async function inBrowser(): Promise<number> {
  const script = await bundled('browser.ts', 'browser')
  const { chromium } = await installed<{ chromium: { launch(options: object): Promise<Browser> } }>(
    'playwright-core',
  )
  const launched = await chromium.launch(await chromiumOf()).catch((error: Error) => {
    throw new Skip(`no Chromium starts here: ${error.message.split('\n')[0]}`)
  })
  const here = await serveEndpoint(script)
  try {
    const page = await launched.newPage()
    await page.goto(here.url)
    await page.waitForFunction('typeof exercised === "function"')
    return await page.evaluate<number>('exercised()')
  } finally {
    here.close()
    await launched.close()
  }
}

/** A Chromium of the machine, else the one that npm has for Linux. */
async function chromiumOf(): Promise<object> {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  const known = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ]
  const executablePath = known.find((file) => file !== undefined && existsSync(file))
  if (executablePath !== undefined) return { executablePath, args }
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Skip('no Chromium is installed; name one in CHROMIUM')
  const { default: packed } = await installed<{
    default: { args: string[]; executablePath(): Promise<string> }
  }>('@sparticuz/chromium')
  return { executablePath: await packed.executablePath(), args: [...packed.args, ...args] }
}

/** An endpoint on this Node, with a page that loads a script, and a signer for callers without a key. */
async function serveEndpoint(script = ''): Promise<{ url: string; close: () => void }> {
  const listen = toNode(createEndpoint({ adapter: memoryAdapter(schema), signingKey: key }))
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/source') return listen(request, response)
    if (pathname === '/script.js') {
      response.setHeader('content-type', 'text/javascript')
      return response.end(script)
    }
    if (pathname !== '/sign') {
      response.setHeader('content-type', 'text/html')
      return response.end('<!doctype html><script type="module" src="/script.js"></script>')
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const signer = searchParams.get('who') === 'caller' ? key : 'sk_of_a_stranger'
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(await signRequest(signer, Buffer.concat(chunks).toString('utf8'))))
    })
  }).listen(0)
  await new Promise((resolve) => server.once('listening', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** A package of dev/runtimes. */
async function installed<T>(name: string): Promise<T> {
  const require = createRequire(join(runtimes, 'package.json'))
  if (!readdirSync(join(runtimes, 'node_modules')).includes(name.split('/')[0] ?? ''))
    throw new Skip(`${name} is not installed`)
  const module = (await import(pathToFileURL(require.resolve(name)).href)) as T & { default?: T }
  // a CommonJS package has its names on the default export alone
  return { ...module.default, ...module }
}
