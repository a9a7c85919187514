import { beforeEach, describe, expect, test } from 'vitest'
import type { MemoryAdapter } from '../../../src/adapters/memory/index.ts'
import { callerOf, create, household, refusal, remove, schema, start, update } from './commit-support.ts'

let clock: { time: number }
let source: MemoryAdapter
let caller: ReturnType<typeof callerOf>

beforeEach(() => {
  clock = { time: start }
  source = household(clock)
  caller = callerOf(source)
})

describe('events', () => {
  test('each applied operation leaves one event, in order, with what really changed', async () => {
    await caller.commit('k', [
      update('projects', 'p1', { name: 'House', budget: '1.5', settings: { b: [true], a: 1 } }),
      update('projects', 'p1', { settings: { a: 1, b: [false] }, budget: '1.51' }),
      update('tasks', 't1', { votes: 1, title: 'T' }, { transactionId: 'tx9' }),
      create('projects', 'p3', { name: 'Tent' }),
      remove('projects', 'p3'),
    ])
    const { events } = await caller.events()
    expect(events.map(({ id, type, stamp, changed }) => ({ id, type, stamp, changed }))).toEqual([
      // 1.50 travels as another text than 1.5
      { id: 'k:0@org_1', type: 'UPDATE', stamp: 1, changed: ['budget'] },
      { id: 'k:1@org_1', type: 'UPDATE', stamp: 2, changed: ['budget', 'settings'] },
      { id: 'k:2@org_1', type: 'UPDATE', stamp: 3, changed: ['title', 'updatedAt', 'votes'] },
      { id: 'k:3@org_1', type: 'CREATE', stamp: 4 },
      { id: 'k:4@org_1', type: 'DELETE', stamp: 5 },
    ])
    expect(events[2]).toMatchObject({
      entityId: 't1',
      transactionId: 'tx9',
      clientTxId: 'k',
      correlationId: 'k',
    })
  })

  test('of several operations on one row each is compared with the one before it', async () => {
    await caller.commit('k', [
      update('projects', 'p1', { name: 'Hut' }),
      update('projects', 'p1', { name: 'Hut', budget: '2' }),
      create('projects', 'p3', { name: 'Tent' }),
      update('projects', 'p3', { name: 'Camp' }),
    ])
    const changed = (await source.inspect().log()).map((entry) => entry.changed)
    expect(changed).toEqual([['name'], ['budget'], null, ['name']])
  })

  test('the members of an event stand in the order of the protocol', async () => {
    await caller.commit('k', [update('tasks', 't1', { votes: 1 }, { transactionId: 'tx' })])
    const [event] = (await caller.events()).events
    expect(Object.keys(event ?? {})).toEqual([
      'id',
      'version',
      'model',
      'entityId',
      'type',
      'data',
      'organizationId',
      'clientTxId',
      'correlationId',
      'transactionId',
      'occurredAt',
      'at',
      'stamp',
      'changed',
    ])
    expect(Object.keys(event?.data ?? {})).toEqual([...(schema.models.get('tasks')?.fields.keys() ?? [])])
  })

  test("a tenant's name cannot make two events look like one", async () => {
    const id = async (tenant: string) => {
      const own = callerOf(source, tenant)
      const { stamps } = await own.commit('k', [create('projects', `p-${tenant}`, { name: 'x' })])
      return (await own.events()).events.find(({ stamp }) => stamp === stamps[0])?.id
    }
    expect(await id('a:0@b%')).toBe('k:0@a%3A0%40b%25')
    expect(await id('a%3A0%40b')).toBe('k:0@a%253A0%2540b')
  })

  test('who sent a commit is told with its own rows, and not with rows that all tenants read', async () => {
    const agent = callerOf(source, 'org_1', { participantId: 'a1', participantKind: 'agent' })
    await agent.commit('k', [
      create('projects', 'p9', { name: 'x' }),
      update('settings', 's1', { value: 'off' }),
    ])
    const { events } = await agent.events()
    expect(events).toMatchObject([{ model: 'projects', participantId: 'a1', participantKind: 'agent' }, {}])
    expect(events[1]).not.toHaveProperty('participantId')
  })

  test('a row of nobody has an event without a tenant', async () => {
    await callerOf(source, null).commit('k', [update('settings', 's1', { value: 'off' })])
    await callerOf(source, 'org_2').commit('k2', [update('settings', 's1', { value: 'on' })])
    await callerOf(source, 'org_3').commit('k2', [update('settings', 's1', { value: 'off' })])
    const { events } = await caller.events()
    const ids = events.map(({ id }) => id)
    expect(ids[0]).toBe('k:0')
    // equal keys of two tenants stay apart, and neither tenant is named to the others
    expect(new Set(ids).size).toBe(3)
    expect(ids[1]).toMatch(/^k2:0@~[0-9a-f]{16}$/)
    for (const event of events) expect(event).not.toHaveProperty('organizationId')
  })
})

describe('tenancy', () => {
  const comment = (taskId: unknown) => create('comments', 'c1', { taskId, text: 'Hello' })

  test('a create takes the tenant from the scope', async () => {
    const { rows } = await caller.commit('k', [
      create('tasks', 't9', { projectId: 'p1', title: 'T' }),
      create('projects', 'p9', { name: 'P' }),
    ])
    expect(rows[0]).toMatchObject({ organizationId: 'org_1' })
    expect((await callerOf(source, 'org_2').load('projects', 'p9')).row).toBeNull()
    expect((await caller.load('projects', 'p9')).row).not.toBeNull()
  })

  test('a parent of another tenant is as missing as one that is not there', async () => {
    const asked = async (id: string) => {
      const error = await refusal(caller.commit('k', [update('tasks', 't1', {}), comment(id)]))
      return [error.code, error.message, error.details]
    }
    expect(await asked('foreign')).toEqual(await asked('nowhere'))
    expect((await asked('foreign'))[2]).toEqual({ operations: [{ index: 1, model: 'tasks' }] })
  })

  test('a row cannot be moved under a foreign parent, and not under none', async () => {
    await caller.commit('k1', [comment('t1')])
    const moved = await refusal(caller.commit('k2', [update('comments', 'c1', { taskId: 'foreign' })]))
    expect(moved.code).toBe('entity_not_found')
    await caller.commit('k3', [update('comments', 'c1', { taskId: 't2' })])
    expect((await caller.load('comments', 'c1')).row).toMatchObject({ taskId: 't2' })
  })

  test('a create that is held back does not open a foreign row to what follows', async () => {
    const error = await refusal(
      caller.commit('k', [
        create('tasks', 'foreign', { projectId: 'p1', title: 'mine' }, { readAt: 99, onStale: 'notify' }),
        update('tasks', 'foreign', { title: 'mine' }),
      ]),
    )
    expect([error.code, error.details]).toEqual([
      'entity_not_found',
      { operations: [{ index: 1, model: 'tasks', id: 'foreign' }] },
    ])
  })

  test("a row under a parent is its parent's tenant's alone, events included", async () => {
    await caller.commit('k', [comment('t1')])
    const other = callerOf(source, 'org_2')
    expect(await other.load('comments', 'c1')).toEqual({ row: null, stamp: 0 })
    expect((await refusal(other.commit('k', [remove('comments', 'c1')]))).code).toBe('entity_not_found')
    expect((await other.events()).events).toEqual([])
    expect((await caller.events()).events[0]).toMatchObject({ organizationId: 'org_1', model: 'comments' })
  })
})
