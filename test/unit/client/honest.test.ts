import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type Client,
  ClientError,
  type ClientOptions,
  createClient,
  ExactNumber,
} from '../../../src/client/index.ts'

/** A client whose requests are answered by a function, and what it sent. */
function scripted(
  answer: (sent: Record<string, unknown>, attempt: number) => Response | Promise<Response>,
  options: object = {},
): { client: Client; sent: Record<string, unknown>[]; texts: string[] } {
  const sent: Record<string, unknown>[] = []
  const texts: string[] = []
  const client = createClient({
    url: 'https://example.com/source',
    sign: async () => ({ 'webhook-id': 'msg_1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,x' }),
    fetch: async (_, init) => {
      texts.push(String(init.body))
      sent.push(JSON.parse(String(init.body)))
      return answer(sent.at(-1) as never, sent.length)
    },
    ...options,
  } as ClientOptions)
  return { client, sent, texts }
}

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status })
const committed = { rows: [{ id: 't1' }], stamps: [7] }
const update = (members: object) => ({
  idempotencyKey: 'k',
  operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', ...members }] as never,
})

describe('what JSON does not carry is refused before it is sent, by its place', () => {
  class Money {
    amount = 1
  }
  const circle: Record<string, unknown> = {}
  circle.self = circle
  const holes = [1, 2]
  holes[3] = 4
  const named = Object.assign([1], { extra: 2 })

  test.each<[string, object, string]>([
    ['readAt NaN', { readAt: Number.NaN }, '/operations/0/readAt'],
    ['readAt Infinity', { readAt: Number.POSITIVE_INFINITY }, '/operations/0/readAt'],
    ['readAt null', { readAt: null }, '/operations/0/readAt'],
    ['readAt undefined', { readAt: undefined }, '/operations/0/readAt'],
    ['readAt as a text', { readAt: '7' }, '/operations/0/readAt'],
    ['a negative readAt', { readAt: -1 }, '/operations/0/readAt'],
    ['a fraction as readAt', { readAt: 1.5 }, '/operations/0/readAt'],
    ['onStale null', { onStale: null }, '/operations/0/onStale'],
    ['onStale undefined', { onStale: undefined }, '/operations/0/onStale'],
    ['NaN', { input: { n: Number.NaN } }, '/operations/0/input/n'],
    ['-Infinity, deep', { input: { a: [{ b: -Infinity }] } }, '/operations/0/input/a/0/b'],
    ['negative zero', { input: { n: -0 } }, '/operations/0/input/n'],
    ['undefined', { input: { n: undefined } }, '/operations/0/input/n'],
    ['undefined in an array', { input: { n: [undefined] } }, '/operations/0/input/n/0'],
    ['a bigint', { input: { n: 5n } }, '/operations/0/input/n'],
    ['a Date', { input: { at: new Date(0) } }, '/operations/0/input/at'],
    ['a Map', { input: { at: new Map([[1, 2]]) } }, '/operations/0/input/at'],
    ['bytes', { input: { at: new Uint8Array(2) } }, '/operations/0/input/at'],
    ['an instance of a class', { input: { at: new Money() } }, '/operations/0/input/at'],
    ['a boxed number', { input: { at: Object(5) } }, '/operations/0/input/at'],
    ['an object with toJSON', { input: { at: { toJSON: () => 5 } } }, '/operations/0/input/at/toJSON'],
    ['a function', { input: { at: () => {} } }, '/operations/0/input/at'],
    ['a symbol', { input: { at: Symbol('x') } }, '/operations/0/input/at'],
    ['a member named by a symbol', { input: { at: { [Symbol('x')]: 1 } } }, '/operations/0/input/at'],
    ['an array with holes', { input: { at: holes } }, '/operations/0/input/at'],
    ['an array with a member of its own', { input: { at: named } }, '/operations/0/input/at'],
    ['a circle', { input: { at: circle } }, '/operations/0/input/at/self'],
    ['a lone surrogate', { input: { at: 'a\ud800' } }, '/operations/0/input/at'],
    ['a lone surrogate in a name', { input: { '\udc00': 1 } }, '/operations/0/input'],
    ['names with / and ~', { input: { 'a/b~c': Number.NaN } }, '/operations/0/input/a~1b~0c'],
    ['an inexact number of an answer', { input: { n: new ExactNumber('1e400') } }, '/operations/0/input/n'],
  ])('%s', async (_, members, pointer) => {
    const { client, sent } = scripted(() => json(committed))
    await expect(client.commit(update(members))).rejects.toMatchObject({
      code: 'invalid_request',
      retryable: false,
      status: undefined,
      details: { issues: [{ pointer, message: expect.any(String) }] },
    })
    expect(sent).toEqual([])
  })

  test('nesting that never ends', async () => {
    const { client, sent } = scripted(() => json(committed))
    let deep: unknown = 1
    for (let i = 0; i < 10_000; i++) deep = [deep]
    await expect(client.commit(update({ input: { deep } }))).rejects.toThrow(/64 levels/)
    expect(sent).toEqual([])
  })

  test('guards of a query, of a scope and of an idempotency key', async () => {
    const { client, sent } = scripted(() => json({ rows: [], stamps: [], stamp: 0 }))
    const refused = async (call: Promise<unknown>, pointer: string) =>
      expect(call).rejects.toMatchObject({ code: 'invalid_request', details: { issues: [{ pointer }] } })
    await refused(client.list('tasks', { where: undefined as never }), '/query/where')
    await refused(client.list('tasks', { where: [['a', '=', Number.NaN]] }), '/query/where/0/2')
    await refused(
      client.list('tasks', {}, { scope: { organizationId: undefined as never } }),
      '/scope/organizationId',
    )
    await refused(client.commit({ operations: [] } as never), '/idempotencyKey')
    expect(sent).toEqual([])
    await client.list('tasks', { cursor: undefined, limit: undefined })
    expect(sent).toHaveLength(1)
  })

  test('whatever else a caller sends arrives as it was', async () => {
    const { client, texts } = scripted(() => json(committed))
    const exact = (value: unknown): boolean =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).every(([name, member]) => name !== '__proto__' && exact(member))
        : !Object.is(value, -0)
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
        fc.pre(exact(value))
        await client.commit(update({ input: { value } }))
        expect(JSON.parse(texts.at(-1) as string).operations[0].input.value).toEqual(value)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a number that JavaScript does not hold is not rounded', () => {
  const row = (document: string) => new Response(`{"row":{"id":"t1","document":${document}},"stamp":7}`)

  test.each([
    ['9007199254740993', '9007199254740993'],
    ['-0.12345678901234567890', '-0.12345678901234567890'],
    ['1e400', '1e400'],
  ])('%s', async (literal, text) => {
    const { client } = scripted(() => row(`{"n":${literal},"s":"${literal}","ok":[1.50,1e2,-7]}`))
    const { row: found } = await client.load('tasks', 't1')
    const document = found?.document as { n: ExactNumber; s: string; ok: number[] }
    expect(document.n).toBeInstanceOf(ExactNumber)
    expect([document.n.text, document.s, document.ok]).toEqual([text, literal, [1.5, 100, -7]])
    expect(JSON.stringify(document)).toContain(`"n":${literal},`)
  })

  test('a text of a row cannot pass for one', async () => {
    const { client } = scripted(() =>
      row(`{"n":9007199254740993,"s":"\\u00001-2:5","t":"\\"9007199254740993"}`),
    )
    const { row: found } = await client.load('tasks', 't1')
    expect(found?.document).toMatchObject({ s: '\u00001-2:5', t: '"9007199254740993' })
  })
})

describe('an answer counts when it has the shape that was asked for', () => {
  const calls: Record<string, (client: Client) => Promise<unknown>> = {
    load: (client) => client.load('tasks', 't1'),
    list: (client) => client.list('tasks'),
    commit: (client) => client.commit(update({ input: {} })),
    events: async (client) => {
      for await (const _ of client.events());
    },
  }
  const event = { id: 'e', model: 'tasks', entityId: 't1', type: 'CREATE', data: {}, stamp: 1 }
  test.each<[string, unknown]>([
    ['load', { status: 'ok' }],
    ['load', { row: 'x', stamp: 1 }],
    ['load', { row: [], stamp: 1 }],
    ['load', { row: null }],
    ['load', { row: {}, stamp: -1 }],
    ['load', { row: {}, stamp: '1' }],
    ['list', { status: 'ok' }],
    ['list', { rows: [{}], stamps: [], stamp: 0 }],
    ['list', { rows: [null], stamps: [1], stamp: 0 }],
    ['list', { rows: [], stamps: [], stamp: 0, nextCursor: 5 }],
    ['commit', { status: 'ok' }],
    ['commit', { rows: [], stamps: [] }],
    ['commit', { rows: [null], stamps: [null] }],
    ['commit', { rows: [{}], stamps: ['1'] }],
    ['commit', { rows: [{}, {}], stamps: [1, 2] }],
    ['commit', { deltas: [] }],
    ['events', { status: 'ok' }],
    ['events', { events: [{}], nextCursor: 'c' }],
    ['events', { events: [{ ...event, entityId: 5 }], nextCursor: 'c' }],
    ['events', { events: [event] }],
    ['events', { events: [], nextCursor: 5 }],
  ])('%s: %j', async (type, body) => {
    const { client, sent } = scripted(() => json(body), { retries: 1 })
    const safe = type !== 'commit'
    await expect(calls[type]?.(client)).rejects.toMatchObject({
      code: 'unexpected_answer',
      status: 200,
      retryable: safe,
    })
    // what reads may be sent again; a commit may have been applied by something that knows no keys
    expect(sent).toHaveLength(safe ? 2 : 1)
  })

  test('null is the row of an operation that was held back, and of no other', async () => {
    const held = { rows: [null], stamps: [null], notifications: [{ index: 0 }] }
    const { client } = scripted(() => json(held))
    const answer = await client.commit(update({ input: {}, onStale: 'notify' }))
    expect(answer).toMatchObject(held)
  })

  test('an answer without end is not kept', async () => {
    const endless = () =>
      new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(65_536)) }))
    const { client, sent } = scripted(endless, { maxAnswerBytes: 100_000 })
    await expect(client.load('tasks', 't1')).rejects.toMatchObject({
      code: 'unexpected_answer',
      retryable: false,
    })
    expect(sent).toHaveLength(1)
  })

  test('something that is not a Response is said to be so, once', async () => {
    const { client, sent } = scripted(() => ({ ok: true }) as never)
    await expect(client.load('tasks', 't1')).rejects.toThrow('`fetch` gave something that is not a Response.')
    expect(sent).toHaveLength(1)
  })
})

