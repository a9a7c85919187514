import { expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { CommitRequest } from '../../../src/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { ask, org, schema, signedRequest, signingKey } from '../../support/source.ts'

function make() {
  const memory = memoryAdapter(schema, {
    rows: { tasks: [{ id: 't1', title: 'Paint', organizationId: 'org_1' }] },
  })
  const requests: CommitRequest[] = []
  const adapter = {
    ...memory,
    commit: (request: CommitRequest) => {
      requests.push(request)
      return memory.commit(request)
    },
  }
  return { memory, requests, endpoint: createEndpoint({ signingKey, adapter }) }
}

const commit = (operations: object[], more: object = { correlationId: 'k1' }) => ({
  type: 'commit',
  operations,
  scope: org,
  ...more,
})
const update = { type: 'UPDATE', model: 'tasks', id: 't1', input: { title: 'Oil' } }

test('a replay gives back the same bytes, and says in a header that it is one', async () => {
  const { endpoint, memory } = make()
  const send = async () => endpoint.fetch(await signedRequest(commit([update])))
  const [first, second] = [await send(), await send()]
  expect(await second.text()).toBe(await first.text())
  expect(first.headers.get('idempotent-replayed')).toBeNull()
  expect(second.headers.get('idempotent-replayed')).toBe('true')
  expect(await memory.inspect().log()).toHaveLength(1)
})

test('an id and defaults made in this process are no part of the intent: a retry replays', async () => {
  const { endpoint, memory } = make()
  const create = commit([{ type: 'CREATE', model: 'tasks', input: { title: 'New' } }])
  const first = await ask(endpoint, create)
  const second = await ask(endpoint, create)
  expect(first.status).toBe(200)
  expect(first.body.rows[0]).toMatchObject({
    title: 'New',
    status: 'todo',
    id: expect.stringMatching(/^task_/),
  })
  expect(second.body).toEqual(first.body)
  expect(await memory.inspect().rows('tasks')).toHaveLength(2)
})

test('one key for two intents is a conflict, also where only the caller says so', async () => {
  const { endpoint } = make()
  expect((await ask(endpoint, commit([update], { correlationId: 'k1', intentHash: 'a' }))).status).toBe(200)
  const other = await ask(
    endpoint,
    commit([{ ...update, input: { title: 'Wax' } }], { correlationId: 'k1', intentHash: 'a' }),
  )
  expect([other.status, other.body.error]).toEqual([409, 'idempotency_conflict'])
  const said = await ask(endpoint, commit([update], { correlationId: 'k1', intentHash: 'b' }))
  expect([said.status, said.body.error]).toEqual([409, 'idempotency_conflict'])
})

test('both names of the key are taken, and must agree', async () => {
  const { endpoint, requests } = make()
  await ask(endpoint, commit([update], { clientTxId: 'old name' }))
  await ask(endpoint, commit([update], { clientTxId: 'both', correlationId: 'both' }))
  expect(requests.map(({ idempotencyKey: key }) => key)).toEqual(['old name', 'both'])
  const { status, body } = await ask(endpoint, commit([update], { clientTxId: 'a', correlationId: 'b' }))
  expect([status, body.error]).toEqual([400, 'source_commit_invalid'])
})

test('the request shape of the reference is taken as it is', async () => {
  const { endpoint, requests } = make()
  const { status } = await ask(endpoint, {
    type: 'commit',
    clientTxId: 'tx_1',
    operations: [{ ...update, transactionId: 'op_1', readAt: 0, onStale: 'force' }],
    scope: {
      participantId: 'agent:triage',
      participantKind: 'agent',
      organizationId: 'org_1',
      requiredSyncGroups: ['org:org_1'],
      mode: 'live',
    },
  })
  expect(status).toBe(200)
  expect(requests[0]).toMatchObject({
    idempotencyKey: 'tx_1',
    tenant: 'org_1',
    scope: { participantId: 'agent:triage', participantKind: 'agent', requiredSyncGroups: ['org:org_1'] },
    operations: [
      { index: 0, type: 'UPDATE', id: 't1', readAt: 0, onStale: 'overwrite', transactionId: 'op_1' },
    ],
  })
})

test('the model may stand once for all operations', async () => {
  const { endpoint } = make()
  const { model: _, ...bare } = update
  expect((await ask(endpoint, commit([bare], { correlationId: 'k', model: 'tasks' }))).status).toBe(200)
})

test('every fault of every operation is reported at once, each with its place, and nothing is written', async () => {
  const { endpoint, memory, requests } = make()
  const { status, body } = await ask(
    endpoint,
    commit([
      update,
      { ...update, input: { title: '', nope: 1, organizationId: 'org_2' } },
      { type: 'DELETE', model: 'countries', id: 'c1' },
    ]),
  )
  expect([status, body.error]).toEqual([400, 'source_commit_invalid'])
  expect(body.details.issues.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '/operations/1/input/title',
    '/operations/1/input/nope',
    '/operations/1/input/organizationId',
    '/operations/2/type',
  ])
  expect(requests).toEqual([])
  expect(await memory.inspect().log()).toEqual([])
})

test('the adapter says what it cannot echo', async () => {
  const { endpoint } = make()
  const { status, body } = await ask(
    endpoint,
    commit([update], { correlationId: 'k', echo: { kind: 'postgres-wal' } }),
  )
  expect([status, body.error]).toEqual([409, 'source_commit_echo_not_supported'])
})

test('of two writers who read the same state one is accepted and the other told what stands there', async () => {
  const { endpoint } = make()
  const { body: read } = await ask(endpoint, { type: 'load', model: 'tasks', id: 't1', scope: org })
  const write = (key: string, title: string) =>
    ask(endpoint, commit([{ ...update, input: { title }, readAt: read.stamp }], { correlationId: key }))
  const answers = await Promise.all([write('a', 'Oil'), write('b', 'Wax')])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
  const refused = answers.find(({ status }) => status === 409)
  expect(refused?.body).toMatchObject({
    error: 'stale_context',
    details: { operations: [{ id: 't1', current: { title: expect.stringMatching(/Oil|Wax/) } }] },
  })
})

test('the cursor of an events request is passed on, and a walk sees each event once', async () => {
  const { endpoint } = make()
  for (const title of ['a', 'b', 'c']) {
    await ask(endpoint, commit([{ ...update, input: { title } }], { correlationId: title }))
  }
  const titles: string[] = []
  let cursor: string | undefined
  for (let page = 0; page < 4; page++) {
    const { body } = await ask(endpoint, { type: 'events', limit: 2, cursor, scope: org })
    titles.push(...body.events.map((event: { data: { title: string } }) => event.data.title))
    cursor = body.nextCursor
  }
  expect(titles).toEqual(['a', 'b', 'c'])
})
