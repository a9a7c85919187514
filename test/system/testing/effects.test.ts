import { expect, test } from 'vitest'
import type { ChangeEvent } from '../../../src/index.ts'
import { createRelay, type Sink } from '../../../src/relay/index.ts'
import { type AttachOptions, type TestSession, testSessions } from '../../../src/testing/index.ts'
import { ids, org, schema, sealedShop, serverUrl } from './shop.ts'

const sessionKey = 'a key that the tests and the application share'
const base = sealedShop({ sessionKey })

const pay = (session: TestSession<typeof schema>, id: string) =>
  session.client.commit(
    {
      idempotencyKey: `pay:${id}`,
      operations: [{ type: 'UPDATE', model: 'orders', id, input: { state: 'paid' } }],
    },
    { scope: org },
  )

const entities = (events: readonly ChangeEvent[]) => events.map(({ entityId }) => entityId)

test('pushes are sent, written down, or answered by a mock; nothing of the base is among them', async () => {
  const sent: ChangeEvent[][] = []
  const send = async (events: readonly ChangeEvent[]) => void sent.push([...events])
  const attach = (options: AttachOptions<typeof schema>) => base.attach({ send, ...options })

  await using log = await attach({})
  expect(log.effects.policy).toBe('log')
  expect(await log.effects.deliver()).toEqual([])
  await pay(log, 'o1')
  await pay(log, 'o2')
  expect(entities(await log.effects.deliver())).toEqual(['o1', 'o2'])
  await pay(log, 'o3')
  expect(entities(await log.effects.deliver())).toEqual(['o3'])
  const captured = await log.effects.captured()
  expect(captured.map(({ events }) => entities(events))).toEqual([['o1', 'o2'], ['o3']])
  expect(captured[0]).toMatchObject({ answer: null, error: null, at: expect.stringMatching(/^\d{4}-.*Z$/) })
  expect(captured[0]?.events[0]).toMatchObject({
    type: 'UPDATE',
    data: { state: 'paid' },
    changed: ['state'],
  })
  expect(sent).toEqual([])

  let refuse = true
  await using mock = await attach({
    effects: 'mock',
    mock: async (events) => {
      if (refuse) throw new Error('the receiver is closed')
      return { received: events.length }
    },
  })
  await pay(mock, 'o1')
  await expect(mock.effects.deliver()).rejects.toThrow('the receiver is closed')
  refuse = false
  // what was refused is pushed again
  expect(entities(await mock.effects.deliver())).toEqual(['o1'])
  expect(await mock.effects.captured()).toMatchObject([
    { answer: null, error: 'the receiver is closed' },
    { answer: { received: 1 }, error: null },
  ])
  expect(sent).toEqual([])

  await using real = await attach({ effects: 'real' })
  await pay(real, 'o2')
  await real.effects.deliver()
  expect(sent.map(entities)).toEqual([['o2']])
  expect(await real.effects.captured()).toEqual([])
})

test('the test reads what the application pushed in its session', async () => {
  await using app = testSessions({ schema, enabled: true, connection: serverUrl(18), sessionKey })
  await using session = await base.attach()
  const { effects, adapter } = await app.of(session.headers)
  const page = JSON.parse(
    await adapter.events({ tenant: null, scope: {}, requestId: 'r', cursor: undefined, limit: 2 }),
  )
  const sink = effects.sink(async () => expect.fail('nothing is sent'))
  await sink(page.events)
  const [push] = await session.effects.captured()
  expect(ids(push?.events ?? [])).toEqual(['seed:o1:0@org_1', 'seed:o2:0@org_1'])
})

test('a relay on a session pushes through the policy of the session', async () => {
  await using session = await base.attach()
  const sink: Sink = async () => expect.fail('nothing is sent')
  const relay = (from: 'now' | 'beginning') =>
    createRelay({ adapter: session.source, name: from, from, sink: session.effects.around(sink) })
  await relay('now').run({ once: true })
  await pay(session, 'o1')
  await relay('now').run({ once: true })
  expect((await session.effects.captured()).map(({ events }) => entities(events))).toEqual([['o1']])

  await using app = testSessions({ schema, enabled: true, connection: serverUrl(18), sessionKey })
  const { effects, source } = await app.of(session.headers)
  await createRelay({ adapter: source, name: 'of-the-app', sink: effects.around(sink) }).run({ once: true })
  const [, all] = await session.effects.captured()
  expect(entities(all?.events ?? [])).toEqual(['o1', 'o2', 'o3', 'o1'])
})

test('a policy that lacks its function is refused before anything is copied', async () => {
  for (const effects of ['real', 'mock', 'all'] as const) {
    await expect(base.attach({ effects: effects as 'real' })).rejects.toThrow(TypeError)
  }
})
