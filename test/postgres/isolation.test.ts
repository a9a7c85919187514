import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PosternError } from '../../src/core/errors.ts'
import { freshKey, type OpenSource, openSource } from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'

const levels = [
  [18, 'read committed'],
  [18, 'repeatable read'],
  [18, 'serializable'],
  [15, 'read committed'],
  [15, 'serializable'],
] as const

describe.each(levels)('Postgres %i, a database whose default is %s', (major, level) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({
      schema: tracker,
      tables: trackerTables,
      major,
      settings: { default_transaction_isolation: level },
      pool: { max: 32 },
    })
    expect(await open.sql('show default_transaction_isolation')).toEqual([
      { default_transaction_isolation: level },
    ])
    // a warm pool: 32 connections that have called the functions before
    await Promise.all(
      Array.from({ length: 32 }, () =>
        open.commit({ type: 'CREATE', model: 'tasks', input: { title: 'warm' } }),
      ),
    )
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const create = { type: 'CREATE', model: 'tasks', input: { title: 'once' } } as const
  const shapes: [string, (id: string) => Parameters<OpenSource['commit']>[0]][] = [
    ['a create whose id the database makes', () => create],
    ['a create', (id) => ({ ...create, id })],
    ['an update', () => ({ type: 'UPDATE', model: 'counters', id: '1', input: { value: 7 } })],
    ['a delete', (id) => ({ type: 'DELETE', model: 'tasks', id: `${id}-there` })],
    [
      'several operations',
      (id) => [{ ...create, id }, create, { type: 'UPDATE', model: 'tasks', id, input: { status: 'done' } }],
    ],
    [
      'an operation that is held back',
      () => ({
        type: 'UPDATE',
        model: 'counters',
        id: '1',
        input: { value: 8 },
        readAt: 0,
        onStale: 'notify',
      }),
    ],
  ]

  test('an acknowledgement cannot fail to serialize: it runs under READ COMMITTED', async () => {
    await open.sql(`create table seen (isolation text);
create function see() returns trigger language plpgsql as $$
begin insert into seen values (current_setting('transaction_isolation')); return null; end $$;
create trigger see after insert or update or delete on postern.follower for each row execute function see()`)
    const { nextCursor } = await open.events()
    await open.source.acknowledge('reader', nextCursor, 'org_1')
    await open.source.acknowledge('reader', null)
    const seen = await open.sql('select isolation from seen')
    expect(seen).toEqual([{ isolation: 'read committed' }, { isolation: 'read committed' }])
  })

  test.each(shapes)(
    '32 identical commits at once, %s: 32 identical answers and one change',
    async (_, shape) => {
      const [key, id] = [freshKey(), freshKey()]
      await open.commit(
        { type: 'CREATE', model: 'counters', id: '1', input: { value: 0 } },
        { key: 'counter' },
      )
      await open.commit({ ...create, id: `${id}-there` })
      const operations = shape(id)
      const answers = await Promise.all(Array.from({ length: 32 }, () => open.commit(operations, { key })))
      expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
      expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
      const applied = answers[0]?.stamps.filter((stamp) => stamp !== null).length
      expect(await open.sql('select index from postern.log where commit_key = $1', [key])).toHaveLength(
        applied as number,
      )
      expect(await open.sql('select from postern.ledger where key = $1', [key])).toHaveLength(1)
    },
  )

  test('16 agents that increment counters under readAt: each counter is the number of accepted commits', async () => {
    const ids = ['101', '102', '103']
    await open.commit(
      ids.map((id) => ({ type: 'CREATE' as const, model: 'counters', id, input: { value: 0 } })),
    )
    const accepted = new Map(ids.map((id) => [id, 0]))
    let stale = 0
    const agent = async (number: number): Promise<void> => {
      for (let turn = 0; turn < 12; turn += 1) {
        const id = ids[(turn + number) % ids.length] as string
        // by load, by list or in a commit of two counters: three ways to read a stamp, two to use it
        const way = (turn + number) % 3
        const { row, stamp } =
          way === 0
            ? await open.load('counters', id)
            : await open
                .list('counters', { where: [['id', id]] })
                .then(({ rows, stamps }) => ({ row: rows[0], stamp: stamps[0] }))
        const increment = {
          type: 'UPDATE' as const,
          model: 'counters',
          id,
          input: { value: Number(row?.value) + 1 },
          readAt: stamp as number,
        }
        const operations = way === 2 ? [increment, { ...create, id: freshKey() }] : [increment]
        const outcome = await commitThrough(operations)
        if (outcome === 'accepted') accepted.set(id, (accepted.get(id) ?? 0) + 1)
        else stale += 1
      }
    }
    /** A busy answer is retryable with the same key: it is sent again until it is decided. */
    const commitThrough = async (
      operations: Parameters<OpenSource['commit']>[0],
    ): Promise<'accepted' | 'stale'> => {
      for (const key = freshKey(); ; ) {
        const outcome = await open.commit(operations, { key }).then(
          () => 'accepted' as const,
          (error: PosternError) => {
            if (error.code === 'stale_context') return 'stale' as const
            if (error.code === 'source_busy') return 'busy' as const
            throw error
          },
        )
        if (outcome !== 'busy') return outcome
      }
    }
    await Promise.all(Array.from({ length: 16 }, (_, number) => agent(number)))
    const rows = await open.sql(`select id, value from counters where id > 100 order by id`)
    expect(rows).toEqual(ids.map((id) => ({ id, value: accepted.get(id) })))
    const sum = [...accepted.values()].reduce((a, b) => a + b)
    expect(sum + stale).toBe(16 * 12)
    expect(sum).toBeGreaterThan(2)
    expect(stale).toBeGreaterThan(0)
    // and the log tells the same story, one by one
    for (const id of ids) {
      const values = (await open.feed())
        .filter((e) => e.model === 'counters' && e.entityId === id)
        .map((e) => e.data.value)
      expect(values).toEqual(values.map((_, n) => n))
    }
  })

  test('two agents with the same stamp: exactly one is accepted, fifty times over, in every form', async () => {
    for (let round = 0; round < 50; round += 1) {
      const id = freshKey()
      const { stamps } = await open.commit({ ...create, id })
      const readAt = stamps[0] as number
      const forms = [
        { type: 'UPDATE' as const, model: 'tasks', id, input: { title: 'first' }, readAt },
        [{ type: 'UPDATE' as const, model: 'tasks', id, input: { title: 'second' }, readAt }, create],
        { type: 'DELETE' as const, model: 'tasks', id, readAt },
        { type: 'ARCHIVE' as const, model: 'tasks', id, readAt },
      ]
      const [one, other] = [forms[round % 4], forms[(round >> 2) % 4]]
      const outcomes = await Promise.allSettled([open.commit(one as never), open.commit(other as never)])
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const loser = outcomes.find((outcome) => outcome.status === 'rejected')
      expect(loser?.reason).toMatchObject({ code: 'stale_context' })
    }
  })

  test('two creates decided on the same absence: exactly one is accepted, the other is told why', async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = freshKey()
      const operation = { ...create, id, readAt: 0 }
      const outcomes = await Promise.allSettled([open.commit(operation), open.commit([operation, create])])
      const loser = outcomes.find((outcome) => outcome.status === 'rejected')
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(loser?.reason).toMatchObject({
        code: expect.stringMatching(/^(stale_context|unique_violation)$/),
      })
    }
  })

  test('commits over the same rows in crossing orders all end, and none is lost', async () => {
    const ids = Array.from({ length: 6 }, freshKey)
    await open.commit(ids.map((id) => ({ ...create, id, input: { title: 'untouched' } })))
    await Promise.all(
      Array.from({ length: 24 }, async (_, n) => {
        const rotated = [...ids.slice(n % 6), ...ids.slice(0, n % 6)]
        const order = n % 2 ? rotated : rotated.reverse()
        const key = freshKey()
        const operations = order.map((id) => ({
          type: 'UPDATE' as const,
          model: 'tasks',
          id,
          input: { title: `${n}` },
        }))
        for (;;) {
          const done = await open.commit(operations, { key }).then(
            () => true,
            (error: PosternError) => {
              if (error.code !== 'source_busy') throw error
              return false
            },
          )
          if (done) return
        }
      }),
    )
    const events = (await open.feed()).filter(
      ({ entityId, type }) => type === 'UPDATE' && ids.includes(entityId),
    )
    expect(events).toHaveLength(24 * 6)
    // whole commits follow each other: all rows end with the same writer's title, the last one in the log
    const titles = await open.sql('select distinct title from tasks where id = any($1)', [ids])
    expect(titles).toEqual([{ title: events.at(-1)?.data.title }])
  })

  test('the feed and a list are read right at this level too', async () => {
    const id = freshKey()
    const { stamps } = await open.commit({ ...create, id })
    expect((await open.feed()).at(-1)).toMatchObject({ entityId: id, stamp: stamps[0] })
    const page = await open.list('tasks', { where: [['id', id]] })
    expect(page.stamps).toEqual(stamps)
    expect(page.stamp).toBeGreaterThanOrEqual(stamps[0] as number)
  })
})
