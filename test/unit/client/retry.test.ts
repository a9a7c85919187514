import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createClient } from '../../../src/client/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'
import { serve } from '../../support/mount.ts'
import { org, schema, signingKey } from '../../support/source.ts'

interface Received {
  id: string
  timestamp: string
  signature: string
  body: unknown
}

type Step = (response: ServerResponse, request: IncomingMessage) => void

const busy: Step = (response) => {
  response.writeHead(503, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: 'source_busy', message: 'Busy.', retryable: true, requestId: 'r1' }))
}
const ok: Step = (response) => response.end('{"rows":[{"id":"t1"}],"stamps":[7]}')

/** A server that answers each request by the next step, and keeps what it got. */
async function scripted(steps: Step[]) {
  const received: Received[] = []
  const mounted = await serve(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const header = (name: string) => String(request.headers[name])
    received.push({
      id: header('webhook-id'),
      timestamp: header('webhook-timestamp'),
      signature: header('webhook-signature'),
      body: JSON.parse(Buffer.concat(chunks).toString('utf8')),
    })
    const step = steps[received.length - 1] ?? ok
    step(response, request)
  })
  return { ...mounted, received }
}

const commit = { idempotencyKey: 'k1', operations: [{ type: 'DELETE', model: 'tasks', id: 't1' }] } as const

test('a commit is sent again with the same key and the same bytes until it is answered', async () => {
  const { url, close, received } = await scripted([busy, (response) => response.destroy(), busy])
  const source = createClient({ url, signingKey: signingKey, scope: org })
  expect(await source.commit(commit)).toEqual({
    rows: [{ id: 't1' }],
    stamps: [7],
    replayed: false,
  })
  expect(received).toHaveLength(4)
  expect(new Set(received.map(({ body }) => JSON.stringify(body))).size).toBe(1)
  expect(received[0]?.body).toMatchObject({
    type: 'commit',
    correlationId: 'k1',
    clientTxId: 'k1',
    scope: org,
  })
  expect(new Set(received.map(({ id }) => id)).size).toBe(1)
  await close()
})

test('each attempt is signed anew: a retry is not refused for the age of the first', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  const busyForLong: Step = (response, request) => {
    vi.setSystemTime(1_800_000_400_000)
    busy(response, request)
  }
  const { url, close, received } = await scripted([busyForLong])
  await createClient({ url, signingKey: signingKey }).commit(commit)
  vi.useRealTimers()
  expect(received.map(({ timestamp }) => timestamp)).toEqual(['1800000000', '1800000400'])
  expect(received[0]?.signature).not.toBe(received[1]?.signature)
  await close()
})

test('an answer lost on its way is found by the retry: one change, and the same answer', async () => {
  const adapter = memoryAdapter(schema)
  const endpoint = toNode(createEndpoint({ signingKey, adapter }))
  let lost = 0
  const { url, close } = await serve((request, response) => {
    if (lost++ === 0) {
      // The commit happens; its answer does not arrive.
      response.end = () => response.destroy() as never
    }
    endpoint(request, response)
  })
  const source = createClient({ url, signingKey: signingKey, scope: org })
  const operations = [{ type: 'CREATE', model: 'tasks', id: 't1', input: { title: 'Paint' } }] as const
  const answer = await source.commit({ idempotencyKey: 'k1', operations })
  expect(answer).toMatchObject({ replayed: true, rows: [{ title: 'Paint' }] })
  expect(await adapter.inspect().log()).toHaveLength(1)
  await close()
})

