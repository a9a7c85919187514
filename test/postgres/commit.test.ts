import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
  traces,
  type WireOperation,
} from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'

describe.each(majors)('Postgres %i: a commit', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema: tracker, tables: trackerTables, major })
    await open.sql(`insert into tasks (id, organization_id, title) values ('foreign', 'org_2', 'not yours')`)
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const task = async (id = freshKey(), input: object = {}): Promise<string> => {
    await open.commit({ type: 'CREATE', model: 'tasks', id, input: { title: 'a task', ...input } })
    return id
  }
  const stored = async (id: string) => (await open.sql('select * from tasks where id = $1', [id]))[0]
  const eventsOf = async (id: string) =>
    (await open.feed())
      .filter(({ entityId }) => entityId === id)
      .map(({ type, changed = null, data }) => ({ type, changed, data }))

  test('applies each type of operation, and each leaves its row, its stamp and its event', async () => {
    const id = freshKey()
    const steps: [WireOperation['type'], object | undefined][] = [
      ['CREATE', { title: 'first' }],
      ['UPDATE', { title: 'second' }],
      ['ARCHIVE', undefined],
      ['UNARCHIVE', undefined],
      ['DELETE', undefined],
    ]
    const stamps: (number | null)[] = []
    for (const [type, input] of steps) {
      const answer = await open.commit({ type, model: 'tasks', id, ...(input && { input: { ...input } }) })
      expect(answer.rows).toHaveLength(1)
      expect(answer.rows[0]).toMatchObject({ id })
      stamps.push(...answer.stamps)
      const archived = answer.rows[0]?.archivedAt
      if (type === 'ARCHIVE') expect(archived).toMatch(/^\d{4}-.*Z$/)
      else expect(archived).toBeNull()
    }
    expect(stamps).toEqual([...stamps].sort((a, b) => Number(a) - Number(b)))
    expect(new Set(stamps).size).toBe(5)
    expect(await stored(id)).toBeUndefined()
    const events = await eventsOf(id)
    expect(events.map(({ type }) => type)).toEqual(steps.map(([type]) => type))
    expect(events.map(({ changed }) => changed)).toEqual([
      null,
      ['title', 'updatedAt'],
      ['archivedAt'],
      ['archivedAt'],
      null,
    ])
    expect(events[4]?.data).toMatchObject({ id, title: 'second' })
  })

  test('a deleted row is answered and logged as it was', async () => {
    const id = await task(freshKey(), { title: 'as it was' })
    const { rows } = await open.commit({ type: 'DELETE', model: 'tasks', id })
    expect(rows[0]).toMatchObject({ id, title: 'as it was' })
  })

  test('archiving twice keeps the first time', async () => {
    const id = await task()
    const first = await open.commit({ type: 'ARCHIVE', model: 'tasks', id })
    const second = await open.commit({ type: 'ARCHIVE', model: 'tasks', id })
    expect(second.rows[0]?.archivedAt).toBe(first.rows[0]?.archivedAt)
  })

  test('an update writes the fields it names and touches no others', async () => {
    const id = await task(freshKey(), { title: 'keep', views: '7', tags: ['a'] })
    await open.sql(
      `update tasks set created_at = '2001-02-03T04:05:06Z', due_at = '2030-01-01Z' where id = $1`,
      [id],
    )
    const before = await stored(id)
    await open.commit({ type: 'UPDATE', model: 'tasks', id, input: { views: '8' } })
    expect(await stored(id)).toEqual({ ...before, views: '8', updated_at: expect.any(Date) })
  })

  test('null in the input writes null, a field left out stays', async () => {
    const id = await task(freshKey(), { views: '7', estimate: '1.50', meta: { a: 1 } })
    const { rows } = await open.commit({
      type: 'UPDATE',
      model: 'tasks',
      id,
      input: { views: null, meta: null },
    })
    expect(rows[0]).toMatchObject({ views: null, meta: null, estimate: '1.50' })
    expect(
      await open.sql('select views is null and meta is null as gone from tasks where id = $1', [id]),
    ).toEqual([{ gone: true }])
  })

  test('a touched field is the time of the commit, unless the input says otherwise', async () => {
    const id = await task()
    const [before] = await open.sql('select updated_at::text as at from tasks where id = $1', [id])
    expect(before?.at).not.toBeNull()
    await open.commit({ type: 'UPDATE', model: 'tasks', id, input: { title: 'later' } })
    const [after] = await open.sql('select updated_at > $2::timestamptz as later from tasks where id = $1', [
      id,
      before?.at,
    ])
    expect(after).toEqual({ later: true })
    const { rows } = await open.commit({
      type: 'UPDATE',
      model: 'tasks',
      id,
      input: { updatedAt: '2020-02-03T04:05:06+02:00' },
    })
    expect(rows[0]?.updatedAt).toBe('2020-02-03T02:05:06.000000Z')
  })

  test('without an id the database makes one, and answer, event and log name it', async () => {
    const { rows } = await open.commit([
      { type: 'CREATE', model: 'tasks', input: { title: 'one' } },
      { type: 'CREATE', model: 'tasks', input: { title: 'two' } },
      { type: 'CREATE', model: 'counters', input: { value: 1 } },
    ])
    expect(rows.map((row) => row?.title ?? row?.value)).toEqual(['one', 'two', 1])
    for (const row of rows.slice(0, 2))
      expect(await stored(row?.id as string)).toMatchObject({ title: row?.title })
    expect(rows[2]?.id).toMatch(/^\d+$/)
    for (const row of rows)
      expect(await eventsOf(row?.id as string)).toMatchObject([{ type: 'CREATE', data: row }])
  })

  test('answers one row and one stamp an operation, in the order given, whatever order they were applied in', async () => {
    const [a, b, c] = [await task(), await task(), freshKey()]
    const { rows, stamps } = await open.commit([
      { type: 'UPDATE', model: 'tasks', id: b, input: { title: 'b1' } },
      { type: 'CREATE', model: 'tasks', id: c, input: { title: 'c1' } },
      { type: 'UPDATE', model: 'tasks', id: a, input: { title: 'a1' } },
      { type: 'ARCHIVE', model: 'tasks', id: c },
      { type: 'UPDATE', model: 'tasks', id: b, input: { title: 'b2' } },
      { type: 'CREATE', model: 'comments', id: c, input: { taskId: c, body: 'first' } },
      { type: 'UPDATE', model: 'tasks', id: c, input: { title: 'c2' } },
    ])
    expect(rows.map((row) => row?.title ?? row?.body)).toEqual(['b1', 'c1', 'a1', 'c1', 'b2', 'first', 'c2'])
    expect(rows[3]?.archivedAt).not.toBeNull()
    expect(rows[6]?.archivedAt).toBe(rows[3]?.archivedAt)
    expect(stamps).toEqual([...stamps].sort((x, y) => Number(x) - Number(y)))
    expect(await stored(b)).toMatchObject({ title: 'b2' })
    expect(await stored(c)).toMatchObject({ title: 'c2' })
  })

  test('several operations on one row apply in their order: create, change, delete, create again', async () => {
    const id = freshKey()
    const { rows } = await open.commit([
      { type: 'CREATE', model: 'tasks', id, input: { title: '1' } },
      { type: 'UPDATE', model: 'tasks', id, input: { title: '2' } },
      { type: 'DELETE', model: 'tasks', id },
      { type: 'CREATE', model: 'tasks', id, input: { title: '3' } },
      { type: 'UPDATE', model: 'tasks', id, input: { title: '4' } },
    ])
    expect(rows.map((row) => row?.title)).toEqual(['1', '2', '2', '3', '4'])
    expect(await stored(id)).toMatchObject({ title: '4' })
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
      'CREATE',
      'UPDATE',
      'DELETE',
      'CREATE',
      'UPDATE',
    ])
  })

  test('an order that only holds one after the other is found: a unique value passed on within the commit', async () => {
    const [a, b] = [await task(freshKey(), { slug: 'passed-on' }), await task()]
    await open.commit([
      { type: 'UPDATE', model: 'tasks', id: a, input: { slug: null } },
      { type: 'UPDATE', model: 'tasks', id: b, input: { slug: 'passed-on' } },
    ])
    expect(await stored(b)).toMatchObject({ slug: 'passed-on' })
  })

  test.each([
    ['missing', () => freshKey()],
    ['foreign', () => 'foreign'],
  ])('an update of a %s row is refused and leaves no event and no key', async (_, id) => {
    const before = await traces(open)
    const target = id()
    for (const type of ['UPDATE', 'ARCHIVE', 'UNARCHIVE', 'DELETE'] as const) {
      const operation = {
        type,
        model: 'tasks',
        id: target,
        ...(type === 'UPDATE' && { input: { title: 'x' } }),
      }
      const one = await refused(open.commit(operation), 'entity_not_found')
      expect(one.details).toEqual({ operations: [{ index: 0, model: 'tasks', id: target }] })
      const many = await refused(
        open.commit([
          { type: 'CREATE', model: 'tasks', id: freshKey(), input: { title: 'undone' } },
          operation,
        ]),
        'entity_not_found',
      )
      expect(many.details).toEqual({ operations: [{ index: 1, model: 'tasks', id: target }] })
    }
    expect(await traces(open)).toEqual(before)
    expect(await stored('foreign')).toMatchObject({ title: 'not yours', archived_at: null })
  })

  test('all missing rows of a commit are named at once', async () => {
    const here = await task()
    const error = await refused(
      open.commit([
        { type: 'UPDATE', model: 'tasks', id: 'no-1', input: { title: 'x' } },
        { type: 'UPDATE', model: 'tasks', id: here, input: { title: 'x' } },
        { type: 'DELETE', model: 'comments', id: 'no-2' },
        { type: 'DELETE', model: 'tasks', id: 'foreign' },
      ]),
      'entity_not_found',
    )
    expect(error.details?.operations).toEqual([
      { index: 0, model: 'tasks', id: 'no-1' },
      { index: 2, model: 'comments', id: 'no-2' },
      { index: 3, model: 'tasks', id: 'foreign' },
    ])
  })

  test('a failure at the last of 500 operations undoes them all, and the key may be used again', async () => {
    const before = await traces(open)
    const key = freshKey()
    const ids = Array.from({ length: 500 }, freshKey)
    const creates = ids.map((id, n) => ({
      type: 'CREATE' as const,
      model: 'tasks',
      id,
      input: { title: 't', projectId: n === 499 ? 'no-such-project' : null },
    }))
    const error = await refused(open.commit(creates, { key }), 'entity_not_found')
    expect(error.details).toEqual({ operations: [{ index: 499, model: 'projects' }] })
    expect(await traces(open)).toEqual(before)
    expect(await open.sql('select from tasks where id = any($1)', [ids])).toHaveLength(0)
    expect((await open.commit(creates.slice(0, 3), { key })).replayed).toBe(false)
  })

  test('rows that a cascade takes are gone for later operations of the commit, and it is refused as a whole', async () => {
    const id = await task()
    await open.commit({ type: 'CREATE', model: 'comments', id, input: { taskId: id, body: 'b' } })
    const before = await traces(open)
    const error = await refused(
      open.commit([
        { type: 'DELETE', model: 'tasks', id },
        { type: 'UPDATE', model: 'comments', id, input: { body: 'too late' } },
      ]),
      'entity_not_found',
    )
    expect(error.details?.operations).toEqual([{ index: 1, model: 'comments', id }])
    expect(await traces(open)).toEqual(before)
    const { rows } = await open.commit([
      { type: 'DELETE', model: 'comments', id },
      { type: 'DELETE', model: 'tasks', id },
    ])
    expect(rows).toMatchObject([{ body: 'b' }, { title: 'a task' }])
  })

  test('an event carries what the follower needs: key, index, transaction, tenant, row and changed fields', async () => {
    const [key, id] = [freshKey(), freshKey()]
    const agent = open.as({ organizationId: 'org_1', participantId: 'a1', participantKind: 'agent' })
    const { stamps } = await agent.commit(
      [
        { type: 'CREATE', model: 'tasks', id, input: { title: 'e' }, transactionId: 'tx-1' },
        { type: 'UPDATE', model: 'tasks', id, input: { status: 'done', title: 'e' } },
      ],
      { key },
    )
    const events = (await open.feed()).filter(({ entityId }) => entityId === id)
    expect(events).toMatchObject([
      { id: `${key}:0@org_1`, type: 'CREATE', transactionId: 'tx-1', stamp: stamps[0] },
      { id: `${key}:1@org_1`, type: 'UPDATE', stamp: stamps[1], changed: ['status'] },
    ])
    for (const event of events) {
      expect(event).toMatchObject({
        model: 'tasks',
        organizationId: 'org_1',
        clientTxId: key,
        correlationId: key,
        participantId: 'a1',
        participantKind: 'agent',
      })
      expect(event.occurredAt).toBe(Date.parse(String(event.at)))
      expect(event.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
      expect(event.data).toMatchObject({ id, title: 'e' })
    }
    expect(events[1]).not.toHaveProperty('transactionId')
  })

  test('an update that changes nothing is applied, and its event says that nothing changed', async () => {
    const id = await task()
    await open.sql('update tasks set updated_at = null where id = $1', [id])
    await open.commit({ type: 'ARCHIVE', model: 'tasks', id })
    await open.commit({ type: 'ARCHIVE', model: 'tasks', id })
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: 'ARCHIVE', changed: [] })
  })
})
