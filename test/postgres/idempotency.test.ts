import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshKey, majors, type OpenSource, openSource, refused, traces } from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'

describe.each(majors)('Postgres %i: one key, one change', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema: tracker, tables: trackerTables, major })
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const create = (id = freshKey(), input: object = {}) =>
    ({ type: 'CREATE', model: 'tasks', id, input: { title: 't', ...input } }) as const

  test('a replay gives the original bytes, also after the row has moved on or is gone', async () => {
    const key = freshKey()
    const operation = create(freshKey(), {
      estimate: '1.50',
      meta: { b: 1, a: [1, 2] },
      views: '9007199254740993',
    })
    const first = await open.commit(operation, { key })
    expect(first.replayed).toBe(false)
    await open.commit({ type: 'UPDATE', model: 'tasks', id: operation.id, input: { title: 'moved on' } })
    const second = await open.commit(operation, { key })
    await open.commit({ type: 'DELETE', model: 'tasks', id: operation.id })
    const third = await open.commit(operation, { key })
    expect([second, third]).toEqual([
      { ...first, replayed: true },
      { ...first, replayed: true },
    ])
    expect((await open.load('tasks', operation.id)).row).toBeNull()
  })

  test('a replay leaves nothing: no event, no change, and the readAt is not judged again', async () => {
    const { stamps } = await open.commit(create('judged-once'))
    const key = freshKey()
    const operation = {
      type: 'UPDATE' as const,
      model: 'tasks',
      id: 'judged-once',
      input: { status: 'done' },
      readAt: stamps[0] as number,
    }
    await open.commit(operation, { key })
    const before = await traces(open)
    for (let n = 0; n < 3; n += 1) expect((await open.commit(operation, { key })).replayed).toBe(true)
    expect(await traces(open)).toEqual(before)
  })

  test('the same key with another intent is a conflict, whatever differs', async () => {
    const [key, id] = [freshKey(), freshKey()]
    await open.commit(create(id), { key })
    const others = [
      [create(id, { title: 'other' })],
      [create(freshKey())],
      [create(id), create(freshKey())],
      [{ type: 'DELETE' as const, model: 'tasks', id }],
      [{ ...create(id), readAt: 0 }],
    ]
    const before = await traces(open)
    for (const operations of others) await refused(open.commit(operations, { key }), 'idempotency_conflict')
    expect(await traces(open)).toEqual(before)
    expect((await open.commit(create(id), { key })).replayed).toBe(true)
  })

  test('what changes nothing that is asked for is the same intent', async () => {
    const [key, id] = [freshKey(), freshKey()]
    const { input, ...rest } = create(id, { status: 'todo' })
    await open.commit({ ...rest, input }, { key })
    const reordered = { input: Object.fromEntries(Object.entries(input).reverse()), ...rest }
    expect((await open.commit({ ...reordered, transactionId: 'tx' }, { key })).replayed).toBe(true)
  })

  test('the caller’s own hash counts too: another one under the same key is a conflict', async () => {
    const key = freshKey()
    const operation = create()
    await open.commit(operation, { key, intentHash: 'aaa' })
    expect((await open.commit(operation, { key, intentHash: 'aaa' })).replayed).toBe(true)
    await refused(open.commit(operation, { key, intentHash: 'bbb' }), 'idempotency_conflict')
    // a hash that was not sent says nothing that could differ
    expect((await open.commit(operation, { key })).replayed).toBe(true)
  })

  test('a failed commit burns nothing: stale, missing, constraint, bad value', async () => {
    const [key, id] = [freshKey(), freshKey()]
    await open.commit(create(id))
    const update = (more: object) => ({ type: 'UPDATE' as const, model: 'tasks', id, input: {}, ...more })
    await refused(open.commit(update({ input: { title: 'x' }, readAt: 0 }), { key }), 'stale_context')
    await refused(open.commit(update({ id: 'missing', input: { title: 'x' } }), { key }), 'entity_not_found')
    await refused(open.commit(update({ input: { projectId: 'none' } }), { key }), 'entity_not_found')
    await refused(open.commit(update({ input: { estimate: '1.234' } }), { key }), 'source_commit_invalid')
    expect((await open.commit(update({ input: { title: 'at last' } }), { key })).replayed).toBe(false)
  })

  test.each([
    'with "quotes" and \\backslashes\\',
    "it's 100% $$ok$$ : @ ~ ;--",
    ' leading and trailing ',
    'x'.repeat(255),
  ])('the key %s is kept as it is', async (key) => {
    const operation = create()
    const first = await open.commit(operation, { key })
    expect(await open.commit(operation, { key })).toEqual({ ...first, replayed: true })
    const event = (await open.feed()).find(({ entityId }) => entityId === operation.id)
    expect(event).toMatchObject({ clientTxId: key, correlationId: key, id: `${key}:0@org_1` })
  })

  test('keys that differ in case or in blanks only are different keys', async () => {
    for (const key of ['Case', 'case', 'case ']) {
      expect((await open.commit(create(), { key })).replayed).toBe(false)
    }
  })

  test('a key past the ledger’s retention says so while its row is there, and never applies again', async () => {
    const key = freshKey()
    const operation = create()
    await open.commit(operation, { key })
    await open.sql(`update postern.ledger set at = now() - interval '31 days' where key = $1`, [key])
    const before = await traces(open)
    await refused(open.commit(operation, { key }), 'idempotency_key_expired')
    await refused(open.commit(create(), { key }), 'idempotency_key_expired')
    expect(await traces(open)).toEqual(before)
  })

  test('300 keys with 8 racers each: every key applied once, every racer the same answer', async () => {
    const marker = freshKey()
    const before = Number((await open.sql('select count(*) as n from postern.log'))[0]?.n)
    for (let batch = 0; batch < 10; batch += 1) {
      const races = Array.from({ length: 30 }, async () => {
        const key = freshKey()
        const operation = { type: 'CREATE' as const, model: 'tasks', input: { title: marker } }
        const answers = await Promise.all(Array.from({ length: 8 }, () => open.commit(operation, { key })))
        expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
        expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
      })
      await Promise.all(races)
    }
    expect(await open.sql('select count(*)::int as n from tasks where title = $1', [marker])).toEqual([
      { n: 300 },
    ])
    const after = Number((await open.sql('select count(*) as n from postern.log'))[0]?.n)
    expect(after - before).toBe(300)
  })

  test('racers with different intents under one key: one wins, the same intent replays, others conflict', async () => {
    const key = freshKey()
    const intents = ['a', 'b', 'c', 'd'].map((title) => create(`${key}-${title}`, { title }))
    const outcomes = await Promise.allSettled(
      [...intents, ...intents, ...intents].map((operation) => open.commit(operation, { key })),
    )
    const won = outcomes.filter((one) => one.status === 'fulfilled').map(({ value }) => value)
    expect(won).toHaveLength(3)
    expect(new Set(won.map(({ body }) => body)).size).toBe(1)
    expect(won.filter(({ replayed }) => !replayed)).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'idempotency_conflict' })
    }
    expect(await open.sql('select from tasks where id like $1', [`${key}-%`])).toHaveLength(1)
  })
})
