// npm run test:peers [-- drizzle]: the package as it is built, with the oldest version of each peer that package.json
// allows. Each combination is an application of its own, installed from npm into a temporary folder, whose endpoint is
// exercised once through. One line for each; the last line counts.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installPackage } from '../../support/package.ts'
import { startPostgres } from '../../support/pg-server.ts'
import { freePort } from '../../support/port.ts'
import { outputOf } from '../../support/process.ts'
import { freshDatabaseOn } from './database.ts'

const root = join(import.meta.dirname, '../../..')
const [wanted = ''] = process.argv.slice(2)

interface Combination {
  /** A file of `apps`. */
  readonly app: string
  /** What npm installs beside postern. */
  readonly packages: readonly string[]
  /** What must run before the application does. */
  prepare?(directory: string): void
}

// what postern itself needs, which npm would install with it
const own = ['canonicalize', 'jose', 'p-retry']
const zod = 'zod@4.6.7'

const combinations: Readonly<Record<string, Combination>> = {
  'zod 4.0.17': { app: 'zod', packages: ['zod@4.0.17'] },
  'pg 8.11.0': { app: 'pg', packages: ['pg@8.11.0', zod] },
  'postgres 3.4.0': { app: 'postgres-js', packages: ['postgres@3.4.0', zod] },
  'pglite 0.4.0': { app: 'pglite', packages: ['@electric-sql/pglite@0.4.0', zod] },
  'drizzle-orm 0.45.0': { app: 'drizzle', packages: ['drizzle-orm@0.45.0', 'pg@8', zod] },
  'kysely 0.28.0': { app: 'kysely', packages: ['kysely@0.28.0', 'pg@8', zod] },
  'kysely 0.29': { app: 'kysely', packages: ['kysely@0.29', 'pg@8', zod] },
  'prisma 6.16.0': {
    app: 'prisma',
    packages: ['prisma@6.16.0', '@prisma/client@6.16.0', '@prisma/adapter-pg@6.16.0', zod],
    prepare: generate,
  },
  'express 4.21.0': { app: 'express', packages: ['express@4.21.0', zod] },
  'express 5': { app: 'express', packages: ['express@5', zod] },
  'next 15.0.0': { app: 'next', packages: ['next@15.0.0', 'react@18.3.1', 'react-dom@18.3.1', zod] },
  'opentelemetry 1.9.0': { app: 'opentelemetry', packages: ['@opentelemetry/api@1.9.0', zod] },
}

const base = mkdtempSync(join(tmpdir(), 'postern-peers-'))
const postgres = await startPostgres()
let failed = 0
let count = 0
try {
  for (const [name, combination] of Object.entries(combinations)) {
    if (!name.includes(wanted)) continue
    count++
    try {
      console.log(`✓ ${name}: ${await run(join(base, String(count)), combination)} promises kept`)
    } catch (error) {
      failed++
      console.log(`✗ ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
} finally {
  await postgres.stop()
  rmSync(base, { recursive: true, force: true })
}
console.log(`peers: ${count} combinations, ${failed} failed`)
process.exit(failed > 0 || count === 0 ? 1 : 0)

async function run(directory: string, { app, packages, prepare }: Combination): Promise<number> {
  mkdirSync(directory)
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }')
  // no scripts: Prisma's would download engines that the client of a driver adapter does not use
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', ...flags, ...own, ...packages], { cwd: directory, stdio: 'pipe' })
  installPackage(directory)
  for (const file of ['runtimes/exercise.ts', 'runtimes/schema.ts', 'peers/serve.ts', `peers/apps/${app}.ts`])
    cpSync(join(root, 'test/system', file), join(directory, file))
  prepare?.(directory)
  const env = {
    ...process.env,
    DATABASE_URL: await freshDatabaseOn(postgres.url),
    PORT: String(await freePort()),
    NODE_OPTIONS: '',
  }
  const output = await outputOf([process.execPath, `peers/apps/${app}.ts`], { cwd: directory, env })
  const kept = Number(output.trim().split('\n').at(-1))
  if (!(kept > 0)) throw new Error(`it ended without a count: ${output}`)
  return kept
}

function generate(directory: string): void {
  const file = join(directory, 'schema.prisma')
  writeFileSync(
    file,
    `generator client {
  provider   = "prisma-client"
  output     = "./generated"
  engineType = "client"
}
datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}
model Task {
  id             String @id
  organizationId String @map("organization_id")
  title          String
  status         String
  @@map("tasks")
}
`,
  )
  const env = {
    ...process.env,
    DATABASE_URL: 'postgres://unused',
    // generating needs no engine: without this it would download one
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
  }
  execFileSync('npx', ['prisma', 'generate', `--schema=${file}`], {
    cwd: directory,
    env,
    stdio: 'pipe',
  })
}
