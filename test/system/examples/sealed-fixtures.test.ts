import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { namesOf } from '../../../src/testing/names.ts'

const root = join(import.meta.dirname, '../../..')
const names = namesOf('sealed-fixtures example')

test('sealed-fixtures: 50 tests in parallel workers pass on one base that is sealed once, and leave only it', async () => {
  const client = new pg.Client(inject('pgUrl'))
  await client.connect()
  const directory = mkdtempSync(join(tmpdir(), 'postern-report-'))
  onTestFinished(async () => {
    await client.query(`alter database ${names.base} with is_template false`).catch(() => {})
    await client.query(`drop database if exists ${names.base} with (force)`)
    await client.end()
    rmSync(directory, { recursive: true })
  })
  const report = join(directory, 'report.json')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { VITEST: _, VITEST_POOL_ID: __, VITEST_WORKER_ID: ___, ...env } = process.env
  await promisify(execFile)(
    process.execPath,
    [
      vitest,
      'run',
      '--config',
      'examples/sealed-fixtures/vitest.config.ts',
      '--reporter=json',
      `--outputFile=${report}`,
    ],
    { cwd: root, env: { ...env, DATABASE_URL: inject('pgUrl') }, timeout: 100_000 },
  )
  const { numPassedTests, numTotalTests, testResults } = JSON.parse(readFileSync(report, 'utf8'))
  expect([numPassedTests, numTotalTests, testResults.length]).toEqual([50, 50, 2])
  const { rows } = await client.query(
    `select datname, shobj_description(oid, 'pg_database')::jsonb ->> 'generation' as generation
from pg_database where starts_with(datname, $1)`,
    [names.base],
  )
  expect(rows).toEqual([{ datname: names.base, generation: '1' }])
}, 120_000)
