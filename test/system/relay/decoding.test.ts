import pg from 'pg'
import { expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { createEndpoint } from '../../../src/index.ts'
import { blocksOf } from '../../docs/markdown.ts'
import { majors, type OpenSource } from '../../support/postgres-source.ts'
import { ask, signingKey } from '../../support/source.ts'
import { wire } from '../../support/wire.ts'
import { notes } from './schema.ts'
import { openNotes, write } from './support.ts'

/** A logical replication slot that ends with the test: a database with a slot cannot be dropped. */
async function slot(open: OpenSource, plugin: string) {
  const name = `slot_${new URL(open.url).pathname.slice(-12)}`
  await open.sql('select pg_create_logical_replication_slot($1, $2)', [name, plugin])
  return {
    name,
    /** What was decoded since the last call, one text a record. */
    take: async (...options: string[]): Promise<string[]> =>
      (
        await open.sql('select data from pg_logical_slot_get_changes($1, null, null, variadic $2::text[])', [
          name,
          options,
        ])
      ).map(({ data }) => data as string),
    async [Symbol.asyncDispose]() {
      await open.sql('select pg_drop_replication_slot($1)', [name])
    },
  }
}

/** What a commit is answered, with this echo. */
const commit = (open: OpenSource, key: string, echo: unknown, id = key) =>
  ask(createEndpoint({ adapter: open.source, signingKey }), {
    type: 'commit',
    correlationId: key,
    operations: [{ type: 'CREATE', model: 'notes', id, input: { text: 'x' } }],
    scope: { organizationId: 'org_1' },
    echo,
  })

// as the caller makes it, to the byte
const payload = '{"version":1, "correlationId":"k", "note":"é \\" \\u0041"}'
const echo = { kind: 'postgres-wal', payload }

test.each(majors)(
  'Postgres %i: an echo is in the write-ahead log, in the transaction of the commit’s rows, byte for byte',
  async (major) => {
    await using open = await openNotes(major)
    await using decoded = await slot(open, 'test_decoding')
    expect((await commit(open, 'k', echo)).status).toBe(200)
    const records = await decoded.take()
    const kinds = records.map((record) => /^(BEGIN|COMMIT|message|table \S+: \w+)/.exec(record)?.[1])
    expect(kinds).toEqual([
      'BEGIN',
      'table public.notes: INSERT',
      expect.stringMatching(/^table postern/),
      expect.stringMatching(/^table postern/),
      'message',
      'COMMIT',
    ])
    const size = Buffer.byteLength(payload)
    expect(records[4]).toBe(`message: transactional: 1 prefix: ablo, sz: ${size} content:${payload}`)
  },
)

test('a commit that is refused or replayed, or that asks for none, leaves no echo', async () => {
  await using open = await openNotes()
  await using decoded = await slot(open, 'test_decoding')
  await commit(open, 'k', echo)
  await decoded.take()
  expect((await commit(open, 'k', echo)).status).toBe(200)
  expect((await commit(open, 'other', echo, 'k')).body).toMatchObject({ error: 'unique_violation' })
  await commit(open, 'none', undefined)
  expect((await decoded.take()).filter((record) => record.startsWith('message'))).toEqual([])
})

test('an echo stands or falls with the hooks of the application', async () => {
  await using open = await openNotes()
  await using decoded = await slot(open, 'test_decoding')
  let fail = true
  const source = pgAdapter(open.pool, notes, {
    hooks: {
      afterCommit() {
        if (fail) throw new Error('of a hook')
      },
    },
  })
  const hooked = { ...open, source }
  expect((await commit(hooked, 'k', echo)).status).toBe(500)
  expect(await decoded.take()).toEqual([])
  fail = false
  expect((await commit(hooked, 'k', echo)).status).toBe(200)
  expect((await decoded.take()).filter((record) => record.startsWith('message'))).toHaveLength(1)
})

test('a commit with an echo is one round trip, as one without', async () => {
  await using open = await openNotes()
  await using line = await wire(open.url)
  const pool = new pg.Pool({ connectionString: line.url, max: 1 })
  const through = { ...open, source: pgAdapter(pool, notes) }
  await commit(through, 'first', echo)
  line.take()
  await commit(through, 'k', echo)
  expect(line.take().roundTrips).toBe(1)
  await commit(through, 'none', undefined)
  const { roundTrips, statements } = line.take()
  expect(roundTrips).toBe(1)
  expect(statements.join()).not.toContain('pg_logical_emit_message')
  await pool.end()
})

test('an echo that cannot be given is refused, and nothing is written', async () => {
  await using open = await openNotes()
  const unsupported = [409, 'source_commit_echo_not_supported']
  const invalid = [400, 'source_commit_invalid']
  for (const [wrong, [status, error]] of [
    [{ kind: 'mysql-binlog', payload }, unsupported],
    [5, unsupported],
    [{ kind: 'postgres-wal' }, invalid],
    [{ kind: 'postgres-wal', payload: '' }, invalid],
    [{ kind: 'postgres-wal', payload: 'é'.repeat(131_073) }, invalid],
  ] as const)
    expect(await commit(open, 'k', wrong)).toMatchObject({ status, body: { error } })
  expect(await open.as(null).feed()).toEqual([])
})

test('the publication of docs/push.md carries every event to logical decoding, in commit order, and no pruning', async () => {
  const [sql = ''] = blocksOf('docs/push.md')
    .filter(({ language, text }) => language === 'sql' && text.includes('publication'))
    .map(({ text }) => text)
  await using open = await openNotes()
  await open.sql(sql)
  await using decoded = await slot(open, 'pgoutput')
  for (const id of ['a', 'b', 'a']) await write(open, id)
  await open.sql(`update postern.meta set log_retention = '-1 day'`)
  expect((await open.source.prune()).events).toBe(1)
  const rows = await open.sql(
    `select encode(data, 'escape') as data from pg_logical_slot_get_binary_changes($1, null, null,
       'proto_version', '1', 'publication_names', 'postern_events')`,
    [decoded.name],
  )
  const records = rows.map(({ data }) => data as string)
  // I: insert; no U and no D, neither of the update above nor of pruning
  const inserts = records.filter((record) => record.startsWith('I'))
  expect(records.filter((record) => /^[UD]/.test(record))).toEqual([])
  expect(inserts).toHaveLength(3)
  // members are named by column number: the id is the first
  for (const [n, id] of ['a', 'b', 'a'].entries()) expect(inserts[n]).toContain(`{"1":"${id}"`)
})

test('the columns that docs/push.md has Debezium read are those of the log', async () => {
  await using open = await openNotes()
  const [config = '{}'] = blocksOf('docs/push.md')
    .filter(({ language }) => language === 'json')
    .map(({ text }) => text)
  const settings = JSON.parse(config) as Record<string, string>
  const columns = Object.entries(settings).flatMap(([name, value]) => {
    if (name.endsWith('additional.placement')) return value.split(',').map((part) => part.split(':')[0])
    return /table\.field\.|route\.by\.field/.test(name) ? [value] : []
  })
  expect(columns.length).toBeGreaterThan(5)
  const known = await open.sql(
    `select column_name as name from information_schema.columns where table_schema = 'postern' and table_name = 'log'`,
  )
  expect(known.map(({ name }) => name)).toEqual(expect.arrayContaining(columns))
})
