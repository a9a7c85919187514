import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freshDatabase } from '../support/db.ts'
import * as cli from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const schema = fileURLToPath(new URL('./schema.ts', import.meta.url))

describe('the command line', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>
  let client: pg.Client
  beforeAll(async () => {
    database = await freshDatabase()
    client = new pg.Client(database.url)
    await client.connect()
    await client.query(
      'create table tasks (id text primary key, organization_id text not null, title text not null)',
    )
  })
  afterAll(async () => {
    await client.end()
    await database.drop()
  })

  const postern = (...args: string[]) => cli.postern(args, { env: { DATABASE_URL: database.url } })

  test('a wrong call exits with 2 and says what is wrong', async () => {
    expect(await postern()).toMatchObject({ code: 2, stdout: expect.stringContaining('migrate') })
    expect(await postern('fly', '--schema', schema)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown command 'fly'"),
    })
    expect(await postern('check')).toMatchObject({ code: 2, stderr: expect.stringContaining('--schema') })
    expect(await postern('check', '--schema', schema, '--nope')).toMatchObject({ code: 2 })
  })

  test('check finds that nothing is installed; a dry run and sql change nothing; migrate mends it; twice is no harm', async () => {
    const before = await postern('check', '--schema', schema)
    expect(before.code).toBe(1)
    expect(before.stdout).toContain('npx postern migrate')
    expect(await postern('migrate', '--dry-run', '--schema', schema)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('would run'),
    })
    const sql = await postern('sql', '--schema', schema)
    expect(sql.stdout).toContain('create table postern.log')
    const { rows } = await client.query(`select to_regnamespace('postern') as name`)
    expect(rows).toEqual([{ name: null }])
    expect(await postern('migrate', '--schema', schema)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('applied migration 1'),
    })
    expect(await postern('migrate', '--schema', schema)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('up to date'),
    })
    expect(await postern('check', '--schema', schema)).toMatchObject({ code: 0 })
  })

  test('check names what changed since, and what a promise hangs on', async () => {
    await client.query(
      'alter table tasks alter title type varchar(80); alter sequence postern.position_seq cache 10',
    )
    const { code, stdout } = await postern('check', '--schema', schema, '--json')
    expect(code).toBe(1)
    const messages = (JSON.parse(stdout) as { level: string; message: string }[]).filter(
      ({ level }) => level === 'error',
    )
    expect(messages.map(({ message }) => message)).toEqual([
      expect.stringContaining('the table changed since'),
      expect.stringContaining('position_seq has CACHE 10'),
    ])
    await client.query('alter sequence postern.position_seq cache 1')
    await client.query('alter table tasks drop column title')
    const gone = await postern('check', '--schema', schema)
    expect(gone.stdout).toContain('has no column title')
  })

  test('status and prune answer on an empty log', async () => {
    const status = await postern('status', '--schema', schema, '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({ position: 0, horizon: 0, blockers: [] })
    expect(await postern('prune', '--schema', schema)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 events and 0 keys'),
    })
  })

  test('a database that cannot be reached is a failure, exit code 1, without a stack', async () => {
    const { code, stderr } = await postern(
      'check',
      '--schema',
      schema,
      '--url',
      'postgres://nobody@127.0.0.1:1/none',
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(/^postern: /)
    expect(stderr).not.toContain('    at ')
  })
})
