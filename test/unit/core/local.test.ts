import { describe, expect, test, vi } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { EndpointOptions } from '../../../src/index.ts'
import { createEndpoint, Rejection } from '../../../src/index.ts'
import { ask, org, schema, signingKey } from '../../support/source.ts'

const adapter = () =>
  memoryAdapter(schema, { rows: { tasks: [{ id: 't1', title: 'Paint', organizationId: 'org_1' }] } })
const make = (options: Partial<EndpointOptions<typeof schema>> = {}) =>
  createEndpoint({ signingKey, adapter: adapter(), ...options })
const update = (key: string, title: string, readAt?: number) => ({
  idempotencyKey: key,
  operations: [
    {
      type: 'UPDATE',
      model: 'tasks',
      id: 't1',
      input: { title },
      ...(readAt !== undefined && { readAt }),
    } as const,
  ],
})

describe('a call in the same process', () => {
  test('loads, lists, commits and follows like a client, and shares ledger and log with callers over HTTP', async () => {
    const endpoint = make()
    const local = endpoint.local(org)
    const { row, stamp } = await local.load('tasks', 't1')
    expect(row?.title).toBe('Paint')
    const first = await local.commit(update('k1', 'Oil', stamp))
    expect(first).toMatchObject({ rows: [{ title: 'Oil' }], replayed: false })
    const overHttp = await ask(endpoint, {
      type: 'commit',
      correlationId: 'k1',
      operations: update('k1', 'Oil', stamp).operations,
      scope: org,
    })
    expect([overHttp.headers.get('idempotent-replayed'), overHttp.body.rows]).toEqual(['true', first.rows])
    expect((await local.list('tasks', { where: [['title', 'Oil']] })).rows).toHaveLength(1)
    expect((await local.events()).events).toMatchObject([{ type: 'UPDATE', entityId: 't1' }])
  })

  test('is held to the same rules: schema, tenant, staleness, limits, authorize, rejections', async () => {
    const authorize = vi.fn(({ scope }) => {
      if (scope.participantId === 'poor') throw new Rejection('no_budget', 'No budget.', { status: 402 })
      return scope.participantId !== 'stranger'
    })
    const local = make({ authorize, limits: { bodyBytes: 2_000, operations: 1 } }).local(org)
    const refused = async (work: Promise<unknown>) =>
      work.then(
        () => 'done',
        (error) => error.code,
      )
    expect(await refused(local.load('users' as never, 'u1'))).toBe('source_model_not_configured')
    expect(await refused(make().local().load('tasks', 't1'))).toBe('source_forbidden')
    await local.commit(update('k1', 'Oil'))
    expect(await refused(local.commit(update('k2', 'Wax', 0)))).toBe('stale_context')
    expect(await refused(local.commit(update('k3', 'x'.repeat(3_000))))).toBe('request_too_large')
    const two = {
      idempotencyKey: 'k4',
      operations: [...update('', 'a').operations, ...update('', 'b').operations],
    }
    expect(await refused(local.commit(two))).toBe('source_commit_invalid')
    expect(await refused(local.load('tasks', 't1', { scope: { participantId: 'stranger' } }))).toBe(
      'source_forbidden',
    )
    await expect(local.load('tasks', 't1', { scope: { participantId: 'poor' } })).rejects.toMatchObject({
      code: 'no_budget',
      status: 402,
    })
    expect(authorize).toHaveBeenCalledWith(expect.objectContaining({ request: undefined, keyId: undefined }))
  })

  test('updates on the state that it read, again when the row changed meanwhile, and not without end', async () => {
    const endpoint = make()
    const local = endpoint.local(org)
    const decide = vi.fn(async ({ title }: { title: string }, { attempt }: { attempt: number }) => {
      if (attempt === 1) await local.commit(update('between', 'Oil'))
      return { title: `${title}!` }
    })
    const updated = await local.update('tasks', 't1', decide, { idempotencyKey: 'job' })
    expect(updated).toMatchObject({ row: { title: 'Oil!' }, changed: true })
    expect(await local.load('tasks', 't1')).toMatchObject({ row: { title: 'Oil!' }, stamp: updated.stamp })
    const { events } = await local.events({ models: ['tasks'] })
    expect(events.map(({ correlationId }) => correlationId)).toEqual(['between', 'job:2'])
    let count = 0
    const always = local.update(
      'tasks',
      't1',
      async () => {
        await local.commit(update(`race ${++count}`, `Wax ${count}`))
        return { title: 'Mine' }
      },
      { attempts: 2 },
    )
    await expect(always).rejects.toMatchObject({ name: 'PosternError', code: 'stale_context' })
    expect(count).toBe(2)
    expect(await local.update('tasks', 't1', () => null)).toMatchObject({ changed: false })
    await expect(local.update('tasks', 'gone', () => null)).rejects.toMatchObject({
      name: 'PosternError',
      code: 'entity_not_found',
      details: { model: 'tasks', id: 'gone' },
    })
    // the scope of the call is that of the reading and of the writing
    const elsewhere = { scope: { organizationId: 'org_2' } }
    await expect(local.update('tasks', 't1', () => null, elsewhere)).rejects.toMatchObject({
      code: 'entity_not_found',
    })
  })

  test('walks all rows of a query with progress, and refuses members that it does not know', async () => {
    const rows = Array.from({ length: 5 }, (_, index) => ({
      id: `t${index}`,
      title: `Task ${index}`,
      ...org,
    }))
    const local = make({ adapter: memoryAdapter(schema, { rows: { tasks: rows } }) }).local(org)
    const progress: unknown[] = []
    const found: string[] = []
    const query = { limit: 2, where: [['title', '!=', 'Task 3']] } as const
    for await (const { row } of local.listAll('tasks', query, {
      onProgress: ({ rows, pages }) => progress.push([rows, pages]),
    })) {
      found.push(row.id)
    }
    expect(found).toEqual(['t0', 't1', 't2', 't4'])
    expect(progress).toEqual([
      [2, 1],
      [4, 2],
    ])
    const misspelt = { scop: {} } as never
    const known = /unknown member "scop"; did you mean "scope"/
    await expect(local.load('tasks', 't1', misspelt)).rejects.toThrow(known)
    await expect(local.list('tasks', {}, misspelt)).rejects.toThrow(known)
    await expect(local.list('tasks', { wher: [] } as never)).rejects.toThrow('did you mean "where"')
    await expect(local.commit(update('k', 'Oil'), misspelt)).rejects.toThrow(known)
    await expect(local.events({ modls: ['tasks'] } as never)).rejects.toThrow('did you mean "models"')
    expect((await local.events()).events).toEqual([])
  })

  test('is told to the observers, and its scope is its own word', async () => {
    const outcomes: string[] = []
    const resolveScopes = vi.fn(() => null)
    const endpoint = make({
      resolveScopes,
      onCommit: ({ key }) => outcomes.push(key),
      onReject: ({ code }) => outcomes.push(code ?? ''),
    })
    await endpoint.local(org).commit(update('k1', 'Oil'))
    await endpoint
      .local(org)
      .commit(update('k2', 'Wax', 0))
      .catch(() => {})
    expect(outcomes).toEqual(['k1', 'stale_context'])
    expect(resolveScopes).not.toHaveBeenCalled()
    expect(endpoint.metrics()).toMatchObject({ requests: 2, operations: 1, inFlight: 0 })
  })

  test.each([
    ['NaN', { readAt: Number.NaN }, '/operations/0/readAt'],
    ['Infinity', { input: { effort: Number.POSITIVE_INFINITY } }, '/operations/0/input/effort'],
    ['a bigint', { input: { effort: 5n } }, 'send it as a string'],
    ['a function', { input: { title: () => 'x' } }, 'function'],
    ['an invalid Date', { input: { dueAt: new Date('never') } }, '/operations/0/input/dueAt'],
    ['a Map', { input: { title: new Map() } }, 'Map'],
    ['a hole', { input: { title: [undefined, 1] } }, 'undefined'],
  ])('refuses what JSON would change without a word: %s', async (_, change, message) => {
    const operation = { ...update('k', 'Oil').operations[0], ...change }
    const work = make()
      .local(org)
      .commit({ idempotencyKey: 'k', operations: [operation as never] })
    await expect(work).rejects.toThrow(message)
  })

  test('an error of the adapter is the cause of internal_error; an adapter without transactions says so', async () => {
    const failing = { ...adapter(), load: () => Promise.reject(new Error('the database said this')) }
    await expect(make({ adapter: failing }).local(org).load('tasks', 't1')).rejects.toMatchObject({
      code: 'internal_error',
      cause: { message: 'the database said this' },
    })
    await expect(make().local(org).commit(update('k', 'Oil'), { tx: {} })).rejects.toMatchObject({
      code: 'source_adapter_misconfigured',
    })
  })
})