describe('only what may succeed is sent again', () => {
  const failing = (error: unknown) =>
    scripted(
      () => {
        throw error
      },
      { retries: 1 },
    )

  test.each([
    ['a connection that was refused', { code: 'ECONNREFUSED' }, 2],
    ['a certificate that is not valid', { code: 'CERT_HAS_EXPIRED' }, 1],
    ['a port that fetch refuses', new Error('bad port'), 1],
  ])('%s', async (_, cause, attempts) => {
    const error = cause instanceof Error ? cause : Object.assign(new Error('failed'), cause)
    const { client, sent } = failing(new TypeError('fetch failed', { cause: error }))
    await expect(client.load('tasks', 't1')).rejects.toMatchObject({
      code: 'network_error',
      retryable: attempts === 2,
    })
    expect(sent).toHaveLength(attempts)
  })

  test('a fetch that ignores its signal is given up in time', async () => {
    const { client } = scripted(() => new Promise<Response>(() => {}), { timeoutMs: 20, retries: 0 })
    await expect(client.load('tasks', 't1')).rejects.toMatchObject({ code: 'timeout', retryable: true })
  })

  test('so is a signer that never answers', async () => {
    const sign = () => new Promise<never>(() => {})
    const { client, sent } = scripted(() => json(committed), { sign, timeoutMs: 20, retries: 0 })
    await expect(client.load('tasks', 't1')).rejects.toMatchObject({ code: 'timeout' })
    expect(sent).toEqual([])
  })

  test('a request that is too large is not sent', async () => {
    const { client, sent } = scripted(() => json(committed), { maxRequestBytes: 300 })
    await expect(client.commit(update({ input: { text: 'ä'.repeat(200) } }))).rejects.toMatchObject({
      code: 'request_too_large',
      retryable: false,
    })
    expect(sent).toEqual([])
  })
})

