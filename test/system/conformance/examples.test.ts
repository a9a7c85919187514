import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { freshDatabase } from '../../support/db.ts'

const root = path.join(import.meta.dirname, '../../..')
const run = promisify(execFile)

/** Runs an example's own test as its README says, and gives the counts that `node --test` ends with. */
async function counts(
  example: string,
  env: Record<string, string> = {},
  ...flags: string[]
): Promise<Record<string, number>> {
  const file = `examples/${example}/conformance.test.ts`
  const { VITEST: _vitest, NODE_ENV: _env, ...own } = process.env
  const { stdout } = await run(process.execPath, ['--conditions=postern-source', '--test', ...flags, file], {
    cwd: root,
    env: { ...own, ...env, NO_COLOR: '1' },
    maxBuffer: 1e8,
  }).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? String(error) }))
  const found = [...stdout.matchAll(/^(?:#|ℹ) (pass|fail|skipped) (\d+)$/gm)]
  return Object.fromEntries(found.map(([, name, count]) => [name, Number(count)]))
}

test('custom-adapter-sqlite passes the profile that it declares', { timeout: 300_000 }, async () => {
  const { pass, fail, skipped } = await counts('custom-adapter-sqlite')
  expect({ fail, skipped }).toEqual({ fail: 0, skipped: 11 })
  expect(pass).toBeGreaterThan(190)
})

// without the races, which say nothing of a client that the built-in adapters' do not
test('custom-adapter-postgres-js passes the profile that it declares', { timeout: 300_000 }, async () => {
  await using database = await freshDatabase()
  const pattern = '--test-name-pattern=^(COMMIT|OUTCOME|IDEM|ERROR|STALE|FEED|VALUE|TENANT)-'
  const { pass, fail } = await counts('custom-adapter-postgres-js', { DATABASE_URL: database.url }, pattern)
  expect(fail).toBe(0)
  expect(pass).toBeGreaterThan(140)
})