describe('what is not sent again', () => {
  test.each([
    [
      'a refusal',
      409,
      { error: 'stale_context', message: 'Stale.', retryable: false, requestId: 'r' },
      'stale_context',
    ],
    ['a code of a customer', 422, { error: 'closed', message: 'Closed.', retryable: false }, 'closed'],
    ['a page of a proxy', 404, '<html>', 'unexpected_answer'],
    ['a success that is no JSON', 200, '<html>', 'unexpected_answer'],
  ])('%s', async (_, status, body, code) => {
    const answer: Step = (response) => {
      response.writeHead(status)
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const { url, close, received } = await scripted([answer, answer])
    await expect(createClient({ url, signingKey: signingKey }).commit(commit)).rejects.toMatchObject({
      code,
      status,
      retryable: false,
    })
    expect(received).toHaveLength(1)
    await close()
  })

  test('a redirect: the signed body goes nowhere that nobody configured', async () => {
    const elsewhere = await scripted([])
    const { url, close, received } = await scripted([
      (response) => {
        response.writeHead(307, { location: elsewhere.url })
        response.end()
      },
    ])
    const error = createClient({ url, signingKey: signingKey }).commit(commit)
    await expect(error).rejects.toMatchObject({
      code: 'unexpected_answer',
      message: expect.stringContaining(elsewhere.url),
    })
    expect([received.length, elsewhere.received.length]).toEqual([1, 0])
    await close()
    await elsewhere.close()
  })
})

test.each([429, 502, 503, 504])('status %i of a proxy is tried again', async (status) => {
  const { url, close, received } = await scripted([
    (response) => {
      response.writeHead(status)
      response.end('<html>')
    },
  ])
  await createClient({ url, signingKey: signingKey }).commit(commit)
  expect(received).toHaveLength(2)
  await close()
})

test('attempts are bounded, and the last failure is what is thrown', async () => {
  const { url, close, received } = await scripted([busy, busy, busy, busy])
  const source = createClient({ url, signingKey: signingKey, retries: 2 })
  await expect(source.commit(commit)).rejects.toMatchObject({
    code: 'source_busy',
    retryable: true,
    requestId: 'r1',
  })
  expect(received).toHaveLength(3)
  await close()
})

test('Retry-After is waited for, and one that asks for too long ends the attempts', async () => {
  const after =
    (value: string): Step =>
    (response, request) => {
      response.setHeader('retry-after', value)
      busy(response, request)
    }
  const { url, close, received } = await scripted([after('1'), ok, after('31')])
  const source = createClient({ url, signingKey: signingKey })
  const timers = vi.spyOn(globalThis, 'setTimeout')
  await source.commit(commit)
  expect(timers.mock.calls.map(([, ms]) => ms)).toContain(1000)
  timers.mockRestore()
  expect(received).toHaveLength(2)
  await expect(source.commit(commit)).rejects.toMatchObject({ code: 'source_busy', retryAfterMs: 31_000 })
  expect(received).toHaveLength(3)
  await close()
})

test('an attempt that takes too long is a timeout, and retryable', async () => {
  const { url, close } = await scripted(Array.from({ length: 2 }, (): Step => () => {}))
  let attempts = 0
  const counted = (input: string, init: RequestInit) => {
    attempts++
    return fetch(input, init)
  }
  const source = createClient({ url, signingKey: signingKey, timeoutMs: 40, retries: 1, fetch: counted })
  await expect(source.commit(commit)).rejects.toMatchObject({
    code: 'timeout',
    status: undefined,
    retryable: true,
  })
  expect(attempts).toBe(2)
  await close()
})

test('a source that nobody serves is a network error, and retryable', async () => {
  const { url, close } = await scripted([])
  await close()
  const source = createClient({ url, signingKey: signingKey, retries: 0 })
  await expect(source.load('tasks', 't1')).rejects.toMatchObject({
    code: 'network_error',
    retryable: true,
    message: expect.stringContaining(`${new URL(url).host}/source could not be reached (ECONNREFUSED`),
    cause: { name: 'TypeError', cause: { code: 'ECONNREFUSED' } },
  })
})

test('a signal ends the retries of a follower at once', async () => {
  const { url, close, received } = await scripted(Array.from({ length: 50 }, () => busy))
  const stop = new AbortController()
  const source = createClient({ url, signingKey: signingKey, retries: 50 })
  const walk = source.events({ follow: true }, { signal: stop.signal })[Symbol.asyncIterator]().next()
  await vi.waitUntil(() => received.length >= 2)
  stop.abort()
  expect(await walk).toEqual({ done: true, value: undefined })
  await close()
})

test("a fetch of one's own is what is called", async () => {
  const calls: string[] = []
  const own = async (url: string, init: RequestInit) => {
    calls.push(`${init.method} ${url}`)
    return new Response('{"row":null,"stamp":0}')
  }
  const source = createClient({
    url: 'https://example.com/source',
    signingKey: signingKey,
    fetch: own,
    headers: { 'x-tenant': 'a' },
  })
  expect(await source.load('tasks', 't1')).toEqual({ row: null, stamp: 0 })
  expect(calls).toEqual(['POST https://example.com/source'])
})
