import { createHash } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import {
  type Caller,
  caller,
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
} from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'
import { type Wire, wire } from '../support/wire.ts'

describe.each(majors)('Postgres %i: what the driver sends, counted on the wire', (major) => {
  let open: OpenSource
  let line: Wire
  let pool: pg.Pool
  let source: Caller

  beforeAll(async () => {
    open = await openSource({ schema: tracker, tables: trackerTables, major })
    line = await wire(open.url)
    pool = new pg.Pool({ connectionString: line.url, max: 1 })
    source = caller(pgAdapter(pool, tracker), tracker)
    await source.commit({ type: 'CREATE', model: 'tasks', id: 'first', input: { title: 'warms up' } })
  })
  afterAll(async () => {
    await pool.end()
    await line[Symbol.asyncDispose]()
    await open[Symbol.asyncDispose]()
  })
  beforeEach(() => line.take())

  test('a commit of one operation is one statement and one round trip', async () => {
    await source.commit({ type: 'UPDATE', model: 'tasks', id: 'first', input: { status: 'doing' } })
    const { statements, roundTrips } = line.take()
    expect(statements).toHaveLength(1)
    expect(statements[0]).toContain('tasks_update_')
    expect(roundTrips).toBe(1)
  })

  test('a commit of 1,000 operations of all types on several models is one statement and one round trip', async () => {
    const operations = Array.from({ length: 250 }, (_, n) => [
      { type: 'CREATE', model: 'tasks', id: `many-${n}`, input: { title: `t${n}` } } as const,
      {
        type: 'CREATE',
        model: 'comments',
        id: `many-${n}`,
        input: { taskId: `many-${n}`, body: 'b' },
      } as const,
      { type: 'ARCHIVE', model: 'tasks', id: `many-${n}` } as const,
      { type: n % 2 ? 'UNARCHIVE' : 'DELETE', model: 'tasks', id: `many-${n}` } as const,
    ]).flat()
    const { rows } = await source.commit(operations)
    expect(rows).toHaveLength(1000)
    const { statements, roundTrips } = line.take()
    expect(statements).toHaveLength(1)
    expect(roundTrips).toBe(1)
  })

  test('a replay, a conflict and a stale commit are one round trip as well', async () => {
    const key = freshKey()
    const operation = { type: 'CREATE', model: 'tasks', id: freshKey(), input: { title: 'once' } } as const
    await source.commit(operation, { key })
    line.take()
    expect((await source.commit(operation, { key })).replayed).toBe(true)
    expect(line.take().roundTrips).toBe(1)
    await refused(source.commit({ ...operation, input: { title: 'other' } }, { key }), 'idempotency_conflict')
    expect(line.take().roundTrips).toBe(1)
    await refused(
      source.commit({ type: 'UPDATE', model: 'tasks', id: operation.id, input: { title: 'x' }, readAt: 0 }),
      'stale_context',
    )
    expect(line.take().roundTrips).toBe(1)
  })

  test('a load is one round trip', async () => {
    expect((await source.load('tasks', 'first')).row).toMatchObject({ id: 'first' })
    expect(line.take().roundTrips).toBe(1)
  })

  test('a page of rows is one round trip, its time limit and its stamp included', async () => {
    for (const query of [{}, { where: [['status', 'doing']], limit: 1 }]) {
      const { rows, stamp } = await source.list('tasks', query)
      expect(rows.length).toBeGreaterThan(0)
      expect(stamp).toBeGreaterThan(0)
      // the call is prepared: its text goes over the wire once
      const { statements, roundTrips } = line.take()
      expect(statements.every((text) => text.includes('.page('))).toBe(true)
      expect(roundTrips).toBe(1)
    }
  })

  test('a page of the feed is one round trip', async () => {
    expect((await source.events(undefined, 3)).events).toHaveLength(3)
    expect(line.take().roundTrips).toBe(1)
  })

  test('a statement is prepared under a name that its text gives, the same on every connection', async () => {
    await source.commit({ type: 'UPDATE', model: 'tasks', id: 'first', input: { status: 'done' } })
    const client = await pool.connect()
    try {
      const { rows } = await client.query(
        'select name, statement from pg_prepared_statements where from_sql = false',
      )
      expect(rows).not.toEqual([])
      for (const { name, statement } of rows) {
        const digest = createHash('sha256').update(statement).digest('hex').slice(0, 32)
        expect(name).toBe(`postern_${digest}`)
      }
    } finally {
      client.release()
    }
  })
})
