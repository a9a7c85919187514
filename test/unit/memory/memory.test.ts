import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { MemoryStore } from '../../../src/adapters/memory/store.ts'
import { createEndpoint } from '../../../src/core/endpoint/endpoint.ts'
import { storeAdapter } from '../../../src/core/rules/store-adapter.ts'
import type { Model } from '../../../src/core/schema/define.ts'
import { callerOf, create, refusal, remove, schema, update } from '../core/commit-support.ts'

describe('feed', () => {
  const some = async () => {
    const source = memoryAdapter(schema, { rows: { settings: [{ id: 's' }] } })
    const caller = callerOf(source, 'org_1')
    for (let n = 1; n <= 5; n++) await caller.commit(`k${n}`, [update('settings', 's', { value: String(n) })])
    return { source, caller }
  }
  const stamps = (page: { events: { stamp: number }[] }) => page.events.map(({ stamp }) => stamp)

  test('there is always a place to continue, and it never skips what comes later', async () => {
    const { caller } = await some()
    const first = await caller.events(undefined, 3)
    const second = await caller.events(first.nextCursor, 3)
    const empty = await caller.events(second.nextCursor)
    await caller.commit('k6', [update('settings', 's', { value: '6' })])
    const third = await caller.events(empty.nextCursor)
    expect([first, second, empty, third].map(stamps)).toEqual([[1, 2, 3], [4, 5], [], [6]])
  })

  test("a tenant's feed passes over what others wrote", async () => {
    const { source, caller } = await some()
    const { nextCursor } = await caller.events()
    await callerOf(source, 'org_2').commit('k', [create('projects', 'p', { name: 'P' })])
    const own = await caller.events(nextCursor)
    expect(own.events).toEqual([])
    expect(own.nextCursor).not.toBe(nextCursor)
    expect(stamps(await callerOf(source, null).events())).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('a cursor of another tenant, another log or a future is refused', async () => {
    const { source, caller } = await some()
    const { nextCursor } = await caller.events()
    expect((await refusal(callerOf(source, 'org_2').events(nextCursor))).code).toBe('cursor_invalid')
    const other = callerOf(memoryAdapter(schema))
    expect((await refusal(other.events(nextCursor))).code).toBe('cursor_expired')
    const [kind, binding, epoch] = JSON.parse(Buffer.from(nextCursor, 'base64url').toString())
    const future = Buffer.from(JSON.stringify([kind, binding, epoch, 6, 0])).toString('base64url')
    expect((await refusal(caller.events(future))).code).toBe('cursor_invalid')
  })

  test('a cursor below what was pruned says so, a walk from the beginning sees the last of each row', async () => {
    const { source, caller } = await some()
    const early = await caller.events(undefined, 2)
    const late = await caller.events(undefined, 4)
    await callerOf(source).commit('k6', [create('projects', 'p', { name: 'P' })])
    await source.prune({ through: 4 })
    expect((await refusal(caller.events(early.nextCursor))).code).toBe('cursor_expired')
    expect(stamps(await caller.events(late.nextCursor))).toEqual([5, 6])
    await caller.commit('k7', [update('settings', 's', { value: '7' })])
    await source.prune({ through: 7 })
    const anew = await caller.events(undefined, 1)
    expect(stamps(anew)).toEqual([6])
    expect(stamps(await caller.events(anew.nextCursor))).toEqual([7])
    await caller.commit('k8', [update('settings', 's', { value: '8' })])
    await source.prune({ through: 8 })
    expect((await refusal(caller.events(anew.nextCursor))).code).toBe('cursor_expired')
  })
})

describe('acknowledging', () => {
  test('pruning keeps what a key has not acknowledged; an earlier cursor takes nothing back', async () => {
    const source = memoryAdapter(schema, { rows: { settings: [{ id: 's' }] } })
    const endpoint = createEndpoint({ signingKey: 'sk_test', adapter: source })
    const local = endpoint.local({ organizationId: 'org_1' })
    const write = async (value: string) => {
      const operations = [update('settings', 's', { value })]
      await local.commit({ idempotencyKey: value, operations: operations as never })
    }
    for (const value of ['1', '2', '3', '4', '5']) await write(value)
    const { nextCursor: second } = await local.events({ limit: 2 })
    const { nextCursor: fourth } = await local.events({ limit: 4 })
    await local.events({ acknowledgedThrough: second })
    await source.prune({ through: 5 })
    expect((await local.events({ cursor: second })).events).toHaveLength(3)
    await local.events({ acknowledgedThrough: fourth })
    await local.events({ acknowledgedThrough: second })
    await source.prune({ through: 5 })
    await expect(local.events({ cursor: second })).rejects.toMatchObject({ code: 'cursor_expired' })
    expect((await local.events({ cursor: fourth })).events).toHaveLength(1)
    const other = endpoint.local({ organizationId: 'org_2' })
    await expect(other.events({ acknowledgedThrough: fourth })).rejects.toMatchObject({
      code: 'cursor_invalid',
    })
  })

  test('a store that keeps no acknowledgements refuses them', async () => {
    const store = new MemoryStore(schema, { now: () => new Date(), ledgerRetentionMs: 1 })
    const mute = Object.assign(store, { acknowledge: undefined })
    const local = createEndpoint({
      signingKey: 'sk_test',
      adapter: storeAdapter(schema, mute as never),
    }).local({
      organizationId: 'org_1',
    })
    const { nextCursor } = await local.events()
    await expect(local.events({ acknowledgedThrough: nextCursor })).rejects.toMatchObject({
      code: 'source_adapter_misconfigured',
      message: expect.stringContaining('acknowledgedThrough'),
    })
  })
})

describe('bytes', () => {
  const large = 'x'.repeat(600_000)
  const some = (limits: object = {}) => {
    const rows = {
      settings: [
        { id: 's', value: large },
        { id: 'huge', value: large + large },
      ],
    }
    const source = memoryAdapter(schema, { rows })
    const local = createEndpoint({ signingKey: 'sk_test', adapter: source, limits }).local()
    const commit = (operations: readonly object[]) =>
      local.commit({ idempotencyKey: 'k', operations: operations as never })
    return { source, commit }
  }
  const again = (id: string, more: object = {}) => ({ ...update('settings', id, {}), ...more })

  test('a commit that would be answered with more than it may is refused, and nothing is applied', async () => {
    const { source, commit } = some()
    const operations = Array.from({ length: 30 }, () => again('s'))
    await expect(commit(operations)).rejects.toMatchObject({ code: 'commit_too_large' })
    const held = operations.map((operation) => ({ ...operation, readAt: 9, onStale: 'notify' }))
    await expect(commit(held)).rejects.toMatchObject({ code: 'commit_too_large' })
    expect([await source.inspect().log(), await source.inspect().ledger()]).toEqual([[], []])
    expect((await commit(operations.slice(0, 20))).rows).toHaveLength(20)
  })

  test('stale operations are told up to a megabyte, a row of more than that not at all', async () => {
    const { commit } = some()
    const stale = ['s', 's', 's'].map((id) => again(id, { readAt: 9 }))
    await expect(commit(stale)).rejects.toMatchObject({
      code: 'stale_context',
      details: { operations: [{ index: 0, current: { id: 's' } }], more: 2 },
    })
    const error = await refusal(commit([again('huge', { readAt: 9 })]))
    expect(error.details?.operations).toMatchObject([{ index: 0, reason: 'unknown_position' }])
    expect(error.detailsJson).not.toContain('current')
  })
})

test('who of another tenant changed a row of all tenants is told to that tenant alone', async () => {
  const source = memoryAdapter(schema, { rows: { settings: [{ id: 's' }] } })
  const [one, two] = [callerOf(source, 'org_1', { participantId: 'ann' }), callerOf(source, 'org_2')]
  await one.commit('k1', [update('settings', 's', { value: '1' })])
  await one.commit('k2', [update('settings', 's', { value: '2' })])
  const late = { ...update('settings', 's', { value: '3' }), readAt: 1 }
  const own = await refusal(one.commit('k3', [late]))
  const other = await refusal(two.commit('k3', [late]))
  expect(own.details?.operations).toMatchObject([{ reason: 'changed', participantId: 'ann' }])
  expect(other.details?.operations).toMatchObject([{ reason: 'changed' }])
  expect(other.detailsJson).not.toContain('ann')
})

describe('past the endpoint', () => {
  test('a raw write is logged where the model is captured, under its position', async () => {
    const source = memoryAdapter(schema, { now: () => new Date(0) })
    const row = {
      id: 't',
      organizationId: 'org_1',
      projectId: 'p',
      title: 'A',
      updatedAt: '2026-01-01T00:00:00Z',
    }
    await source.write('tasks', row)
    await source.write('tasks', { ...row, title: 'B' })
    await source.write('settings', { id: 's', value: 'x' })
    await source.write('settings', { id: 's', value: 'y' }, { log: true })
    await source.remove('tasks', 't')
    await source.remove('tasks', 'none')
    const { events } = await callerOf(source).events()
    expect(events.map(({ id, type, entityId, changed }) => ({ id, type, entityId, changed }))).toEqual([
      { id: '@1', type: 'CREATE', entityId: 't' },
      { id: '@2', type: 'UPDATE', entityId: 't', changed: ['title'] },
      { id: '@3', type: 'UPDATE', entityId: 's', changed: ['value'] },
      { id: '@4', type: 'DELETE', entityId: 't' },
    ])
    expect(events[0]).not.toHaveProperty('clientTxId')
    expect(events[0]).toMatchObject({
      organizationId: 'org_1',
      occurredAt: 0,
      at: '1970-01-01T00:00:00.000000Z',
    })
    expect(await source.inspect().ledger()).toEqual([])
  })

  test('what is shown is a copy, and what was sent is not kept', async () => {
    const source = memoryAdapter(schema)
    const settings = { deep: { list: [1] } }
    await callerOf(source).commit('k', [create('projects', 'p', { name: 'P', settings })])
    settings.deep.list.push(2)
    for (const { data } of await source.inspect().log()) (data.settings as typeof settings).deep.list.push(3)
    for (const row of await source.inspect().rows('projects'))
      (row.settings as typeof settings).deep.list.push(4)
    const { row } = await callerOf(source).load('projects', 'p')
    expect(row?.settings).toEqual({ deep: { list: [1] } })
  })

  test('ids that a database would make are made', async () => {
    const source = memoryAdapter(schema, { rows: { counters: [{ id: '9', n: 1 }] } })
    const caller = callerOf(source, null)
    const counter = { type: 'CREATE', model: 'counters', input: { n: 0 } }
    const { rows } = await caller.commit('k', [
      counter,
      counter,
      { type: 'CREATE', model: 'settings', input: {} },
    ])
    expect(rows.slice(0, 2).map((row) => row?.id)).toEqual(['10', '11'])
    expect(rows[2]?.id).toMatch(/^[0-9a-f-]{36}$/)
    expect((await source.inspect().log()).map(({ entityId }) => entityId)).toEqual(rows.map((row) => row?.id))
  })

  test('two spellings of one number are one row', async () => {
    const source = memoryAdapter(schema, { rows: { counters: [{ id: 5, n: 1 }] } })
    const caller = callerOf(source, null)
    await caller.commit('k', [{ type: 'UPDATE', model: 'counters', id: 5, input: { n: 2 } }])
    expect(await caller.load('counters', '5')).toEqual({ row: { id: '5', n: 2 }, stamp: 1 })
  })

  test('pruning keeps the last change of a row, whoever had the row before', async () => {
    const source = memoryAdapter(schema)
    const [one, two] = [callerOf(source, 'org_1'), callerOf(source, 'org_2')]
    await one.commit('k', [create('projects', 'p', { name: 'mine' }), remove('projects', 'p')])
    await two.commit('k', [create('projects', 'p', { name: 'theirs' })])
    expect(await one.load('projects', 'p')).toEqual({ row: null, stamp: 2 })
    await source.prune({ through: 3 })
    expect((await source.inspect().log()).map(({ position }) => position)).toEqual([3])
    expect(await one.load('projects', 'p')).toEqual({ row: null, stamp: 0 })
    expect((await two.load('projects', 'p')).stamp).toBe(3)
  })

  test('pruning the ledger lets go of old keys alone', async () => {
    let time = 0
    const source = memoryAdapter(schema, { now: () => new Date(time), rows: { settings: [{ id: 's' }] } })
    const caller = callerOf(source, null)
    await caller.commit('old', [update('settings', 's', { value: 'a' })])
    time = 10
    await caller.commit('new', [update('settings', 's', { value: 'b' })])
    await source.prune({ ledgerBefore: new Date(10) })
    expect((await source.inspect().ledger()).map(({ key }) => key)).toEqual(['new'])
  })

  test('rows and options that do not fit the schema are refused by name', () => {
    const make = (options: Parameters<typeof memoryAdapter>[1]) => () => memoryAdapter(schema, options)
    expect(make({ rows: { nothing: [{}] } })).toThrow('there is no model nothing')
    expect(make({ rows: { settings: [{ id: 's', colour: 'red' }] } })).toThrow('settings has no field colour')
    expect(make({ rows: { settings: [{ value: 'x' }] } })).toThrow('settings.id')
    expect(make({ rows: { counters: [{ id: '1', n: 1.5 }] } })).toThrow('counters.n: expected a whole number')
    expect(make({ rows: { projects: [{ id: 'p', organization_id: 7 }] } })).toThrow('a tenant is a string')
    expect(make({ unique: { tasks: ['colour'] } })).toThrow('tasks has no field colour')
    expect(make({ references: { tasks: { projectId: 'nothing' } } })).toThrow('there is no model nothing')
  })

  test('a row without a tenant is nobody’s', async () => {
    const source = memoryAdapter(schema, {
      rows: { projects: [{ id: 'p', name: 'P' }], comments: [{ id: 'c', taskId: 'none', text: '' }] },
    })
    const caller = callerOf(source)
    expect((await caller.load('projects', 'p')).row).toBeNull()
    expect((await caller.load('comments', 'c')).row).toBeNull()
    expect((await caller.list('projects')).rows).toEqual([])
    const request = {
      tenant: null,
      scope: {},
      requestId: 'r',
      model: schema.models.get('projects') as Model,
      id: 'p',
    }
    expect(JSON.parse(await source.load(request)).row).toBeNull()
    expect((await refusal(caller.commit('k', [remove('projects', 'p')]))).code).toBe('entity_not_found')
  })

  test('unique keys of several fields collide only when all of them do, and never on null', async () => {
    const projects = ['p', 'q'].map((id) => ({ id, name: id, organization_id: 'org_1' }))
    const source = memoryAdapter(schema, {
      unique: { tasks: [['projectId', 'slug']] },
      rows: { projects },
    })
    const caller = callerOf(source)
    const task = (id: string, projectId: string, slug: string | null) =>
      create('tasks', id, { title: id, projectId, slug })
    await caller.commit('k1', [
      task('a', 'p', 's'),
      task('b', 'q', 's'),
      task('c', 'p', null),
      task('d', 'p', null),
    ])
    const error = await refusal(caller.commit('k2', [task('e', 'p', 's')]))
    expect(error.details).toMatchObject({ constraint: 'tasks_project_id_slug_key' })
  })
})