describe('no secret in any message or cause', () => {
  const secret = 'canary-5f2e'
  const everything = (error: unknown): string => {
    const { inspect } = process.getBuiltinModule('node:util')
    return `${inspect(error, { depth: 20, showHidden: true })} ${(error as Error).stack}`
  }

  test('of the URL, the headers or the key', async () => {
    const broken = new TypeError(`fetch https://me:${secret}@example.com/source?token=${secret} failed`, {
      cause: Object.assign(new Error(`header ${secret}-header`), { code: 'ECONNRESET', config: { secret } }),
    })
    const { client } = scripted(
      () => {
        throw broken
      },
      {
        url: `https://example.com/source?token=${secret}`,
        headers: { authorization: `${secret}-header` },
        retries: 0,
      },
    )
    const error = await client.load('tasks', 't1').catch((fault: unknown) => fault)
    expect(error).toBeInstanceOf(ClientError)
    expect((error as Error).message).toBe(
      'https://example.com/source could not be reached (ECONNRESET: header ***).',
    )
    expect(everything(error)).not.toContain(secret)
  })

  test('of an option that is refused', () => {
    const make = (options: object) => () =>
      createClient({ url: 'https://example.com', signingKey: 'sk_1', ...options } as ClientOptions)
    for (const options of [
      { url: `https://me:${secret}@example.com` },
      { headers: { authorization: `${secret}\nx` } },
      { signingKey: `whsec_${secret}!` },
      { timeout: secret },
    ]) {
      try {
        make(options)()
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
        expect(everything(error)).not.toContain(secret)
      }
    }
  })
})

