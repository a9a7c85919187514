import { afterEach, describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { type Client, ClientError, createClient } from '../../../src/client/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'
import { type Mounted, serve } from '../../support/mount.ts'
import { org, schema, signingKey } from '../../support/source.ts'

const open: Mounted[] = []
afterEach(() => Promise.all(open.splice(0).map(({ close }) => close())))

type TasksClient = Client<typeof schema>

/** A client of a source of its own, with `count` tasks in it, and a way to make other clients of it. */
async function sourceWith(
  count: number,
): Promise<{ source: TasksClient; connect: (options: object) => TasksClient }> {
  const mounted = await serve(toNode(createEndpoint({ signingKey, adapter: memoryAdapter(schema) })))
  open.push(mounted)
  const connect = (options: object) =>
    createClient<typeof schema>({ url: mounted.url, signingKey: signingKey, scope: org, ...options })
  const source = connect({})
  for (let i = 0; i < count; i++) {
    await source.commit({
      idempotencyKey: `create ${i}`,
      operations: [{ type: 'CREATE', model: 'tasks', id: `t${i}`, input: { title: `Task ${i}` } }],
    })
  }
  return { source, connect }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('a row that was committed is loaded, with the stamp of its commit', async () => {
  const { source } = await sourceWith(0)
  const { rows, stamps, replayed } = await source.commit({
    idempotencyKey: 'k',
    operations: [{ type: 'CREATE', model: 'tasks', id: 'a', input: { title: 'Paint' } }],
  })
  expect(replayed).toBe(false)
  expect(await source.load('tasks', 'a')).toEqual({ row: rows[0], stamp: stamps[0] })
  expect(await source.load('tasks', 'b')).toEqual({ row: null, stamp: 0 })
})

test('the same commit again replays, and the client tells', async () => {
  const { source } = await sourceWith(1)
  const commit = { idempotencyKey: 'k', operations: [{ type: 'DELETE', model: 'tasks', id: 't0' }] } as const
  const first = await source.commit(commit)
  expect(await source.commit(commit)).toEqual({ ...first, replayed: true })
})

test('a scope given with a call is laid over the one of the client', async () => {
  const { source, connect } = await sourceWith(1)
  expect((await source.load('tasks', 't0', { scope: { organizationId: 'org_2' } })).row).toBeNull()
  const other = connect({ scope: { organizationId: 'org_2' } })
  expect((await other.load('tasks', 't0', { scope: org })).row).toMatchObject({ title: 'Task 0' })
})

test('list gives a page and the cursor of the next, listAll every row once', async () => {
  const { source } = await sourceWith(5)
  const first = await source.list('tasks', { limit: 2, order: 'desc' })
  expect(first.rows.map(({ id }) => id)).toEqual(['t4', 't3'])
  expect(first.stamps).toHaveLength(2)
  const second = await source.list('tasks', { limit: 2, order: 'desc', cursor: first.nextCursor! })
  expect(second.rows.map(({ id }) => id)).toEqual(['t2', 't1'])
  const all: string[] = []
  for await (const { row, stamp } of source.listAll('tasks', {
    limit: 2,
    where: [['title', '!=', 'Task 3']],
  })) {
    expect(stamp).toBeGreaterThan(0)
    all.push(row.id)
  }
  expect(all).toEqual(['t0', 't1', 't2', 't4'])
})

test('a source in this process needs no network: its handler takes the place of fetch', async () => {
  const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(schema) })
  const source = createClient<typeof schema>({
    url: 'http://source.test',
    signingKey: signingKey,
    fetch: (url, init) => endpoint.fetch(new Request(url, init)),
  })
  expect(await source.load('projects', 'p1')).toEqual({ row: null, stamp: 0 })
})

test('a refusal is an error with code, status, details and the id for the operator', async () => {
  const { source } = await sourceWith(1)
  const { stamp } = await source.load('tasks', 't0')
  const write = (key: string) =>
    source.commit({
      idempotencyKey: key,
      operations: [{ type: 'UPDATE', model: 'tasks', id: 't0', input: { status: 'done' }, readAt: stamp }],
    })
  await write('first')
  const error = await write('second').catch((error: unknown) => error)
  expect(error).toBeInstanceOf(ClientError)
  expect(error).toMatchObject({
    name: 'ClientError',
    code: 'stale_context',
    status: 409,
    retryable: false,
    requestId: expect.any(String),
    details: { operations: [{ id: 't0', current: { status: 'done' } }] },
  })
})

