import { describe, expect, test, vi } from 'vitest'
import type {
  HandlerCommit,
  HandlerContext,
  Handlers,
  PlainQuery,
} from '../../../src/adapters/handlers/index.ts'
import { handlersAdapter } from '../../../src/adapters/handlers/index.ts'
import type { EndpointOptions } from '../../../src/index.ts'
import { createEndpoint, Rejection } from '../../../src/index.ts'
import { ask, org, schema, signingKey } from '../../support/source.ts'

type Auth = { user: string }
const make = (
  handlers: Handlers<typeof schema, Auth>,
  options: Partial<EndpointOptions<typeof schema, Auth>> = {},
) => createEndpoint({ signingKey, adapter: handlersAdapter(schema, handlers), ...options })

const task = { id: 't1', title: 'Paint', status: 'todo', organizationId: 'org_1' } as const
const loadTask = { type: 'load', model: 'tasks', id: 't1', scope: org }
const listTasks = { type: 'list', model: 'tasks', scope: org }
const operation = { type: 'UPDATE', model: 'tasks', id: 't1', input: { title: 'Oil' } }
const commit = { type: 'commit', correlationId: 'k1', operations: [operation], scope: org }

describe('load', () => {
  test('the handler gets id and context, and its row travels with the fields of the schema alone', async () => {
    const load = vi.fn(async () => ({
      ...task,
      effort: 2n ** 60n,
      dueAt: new Date(0),
      passwordHash: 'canary',
    }))
    const endpoint = make({ models: { tasks: { load } } }, { authorize: () => ({ user: 'ada' }) })
    const { body } = await ask(endpoint, loadTask, { id: 'msg_1' })
    expect(body).toEqual({
      row: {
        ...task,
        effort: '1152921504606846976',
        dueAt: '1970-01-01T00:00:00.000000Z',
        projectId: null,
      },
      stamp: 0,
    })
    expect(load).toHaveBeenCalledWith({
      id: 't1',
      context: expect.objectContaining<Partial<HandlerContext<{ user: string }>>>({
        auth: { user: 'ada' },
        tenant: 'org_1',
        scope: org,
        requestId: expect.any(String),
      }),
    })
  })

  test.each([[null], [undefined], [{ ...task, organizationId: 'org_2' }]])(
    '%j is no row of this caller',
    async (row) => {
      const { body } = await ask(make({ models: { tasks: { load: () => row } } }), loadTask)
      expect(body).toEqual({ row: null, stamp: 0 })
    },
  )
})

describe('list', () => {
  test('the handler gets the query checked and filled in, and the cursor as it gave it', async () => {
    const list = vi.fn(({ query }: { query: PlainQuery }) => ({
      rows: [task],
      nextCursor: `after ${query.cursor}`,
    }))
    const endpoint = make({ models: { tasks: { list } } })
    const query = { where: [['status', 'todo']], cursor: 'mine', related: ['project'] }
    const { body } = await ask(endpoint, { ...listTasks, query })
    expect(list.mock.calls[0]?.[0].query).toEqual({
      where: [['status', '=', 'todo']],
      orderBy: 'id',
      order: 'asc',
      limit: 100,
      cursor: 'mine',
      select: undefined,
      count: false,
      related: ['project'],
    })
    expect(body).toMatchObject({
      rows: [{ id: 't1', project: null }],
      stamps: [0],
      stamp: 0,
      nextCursor: 'after mine',
    })
  })

  test('select leaves the other fields out, and a total that was asked for must be there', async () => {
    const page = { rows: [task], total: 7 }
    const asked = { ...listTasks, query: { select: ['title'], count: true } }
    const { body } = await ask(make({ models: { tasks: { list: () => page } } }), asked)
    expect(body).toMatchObject({ rows: [{ id: 't1', title: task.title }], total: 7 })
    expect(Object.keys(body.rows[0])).toEqual(['id', 'title'])
    for (const rows of [[task], { rows: [task], total: -1 }]) {
      const without = await ask(make({ models: { tasks: { list: () => rows } } }), asked)
      expect([without.status, without.body.error]).toEqual([500, 'source_adapter_misconfigured'])
    }
  })

  test('an array is a page too, and rows of other tenants are left out of it', async () => {
    const list = () => [task, { ...task, id: 't2', organizationId: 'org_2' }]
    const { body } = await ask(make({ models: { tasks: { list } } }), listTasks)
    expect(body.rows.map(({ id }: { id: string }) => id)).toEqual(['t1'])
    expect(body.stamps).toEqual([0])
  })

  test('what the schema does not allow never reaches the handler', async () => {
    const list = vi.fn(() => [])
    const { status, body } = await ask(make({ models: { tasks: { list } } }), {
      ...listTasks,
      query: { where: [['password', 'x']] },
    })
    expect([status, body.error]).toEqual([400, 'invalid_query'])
    expect(list).not.toHaveBeenCalled()
  })
})

