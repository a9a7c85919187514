import { beforeEach, describe, expect, test } from 'vitest'
import type { MemoryAdapter } from '../../../src/adapters/memory/index.ts'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { Json } from './commit-support.ts'
import { callerOf, create, refusal, remove, schema, update } from './commit-support.ts'

let source: MemoryAdapter
let caller: ReturnType<typeof callerOf>

const projects = [{ id: 'p', name: 'House', organization_id: 'org_1' }]
const now = () => new Date(Date.UTC(2026, 0, 1))

beforeEach(() => {
  source = memoryAdapter(schema, { now, rows: { settings: [{ id: 's', value: 'on' }], projects } })
  caller = callerOf(source, 'org_1', { participantId: 'ann', participantKind: 'user' })
})

/** A task with two changes behind it: created at 1, title changed at 2. */
async function changedTask() {
  await caller.commit('made', [create('tasks', 't', { projectId: 'p', title: 'A' })])
  await caller.commit('changed', [update('tasks', 't', { title: 'B' })])
}

const task = {
  id: 't',
  organizationId: 'org_1',
  projectId: 'p',
  title: 'B',
  status: 'todo',
  votes: 0,
  slug: null,
  archivedAt: null,
  updatedAt: '2026-01-01T00:00:00.000000Z',
}