test.each<[object, RegExp]>([
  [{ timeoutMs: 2 ** 31 }, /timeoutMs must be a whole number from 1 to 2147483647/],
  [{ timeoutMs: 0 }, /timeoutMs/],
  [{ timeoutMs: Number.NaN }, /timeoutMs/],
  [{ retries: 1.5 }, /retries must be a whole number from 0 to 100/],
  [{ retries: -1 }, /retries/],
  [{ maxRetryAfterMs: 2 ** 31 }, /maxRetryAfterMs/],
  [{ maxRequestBytes: 0 }, /maxRequestBytes/],
  [{ maxAnswerBytes: Number.POSITIVE_INFINITY }, /maxAnswerBytes/],
  [{ retires: 3 }, /unknown option "retires"; did you mean "retries"\?/],
  [{ key: 'sk_1' }, /it is called "signingKey"/],
  [{ url: '/source' }, /must be an absolute URL/],
  [{ url: 'ftp://example.com' }, /must begin with https: or http:/],
  [{ headers: { 'webhook-id': 'x' } }, /set by the client itself/],
  [{ sign: async () => ({}) }, /`signingKey` or `sign`, not both/],
  [{ fetch: 'x' }, /option "fetch" must be a function/],
])('an option that cannot work is refused at once: %j', (options, message) => {
  const all = { url: 'https://example.com', signingKey: 'sk_1', ...options }
  expect(() => createClient(all as never)).toThrow(message)
})

test('an unknown member of a call is refused with the nearest name', async () => {
  const { client, sent } = scripted(() => json(committed))
  await expect(client.list('tasks', { wher: [] } as never)).rejects.toThrow(/did you mean "where"/)
  await expect(client.load('tasks', 't1', { organizationId: 'org_1' } as never)).rejects.toThrow(
    /unknown member/,
  )
  await expect(client.commit({ ...update({}), idempotencykey: 'x' } as never)).rejects.toThrow(
    /idempotencyKey/,
  )
  expect(() => client.events({ folow: true } as never)).toThrow(/did you mean "follow"/)
  expect(() => client.batch({ maxOperation: 1 } as never)).toThrow(/did you mean "maxOperations"/)
  expect(sent).toEqual([])
})

describe('events', () => {
  const event = (stamp: number) => ({
    id: `e${stamp}`,
    model: 'tasks',
    entityId: `t${stamp}`,
    type: 'CREATE',
    data: {},
    stamp,
  })
  const pages: Record<string, object> = {
    start: { events: [event(1), event(2)], nextCursor: 'two' },
    two: { events: [], nextCursor: 'three' },
    three: { events: [], nextCursor: 'three' },
  }
  const feedOf = (query: object = {}, call: object = {}) => {
    const { client, sent } = scripted(({ cursor }) => json(pages[String(cursor ?? 'start')]))
    return { feed: client.events({ pollMs: 1, ...query }, call), sent }
  }

  test('the cursor of a page without events is kept, and told', async () => {
    const told: string[] = []
    const stop = new AbortController()
    const { feed, sent } = feedOf(
      { cursor: 'two', follow: true, onCursor: (cursor: string) => told.push(cursor) },
      { signal: stop.signal },
    )
    const walk = feed[Symbol.asyncIterator]().next()
    await vi.waitUntil(() => sent.length > 2)
    stop.abort()
    expect(await walk).toEqual({ done: true, value: undefined })
    expect([feed.cursor, told, sent[2]?.cursor]).toEqual(['three', ['three'], 'three'])
  })

  test('an event is acknowledged by asking for the next, and comes again when the loop was left', async () => {
    const told: string[] = []
    const { feed } = feedOf({ onCursor: (cursor: string) => told.push(cursor) })
    for await (const { id } of feed) if (id === 'e2') break
    expect([feed.cursor, told]).toEqual([undefined, []])
    const again: string[] = []
    for await (const { id } of feed) again.push(id)
    expect([again, feed.cursor, told]).toEqual([['e1', 'e2'], 'three', ['two', 'three']])
  })

  test('`acknowledge` does it before the loop is left', async () => {
    const { feed } = feedOf()
    for await (const { id } of feed) {
      if (id !== 'e2') continue
      feed.acknowledge()
      break
    }
    expect(feed.cursor).toBe('two')
  })

  test('an answer that leads back to its own cursor ends the walk', async () => {
    const { client } = scripted(() => json({ events: [event(1)], nextCursor: 'same' }))
    const walk = async () => {
      for await (const _ of client.events({ cursor: 'same' }));
    }
    await expect(walk()).rejects.toMatchObject({ code: 'unexpected_answer' })
  })
})