describe('events', () => {
  test('a walk gives every event once and ends; the cursor of its end starts the next', async () => {
    const { source } = await sourceWith(3)
    const seen: string[] = []
    const feed = source.events({ limit: 2 })
    for await (const { entityId } of feed) seen.push(entityId)
    const { cursor } = feed
    expect(seen).toEqual(['t0', 't1', 't2'])
    expect(cursor).toEqual(expect.any(String))
    await source.commit({
      idempotencyKey: 'more',
      operations: [{ type: 'DELETE', model: 'tasks', id: 't1' }],
    })
    const rest = await collect(source.events({ cursor: cursor! }))
    expect(rest).toMatchObject([{ type: 'DELETE', entityId: 't1' }])
  })

  test('from now on, and of some models alone', async () => {
    const { source } = await sourceWith(2)
    const feed = source.events({ from: 'now' })
    expect(await collect(feed)).toEqual([])
    await source.commit({
      idempotencyKey: 'later',
      operations: [{ type: 'DELETE', model: 'tasks', id: 't1' }],
    })
    expect(await collect(source.events({ cursor: feed.cursor }))).toMatchObject([{ entityId: 't1' }])
    expect(await collect(source.events({ models: ['projects'] }))).toEqual([])
    expect(await collect(source.events({ models: ['tasks'] }))).toHaveLength(3)
    await expect(collect(source.events({ models: ['nothing' as never] }))).rejects.toMatchObject({
      code: 'source_model_not_configured',
      details: { pointer: '/models/0' },
    })
  })

  test('a follower gets what comes later, until its signal says that it is enough', async () => {
    const { source } = await sourceWith(1)
    const stop = new AbortController()
    const seen: string[] = []
    for await (const { type } of source.events({ follow: true, pollMs: 5 }, { signal: stop.signal })) {
      seen.push(type)
      if (seen.length === 1)
        await source.commit({
          idempotencyKey: 'more',
          operations: [{ type: 'DELETE', model: 'tasks', id: 't0' }],
        })
      else stop.abort()
    }
    expect(seen).toEqual(['CREATE', 'DELETE'])
  })

  test('a signal that comes while the follower waits ends it without an error', async () => {
    const { source } = await sourceWith(0)
    const signal = AbortSignal.timeout(50)
    expect(await collect(source.events({ follow: true, pollMs: 60_000 }, { signal }))).toEqual([])
  })

  test('a cursor of another tenant is refused', async () => {
    const { source } = await sourceWith(1)
    const feed = source.events()
    await collect(feed)
    const other = source.events({ cursor: feed.cursor }, { scope: { organizationId: 'org_2' } })
    await expect(collect(other)).rejects.toMatchObject({ code: 'cursor_invalid', status: 400 })
  })
})

describe('keys', () => {
  test('the client signs with several keys at once, so that either end may rotate first', async () => {
    const { connect } = await sourceWith(0)
    const source = connect({ signingKey: ['sk_next_year', signingKey] })
    await expect(source.load('projects', 'p')).resolves.toEqual({ row: null, stamp: 0 })
  })

  test("a signer of one's own takes the place of a key", async () => {
    const { createSigner } = await import('../../../src/core/signature/sign.ts')
    const sign = createSigner(signingKey)
    const { connect } = await sourceWith(0)
    const source = connect({
      signingKey: undefined,
      sign: async (body: string, options: { id: string }) => ({ ...(await sign(body, options)) }),
    })
    await expect(source.load('projects', 'p')).resolves.toEqual({ row: null, stamp: 0 })
  })

  test('a key that cannot be used fails the call with the sentence that names the fault', async () => {
    const { connect } = await sourceWith(0)
    expect(() => connect({ signingKey: 'v1,abc' })).toThrow(/`v1,` prefix/)
    expect(() => connect({ signingKey: undefined })).toThrow(/`signingKey` or `sign`/)
  })

  test('a wrong key is refused once and not retried', async () => {
    const { connect } = await sourceWith(0)
    await expect(connect({ signingKey: 'sk_wrong' }).load('projects', 'p')).rejects.toMatchObject({
      code: 'source_signature_invalid',
      status: 401,
    })
  })
})