describe('what is stale', () => {
  test('a change after readAt makes an operation stale, one at readAt does not', async () => {
    await changedTask()
    expect((await refusal(caller.commit('k', [update('tasks', 't', {}, { readAt: 1 })]))).code).toBe(
      'stale_context',
    )
    expect((await caller.commit('k', [update('tasks', 't', {}, { readAt: 2 })])).stamps).toEqual([3])
  })

  test('the caller learns what it missed: fields, stamp, current row and who it was', async () => {
    await changedTask()
    const error = await refusal(caller.commit('k', [update('tasks', 't', {}, { readAt: 1 })]))
    expect(JSON.stringify(error.details)).toBe(
      JSON.stringify({
        operations: [
          {
            index: 0,
            model: 'tasks',
            id: 't',
            readAt: 1,
            stamp: 2,
            reason: 'changed',
            changed: ['title'],
            current: task,
            participantId: 'ann',
            participantKind: 'user',
          },
        ],
      }),
    )
  })

  test('every rejected operation is listed, in order, and only those', async () => {
    await changedTask()
    const error = await refusal(
      caller.commit('k', [
        update('tasks', 't', { votes: 1 }, { readAt: 1 }),
        update('settings', 's', {}, { readAt: 0 }),
        update('tasks', 't', { votes: 1 }, { readAt: 1, onStale: 'overwrite' }),
        update('tasks', 't', { votes: 1 }, { readAt: 1, onStale: 'merge' }),
        remove('tasks', 't', { readAt: 0, onStale: 'merge' }),
        update('tasks', 't', { votes: 1 }, { readAt: 0, onStale: 'notify' }),
      ]),
    )
    expect(error.details?.operations).toMatchObject([
      { index: 0, reason: 'changed' },
      { index: 4, reason: 'created', changed: null },
    ])
  })

  test('a row that came since is told apart from one that only changed', async () => {
    await changedTask()
    await caller.commit('gone', [remove('tasks', 't')])
    const absent = await refusal(caller.commit('k', [update('tasks', 't', {}, { readAt: 2 })]))
    expect(absent.details?.operations).toMatchObject([
      { reason: 'deleted', stamp: 3, changed: null, current: null },
    ])
    await caller.commit('back', [create('tasks', 't', { projectId: 'p', title: 'C' })])
    const present = await refusal(caller.commit('k', [update('tasks', 't', {}, { readAt: 2 })]))
    expect(present.details?.operations).toMatchObject([
      { reason: 'created', stamp: 4, changed: null, current: { title: 'C' } },
    ])
  })

  test('a row that is gone is stale before it is missing', async () => {
    await changedTask()
    await caller.commit('gone', [remove('tasks', 't')])
    const error = await refusal(
      caller.commit('k', [update('tasks', 'never', {}), update('tasks', 't', {}, { readAt: 2 })]),
    )
    expect(error.code).toBe('stale_context')
  })

  test('a position that this log never gave is stale, also for a row that never changed', async () => {
    const error = await refusal(caller.commit('k', [update('settings', 's', {}, { readAt: 1 })]))
    expect(error.details?.operations).toEqual([
      {
        index: 0,
        model: 'settings',
        id: 's',
        readAt: 1,
        stamp: 0,
        reason: 'unknown_position',
        changed: null,
        current: { id: 's', value: 'on' },
      },
    ])
    await changedTask()
    const merged = caller.commit('k', [update('tasks', 't', { votes: 1 }, { readAt: 99, onStale: 'merge' })])
    expect((await refusal(merged)).details?.operations).toMatchObject([
      { reason: 'unknown_position', stamp: 2, changed: null },
    ])
  })

  test('of a foreign row, readAt tells nothing that a missing one would not', async () => {
    const other = callerOf(source, 'org_2')
    await changedTask()
    const asked = async (id: string, operation: Json) => {
      const error = await refusal(other.commit('k', [operation]))
      const operations = (error.details as { operations: Json[] }).operations
      return [error.code, error.message, operations.map((place) => ({ ...place, id: place.id === id }))]
    }
    const fields = { projectId: 'p', title: 'x' }
    for (const readAt of [0, 1, 3, 99]) {
      const updating = (id: string) => asked(id, update('tasks', id, {}, { readAt }))
      expect(await updating('t')).toEqual(await updating('none'))
    }
    const creating = (id: string) => asked(id, create('tasks', id, fields, { readAt: 99 }))
    expect(await creating('t')).toEqual(await creating('none'))
  })

  test('two operations on one row are both judged by the log as it was before the commit', async () => {
    await changedTask()
    const { stamps } = await caller.commit('k', [
      update('tasks', 't', { votes: 1 }, { readAt: 2 }),
      update('tasks', 't', { votes: 2 }, { readAt: 2 }),
    ])
    expect(stamps).toEqual([3, 4])
  })

  test('a create decided on the absence of its row is stale when the row is there, or came and went', async () => {
    await changedTask()
    const fields = { projectId: 'p', title: 'mine' }
    for (const readAt of [0, 1]) {
      const error = await refusal(caller.commit('k', [create('tasks', 't', fields, { readAt })]))
      expect(error.details?.operations).toMatchObject([{ reason: 'created', current: { title: 'B' } }])
    }
    await caller.commit('gone', [remove('tasks', 't')])
    const error = await refusal(
      caller.commit('k', [create('tasks', 't', fields, { readAt: 2, onStale: 'merge' })]),
    )
    expect(error.details?.operations).toMatchObject([{ reason: 'deleted', current: null }])
    expect((await caller.commit('k', [create('tasks', 't', fields, { readAt: 3 })])).stamps).toEqual([4])
  })

  test('writes that bypass the endpoint count where they are logged', async () => {
    await caller.commit('made', [create('tasks', 't', { projectId: 'p', title: 'A' })])
    await source.write('tasks', { ...task, title: 'Z' })
    const error = await refusal(caller.commit('k', [update('tasks', 't', {}, { readAt: 1 })]))
    const [report] = (error.details as { operations: Json[] }).operations
    expect(report).toMatchObject({ stamp: 2, changed: ['title'], current: { title: 'Z' } })
    expect(report).not.toHaveProperty('participantId')
  })
})

describe('overwrite', () => {
  test.each(['overwrite', 'force'])('%s applies without the check', async (onStale) => {
    await changedTask()
    const { stamps } = await caller.commit('k', [
      update('tasks', 't', { title: 'C' }, { readAt: 0, onStale }),
      update('tasks', 't', { title: 'D' }, { readAt: 99, onStale }),
    ])
    expect(stamps).toEqual([3, 4])
  })
})

