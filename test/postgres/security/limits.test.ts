import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../../src/index.ts'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { commit, key, type OpenEndpoint, openEndpoint, openPool } from './endpoint.ts'

const schema = defineSchema({
  pages: model({ fields: { text: z.string(), number: z.int().optional() }, mutable: true }),
})
const tables = `create table pages (id text primary key, organization_id text not null, text text not null, number int);
insert into pages select 'p' || n, 'org_1', repeat('a', 20000), n from generate_series(1, 300) n`

const update = (id: string): object => ({ type: 'UPDATE', model: 'pages', id, input: { number: 0 } })
const list = (query: object): object => ({ type: 'list', model: 'pages', query })

let open: OpenSource
beforeAll(async () => {
  open = await openSource({ schema, tables, options: { lockTimeoutMs: 200 } })
})
afterAll(() => open[Symbol.asyncDispose]())

/** Runs `work` while another transaction holds a row. */
async function holding<T>(id: string, work: (release: () => Promise<unknown>) => Promise<T>): Promise<T> {
  const other = await open.client()
  await other.query('begin')
  await other.query('select from pages where id = $1 for update', [id])
  try {
    return await work(() => other.query('rollback'))
  } finally {
    await other.end()
  }
}

const busy = { status: 503, body: { error: 'source_busy', retryable: true } }

describe('more than fits', () => {
  test('requests beyond the places are told to come back at once, and the places come free again', async () => {
    const patient = await openSource({ schema, tables, options: { lockTimeoutMs: 20_000 } })
    try {
      const endpoint = openEndpoint(patient.source, { limits: { inFlight: 3, queued: 0 } })
      const other = await patient.client()
      await other.query(`begin; select from pages where id = 'p1' for update`)
      const waiting = [1, 2, 3].map(() => endpoint.ask(commit(update('p1'))))
      await expect
        .poll(async () => (await patient.sql(`select from pg_locks where not granted`)).length)
        .toBe(3)
      const turned = await endpoint.ask({ type: 'load', model: 'pages', id: 'p2' })
      expect(turned).toMatchObject(busy)
      expect(turned.headers.get('retry-after')).toBe('1')
      // a stranger takes no place and learns nothing of it
      const stranger = new Request('https://example.com/source', { method: 'POST', body: '{}' })
      expect((await endpoint.send(stranger)).status).toBe(401)
      await other.query('rollback')
      expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200])
      expect((await endpoint.ask({ type: 'load', model: 'pages', id: 'p2' })).status).toBe(200)
    } finally {
      await patient[Symbol.asyncDispose]()
    }
  })

  test('a lock that is not given in time is a busy answer', async () => {
    const endpoint = openEndpoint(open.source)
    const answers = await holding('p1', () =>
      Promise.all([endpoint.ask(commit(update('p1'))), endpoint.ask(commit([update('p2'), update('p1')]))]),
    )
    expect(answers).toMatchObject([busy, busy])
  })

  test('a pool without a free connection is a busy answer in bounded time, and none is lost', async () => {
    const pool = openPool({ connectionString: open.url, max: 1 })
    const endpoint = openEndpoint(pgAdapter(pool, schema, { connectTimeoutMs: 50 }))
    await endpoint.ask({ type: 'load', model: 'pages', id: 'p1' })
    const held = await pool.connect()
    const requests = [
      { type: 'load', model: 'pages', id: 'p1' },
      list({ limit: 1 }),
      commit(update('p1')),
      { type: 'events' },
    ]
    for (const answer of await Promise.all(requests.map((request) => endpoint.ask(request)))) {
      expect(answer).toMatchObject(busy)
    }
    held.release()
    expect((await endpoint.ask(commit(update('p1')))).status).toBe(200)
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0])
    await pool.end()
  })
})

describe('a pattern that takes long', () => {
  // each character of the text may be the beginning of a match, and is none 255 characters later
  const pattern = `%${'a'.repeat(254)}b`

  test.each(['LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE'])(
    '%s ends with the statement timeout, in the database too',
    async (operator) => {
      const endpoint = openEndpoint(pgAdapter(open.pool, schema, { statementTimeoutMs: 100 }))
      expect(await endpoint.ask(list({ where: [['text', operator, pattern]] }))).toMatchObject(busy)
      const running =
        await open.sql(`select from pg_stat_activity where state = 'active' and query like '%from "public"."pages"%'
      and pid <> pg_backend_pid() and datname = current_database()`)
      expect(running).toEqual([])
      // the timeout was the request's own: the connection goes on without it
      expect((await open.pool.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }])
      expect((await endpoint.ask(list({ limit: 1 }))).status).toBe(200)
    },
  )

  test('a shorter timeout that the connection has by itself stays', async () => {
    const pool = openPool({ connectionString: open.url, statement_timeout: 50, max: 1 })
    const endpoint = openEndpoint(pgAdapter(pool, schema))
    expect(await endpoint.ask(list({ where: [['text', 'LIKE', pattern]] }))).toMatchObject(busy)
    await pool.end()
  })
})

