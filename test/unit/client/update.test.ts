import { expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createClient, isPreconditionFailed, isStale } from '../../../src/client/index.ts'
import { createEndpoint, defineSchema, model, z } from '../../../src/index.ts'
import { org, signingKey } from '../../support/source.ts'

const schema = defineSchema({
  counters: model({
    fields: { count: z.int(), rest: z.string().optional() },
    mutable: true,
  }),
})

async function counting(options: object = {}) {
  const adapter = memoryAdapter(schema)
  const endpoint = createEndpoint({ signingKey, adapter })
  const bodies: { operations?: unknown[]; type: string }[] = []
  const client = createClient<typeof schema>({
    url: 'http://postern.test',
    signingKey,
    scope: org,
    retries: 0,
    fetch: (url, init) => {
      bodies.push(JSON.parse(String(init.body)))
      return endpoint.fetch(new Request(url, init))
    },
    ...options,
  })
  await client.commit({
    idempotencyKey: 'create',
    operations: ['a', 'b'].map(
      (id) => ({ type: 'CREATE', model: 'counters', id, input: { count: 0 } }) as const,
    ),
  })
  bodies.length = 0
  const commits = () => bodies.filter(({ type }) => type === 'commit')
  const countOf = async (id: string) => (await client.load('counters', id)).row?.count
  return { client, adapter, commits, countOf }
}

const increment = ({ count }: { count: number }) => ({ count: count + 1 })

test('updates at once lose nothing: who decided on an older state decides again', async () => {
  const { client, countOf } = await counting()
  const writers = Array.from({ length: 8 }, () => client.update('counters', 'a', increment, { attempts: 50 }))
  expect((await Promise.all(writers)).every(({ changed }) => changed)).toBe(true)
  expect(await countOf('a')).toBe(8)
})

test('the attempts are bounded, and the last refusal is what is thrown', async () => {
  const { client, commits, countOf } = await counting()
  let disturbed = 0
  const error = await client
    .update(
      'counters',
      'a',
      async (row) => {
        const input = { count: 100 + disturbed }
        await client.commit({
          idempotencyKey: `disturb:${++disturbed}`,
          operations: [{ type: 'UPDATE', model: 'counters', id: 'a', input }],
        })
        return increment(row)
      },
      { attempts: 3 },
    )
    .catch((fault: unknown) => fault)
  expect(isStale<typeof schema>(error) && error.details.operations[0]?.current).toMatchObject({ count: 102 })
  expect(isPreconditionFailed(error)).toBe(false)
  expect([disturbed, commits().length, await countOf('a')]).toEqual([3, 6, 102])
})

test('nothing to change is no commit; a row that is not there is said to be so', async () => {
  const { client, commits } = await counting()
  const same = await client.update('counters', 'a', () => null)
  expect(same).toMatchObject({ row: { count: 0 }, changed: false })
  await expect(client.update('counters', 'z', increment)).rejects.toMatchObject({
    code: 'entity_not_found',
    details: { model: 'counters', id: 'z' },
  })
  await expect(client.update('counters', 'a', increment, { attempts: 0 })).rejects.toThrow(/attempts/)
  expect(commits()).toEqual([])
})

test('an update that is run again under its key is not applied twice', async () => {
  const { client, countOf } = await counting()
  const nightly = { idempotencyKey: 'nightly:a' }
  await client.update('counters', 'a', increment, nightly)
  await expect(client.update('counters', 'a', increment, nightly)).rejects.toMatchObject({
    code: 'idempotency_conflict',
  })
  expect(await countOf('a')).toBe(1)
})

test('a walk through all rows tells its progress', async () => {
  const { client } = await counting()
  const told: unknown[] = []
  const rows: string[] = []
  const onProgress = ({ rows, pages, cursor }: { rows: number; pages: number; cursor: string | undefined }) =>
    told.push([rows, pages, cursor !== undefined])
  for await (const { row } of client.listAll('counters', { limit: 1 }, { onProgress })) rows.push(row.id)
  expect(rows).toEqual(['a', 'b'])
  expect(told).toEqual([
    [1, 1, true],
    [2, 2, false],
  ])
})

