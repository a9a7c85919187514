import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineSchema, model, z } from '../../src/index.ts'
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

const update = (id: string, input: object, more: object = {}): WireOperation => ({
  type: 'UPDATE',
  model: 'tasks',
  id,
  input: { ...input },
  ...more,
})
const create = (id: string, input: object = {}, more: object = {}): WireOperation => ({
  type: 'CREATE',
  model: 'tasks',
  id,
  input: { title: 'new', ...input },
  ...more,
})

describe.each(majors)('Postgres %i: a decision made on old state', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema: tracker, tables: trackerTables, major })
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const task = async (): Promise<{ id: string; stamp: number }> => {
    const id = freshKey()
    const { stamps } = await open.commit(create(id, { title: 'first' }))
    return { id, stamp: stamps[0] as number }
  }
  /** As the only operation of its commit, and as one of two: the two take different ways through the engine. */
  const forms = (operation: WireOperation): WireOperation[][] => [
    [operation],
    [operation, create(freshKey())],
  ]

  test('a readAt equal to the row’s stamp is fresh; one below it is stale', async () => {
    for (const n of [0, 1]) {
      const { id, stamp } = await task()
      const [fresh] = [forms(update(id, { title: 'second' }, { readAt: stamp }))[n]]
      const { stamps } = await open.commit(fresh as WireOperation[])
      expect(stamps[0]).toBeGreaterThan(stamp)
      await refused(
        open.commit(forms(update(id, { title: 'third' }, { readAt: stamp }))[n] as WireOperation[]),
        'stale_context',
      )
      expect((await open.load('tasks', id)).row).toMatchObject({ title: 'second' })
    }
  })

  test('the refusal lists every stale operation: target, readAt, stamp now, changed fields, who wrote, current row', async () => {
    const [a, b, c] = [await task(), await task(), await task()]
    const bot = open.as({ organizationId: 'org_1', participantId: 'bot-7', participantKind: 'agent' })
    const first = await bot.commit([update(a.id, { status: 'doing' }), update(b.id, { status: 'done' })])
    await bot.commit(update(a.id, { title: 'by the bot' }))
    const before = await traces(open)
    const error = await refused(
      open.commit([
        update(a.id, { title: 'x' }, { readAt: a.stamp }),
        update(c.id, { title: 'x' }, { readAt: c.stamp }),
        { type: 'DELETE', model: 'tasks', id: b.id, readAt: b.stamp },
      ]),
      'stale_context',
    )
    const rows = [(await open.load('tasks', a.id)).row, (await open.load('tasks', b.id)).row]
    expect(error.details).toEqual({
      operations: [
        {
          index: 0,
          model: 'tasks',
          id: a.id,
          readAt: a.stamp,
          stamp: (await open.load('tasks', a.id)).stamp,
          reason: 'changed',
          changed: ['status', 'title', 'updatedAt'],
          current: rows[0],
          participantId: 'bot-7',
          participantKind: 'agent',
        },
        {
          index: 2,
          model: 'tasks',
          id: b.id,
          readAt: b.stamp,
          stamp: first.stamps[1],
          reason: 'changed',
          changed: ['status', 'updatedAt'],
          current: rows[1],
          participantId: 'bot-7',
          participantKind: 'agent',
        },
      ],
    })
    expect(await traces(open)).toEqual(before)
  })

  test.each<[string, (id: string) => WireOperation[]]>([
    ['an update', (id) => [update(id, { estimate: '0' }, { readAt: 1 })]],
    ['a create', (id) => [create(id, {}, { readAt: 1 })]],
    ['an update among others', (id) => [update(id, { estimate: '0' }, { readAt: 1 }), create(freshKey())]],
    ['a create among others', (id) => [create(id, {}, { readAt: 1 }), create(freshKey())]],
  ])('the row that %s is told is the row at the stamp it is told, while others write it', async (_, sent) => {
    const id = freshKey()
    const written = new Map<number, unknown>()
    const write = async (operation: WireOperation): Promise<void> => {
      const { stamps, rows } = await open.commit(operation)
      written.set(stamps[0] as number, rows[0])
    }
    await write(create(id, { estimate: '0' }))
    let writing = true
    const writer = async (): Promise<void> => {
      for (let n = 1; writing; n += 1) await write(update(id, { estimate: String(n) }))
    }
    const told: { stamp: number; current: unknown }[] = []
    const late = async (): Promise<void> => {
      for (let n = 0; n < 60; n += 1) {
        const { details } = await refused(open.commit(sent(id)), 'stale_context')
        told.push(...(details as { operations: typeof told }).operations)
      }
    }
    const writers = [writer(), writer()]
    await Promise.all(Array.from({ length: 6 }, late)).finally(() => {
      writing = false
    })
    await Promise.all(writers)
    expect(told).toHaveLength(360)
    for (const { stamp, current } of told) expect(current, `at ${stamp}`).toEqual(written.get(stamp))
  })

  test('overwrite and force apply without the check', async () => {
    for (const onStale of ['overwrite', 'force']) {
      for (const n of [0, 1]) {
        const { id } = await task()
        const { rows } = await open.commit(
          forms(update(id, { title: 'forced' }, { readAt: 0, onStale }))[n] as WireOperation[],
        )
        expect(rows[0]).toMatchObject({ title: 'forced' })
      }
    }
  })

  test('notify and flag hold the operation back, apply the rest, and tell why; the answer replays', async () => {
    for (const onStale of ['notify', 'flag']) {
      const { id, stamp } = await task()
      await open.commit(update(id, { status: 'doing' }))
      const other = freshKey()
      const [key, operations] = [
        freshKey(),
        [
          create(other),
          update(id, { title: 'held' }, { readAt: stamp, onStale }),
          update(other, { status: 'done' }),
        ],
      ]
      const answer = await open.commit(operations, { key })
      expect(answer.rows).toMatchObject(
        [{ id: other }, null, { id: other, status: 'done' }].map((row) => row ?? null),
      )
      expect(answer.stamps[1]).toBeNull()
      expect(answer.notifications).toMatchObject([
        { index: 1, model: 'tasks', id, readAt: stamp, reason: 'changed', current: { status: 'doing' } },
      ])
      expect((await open.load('tasks', id)).row).toMatchObject({ title: 'first' })
      expect((await open.feed()).filter((event) => event.clientTxId === key)).toHaveLength(2)
      const again = await open.commit(operations, { key })
      expect(again).toEqual({ ...answer, replayed: true })
    }
  })

  test('a commit whose only operation is held back leaves its key and no event', async () => {
    const { id, stamp } = await task()
    await open.commit(update(id, { status: 'doing' }))
    for (const operations of [
      [update(id, { title: 'held' }, { readAt: stamp, onStale: 'notify' })],
      [
        update(id, { title: 'held' }, { readAt: stamp, onStale: 'notify' }),
        { type: 'DELETE' as const, model: 'tasks', id, readAt: stamp, onStale: 'notify' },
      ],
    ]) {
      const key = freshKey()
      const answer = await open.commit(operations, { key })
      expect(answer.rows).toEqual(operations.map(() => null))
      expect(answer.stamps).toEqual(operations.map(() => null))
      expect(answer.notifications).toHaveLength(operations.length)
      expect((await open.feed()).filter((event) => event.clientTxId === key)).toEqual([])
      expect((await open.commit(operations, { key })).body).toBe(answer.body)
    }
  })

  test('merge applies where the fields do not meet, and is refused where they do', async () => {
    for (const n of [0, 1]) {
      const { id, stamp } = await task()
      await open.commit(update(id, { status: 'doing' }))
      const merged = await open.commit(
        forms(update(id, { title: 'merged' }, { readAt: stamp, onStale: 'merge' }))[n] as WireOperation[],
      )
      expect(merged.rows[0]).toMatchObject({ title: 'merged', status: 'doing' })
      for (const input of [{ status: 'done' }, { title: 'x' }, { views: '1', status: 'done' }]) {
        const error = await refused(
          open.commit(forms(update(id, input, { readAt: stamp, onStale: 'merge' }))[n] as WireOperation[]),
          'stale_context',
        )
        expect(error.details?.operations).toMatchObject([{ changed: ['status', 'title', 'updatedAt'] }])
      }
      await open.commit(
        forms(update(id, { views: '1' }, { readAt: stamp, onStale: 'merge' }))[n] as WireOperation[],
      )
      expect((await open.load('tasks', id)).row).toMatchObject({
        views: '1',
        title: 'merged',
        status: 'doing',
      })
    }
  })

  test('merge judges ARCHIVE by its field, and never a DELETE', async () => {
    for (const n of [0, 1]) {
      const { id, stamp } = await task()
      await open.commit(update(id, { status: 'doing' }))
      const more = { model: 'tasks', id, readAt: stamp, onStale: 'merge' }
      const archive = forms({ type: 'ARCHIVE', ...more })[n] as WireOperation[]
      expect((await open.commit(archive)).rows[0]?.archivedAt).not.toBeNull()
      await refused(open.commit(forms({ type: 'UNARCHIVE', ...more })[n] as WireOperation[]), 'stale_context')
      await refused(open.commit(forms({ type: 'DELETE', ...more })[n] as WireOperation[]), 'stale_context')
    }
  })

  test('merge sees a field that went away and came back as changed', async () => {
    const { id, stamp } = await task()
    await open.commit(update(id, { title: 'away' }))
    await open.commit(update(id, { title: 'first' }))
    await refused(
      open.commit(update(id, { title: 'mine' }, { readAt: stamp, onStale: 'merge' })),
      'stale_context',
    )
  })

  test('deleted since, created since and deleted and created again are told apart', async () => {
    const { id, stamp } = await task()
    const deleted = await open.commit({ type: 'DELETE', model: 'tasks', id })
    for (const operation of [
      update(id, { title: 'x' }, { readAt: stamp }),
      { type: 'DELETE' as const, model: 'tasks', id, readAt: stamp },
      create(id, {}, { readAt: stamp }),
    ]) {
      for (const form of forms(operation)) {
        const error = await refused(open.commit(form), 'stale_context')
        expect(error.details?.operations).toMatchObject([
          { reason: 'deleted', current: null, changed: null, stamp: deleted.stamps[0] },
        ])
      }
    }
    // decided on its absence: fresh
    const absent = deleted.stamps[0] as number
    await open.commit(create(id, { title: 'second life' }, { readAt: absent }))
    for (const operation of [
      update(id, { title: 'x' }, { readAt: absent }),
      create(id, {}, { readAt: absent }),
    ]) {
      for (const form of forms(operation)) {
        const error = await refused(open.commit(form), 'stale_context')
        expect(error.details?.operations).toMatchObject([
          { reason: 'created', current: { title: 'second life' }, changed: null },
        ])
      }
    }
  })

  test('a row that the log does not know is fresh at 0, also after other rows changed', async () => {
    for (const n of [0, 1]) {
      const id = freshKey()
      await open.sql(`insert into tasks (id, organization_id, title) values ($1, 'org_1', 'seeded')`, [id])
      expect(await open.load('tasks', id)).toMatchObject({ stamp: 0 })
      const { rows } = await open.commit(
        forms(update(id, { title: 'known' }, { readAt: 0 }))[n] as WireOperation[],
      )
      expect(rows[0]).toMatchObject({ title: 'known' })
      await refused(open.commit(update(id, { title: 'x' }, { readAt: 0 })), 'stale_context')
    }
  })

  test('a readAt beyond the end of the log is stale, for rows that are there and rows that are not', async () => {
    const { id, stamp } = await task()
    for (const readAt of [stamp + 1_000_000, 2 ** 48 - 1]) {
      for (const target of [id, 'never-was']) {
        for (const form of forms(update(target, { title: 'x' }, { readAt }))) {
          const error = await refused(open.commit(form), 'stale_context')
          expect(error.details?.operations).toMatchObject([
            { reason: 'unknown_position', stamp: target === id ? stamp : 0 },
          ])
        }
      }
      const forced = await open.commit(update(id, { status: 'doing' }, { readAt, onStale: 'force' }))
      await open.commit(update(id, { status: 'todo' }))
      expect(forced.rows[0]).toMatchObject({ status: 'doing' })
      break
    }
  })

  test('all modes may stand in one commit; one rejection refuses the whole of it', async () => {
    const [a, b, c, d] = [await task(), await task(), await task(), await task()]
    for (const { id } of [a, b, c, d]) await open.commit(update(id, { status: 'doing' }))
    const operations = [
      update(a.id, { title: 'forced' }, { readAt: a.stamp, onStale: 'overwrite' }),
      update(b.id, { title: 'held' }, { readAt: b.stamp, onStale: 'notify' }),
      update(c.id, { title: 'merged' }, { readAt: c.stamp, onStale: 'merge' }),
    ]
    const before = await traces(open)
    const error = await refused(
      open.commit([...operations, update(d.id, { title: 'x' }, { readAt: d.stamp })]),
      'stale_context',
    )
    expect(error.details?.operations).toMatchObject([{ index: 3 }])
    expect(await traces(open)).toEqual(before)
    const { rows, notifications } = await open.commit(operations)
    expect(rows.map((row) => row?.title ?? null)).toEqual(['forced', null, 'merged'])
    expect(notifications).toMatchObject([{ index: 1, id: b.id }])
  })

  test('two operations on one row of one commit, decided on the same state, are both fresh', async () => {
    const { id, stamp } = await task()
    const { rows } = await open.commit([
      update(id, { title: 'one' }, { readAt: stamp }),
      update(id, { status: 'done' }, { readAt: stamp }),
    ])
    expect(rows[1]).toMatchObject({ title: 'one', status: 'done' })
  })

  test('stamps of load, list and commit are the same number for the same state of a row', async () => {
    const { id } = await task()
    const { stamps } = await open.commit([update(id, { title: 'x' }), update(id, { title: 'y' })])
    const loaded = await open.load('tasks', id)
    const listed = await open.list('tasks', { where: [['id', id]] })
    expect(loaded.stamp).toBe(stamps[1])
    expect(listed.stamps).toEqual([stamps[1]])
    expect(listed.stamp).toBeGreaterThanOrEqual(stamps[1] as number)
  })

  test('a refusal reads the log of its row and not the others', async () => {
    const { id } = await task()
    await open.commit(update(id, { title: 'second' }))
    await open.sql(`insert into postern.log (position, tenant, rel, key, type, data, changed)
      select nextval('postern.position_seq'), 'org_1', (select rel from postern.model where name = 'tasks'), md5((n % 10000)::text), 'UPDATE', repeat('x', 200), '{1}'
      from generate_series(1, 20000) n`)
    await open.sql('analyze postern.log')
    const client = await open.client()
    // dear pages, as those of a log of millions are: where a plan of it turns to reading the whole
    await client.query(
      `begin; set local plan_cache_mode = force_generic_plan; set local random_page_cost = 20`,
    )
    const { rows: verdicts } = await client.query(
      `select postern.judge((select rel from postern.model where name = 'tasks'), $1, 'org_1', 0, true) ->> 'reason' as reason`,
      [id],
    )
    expect(verdicts).toEqual([{ reason: 'created' }])
    const { rows } = await client.query(
      `select s.seq_tup_read + s.idx_tup_fetch as read from pg_stat_xact_user_tables s where s.relid = 'postern.log'::regclass`,
    )
    expect(Number(rows[0]?.read)).toBeLessThan(100)
    await client.query('rollback')
  })

  test('a missing row has the stamp of its deletion, or 0 when there never was one', async () => {
    const { id } = await task()
    const { stamps } = await open.commit({ type: 'DELETE', model: 'tasks', id })
    expect(await open.load('tasks', id)).toEqual({ row: null, stamp: stamps[0] })
    expect(await open.load('tasks', freshKey())).toEqual({ row: null, stamp: 0 })
  })

  test('a commit that failed or was rolled back makes nobody stale', async () => {
    const { id, stamp } = await task()
    await refused(
      open.commit([update(id, { title: 'x' }), update('missing', { title: 'x' })]),
      'entity_not_found',
    )
    await refused(open.commit([update(id, { projectId: 'none' })]), 'entity_not_found')
    expect((await open.commit(update(id, { title: 'y' }, { readAt: stamp }))).rows[0]).toMatchObject({
      title: 'y',
    })
  })

  test('an id in another spelling is the same row: a bigint key', async () => {
    const { rows, stamps } = await open.commit({
      type: 'CREATE',
      model: 'counters',
      id: '905',
      input: { value: 1 },
    })
    expect(rows[0]).toMatchObject({ id: '905' })
    const readAt = stamps[0] as number
    await open.commit({ type: 'UPDATE', model: 'counters', id: '905', input: { value: 2 } })
    for (const id of ['0905', '+905', ' 905', '905.0', '9e2']) {
      const spelled = { type: 'UPDATE' as const, model: 'counters', id, input: { value: 3 }, readAt }
      await refused(open.commit(spelled), 'source_commit_invalid')
      await refused(open.load('counters', id), 'invalid_query')
    }
    await refused(
      open.commit({ type: 'UPDATE', model: 'counters', id: 905, input: { value: 3 }, readAt }),
      'stale_context',
    )
    expect((await open.load('counters', 905)).row).toEqual({ id: '905', value: 2 })
  })

  test('an id in another spelling is the same row: a uuid key', async () => {
    const workspace = open.as({ organizationId: '11111111-1111-4111-8111-111111111111' })
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    const { stamps } = await workspace.commit({
      type: 'CREATE',
      model: 'documents',
      id: id.toUpperCase(),
      input: { title: '1' },
    })
    const readAt = stamps[0] as number
    expect(await workspace.load('documents', id.toUpperCase())).toEqual({
      row: { id, title: '1' },
      stamp: readAt,
    })
    await workspace.commit({ type: 'UPDATE', model: 'documents', id, input: { title: '2' } })
    for (const spelled of [id, id.toUpperCase()]) {
      const operation = {
        type: 'UPDATE' as const,
        model: 'documents',
        id: spelled,
        input: { title: 'x' },
        readAt,
      }
      await refused(workspace.commit(operation), 'stale_context')
      await refused(workspace.commit([operation, { ...operation, id }]), 'stale_context')
    }
    await workspace.commit([
      { type: 'UPDATE', model: 'documents', id, input: { title: '3' } },
      { type: 'UPDATE', model: 'documents', id: id.toUpperCase(), input: { title: '4' } },
    ])
    expect((await workspace.load('documents', id)).row).toMatchObject({ title: '4' })
    expect(new Set((await workspace.feed()).map(({ entityId }) => entityId))).toEqual(new Set([id]))
  })
})