describe('at the limit and one beyond', () => {
  let endpoint: OpenEndpoint
  beforeAll(() => {
    endpoint = openEndpoint(open.source)
  })
  const many = <T>(count: number, one: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => one(index))

  test.each<[string, number, (count: number) => object]>([
    [
      'operations of a commit',
      1000,
      (count) =>
        commit(
          many(count, (n) => ({ type: 'CREATE', model: 'pages', id: `${key()}-${n}`, input: { text: '' } })),
        ),
    ],
    ['members of IN', 1000, (count) => list({ where: [['id', 'IN', many(count, String)]] })],
    ['members of NOT IN', 1000, (count) => list({ where: [['number', 'NOT IN', many(count, (n) => n)]] })],
    ['characters of a pattern', 256, (count) => list({ where: [['text', 'LIKE', 'b'.repeat(count)]] })],
    ['conditions', 50, (count) => list({ where: many(count, (n) => ['number', '!=', n]) })],
    ['rows of a page', 1000, (limit) => list({ limit, where: [['number', '<', 10]] })],
    ['events of a page', 1000, (limit) => ({ type: 'events', limit })],
  ])('%s: %i', async (_, count, request) => {
    expect((await endpoint.ask(request(count))).status).toBe(200)
    const { status, body } = await endpoint.ask(request(count + 1))
    expect([status, body.error]).toBeOneOf([
      [400, 'invalid_query'],
      [400, 'source_commit_invalid'],
    ])
  })

  test.each<[string, object]>([
    [
      'fields that there are none of',
      commit({
        type: 'UPDATE',
        model: 'pages',
        id: 'p1',
        input: Object.fromEntries(many(80_000, (n) => [`a${n}`, 1])),
      }),
    ],
    [
      'a field of a very long name',
      commit({ type: 'UPDATE', model: 'pages', id: 'p1', input: { ['~'.repeat(900_000)]: 1 } }),
    ],
    ['relations that there are none of', list({ related: many(100_000, (n) => `r${n}`) })],
    [
      'sync groups that are no text',
      { ...list({}), scope: { organizationId: 'org_1', requiredSyncGroups: many(450_000, () => 1) } },
    ],
  ])('a megabyte of %s is answered with a few kilobytes', async (_, request) => {
    const { status, text, body } = await endpoint.ask(
      request,
      (request as { scope?: object }).scope ?? { organizationId: 'org_1' },
    )
    expect(status).toBe(400)
    expect(body.details.issues.length).toBeGreaterThan(0)
    expect(text.length).toBeLessThan(20_000)
  })
})

test('a request that was cut off in the database leaves its connection usable', async () => {
  const pool = openPool({ connectionString: open.url, max: 1 })
  const endpoint = openEndpoint(pgAdapter(pool, schema))
  await endpoint.ask({ type: 'load', model: 'pages', id: 'p1' })
  const { rows } = await pool.query('select pg_backend_pid() as pid')
  const cancelled = await holding('p3', async () => {
    const answer = endpoint.ask(commit(update('p3')))
    while (
      (await open.sql('select from pg_locks where pid = $1 and not granted', [rows[0].pid])).length === 0
    )
      await sleep(2)
    await open.sql('select pg_cancel_backend($1)', [rows[0].pid])
    return answer
  })
  expect(cancelled).toMatchObject(busy)
  expect((await endpoint.ask(commit(update('p3')))).status).toBe(200)
  expect((await pool.query('select pg_backend_pid() as pid')).rows).toEqual(rows)
  await pool.end()
})

test('a list that is ordered by texts of 60 KB pages, and a cursor whose row changed says so', async () => {
  await using long = await openSource({ schema, tables })
  const text = (letter: string) => letter + randomBytes(30_000).toString('hex')
  await long.sql('delete from pages')
  for (const letter of ['a', 'b', 'c']) {
    await long.sql(`insert into pages (id, organization_id, text) values ($1, 'org_1', $2)`, [
      `long-${letter}`,
      text(letter),
    ])
  }
  const endpoint = openEndpoint(long.source)
  const page = (cursor?: string) => endpoint.ask(list({ orderBy: 'text', limit: 1, cursor }))
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const { body } = await page(cursor)
    ids.push(...body.rows.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
    expect(cursor?.length ?? 0).toBeLessThan(1_000)
  } while (cursor !== undefined)
  expect(ids).toEqual(['long-a', 'long-b', 'long-c'])
  const { nextCursor } = (await page()).body
  await long.sql(`update pages set text = 'other' where id = 'long-a'`)
  expect(await page(nextCursor)).toMatchObject({ status: 410, body: { error: 'cursor_expired' } })
})
