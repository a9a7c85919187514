import { beforeEach, describe, expect, test } from 'vitest'
import type { MemoryAdapter } from '../../../src/adapters/memory/index.ts'
import { callerOf, create, household, refusal, remove, schema, start, update } from './commit-support.ts'

const DAY_MS = 24 * 60 * 60 * 1000
let clock: { time: number }
let source: MemoryAdapter
let caller: ReturnType<typeof callerOf>

beforeEach(() => {
  clock = { time: start }
  source = household(clock)
  caller = callerOf(source)
})

async function everything() {
  const { rows, ledger, log } = source.inspect()
  const models = await Promise.all([...schema.models.keys()].map(rows))
  return { models, ledger: await ledger(), log: await log() }
}

describe('idempotency', () => {
  const votes = [update('tasks', 't1', { votes: 1 })]

  test('a repeated key replays the recorded bytes and changes nothing', async () => {
    const first = await caller.commitText('k', votes)
    const before = await everything()
    const second = await caller.commitText('k', votes)
    expect(second).toEqual({ body: first.body, replayed: true })
    expect(first.replayed).toBe(false)
    expect(await everything()).toEqual(before)
  })

  test('identical commits at once make one change and give identical answers', async () => {
    const answers = await Promise.all(Array.from({ length: 32 }, () => caller.commitText('k', votes)))
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
    expect(await source.inspect().log()).toHaveLength(1)
  })

  test('a key used for another intent is refused', async () => {
    await caller.commit('k', votes)
    const error = await refusal(caller.commit('k', [update('tasks', 't1', { votes: 2 })]))
    expect(error.code).toBe('idempotency_conflict')
  })

  test("the caller's own hash counts when both commits carry one", async () => {
    await caller.commit('k', votes, { intentHash: 'a' })
    expect((await refusal(caller.commit('k', votes, { intentHash: 'b' }))).code).toBe('idempotency_conflict')
    expect((await caller.commitText('k', votes)).replayed).toBe(true)
    expect((await caller.commitText('k', votes, { intentHash: 'a' })).replayed).toBe(true)
  })

  test("an equal hash of the caller's does not excuse another intent", async () => {
    await caller.commit('k', votes, { intentHash: 'a' })
    const other = caller.commit('k', [update('tasks', 't1', { votes: 2 })], { intentHash: 'a' })
    expect((await refusal(other)).code).toBe('idempotency_conflict')
  })

  test('two tenants never share a key', async () => {
    await caller.commit('k', votes)
    await callerOf(source, 'org_2').commit('k', [update('tasks', 'foreign', { votes: 5 })])
    await callerOf(source, null).commit('k', [update('settings', 's1', { value: 'off' })])
    expect((await source.inspect().ledger()).map(({ tenant }) => tenant)).toEqual(['org_1', 'org_2', null])
  })

  test('a key past its retention says so, whatever is asked under it', async () => {
    await caller.commit('k', votes)
    clock.time = start + 30 * DAY_MS
    expect((await caller.commitText('k', votes)).replayed).toBe(true)
    clock.time += 1
    expect((await refusal(caller.commit('k', votes))).code).toBe('idempotency_key_expired')
    const other = caller.commit('k', [update('tasks', 't2', { votes: 2 })])
    expect((await refusal(other)).code).toBe('idempotency_key_expired')
  })

  test('a failed commit burns nothing: its key is free for another intent', async () => {
    const before = await everything()
    await refusal(caller.commit('k', [...votes, update('tasks', 'gone', { votes: 1 })]))
    await refusal(
      caller.commit('k', [...votes, update('tasks', 't1', { votes: 2 }), remove('tasks', 't1'), ...votes]),
    )
    await refusal(caller.commit('k', [...votes, create('tasks', 't1', { projectId: 'p1', title: 'again' })]))
    expect(await everything()).toEqual(before)
    expect((await caller.commitText('k', votes)).replayed).toBe(false)
  })
})

