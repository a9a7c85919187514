import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { Adapter, EndpointOptions } from '../../../src/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { ask, org, schema, signed, signedRequest, signingKey } from '../../support/source.ts'

const load = { type: 'load', model: 'projects', id: 'p1' }

/** An endpoint whose every step past the signature leaves a mark. */
function watched(options: Partial<EndpointOptions> = {}) {
  const steps: string[] = []
  const memory = memoryAdapter(schema)
  const step =
    <A, R>(name: string, run: (argument: A) => R) =>
    (argument: A): R => {
      steps.push(name)
      return run(argument)
    }
  const adapter: Adapter = {
    schema,
    load: step('load', memory.load),
    list: step('list', memory.list),
    commit: step('commit', memory.commit),
    events: step('events', memory.events),
  }
  const endpoint = createEndpoint({
    signingKey,
    adapter,
    resolveScopes: step('resolveScopes', ({ scope }) => scope),
    authorize: step('authorize', () => true),
    ...options,
  })
  return { endpoint, steps }
}

async function codeOf(answer: Promise<Response>): Promise<[number, string]> {
  const response = await answer
  return [response.status, ((await response.json()) as { error: string }).error]
}

/** A body that tells how much of it was asked for. */
function countedBody(chunks: number, chunk = new Uint8Array(1024)) {
  let pulled = 0
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (pulled++ < chunks) controller.enqueue(chunk)
        else controller.close()
      },
      cancel() {
        cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, pulled: () => pulled, cancelled: () => cancelled }
}

const streamed = (stream: ReadableStream, headers: Record<string, string>) =>
  new Request('https://example.com/source', {
    method: 'POST',
    headers,
    body: stream,
    duplex: 'half',
  } as RequestInit)

test('a request that holds goes through scopes, authorize and adapter, in this order', async () => {
  const { endpoint, steps } = watched()
  const { status, body, headers } = await ask(endpoint, load)
  expect({ status, body }).toEqual({ status: 200, body: { row: null, stamp: 0 } })
  expect(headers.get('content-type')).toBe('application/json')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(steps).toEqual(['resolveScopes', 'authorize', 'load'])
})

test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
  '%s is answered 405 with Allow',
  async (method) => {
    const { endpoint, steps } = watched()
    const response = await endpoint.fetch(new Request('https://example.com/source', { method }))
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
    expect(steps).toEqual([])
  },
)