test('operations of many callers go in few commits, each with its own outcome', async () => {
  const { client, commits } = await counting()
  const batch = client.batch({ maxOperations: 10 })
  const outcomes = await Promise.all(
    Array.from({ length: 25 }, (_, index) =>
      batch.enqueue({ type: 'CREATE', model: 'counters', id: `n${index}`, input: { count: index } }),
    ),
  )
  expect(outcomes.map(({ row }) => row?.count)).toEqual(Array.from({ length: 25 }, (_, index) => index))
  expect(commits().map(({ operations }) => operations?.length)).toEqual([10, 10, 5])
  expect(batch.pending).toBe(0)
})

test('a refusal is that of its own operation, and the others of its commit are applied', async () => {
  const { client, countOf } = await counting()
  const batch = client.batch()
  const { stamp } = await client.load('counters', 'b')
  await client.update('counters', 'b', increment)
  const outcomes = await Promise.allSettled([
    batch.enqueue({ type: 'UPDATE', model: 'counters', id: 'a', input: { count: 5 } }),
    batch.enqueue({ type: 'UPDATE', model: 'counters', id: 'b', input: { count: 9 }, readAt: stamp }),
    batch.enqueue({ type: 'UPDATE', model: 'counters', id: 'a', input: { rest: 'x' } }),
    batch.enqueue({ type: 'UPDATE', model: 'counters', id: 'a', input: { count: Number.NaN } }),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
  expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'stale_context' })
  expect((outcomes[3] as PromiseRejectedResult).reason).toMatchObject({ code: 'invalid_request' })
  expect([await countOf('a'), await countOf('b')]).toEqual([5, 1])
})

test('operations of one row keep their order, however many commits are under way', async () => {
  let under = 0
  let most = 0
  const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(schema) })
  const { client, commits } = await counting({
    fetch: async (url: string, init: RequestInit) => {
      most = Math.max(most, ++under)
      await new Promise((done) => setTimeout(done, Math.random() * 4))
      try {
        return await endpoint.fetch(new Request(url, init))
      } finally {
        under--
      }
    },
  })
  const batch = client.batch({ maxOperations: 2, maxInFlight: 3, maxDelayMs: 0 })
  const writes = Array.from({ length: 40 }, (_, index) =>
    batch.enqueue({
      type: 'UPDATE',
      model: 'counters',
      id: index % 4 === 0 ? 'a' : 'b',
      input: { count: index },
    }),
  )
  await batch.flush()
  await Promise.all(writes)
  expect((await client.load('counters', 'a')).row?.count).toBe(36)
  expect((await client.load('counters', 'b')).row?.count).toBe(39)
  expect(most).toBeLessThanOrEqual(3)
  expect(commits()).toEqual([])
})

test('an operation alone has a commit and a key of its own, and goes at once', async () => {
  const { client, commits } = await counting()
  const batch = client.batch({ maxDelayMs: 60_000 })
  const waiting = batch.enqueue({ type: 'UPDATE', model: 'counters', id: 'b', input: { count: 1 } })
  const solo = await batch.enqueueSolo(
    { type: 'UPDATE', model: 'counters', id: 'a', input: { count: 1 } },
    { idempotencyKey: 'mine' },
  )
  expect(solo).toMatchObject({ row: { count: 1 }, idempotencyKey: 'mine' })
  await batch.flush()
  expect((await waiting).row).toMatchObject({ count: 1 })
  expect(commits().map(({ operations }) => operations?.length)).toEqual([1, 1])
})

test('after an unknown outcome nothing is sent again under another key', async () => {
  let lost = 0
  const { client, commits } = await counting()
  const broken = createClient<typeof schema>({
    url: 'http://postern.test',
    signingKey,
    retries: 0,
    fetch: async () => {
      lost++
      throw Object.assign(new TypeError('fetch failed'), { code: 'ECONNRESET' })
    },
  })
  const batch = broken.batch()
  const outcomes = await Promise.allSettled(
    ['a', 'b'].map((id) => batch.enqueue({ type: 'UPDATE', model: 'counters', id, input: { count: 1 } })),
  )
  expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.code)).toEqual([
    'network_error',
    'network_error',
  ])
  expect(lost).toBe(1)
  const full = client.batch({ maxQueued: 1, maxDelayMs: 60_000 })
  const first = full.enqueue({ type: 'UPDATE', model: 'counters', id: 'a', input: { count: 1 } })
  await expect(
    full.enqueue({ type: 'UPDATE', model: 'counters', id: 'b', input: { count: 1 } }),
  ).rejects.toMatchObject({ code: 'queue_full' })
  await full.flush()
  expect((await first).row).toMatchObject({ count: 1 })
  expect(commits()).toHaveLength(1)
})