describe('missing rows', () => {
  test('all that is missing is told at once', async () => {
    const error = await refusal(
      caller.commit('k', [
        update('tasks', 'gone', {}),
        update('tasks', 't1', { votes: 1 }),
        remove('projects', 'nowhere'),
      ]),
    )
    expect(error.code).toBe('entity_not_found')
    expect(error.details).toEqual({
      operations: [
        { index: 0, model: 'tasks', id: 'gone' },
        { index: 2, model: 'projects', id: 'nowhere' },
      ],
    })
  })

  test('a foreign row is a missing row', async () => {
    const asked = async (id: string) => {
      const error = await refusal(caller.commit('k', [update('tasks', id, { votes: 1 }, { readAt: 0 })]))
      return JSON.stringify([error.code, error.message, error.details]).replace(id, 'ID')
    }
    expect(await asked('foreign')).toBe(await asked('nowhere'))
    expect((await callerOf(source, 'org_2').load('tasks', 'foreign')).row).toMatchObject({ votes: 0 })
  })

  test('a row that this commit created can be changed by what follows', async () => {
    const { rows } = await caller.commit('k', [
      create('tasks', 'new', { projectId: 'p1', title: 'New' }),
      update('tasks', 'new', { votes: 3 }),
      remove('tasks', 'new'),
      create('tasks', 'new', { projectId: 'p1', title: 'Newer' }),
    ])
    expect(rows.map((row) => [row?.title, row?.votes])).toEqual([
      ['New', 0],
      ['New', 3],
      ['New', 3],
      ['Newer', 0],
    ])
  })

  test('a row that this commit deleted is missing to what follows', async () => {
    const error = await refusal(
      caller.commit('k', [remove('tasks', 't1'), update('tasks', 't1', {}), update('tasks', 't1', {})]),
    )
    expect(error.details).toEqual({ operations: [{ index: 1, model: 'tasks', id: 't1' }] })
    expect((await caller.load('tasks', 't1')).row).not.toBeNull()
  })

  test('an update before the create of its row is refused', async () => {
    const error = await refusal(
      caller.commit('k', [
        update('tasks', 'new', {}),
        create('tasks', 'new', { projectId: 'p1', title: 'New' }),
      ]),
    )
    expect(error.details).toEqual({ operations: [{ index: 0, model: 'tasks', id: 'new' }] })
  })
})

describe('applying', () => {
  test('the answer has a row and a stamp for each operation, a DELETE with the row as it was', async () => {
    await caller.commit('k0', [create('projects', 'px', { name: 'X' })])
    const { body } = await caller.commitText('k', [
      remove('projects', 'px'),
      create('projects', 'py', { name: 'Y', budget: '-0.00' }),
    ])
    expect(body).toBe(
      '{"rows":[{"id":"px","name":"X","budget":null,"settings":null},' +
        '{"id":"py","name":"Y","budget":"0.00","settings":null}],"stamps":[2,3]}',
    )
  })

  test('ARCHIVE sets the time once, UNARCHIVE takes it away', async () => {
    const archive = { type: 'ARCHIVE', model: 'tasks', id: 't1' }
    const first = await caller.commit('k1', [archive])
    clock.time += DAY_MS
    const second = await caller.commit('k2', [archive])
    expect(first.rows[0]?.archivedAt).toBe('2026-01-01T00:00:00.000000Z')
    expect(second.rows[0]).toEqual(first.rows[0])
    const third = await caller.commit('k3', [{ ...archive, type: 'UNARCHIVE' }])
    expect(third.rows[0]?.archivedAt).toBeNull()
    const changed = (await source.inspect().log()).map((entry) => entry.changed)
    expect(changed).toEqual([['archivedAt'], [], ['archivedAt']])
  })

  test('touch fields take the time of the commit unless the input says otherwise', async () => {
    const { rows } = await caller.commit('k', [
      update('tasks', 't1', { votes: 1 }),
      update('tasks', 't2', { updatedAt: '2020-01-01T01:00:00+01:00' }),
      create('tasks', 't3', { projectId: 'p1', title: 'T' }),
    ])
    expect(rows.map((row) => row?.updatedAt)).toEqual([
      '2026-01-01T00:00:00.000000Z',
      '2020-01-01T00:00:00.000000Z',
      '2026-01-01T00:00:00.000000Z',
    ])
  })

  test('an update with nothing in it is applied and says that nothing changed', async () => {
    const { rows, stamps } = await caller.commit('k', [update('settings', 's1', {})])
    expect({ rows, stamps }).toEqual({ rows: [{ id: 's1', value: 'on' }], stamps: [1] })
    expect((await source.inspect().log())[0]).toMatchObject({ type: 'UPDATE', changed: [] })
  })

  test('a constraint that objects is named with its operation, without values', async () => {
    await caller.commit('k0', [update('tasks', 't1', { slug: 'paint' })])
    const unique = await refusal(
      caller.commit('k1', [update('tasks', 't1', { votes: 1 }), update('tasks', 't2', { slug: 'paint' })]),
    )
    expect([unique.code, unique.details]).toEqual([
      'unique_violation',
      { index: 1, model: 'tasks', id: 't2', constraint: 'tasks_slug_key' },
    ])
    const primary = await refusal(
      caller.commit('k2', [create('tasks', 'foreign', { projectId: 'p1', title: 'x' })]),
    )
    expect(primary.details).toMatchObject({ constraint: 'tasks_pkey' })
    const referenced = await refusal(caller.commit('k4', [remove('projects', 'p1')]))
    expect(referenced.code).toBe('foreign_key_violation')
    expect(await source.inspect().log()).toHaveLength(1)
  })

  test('an echo into a write-ahead log is refused by a store that has none', async () => {
    const error = await refusal(
      caller.commit('k', [update('tasks', 't1', {})], { echo: { participantId: 'a' } }),
    )
    expect(error.code).toBe('source_commit_echo_not_supported')
    expect(await source.inspect().ledger()).toEqual([])
  })
})