describe('before the signature holds', () => {
  test('each fault is answered by its place in the order, whatever else is wrong', async () => {
    const { endpoint, steps } = watched({ limits: { bodyBytes: 100 } })
    const body = new Uint8Array(101)
    const { headers } = await signed(load)
    const { 'webhook-id': _id, ...withoutId } = headers
    const post = (init: object) =>
      codeOf(endpoint.fetch(new Request('https://example.com/', { method: 'POST', body, ...init })))
    const put = codeOf(
      endpoint.fetch(
        new Request('https://example.com/', { method: 'PUT', body, headers: { 'content-encoding': 'gzip' } }),
      ),
    )
    expect(await put).toEqual([405, 'method_not_allowed'])
    expect(await post({ headers: { ...withoutId, 'content-encoding': 'gzip' } })).toEqual([
      415,
      'unsupported_encoding',
    ])
    expect(await post({ headers: withoutId })).toEqual([401, 'source_id_missing'])
    expect(await post({ headers: { ...headers, 'webhook-timestamp': '1e9' } })).toEqual([
      401,
      'source_timestamp_invalid',
    ])
    expect(await post({ headers })).toEqual([413, 'request_too_large'])
    expect(await post({ headers, body: new Uint8Array(99) })).toEqual([401, 'source_signature_invalid'])
    expect(steps).toEqual([])
  })

  test('a body is not touched when the headers are no envelope', async () => {
    const { endpoint } = watched()
    const { stream, pulled } = countedBody(10)
    expect(await codeOf(endpoint.fetch(streamed(stream, {})))).toEqual([401, 'source_id_missing'])
    expect(pulled()).toBe(0)
  })

  test('a body that announces too much is not touched', async () => {
    const { endpoint } = watched({ limits: { bodyBytes: 2048 } })
    const { headers } = await signed(load)
    const { stream, pulled } = countedBody(10)
    const request = streamed(stream, { ...headers, 'content-length': '2049' })
    expect(await codeOf(endpoint.fetch(request))).toEqual([413, 'request_too_large'])
    expect(pulled()).toBe(0)
  })

  test('a body that announces nothing is read up to the limit and no further', async () => {
    const { endpoint } = watched({ limits: { bodyBytes: 2048 } })
    const { headers } = await signed(load)
    const { stream, pulled, cancelled } = countedBody(1_000)
    expect(await codeOf(endpoint.fetch(streamed(stream, headers)))).toEqual([413, 'request_too_large'])
    expect(pulled()).toBe(3)
    expect(cancelled()).toBe(true)
  })

  test('a body of exactly the limit is read, in however many pieces it comes', async () => {
    const { headers, body } = await signed(load)
    const { endpoint } = watched({ limits: { bodyBytes: body.byteLength } })
    const pieces = [...body].map((byte) => Uint8Array.of(byte))
    const stream = ReadableStream.from(pieces) as ReadableStream
    const response = await endpoint.fetch(streamed(stream, headers))
    expect(response.status).toBe(200)
  })

  test('a body that does not come is given up', async () => {
    const { endpoint } = watched({ limits: { bodyTimeoutMs: 20 } })
    const { headers } = await signed(load)
    const response = await endpoint.fetch(streamed(new ReadableStream(), headers))
    expect(response.status).toBe(408)
    expect(await response.json()).toMatchObject({ error: 'request_timeout', retryable: true })
  })

  test('a source that never answers its cancellation does not hold the answer back', async () => {
    const { endpoint } = watched({ limits: { bodyTimeoutMs: 20 } })
    const { headers } = await signed(load)
    const stream = new ReadableStream({ cancel: () => new Promise(() => {}) })
    expect(await codeOf(endpoint.fetch(streamed(stream, headers)))).toEqual([408, 'request_timeout'])
  })

  test('fewer bytes than announced are named as such, and so is a broken connection', async () => {
    const { endpoint } = watched()
    const { headers, body } = await signed(load)
    const short = new Request('https://example.com/source', {
      method: 'POST',
      headers: { ...headers, 'content-length': String(body.byteLength + 1) },
      body,
    })
    expect(await codeOf(endpoint.fetch(short))).toEqual([400, 'request_truncated'])
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('ECONNRESET')) })
    expect(await codeOf(endpoint.fetch(streamed(broken, headers)))).toEqual([400, 'request_truncated'])
  })

  test('a stream of texts does not slip through the limit', async () => {
    const { endpoint } = watched({ limits: { bodyBytes: 100 } })
    const { headers } = await signed(load)
    let pulled = 0
    const texts = new ReadableStream({ pull: (controller) => controller.enqueue(`${pulled++}`.repeat(50)) })
    expect(await codeOf(endpoint.fetch(streamed(texts, headers)))).toEqual([400, 'request_truncated'])
    expect(pulled).toBeLessThan(5)
  })

  test('a body that somebody read is a fault of the set-up, and the message names the fix', async () => {
    const { endpoint } = watched()
    const request = await signedRequest(load)
    await request.json()
    const response = await endpoint.fetch(request)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      error: 'request_body_consumed',
      message: expect.stringMatching(/request\.json\(\)/),
    })
    const locked = await signedRequest(load)
    locked.body?.getReader()
    expect(await codeOf(endpoint.fetch(locked))).toEqual([500, 'request_body_consumed'])
  })

  test.each([
    ['another body', { body: '{"type":"load","model":"projects","id":"p2"}' }],
    ['another id', { headers: { 'webhook-id': 'msg_2' } }],
    ['another time', { headers: { 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 100) } }],
  ])(
    'a signature of %s is refused and nothing runs',
    async (_, change: { body?: string; headers?: object }) => {
      const { endpoint, steps } = watched()
      const { headers, body } = await signed(load)
      const request = new Request('https://example.com/source', {
        method: 'POST',
        headers: { ...headers, ...change.headers },
        body: change.body ?? body,
      })
      expect(await codeOf(endpoint.fetch(request))).toEqual([401, 'source_signature_invalid'])
      expect(steps).toEqual([])
    },
  )

  test('the tolerance of the timestamp is the one of the limits, both ends included', async () => {
    const at = 1_800_000_000_000
    const { endpoint } = watched({ limits: { toleranceSeconds: 10 }, now: () => at })
    const status = async (seconds: number) =>
      (await ask(endpoint, load, { now: () => at + seconds * 1000 })).status
    expect([await status(-11), await status(-10), await status(10), await status(11)]).toEqual([
      401, 200, 200, 401,
    ])
  })
})