describe('a schema that calls its key a plain string, over a column that folds spellings', () => {
  const loose = defineSchema({
    notes: model({ fields: { id: z.string(), text: z.string() }, mutable: true, policy: { by: 'none' } }),
    pages: model({ fields: { id: z.string(), text: z.string() }, mutable: true, policy: { by: 'none' } }),
  })
  const uuid = 'abcdefab-cdef-4abc-8def-abcdefabcdef'

  test.each([
    ['notes', uuid, uuid.toUpperCase()],
    ['notes', uuid, `{${uuid}}`],
    ['pages', '5', '05'],
    ['pages', '5', ' 5'],
  ])(
    '%s %s spelled %s: one row to the table is one row to the log, and no update is lost',
    async (name, id, spelled) => {
      await using open = await openSource({
        schema: loose,
        tables:
          'create table notes (id uuid primary key, text text not null); create table pages (id bigint primary key, text text not null)',
      })
      const { stamps } = await open.commit({ type: 'CREATE', model: name, id, input: { text: '1' } })
      const readAt = stamps[0] as number
      await open.commit({ type: 'UPDATE', model: name, id, input: { text: '2' } })
      const stale = {
        type: 'UPDATE' as const,
        model: name,
        id: spelled,
        input: { text: 'lost update' },
        readAt,
      }
      // refused as stale, or refused as no id at all; never applied
      for (const operations of [
        [stale],
        [stale, { ...stale, id }],
        [
          {
            type: 'CREATE' as const,
            model: name,
            id: name === 'pages' ? '7' : uuid.replace('a', 'b'),
            input: { text: '' },
          },
          stale,
        ],
      ]) {
        await expect(open.commit(operations)).rejects.toMatchObject({
          status: expect.toSatisfy((n: number) => n < 500),
        })
        expect((await open.load(name, id)).row).toMatchObject({ text: '2' })
      }
      await open
        .commit([
          { type: 'UPDATE', model: name, id, input: { text: '3' } },
          { type: 'UPDATE', model: name, id: spelled, input: { text: '4' } },
        ])
        .then(
          async ({ rows }) => {
            expect(rows.map((row) => row?.text)).toEqual(['3', '4'])
            expect((await open.load(name, id)).row).toMatchObject({ text: '4' })
          },
          (error) => expect(error.status).toBeLessThan(500),
        )
      expect(new Set((await open.feed()).map(({ entityId }) => entityId))).toEqual(new Set([id]))
    },
  )
})
