import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { sealFeedCursor } from '../../src/core/protocol/cursor.ts'
import { freshDatabase } from '../support/db.ts'
import { caller, freshKey, majors, type OpenSource, openSource, refused } from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'

const create = (id: string = freshKey()) =>
  ({ type: 'CREATE', model: 'tasks', id, input: { title: 't' } }) as const

/** A source inside a transaction that the test ends when it likes, as a writer that is late to commit. */
async function late(open: OpenSource, begin = 'begin') {
  const client = await open.client()
  await client.query(begin)
  const source = caller(pgAdapter(client, tracker), tracker)
  return { client, commit: source.commit }
}

/** The ids that a follower gets who reads until the feed is empty; and where it stands then. */
async function follow(open: OpenSource, from?: string) {
  const ids: string[] = []
  for (let cursor = from; ; ) {
    const page = await open.events(cursor, 2)
    ids.push(...page.events.map(({ entityId }) => entityId))
    cursor = page.nextCursor
    if (page.events.length === 0) return { ids, cursor }
  }
}

describe.each(majors)('Postgres %i: the feed', (major) => {
  const opened = (settings: Record<string, string> = {}) =>
    openSource({ schema: tracker, tables: trackerTables, major, settings })

  test('the event of a transaction that commits late is delivered, and nothing passes it meanwhile', async () => {
    await using open = await opened()
    await open.commit(create('before'))
    const writer = await late(open)
    await writer.commit(create('late'))
    await open.commit(create('overtakes'))
    const first = await follow(open)
    expect(first.ids).toEqual(['before'])
    await writer.client.query('commit')
    expect((await follow(open, first.cursor)).ids).toEqual(['late', 'overtakes'])
    expect((await follow(open)).ids).toEqual(['before', 'late', 'overtakes'])
  })

  test('a writer that rolls back leaves a gap that nobody waits for', async () => {
    await using open = await opened()
    const writer = await late(open)
    await writer.commit(create('undone'))
    await open.commit(create('a'))
    expect((await follow(open)).ids).toEqual([])
    await writer.client.query('rollback')
    expect((await follow(open)).ids).toEqual(['a'])
  })

  test('a writer whose backend is killed holds the feed no longer', async () => {
    await using open = await opened()
    const writer = await late(open)
    await writer.commit(create('killed'))
    await open.commit(create('a'))
    const { rows } = await writer.client.query('select pg_backend_pid() as pid')
    await open.sql('select pg_terminate_backend($1)', [rows[0].pid])
    // the server lets go of its locks when it has noticed
    while ((await open.source.feedStatus()).blockers.length > 0)
      await new Promise((next) => setTimeout(next, 5))
    expect((await follow(open)).ids).toEqual(['a'])
  })

  test('two-phase commit: a prepared transaction is waited for, whoever ends it and however', async () => {
    await using open = await opened()
    for (const [end, seen] of [
      ['commit', ['one', 'two', 'a-commit']],
      ['rollback', ['one', 'two', 'a-commit', 'a-rollback']],
    ] as const) {
      const writer = await late(open)
      if (end === 'commit') await writer.commit([create('one'), create('two')])
      else await writer.commit(create('undone'))
      const name = `${freshKey()}-${end}`
      await writer.client.query(`prepare transaction '${name}'`)
      await writer.client.end()
      await open.commit(create(`a-${end}`))
      const before = (await follow(open)).ids
      expect(before).toEqual(end === 'commit' ? [] : ['one', 'two', 'a-commit'])
      expect((await open.source.feedStatus()).blockers).toMatchObject([
        { prepared: expect.stringContaining(name) },
      ])
      await open.sql(`${end} prepared '${name}'`)
      expect((await follow(open)).ids).toEqual(seen)
    }
  })

  test('savepoints: what is rolled back to one is no event, what is not is delivered, in every nesting', async () => {
    await using open = await opened()
    const writer = await late(open)
    const q = (text: string) => writer.client.query(text)
    await q('savepoint a')
    await writer.commit(create('undone-first'))
    await q('rollback to a')
    await writer.commit(create('kept-1'))
    await open.commit(create('other-1'))
    await q('savepoint b')
    await writer.commit([create('undone-2'), create('undone-3')])
    await q('rollback to b')
    await q('release b')
    await q('savepoint c')
    await writer.commit(create('kept-2'))
    await q('release c')
    await open.commit(create('other-2'))
    expect((await follow(open)).ids).toEqual([])
    await q('commit')
    expect((await follow(open)).ids).toEqual(['kept-1', 'other-1', 'kept-2', 'other-2'])
  })

  test('a first commit that is undone with its savepoint does not leave the second one unregistered', async () => {
    await using open = await opened()
    const writer = await late(open)
    await writer.client.query('savepoint a')
    await writer.commit(create('undone'))
    await writer.client.query('rollback to a')
    const { cursor } = await follow(open)
    await writer.commit(create('second'))
    await open.commit(create('overtakes'))
    const during = await follow(open, cursor)
    expect(during.ids).toEqual([])
    await writer.client.query('commit')
    expect((await follow(open, during.cursor)).ids).toEqual(['second', 'overtakes'])
  })

  test('an unrelated long transaction of this database stalls nothing, whatever it has written or read', async () => {
    await using open = await opened()
    await open.sql('create table unrelated (n int)')
    const strangers = await Promise.all([
      late(open, 'begin isolation level repeatable read'),
      late(open, 'begin isolation level serializable'),
      late(open),
    ])
    for (const { client } of strangers) {
      await client.query('insert into unrelated values (1)')
      await client.query('select count(*) from tasks, postern.log')
      await client.query('select pg_advisory_xact_lock_shared(1), pg_advisory_xact_lock_shared(1, 2)')
    }
    await open.commit([create('a'), create('b')])
    expect((await follow(open)).ids).toEqual(['a', 'b'])
    expect(await open.source.feedStatus()).toMatchObject({ position: 2, horizon: 2, blockers: [] })
  })

  test('an open writer of the same name in another database stalls nothing', async () => {
    await using open = await opened()
    await using other = await opened()
    const stranger = await late(other)
    await stranger.commit(create('elsewhere'))
    await open.commit(create('a'))
    expect((await follow(open)).ids).toEqual(['a'])
    expect((await follow(other)).ids).toEqual([])
    await stranger.client.query('commit')
    expect((await follow(other)).ids).toEqual(['elsewhere'])
  })

  test('what blocks the feed can be seen: position, horizon, who and since when', async () => {
    await using open = await opened()
    await open.commit(create())
    const writer = await late(open)
    await writer.client.query(`set application_name = 'the slow one'`)
    await writer.commit([create('x'), create('y')])
    await open.commit(create())
    const { rows } = await writer.client.query('select pg_backend_pid() as pid')
    const status = await open.source.feedStatus()
    expect(status).toMatchObject({
      position: 4,
      horizon: 1,
      blockers: [
        { position: 1, pid: rows[0].pid, application: 'the slow one', state: 'idle in transaction' },
      ],
    })
    expect(status.blockers[0]?.ageSeconds).toBeGreaterThanOrEqual(0)
    await writer.client.query('commit')
    expect(await open.source.feedStatus()).toMatchObject({ position: 4, horizon: 4, blockers: [] })
  })

  test('positions near and across the 32-bit edge: the same promises', async () => {
    await using open = await opened()
    await open.sql(`select postern.open_run(), setval('postern.position_seq', 4294967293)`)
    const writer = await late(open)
    const { stamps } = await writer.commit([create('low-1'), create('low-2')])
    expect(stamps).toEqual([4294967294, 4294967295])
    const second = await late(open)
    expect((await second.commit([create('high-1'), create('high-2')])).stamps).toEqual([
      4294967296, 4294967297,
    ])
    await open.commit(create('overtakes'))
    const first = await follow(open)
    expect(first.ids).toEqual([])
    await second.client.query('commit')
    expect((await follow(open, first.cursor)).ids).toEqual([])
    await writer.client.query('commit')
    expect((await follow(open, first.cursor)).ids).toEqual([
      'low-1',
      'low-2',
      'high-1',
      'high-2',
      'overtakes',
    ])
    // a writer that registers above the edge holds nothing below it back
    const third = await late(open)
    await third.commit(create('held'))
    expect((await follow(open, first.cursor)).ids).toHaveLength(5)
    await third.client.query('commit')
    await refused(
      open.commit({
        type: 'UPDATE',
        model: 'tasks',
        id: 'high-2',
        input: { title: 'x' },
        readAt: 4294967296,
      }),
      'stale_context',
    )
    await open.commit({
      type: 'UPDATE',
      model: 'tasks',
      id: 'high-2',
      input: { title: 'x' },
      readAt: 4294967297,
    })
  })

  test('positions at the end of their room: the last ones are given, then the log says that it is full', async () => {
    await using open = await opened()
    const last = 2 ** 48 - 1
    await open.sql(`select postern.open_run(), setval('postern.position_seq', ${last - 2})`)
    const { stamps } = await open.commit([create('a'), create('b')])
    expect(stamps).toEqual([last - 1, last])
    expect((await follow(open)).ids).toEqual(['a', 'b'])
    const error = await open.commit(create('c')).catch((reason) => reason)
    expect(error.status).toBeGreaterThanOrEqual(500)
    expect((await open.load('tasks', 'b')).stamp).toBe(last)
  })

  test('a sequence that caches positions is refused, by writers and by readers, before an event can be lost', async () => {
    await using open = await opened()
    await open.commit(create('before'))
    await open.sql('alter sequence postern.position_seq cache 10')
    const error = await refused(open.events(), 'source_adapter_misconfigured')
    expect(`${error.message} ${error.cause}`).toMatch(/CACHE/)
    const one = await late(open)
    const other = await late(open)
    const outcomes: unknown[] = []
    for (const writer of [one, other, one, other]) {
      await writer.client.query('savepoint a')
      outcomes.push(
        await writer.commit(create()).then(
          () => 'applied',
          (reason) => reason.code,
        ),
      )
      await writer.client.query(outcomes.at(-1) === 'applied' ? 'release a' : 'rollback to a')
    }
    expect(outcomes.slice(2)).toEqual(['source_adapter_misconfigured', 'source_adapter_misconfigured'])
    await refused(open.list('tasks'), 'source_adapter_misconfigured')
  })

  test('a page keeps its limit and never skips what is beyond it, also when nothing of it is the tenant’s', async () => {
    await using open = await opened()
    const theirs = open.as({ organizationId: 'org_2' })
    for (let n = 0; n < 7; n += 1) {
      await open.commit([create(`a${n}`), create(`b${n}`)])
      await theirs.commit([create(`x${n}`), create(`y${n}`), create(`z${n}`)])
    }
    for (const limit of [1, 2, 3, 100]) {
      const ids: string[] = []
      for (let cursor: string | undefined, n = 0; n < 60; n += 1) {
        const page = await open.events(cursor, limit)
        expect(page.events.length).toBeLessThanOrEqual(limit)
        ids.push(...page.events.map(({ entityId }) => entityId))
        cursor = page.nextCursor
      }
      expect(ids).toEqual(Array.from({ length: 7 }, (_, n) => [`a${n}`, `b${n}`]).flat())
    }
  })

  test('a follower that has read everything moves on past other tenants’ events, and gets the next one of its own', async () => {
    await using open = await opened()
    const { nextCursor } = await open.events()
    const theirs = open.as({ organizationId: 'org_2' })
    for (let n = 0; n < 5; n += 1) await theirs.commit(create())
    const empty = await open.events(nextCursor)
    expect(empty.events).toEqual([])
    expect(empty.nextCursor).not.toBe(nextCursor)
    await open.commit(create('mine'))
    expect((await open.events(empty.nextCursor)).events).toMatchObject([{ entityId: 'mine' }])
  })

  test('an empty log has a cursor too, from which nothing is missed', async () => {
    await using open = await opened()
    const { events, nextCursor } = await open.events()
    expect(events).toEqual([])
    expect(await open.events(nextCursor)).toEqual({ events: [], nextCursor, caughtUp: true })
    await open.commit(create('first'))
    await open.commit(create('second'))
    expect(await open.events(nextCursor, 1)).toMatchObject({
      events: [{ entityId: 'first' }],
      caughtUp: false,
    })
    expect(await open.events(nextCursor, 3)).toMatchObject({ caughtUp: true })
  })

  test('a cursor that this log never issued is refused: beyond its end, of another database, or no cursor', async () => {
    await using open = await opened()
    await using other = await opened()
    for (const one of [open, other]) for (let n = 0; n < 3; n += 1) await one.commit(create())
    const { nextCursor } = await open.events()
    await refused(other.events(nextCursor), 'cursor_expired')
    const [, , epoch] = JSON.parse(Buffer.from(nextCursor, 'base64url').toString())
    await refused(
      open.events(sealFeedCursor({ epoch, position: 999_999, base: 0, mark: '' }, 'org_1')),
      'cursor_expired',
    )
    for (const cursor of [
      '',
      'x',
      `${nextCursor}=`,
      nextCursor.slice(1),
      `${nextCursor.slice(0, -2)}AA`,
      'W10',
    ]) {
      await refused(open.events(cursor), 'cursor_invalid')
    }
  })

  test('from the end on: nothing of before, everything from then', async () => {
    await using open = await opened()
    const empty = await open.events(undefined, 10, { from: 'now' })
    await open.commit([create('a'), create('b')])
    const now = await open.events(undefined, 10, { from: 'now' })
    expect(now).toMatchObject({ events: [], caughtUp: true })
    await open.commit(create('c'))
    expect((await follow(open, now.nextCursor)).ids).toEqual(['c'])
    expect((await follow(open, empty.nextCursor)).ids).toEqual(['a', 'b', 'c'])
    await refused(open.events(now.nextCursor, 10, { from: 'now' }), 'invalid_query')
  })

  test('of some models: their events, with the ids that they have among all, and a cursor that passes the others', async () => {
    await using open = await opened()
    const project = (id: string) => ({ type: 'CREATE', model: 'projects', id, input: { name: 'p' } }) as const
    await open.commit([create('a'), project('p'), create('b')])
    const all = await open.feed()
    const some = await open.events(undefined, 10, { models: ['projects'] })
    expect(some.events).toEqual(all.filter(({ model }) => model === 'projects'))
    expect(some.caughtUp).toBe(true)
    expect(await open.events(some.nextCursor)).toMatchObject({ events: [], caughtUp: true })
    await refused(open.events(undefined, 10, { models: ['nothing'] }), 'source_model_not_configured')
  })

  test('pruned between the two looks of one page: expired, and no gap that nobody sees', async () => {
    await using open = await opened()
    await open.commit(create('a'))
    for (let n = 0; n < 10; n += 1)
      await open.commit({ type: 'UPDATE', model: 'tasks', id: 'a', input: { title: `${n}` } })
    await open.sql(`update postern.meta set log_retention = '0'`)
    const { nextCursor } = await open.events(undefined, 3)
    const pruner = await open.client()
    await pruner.query('begin; lock table postern.log in access exclusive mode')
    const page = open.events(nextCursor, 100)
    const fresh = open.events(undefined, 100)
    const both = Promise.allSettled([page, fresh])
    for (let waiting: unknown; waiting !== 2; ) {
      const [row] = await open.sql(
        `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event = 'relation'`,
      )
      waiting = row?.n
    }
    await pruner.query('select postern.prune_log(1000)')
    await pruner.query('commit')
    await both
    await refused(page, 'cursor_expired')
    // who starts anew is told what is left: the last state
    expect((await fresh).events.map(({ data }) => data.title)).toEqual(['9'])
  })

  test('a copy in another database goes on, and is another log once it was renewed; a stamp that it does not know is stale', async () => {
    await using open = await opened()
    const { stamps } = await open.commit([create('a'), create('b')])
    const { nextCursor } = await open.events()
    // a copy of every byte, as a restored backup is
    const name = new URL(open.url).pathname.slice(1)
    await open.pool.end()
    const restored = await freshDatabase({ template: { database: name, major } })
    const pool = new pg.Pool({ connectionString: restored.url })
    try {
      const adapter = pgAdapter(pool, tracker)
      const copy = caller(adapter, tracker)
      // it holds the entry that the cursor stands behind: nothing is missing
      expect((await copy.events(nextCursor)).events).toEqual([])
      await adapter.renewLog()
      await refused(copy.events(nextCursor), 'cursor_expired')
      expect(await copy.feed()).toHaveLength(2)
      await refused(
        copy.commit({
          type: 'UPDATE',
          model: 'tasks',
          id: 'a',
          input: { title: 'x' },
          readAt: Number(stamps[1]) + 5,
        }),
        'stale_context',
      )
    } finally {
      await pool.end()
      await restored.drop()
    }
  })

  test('a reader in a transaction of its own isolation cannot lose events: it is refused, or reads right', async () => {
    await using open = await opened()
    const reader = await open.client()
    await reader.query('begin isolation level repeatable read')
    await reader.query('select 1 from tasks')
    await open.commit(create('a'))
    const source = caller(pgAdapter(reader, tracker), tracker)
    await expect(source.events()).rejects.toBeInstanceOf(Error)
    await reader.query('rollback')
    await expect(
      reader.query(
        `begin isolation level serializable; select * from postern.events(null, '{}', null, 0, 0, '', 10)`,
      ),
    ).rejects.toMatchObject({ code: 'PN501' })
  })

  test('a commit inside a transaction of one snapshot for all is refused: it would judge by the past', async () => {
    await using open = await opened()
    for (const level of ['repeatable read', 'serializable']) {
      const writer = await late(open, `begin isolation level ${level}`)
      for (const operations of [[create()], [create(), create()]]) {
        await expect(writer.commit(operations)).rejects.toBeInstanceOf(Error)
        await writer.client.query(`rollback; begin isolation level ${level}`)
      }
      await writer.client.query('commit')
    }
    expect(await follow(open)).toMatchObject({ ids: [] })
  })

  test('a transaction of many commits registers them all: 300 commits in one transaction, delivered in order', async () => {
    await using open = await opened()
    const writer = await late(open)
    const ids = Array.from({ length: 300 }, (_, n) => `n${n}`)
    for (const id of ids) await writer.commit(create(id))
    await open.commit(create('other'))
    expect((await follow(open)).ids).toEqual([])
    await writer.client.query('commit')
    expect((await open.feed()).map(({ entityId }) => entityId)).toEqual([...ids, 'other'])
  })

  test('the events of a model that the schema no longer has are not served', async () => {
    await using open = await opened()
    await open.commit([create('task'), { type: 'CREATE', model: 'projects', id: 'p', input: { name: 'p' } }])
    await open.sql(`update postern.log set rel = 999 where key = 'p'`)
    expect((await open.feed()).map(({ entityId }) => entityId)).toEqual(['task'])
  })
})