describe('commit', () => {
  test('the handler gets checked operations and the key', async () => {
    const handler = vi.fn((_: HandlerCommit<{ user: string }>) => ({ rows: [{ ...task, title: 'Oil' }] }))
    const { body } = await ask(make({ commit: handler }), { ...commit, intentHash: 'h' })
    expect(handler.mock.calls[0]?.[0]).toMatchObject({
      operations: [{ ...operation, readAt: null, onStale: 'reject', transactionId: null }],
      idempotencyKey: 'k1',
      intent: expect.any(String),
      intentHash: 'h',
    })
    expect(body).toMatchObject({ rows: [{ id: 't1', title: 'Oil' }], stamps: [0] })
  })

  test('readAt is for handlers that say that they judge it: from others it is refused, and not dropped', async () => {
    const handler = vi.fn(() => ({ rows: [task] }))
    const decided = (more: object) => ({ ...commit, operations: [{ ...operation, ...more }] })
    const without = make({ commit: handler })
    for (const onStale of ['reject', 'merge', 'notify', undefined]) {
      const { status, body } = await ask(without, decided({ readAt: 0, onStale }))
      expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
      expect(body.message).toContain('staleness: true')
      expect(body.details).toEqual({ pointer: '/operations/0/readAt' })
    }
    expect(handler).not.toHaveBeenCalled()
    expect((await ask(without, decided({ readAt: 0, onStale: 'force' }))).status).toBe(200)
    const judging = make({ staleness: true, commit: handler })
    expect((await ask(judging, decided({ readAt: 7 }))).status).toBe(200)
    expect(handler).toHaveBeenLastCalledWith(
      expect.objectContaining({ operations: [expect.objectContaining({ readAt: 7, onStale: 'reject' })] }),
    )
  })

  test('a commit of one model goes to that model, one of several needs the handler of the endpoint', async () => {
    const models = { tasks: { commit: () => ({ rows: [task] }) } }
    expect((await ask(make({ models }), commit)).status).toBe(200)
    const mixed = { ...commit, operations: [operation, { type: 'DELETE', model: 'projects', id: 'p1' }] }
    const { status, body } = await ask(make({ models }), mixed)
    expect([status, body.error]).toEqual([404, 'source_commit_not_configured'])
    const whole = make({ models, commit: () => ({ rows: [task, null] }) })
    expect((await ask(whole, mixed)).body.rows).toEqual([expect.objectContaining({ id: 't1' }), null])
  })

  test('deltas travel as they are', async () => {
    const deltas = [{ any: 'shape' }]
    expect((await ask(make({ commit: () => ({ deltas }) }), commit)).body).toEqual({ deltas })
  })

  test('a rejection of a rule of its own reaches the caller', async () => {
    const endpoint = make({
      commit: () => {
        throw new Rejection('closed', 'The books are closed.', { status: 409 })
      },
    })
    const { status, body } = await ask(endpoint, commit)
    expect([status, body.error]).toEqual([409, 'closed'])
  })

  test.each([[undefined], [{}], [{ rows: [] }], [{ rows: 'x' }]])(
    '%j is no answer: the handler is at fault',
    async (result) => {
      const { status, body } = await ask(make({ commit: () => result as never }), commit)
      expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
      expect(body.message).toContain('commit handler')
    },
  )
})

test('events are handed cursor and limit, and their rows keep to the schema', async () => {
  const event = {
    id: 'e1',
    model: 'tasks',
    entityId: 't1',
    type: 'UPDATE',
    data: { ...task, secret: 'canary' },
  }
  const events = vi.fn(() => ({
    events: [event],
    nextCursor: 'c2',
  }))
  const { body } = await ask(make({ events }), { type: 'events', cursor: 'c1', limit: 5, scope: org })
  expect(events).toHaveBeenCalledWith(expect.objectContaining({ cursor: 'c1', limit: 5 }))
  expect(body.nextCursor).toBe('c2')
  expect(body.events[0]).toMatchObject({ id: 'e1', data: { title: 'Paint' } })
  const others = { type: 'events', models: ['projects'], scope: org }
  // a handler that does not heed `models` is not believed
  expect((await ask(make({ events }), others)).body.events).toEqual([])
  await ask(make({ events }), { type: 'events', acknowledgedThrough: 'c0', scope: org })
  expect(events).toHaveBeenLastCalledWith(expect.objectContaining({ acknowledgedThrough: 'c0' }))
  const fromNow = await ask(make({ events }), { type: 'events', from: 'now', scope: org })
  expect([fromNow.status, fromNow.body.error]).toEqual([500, 'source_adapter_misconfigured'])
  expect(JSON.stringify(body)).not.toContain('canary')
})