describe('after the signature holds', () => {
  test('the signature covers bytes: what is no UTF-8 and what has a mark in front is refused as JSON', async () => {
    const { endpoint, steps } = watched()
    const text = new TextEncoder().encode(JSON.stringify(load))
    for (const bytes of [[0xef, 0xbb, 0xbf, ...text], [...text, 0xff], [0x7b]]) {
      const { status, body } = await ask(endpoint, Uint8Array.from(bytes))
      expect([status, body.error]).toEqual([400, 'invalid_json'])
    }
    expect(steps).toEqual([])
  })

  test.each([
    [{}, 400, 'unknown_source_request'],
    [{ type: 'drop' }, 400, 'unknown_source_request'],
    [{ type: 'load', model: 'projects' }, 400, 'unknown_source_request'],
    [{ type: 'load', model: 'users', id: 'u1' }, 404, 'source_model_not_configured'],
    [{ type: 'load', model: 'tasks', id: 't1' }, 403, 'source_forbidden'],
    [{ type: 'list', model: 'tasks', query: { limit: 0 }, scope: org }, 400, 'invalid_query'],
    [{ type: 'list', model: 'projects', query: { cursor: 'mine' } }, 400, 'cursor_invalid'],
    [{ type: 'commit', operations: [] }, 400, 'source_commit_requires_correlation_id'],
    [{ type: 'commit', correlationId: 'k', operations: [] }, 400, 'source_commit_invalid'],
    [{ type: 'events', limit: 1001, scope: org }, 400, 'invalid_query'],
  ])(
    '%j is answered %i %s without a call of the adapter',
    async (request: { type?: string }, status, code) => {
      const { endpoint, steps } = watched()
      const answer = await ask(endpoint, request)
      expect([answer.status, answer.body.error]).toEqual([status, code])
      expect(answer.body).toMatchObject({
        message: expect.any(String),
        retryable: false,
        requestId: expect.any(String),
      })
      expect(steps).not.toContain(request.type)
      expect(steps).not.toContain('authorize')
    },
  )

  const create = { type: 'CREATE', model: 'tasks', id: 't1', input: { title: 'Paint' } }
  const commit = { type: 'commit', correlationId: 'k', operations: [create], scope: org }
  test.each([
    [{ ...load, related: ['tasks'] }, 'unknown_source_request', '/related'],
    [{ type: 'list', model: 'tasks', filter: 1, scope: org }, 'unknown_source_request', '/filter'],
    [{ type: 'list', model: 'tasks', query: { wehre: [] }, scope: org }, 'invalid_query', '/query/wehre'],
    [{ ...commit, reeds: [] }, 'source_commit_invalid', '/reeds'],
    [{ ...commit, operations: [{ ...create, were: {} }] }, 'source_commit_invalid', '/operations/0/were'],
    [{ type: 'events', modles: ['tasks'], scope: org }, 'unknown_source_request', '/modles'],
  ])(
    'a member that nobody reads is refused by its name, never dropped: %j',
    async (request, code, pointer) => {
      const { endpoint, steps } = watched()
      const { status, body } = await ask(endpoint, request)
      expect([status, body.error]).toEqual([400, code])
      expect(body.details.issues).toContainEqual({ pointer, message: 'unknown member' })
      expect(steps).not.toContain('commit')
    },
  )

  test('other members of a scope are for authorize to judge', async () => {
    const seen: unknown[] = []
    const { endpoint } = watched({ authorize: ({ scope }) => seen.push(scope) })
    const scope = { ...org, seat: 'x', mode: 'production', participantKind: 'human' }
    expect((await ask(endpoint, { ...load, scope })).status).toBe(200)
    expect(seen).toEqual([{ ...org, seat: 'x', mode: 'live', participantKind: 'user' }])
  })
})