describe('notify', () => {
  test.each(['notify', 'flag'])('%s holds the operation back and applies the rest', async (onStale) => {
    await changedTask()
    const { rows, stamps, notifications } = await caller.commit('k', [
      update('tasks', 't', { title: 'C' }, { readAt: 1, onStale }),
      update('settings', 's', { value: 'off' }, { readAt: 0, onStale }),
    ])
    expect({ rows, stamps }).toEqual({ rows: [null, { id: 's', value: 'off' }], stamps: [null, 3] })
    expect(notifications).toMatchObject([{ index: 0, reason: 'changed', stamp: 2, current: task }])
    expect((await caller.load('tasks', 't')).row).toMatchObject({ title: 'B' })
    expect((await source.inspect().log()).at(-1)).toMatchObject({ idempotencyKey: 'k', index: 1 })
  })

  test('a commit in which everything is held back records its answer', async () => {
    await changedTask()
    const held = [update('tasks', 't', { title: 'C' }, { readAt: 1, onStale: 'notify' })]
    const first = await caller.commitText('k', held)
    expect(await caller.commitText('k', held)).toEqual({ body: first.body, replayed: true })
    expect(await source.inspect().log()).toHaveLength(2)
  })

  test('what is held back is not missing', async () => {
    await changedTask()
    await caller.commit('gone', [remove('tasks', 't')])
    const { rows } = await caller.commit('k', [update('tasks', 't', {}, { readAt: 1, onStale: 'notify' })])
    expect(rows).toEqual([null])
  })

  test('what follows a held operation finds the row as it stands', async () => {
    await changedTask()
    const notify = { readAt: 1, onStale: 'notify' }
    const { rows } = await caller.commit('k1', [
      remove('tasks', 't', notify),
      update('tasks', 't', { votes: 1 }),
    ])
    expect(rows).toMatchObject([null, { title: 'B', votes: 1 }])
    const again = await caller.commit('k2', [
      create('tasks', 't', { projectId: 'p', title: 'C' }, notify),
      update('tasks', 't', { votes: 2 }),
    ])
    expect(again.rows).toMatchObject([null, { title: 'B', votes: 2 }])
    expect((await source.inspect().log()).at(-1)).toMatchObject({ changed: ['votes'] })

    await caller.commit('gone', [remove('tasks', 't')])
    const error = await refusal(
      caller.commit('k3', [
        create('tasks', 't', { projectId: 'p', title: 'C' }, notify),
        update('tasks', 't', { votes: 1 }),
      ]),
    )
    expect([error.code, error.details]).toEqual([
      'entity_not_found',
      { operations: [{ index: 1, model: 'tasks', id: 't' }] },
    ])
  })

  test('a rejected operation fails the commit, held ones and all', async () => {
    await changedTask()
    const error = await refusal(
      caller.commit('k', [
        update('tasks', 't', {}, { readAt: 1, onStale: 'notify' }),
        update('tasks', 't', {}, { readAt: 1 }),
      ]),
    )
    expect(error.details?.operations).toMatchObject([{ index: 1 }])
    expect(await source.inspect().ledger()).toHaveLength(2)
  })
})