test('an answer of more bytes than a commit may have is the handler’s fault, which knows how many those are', async () => {
  const handler = vi.fn((_: HandlerCommit) => ({ rows: [{ ...task, title: 'x'.repeat(2_000) }] }))
  const limited = createEndpoint({
    signingKey,
    adapter: handlersAdapter(schema, { commit: handler as never }),
    limits: { answerBytes: 2_000 },
  })
  const { status, body } = await ask(limited, commit)
  expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
  expect(body.message).toContain('commit_too_large')
  expect(handler).toHaveBeenCalledWith(expect.objectContaining({ answerBytes: 2_000 }))
})

describe('what a handler must not answer', () => {
  const faulty = async (handlers: object, request: object) => {
    const { status, body } = await ask(make(handlers), request)
    return [status, body.error, body.message]
  }
  const mine = { ...task }
  const foreign = { ...task, id: 't2', organizationId: 'org_2' }

  test.each([
    ['a row without a field that is never null', { id: 't1', status: 'todo' }, /tasks whose title/],
    ['a row that is an array', [task], /objects/],
    ['a value of another kind', { ...task, title: 7 }, /title/],
    ['a bigint that is none', { ...task, effort: 'many' }, /effort/],
    ['a date that is none', { ...task, dueAt: new Date('never') }, /dueAt/],
    ['a stamp that is none', { row: task, stamp: -1 }, /stamp/],
  ])('%s', async (_, row, message) => {
    const answer = await faulty({ models: { tasks: { load: () => row } } }, loadTask)
    expect(answer).toEqual([500, 'source_adapter_misconfigured', expect.stringMatching(message)])
  })

  test('a stamp travels, so that a commit can be decided on the row', async () => {
    const endpoint = make({ models: { tasks: { load: () => ({ row: task, stamp: 7 }) } } })
    expect((await ask(endpoint, loadTask)).body).toMatchObject({ row: { id: 't1' }, stamp: 7 })
  })

  test('rows of another tenant, wherever they are', async () => {
    const projects = { list: () => [{ id: 'p1', name: 'House', tasks: [mine, foreign] }] }
    const query = { related: ['tasks'] }
    const listed = await ask(make({ models: { projects } }), {
      type: 'list',
      model: 'projects',
      query,
      scope: org,
    })
    expect(listed.body.rows[0].tasks.map(({ id }: { id: string }) => id)).toEqual(['t1'])

    const committed = await ask(make({ commit: () => ({ rows: [foreign] }) }), commit)
    expect(committed.body.rows).toEqual([null])

    const event = { id: 'e', model: 'tasks', entityId: 't', type: 'UPDATE' }
    const events = () => ({
      events: [
        { ...event, data: mine },
        { ...event, data: foreign },
        { ...event, organizationId: 'org_2' },
        { ...event, model: 'unknown', data: { secret: 'canary' } },
      ],
    })
    const fed = await ask(make({ events }), { type: 'events', scope: org })
    expect(fed.body.events).toEqual([
      expect.objectContaining({ data: expect.objectContaining({ id: 't1' }) }),
    ])
  })

  test('cursors that are no texts', async () => {
    const page = { rows: [task], nextCursor: 7 as never }
    expect((await faulty({ models: { tasks: { list: () => page } } }, listTasks))[0]).toBe(500)
    const { body } = await ask(make({ models: { tasks: { list: () => [] } } }), {
      ...listTasks,
      query: { cursor: 7 },
    })
    expect(body.error).toBe('invalid_query')
  })
})

test.each([
  [{ models: { task: {} } }, /unknown model "task"; did you mean "tasks"/],
  [{ models: { tasks: { lod: () => null } } }, /models\.tasks: unknown option "lod"; did you mean "load"/],
  [{ models: { tasks: { load: 'no' } } }, /"load" must be a function, not a text/],
  [{ event: () => {} }, /unknown option "event"; did you mean "events"/],
])('%j is refused at construction', (handlers, message) => {
  expect(() => handlersAdapter(schema, handlers as never)).toThrow(message)
})

test.each([
  [loadTask, 'source_load_not_configured'],
  [listTasks, 'source_list_not_configured'],
  [commit, 'source_commit_not_configured'],
  [{ type: 'events', scope: org }, 'source_events_not_configured'],
])('what has no handler says so: %j', async (request, code) => {
  const { status, body } = await ask(make({ models: {} }), request)
  expect([status, body.error]).toEqual([404, code])
})
