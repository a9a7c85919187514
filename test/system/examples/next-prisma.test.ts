import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { freePort } from '../../support/port.ts'
import { outputOf, type Running, startProcess } from '../../support/process.ts'
import { copyEnv, exampleEnv, installExample, shownBy } from './application.ts'

const root = join(import.meta.dirname, '../../..')
const next = join(root, 'node_modules/next/dist/bin/next')
const prisma = join(dirname(createRequire(import.meta.url).resolve('prisma/package.json')), 'build/index.js')

let database: TestDatabase
let server: Running | undefined
let app: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  database = await freshDatabase()
  app = installExample('next-prisma')
  copyEnv(app)
  const port = await freePort()
  env = exampleEnv({
    DATABASE_URL: database.url,
    PORT: String(port),
    POSTERN_URL: `http://localhost:${port}/api/source`,
    CHECKPOINT_DISABLE: '1',
    // `prisma generate` never runs the schema engine, yet the command downloads it first. Any file in its place will do.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  })
  await outputOf([process.execPath, prisma, 'generate'], { cwd: app, env })
  // `prisma migrate deploy` does run it: its migrations are plain SQL.
  const client = new pg.Client(database.url)
  await client.connect()
  for (const file of globSync('prisma/migrations/*/migration.sql', { cwd: app }).sort()) {
    await client.query(readFileSync(join(app, file), 'utf8'))
  }
  await client.end()

  // `npm run dev`: that it builds too is what `npm run test:quickstarts` shows, and takes as long again.
  server = await startProcess([process.execPath, next, 'dev'], /Ready/, { cwd: app, env })
}, 240_000)

afterAll(async () => {
  server?.stop()
  await database?.drop()
})

test('the app in development prints what its README and the quick start say', async () => {
  const shown = shownBy('examples/next-prisma/README.md')
  expect(shownBy('docs/quick-start-next-prisma.md')).toEqual(shown)
  const command = [process.execPath, '--env-file=.env', 'try.mts']
  expect(await outputOf(command, { cwd: app, env })).toBe(shown.at(-1))
})