describe('merge', () => {
  const merge = { readAt: 1, onStale: 'merge' }

  test('applies where the fields do not meet, and is refused where they do', async () => {
    await changedTask()
    const { rows } = await caller.commit('k1', [update('tasks', 't', { votes: 7 }, merge)])
    expect(rows).toMatchObject([{ title: 'B', votes: 7 }])
    await caller.commit('k2', [update('tasks', 't', { status: 'done' }, merge)])
    const error = await refusal(caller.commit('k3', [update('tasks', 't', { slug: 's', votes: 8 }, merge)]))
    expect(error.details?.operations).toMatchObject([
      { reason: 'changed', changed: ['status', 'title', 'votes'] },
    ])
  })

  test('archiving meets the archive field alone', async () => {
    await changedTask()
    const archive = { type: 'ARCHIVE', model: 'tasks', id: 't', ...merge }
    await caller.commit('k1', [archive])
    expect((await refusal(caller.commit('k2', [{ ...archive, type: 'UNARCHIVE' }]))).code).toBe(
      'stale_context',
    )
    expect((await refusal(caller.commit('k3', [remove('tasks', 't', { ...merge, readAt: 2 })]))).code).toBe(
      'stale_context',
    )
    await caller.commit('k4', [update('tasks', 't', { title: 'C' }, { readAt: 2, onStale: 'merge' })])
  })

  test('a delete meets any change', async () => {
    await changedTask()
    const error = await refusal(caller.commit('k', [remove('tasks', 't', merge)]))
    expect(error.details?.operations).toMatchObject([{ reason: 'changed', changed: ['title'] }])
  })

  test('never merges into a row that was made anew', async () => {
    await changedTask()
    await caller.commit('anew', [remove('tasks', 't'), create('tasks', 't', { projectId: 'p', title: 'B' })])
    const error = await refusal(
      caller.commit('k', [update('tasks', 't', { votes: 1 }, { ...merge, readAt: 2 })]),
    )
    expect(error.details?.operations).toMatchObject([{ reason: 'created', changed: null }])
  })

  test('fields that the pruned log no longer knows count as met', async () => {
    await changedTask()
    await caller.commit('later', [update('tasks', 't', { status: 'done' })])
    await source.prune({ through: 2 })
    const unknown = await refusal(caller.commit('k', [update('tasks', 't', { votes: 1 }, merge)]))
    expect(unknown.details?.operations).toMatchObject([{ reason: 'changed', changed: null, stamp: 3 }])
    const known = await caller.commit('k', [update('tasks', 't', { votes: 1 }, { ...merge, readAt: 2 })])
    expect(known.rows).toMatchObject([{ title: 'B', status: 'done', votes: 1 }])
  })

  test('pruning leaves every readAt decidable', async () => {
    await changedTask()
    await source.prune({ through: 99 })
    for (const readAt of [0, 1]) {
      expect((await refusal(caller.commit('k', [update('tasks', 't', {}, { readAt })]))).code).toBe(
        'stale_context',
      )
    }
    expect((await caller.commit('k', [update('tasks', 't', {}, { readAt: 2 })])).stamps).toEqual([3])
  })
})

describe('stamps', () => {
  test('of writers who decided on one state, exactly one is accepted', async () => {
    await changedTask()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 16 }, (_, n) =>
        caller.commit(`k${n}`, [update('tasks', 't', { votes: n }, { readAt: 2 })]),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('no update is lost: a counter ends at the number of accepted commits', async () => {
    await source.write('counters', { id: '1', n: 0 })
    const counter = callerOf(source, null)
    const add = async (key: string) => {
      const { row, stamp } = await counter.load('counters', '1')
      await counter.commit(key, [update('counters', '1', { n: Number(row?.n) + 1 }, { readAt: stamp })])
    }
    let accepted = 0
    const agent = async (name: number) => {
      for (let turn = 0; turn < 20; turn++) await add(`${name}:${turn}`).then(() => accepted++, refused)
    }
    const refused = (error: { code?: string }) => expect(error.code).toBe('stale_context')
    await Promise.all(Array.from({ length: 12 }, (_, name) => agent(name)))
    expect((await counter.load('counters', '1')).row).toEqual({ id: '1', n: accepted })
    expect(accepted).toBeLessThan(240)
  })

  test("a list's own stamp is safe for all of its rows, each row's is exact", async () => {
    await changedTask()
    await caller.commit('other', [create('tasks', 'u', { projectId: 'p', title: 'U' })])
    const { stamps, stamp } = await caller.list('tasks')
    expect({ stamps, stamp }).toEqual({ stamps: [2, 3], stamp: 3 })
  })

  test('a missing row has the stamp of its own log', async () => {
    await changedTask()
    await caller.commit('gone', [remove('tasks', 't')])
    expect(await caller.load('tasks', 't')).toEqual({ row: null, stamp: 3 })
    expect(await callerOf(source, 'org_2').load('tasks', 't')).toEqual({ row: null, stamp: 0 })
  })
})
