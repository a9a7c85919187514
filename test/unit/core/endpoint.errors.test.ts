import { describe, expect, test, vi } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { Adapter, EndpointOptions, RequestOutcome, Tracer } from '../../../src/index.ts'
import { createEndpoint, PosternError, Rejection } from '../../../src/index.ts'
import { ask, org, schema, signedRequest, signingKey } from '../../support/source.ts'

const memory = memoryAdapter(schema)
const load = { type: 'load', model: 'projects', id: 'p1' }
const commit = {
  type: 'commit',
  correlationId: 'k1',
  operations: [{ type: 'CREATE', model: 'projects', id: 'p7', input: { name: 'canary-value' } }],
  scope: org,
}

const failing = (error: unknown): Adapter => ({ ...memory, load: () => Promise.reject(error) })
const make = (options: Partial<EndpointOptions>) =>
  createEndpoint({ signingKey, adapter: memory, ...options })

/** Everything that an error of a database driver may carry and nobody outside may see. */
function driverError(): Error {
  const error = new Error('insert into users values (canary-sql) Failing row contains (canary-row)')
  return Object.assign(error, { code: '23514', detail: 'canary-detail', query: 'select canary-query' })
}

describe('what is thrown becomes an answer', () => {
  test('of an unknown error the caller learns that it happened, the hook learns all', async () => {
    const onError = vi.fn()
    const error = driverError()
    const { status, body } = await ask(make({ adapter: failing(error), onError }), load)
    expect(status).toBe(500)
    expect(body).toEqual({
      error: 'internal_error',
      message: 'Something unexpected went wrong.',
      retryable: true,
      requestId: expect.any(String),
    })
    expect(onError).toHaveBeenCalledExactlyOnceWith(
      error,
      expect.objectContaining({
        requestId: body.requestId,
        code: 'internal_error',
        type: 'load',
        models: ['projects'],
      }),
    )
  })

  test.each([['a text'], [undefined], [null], [{ status: 200 }], [Object.create(null)]])(
    'also when it is no Error (%o)',
    async (thrown) => {
      const { status, body } = await ask(make({ adapter: failing(thrown) }), load)
      expect([status, body.error]).toEqual([500, 'internal_error'])
    },
  )

  test('an adapter that throws instead of rejecting is answered too', async () => {
    const adapter = {
      ...memory,
      load: () => {
        throw driverError()
      },
    }
    expect((await ask(make({ adapter }), load)).status).toBe(500)
  })

  test('a PosternError carries its status, details and Retry-After; its cause stays here', async () => {
    const error = new PosternError('source_unavailable', undefined, { retryAfter: 2.5, cause: driverError() })
    const { status, headers, body } = await ask(make({ adapter: failing(error) }), load)
    expect(status).toBe(503)
    expect(headers.get('retry-after')).toBe('3')
    expect(body).toMatchObject({ error: 'source_unavailable', retryable: true })
    expect(JSON.stringify(body)).not.toContain('canary')
  })

  test('errors of another copy of this library count as what they say', async () => {
    class Copy extends Error {
      override name = 'PosternError'
      code = 'source_busy'
      status = 200
    }
    class Foreign extends Copy {
      override code = 'made_up'
    }
    expect((await ask(make({ adapter: failing(new Copy()) }), load)).status).toBe(503)
    expect((await ask(make({ adapter: failing(new Foreign()) }), load)).status).toBe(500)
  })

  test('details that JSON cannot carry are left out', async () => {
    const rejection = new Rejection('odd', 'Odd.', { details: { size: 1n } })
    const { status, body } = await ask(make({ adapter: failing(rejection) }), load)
    expect(status).toBe(422)
    expect(body).toEqual({ error: 'odd', message: 'Odd.', retryable: false, requestId: expect.any(String) })
  })

  test('an answer that is no text is a fault of the adapter', async () => {
    const adapter = { ...memory, load: async () => ({ row: null }) as never }
    const { status, body } = await ask(make({ adapter }), load)
    expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
  })
})

test('with Accept: application/problem+json the same members come as RFC 9457', async () => {
  const { status, headers, body } = await ask(
    make({}),
    { ...load, model: 'users' },
    { headers: { accept: 'application/problem+json' } },
  )
  expect(status).toBe(404)
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(body).toEqual({
    type: 'urn:postern:error:source_model_not_configured',
    title: 'The model is not part of this endpoint.',
    status: 404,
    detail: 'The model is not part of this endpoint.',
    error: 'source_model_not_configured',
    message: 'The model is not part of this endpoint.',
    retryable: false,
    requestId: expect.any(String),
    details: { pointer: '/model' },
  })
})

test('more requests than may be under way are told to come back, and the places come free again', async () => {
  let finish: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const adapter = { ...memory, load: () => held.then(() => '{"row":null,"stamp":0}') }
  const endpoint = make({ adapter, limits: { inFlight: 2, queueMs: 50 } })
  const waiting = [ask(endpoint, load), ask(endpoint, load)]
  await vi.waitUntil(() => endpoint.metrics().inFlight === 2)
  const refused = await ask(endpoint, load)
  expect([refused.status, refused.body.error]).toEqual([503, 'source_busy'])
  expect(refused.headers.get('retry-after')).toBe('1')
  const unsigned = await endpoint.fetch(new Request('https://example.com/', { method: 'POST', body: '{}' }))
  expect(unsigned.status).toBe(401)
  finish()
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200])
  expect((await ask(endpoint, load)).status).toBe(200)
  expect(endpoint.metrics().inFlight).toBe(0)
})

describe('hooks', () => {
  test('onCommit tells of commits and replays, onReject of refusals, onError of faults', async () => {
    const seen: [string, RequestOutcome][] = []
    const endpoint = make({
      adapter: { ...memoryAdapter(schema), load: () => Promise.reject(driverError()) },
      onCommit: (outcome) => seen.push(['commit', outcome]),
      onReject: (outcome, error) => seen.push([error.code, outcome]),
      onError: (_, outcome) => seen.push(['error', outcome]),
    })
    await ask(endpoint, commit)
    await ask(endpoint, commit)
    await ask(endpoint, { ...commit, operations: [] })
    await ask(endpoint, load)
    await endpoint.fetch(new Request('https://example.com/', { method: 'POST' }))
    expect(seen).toMatchObject([
      [
        'commit',
        {
          key: 'k1',
          operations: 1,
          replayed: false,
          models: ['projects'],
          organizationId: 'org_1',
          status: 200,
        },
      ],
      ['commit', { key: 'k1', operations: 1, replayed: true }],
      ['source_commit_invalid', { type: 'commit', status: 400, organizationId: 'org_1' }],
      ['error', { type: 'load', status: 500, code: 'internal_error' }],
      ['source_id_missing', { type: undefined, status: 401, models: [] }],
    ])
  })

  test('a source that is busy has refused, one that cannot be reached has failed', async () => {
    const [onReject, onError] = [vi.fn(), vi.fn()]
    for (const code of ['source_busy', 'source_unavailable'] as const) {
      await ask(make({ adapter: failing(new PosternError(code)), onReject, onError }), load)
    }
    expect(onReject.mock.calls.map(([outcome]) => outcome.code)).toEqual(['source_busy'])
    expect(onError.mock.calls.map(([, outcome]) => outcome.code)).toEqual(['source_unavailable'])
  })

  test('a hook or logger that throws or rejects changes no answer', async () => {
    const bad = () => {
      throw new Error('hook')
    }
    const logger = { info: bad, warn: bad, error: bad }
    for (const hook of [bad, async () => bad()]) {
      const endpoint = make({
        onCommit: hook,
        onReject: hook,
        onError: hook,
        logger,
        adapter: memoryAdapter(schema),
      })
      expect((await ask(endpoint, commit)).status).toBe(200)
      expect((await ask(endpoint, { type: 'nothing' })).status).toBe(400)
    }
    const endpoint = make({ onError: bad, logger, adapter: failing(driverError()) })
    expect((await ask(endpoint, load)).status).toBe(500)
  })

  test('a logger or hook that rejects ends no process: neither at an unsigned request nor at any other', async () => {
    const escaped: unknown[] = []
    const note = (reason: unknown) => void escaped.push(reason)
    process.on('unhandledRejection', note)
    try {
      const bad = async () => {
        throw new Error('the log is down')
      }
      const logger = { info: bad, warn: bad, error: bad }
      const endpoint = make({
        logger,
        onReject: bad,
        onError: bad,
        onCommit: bad,
        adapter: memoryAdapter(schema),
      })
      const unsigned = await endpoint.fetch(
        new Request('http://localhost/source', { method: 'POST', body: '{}' }),
      )
      expect(unsigned.status).toBe(401)
      expect((await ask(endpoint, commit)).status).toBe(200)
      const failed = make({ logger, onError: bad, adapter: failing(driverError()) })
      expect((await ask(failed, load)).status).toBe(500)
      await new Promise((resolve) => setImmediate(resolve))
      expect(escaped).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })

  test('a resolveScopes or authorize that throws is an internal error and nothing more', async () => {
    const fault = () => {
      throw driverError()
    }
    for (const options of [{ resolveScopes: fault }, { authorize: fault }]) {
      const { status, body } = await ask(make(options), load)
      expect([status, body.error]).toEqual([500, 'internal_error'])
      expect(JSON.stringify(body)).not.toContain('canary')
    }
  })
})

describe('log, metrics and spans', () => {
  test('a line for each request, and in none of them a value, a secret or the text of an error', async () => {
    const lines: [string, object, string][] = []
    const line = (level: string) => (fields: object, message: string) =>
      void lines.push([level, fields, message])
    const logger = { info: line('info'), warn: line('warn'), error: line('error') }
    const endpoint = make({
      logger,
      adapter: { ...memoryAdapter(schema), load: () => Promise.reject(driverError()) },
    })
    await ask(endpoint, commit)
    await ask(endpoint, {
      ...commit,
      operations: [{ ...commit.operations[0], input: { name: 7, canary: 'canary' } }],
    })
    await ask(endpoint, { type: 'list', model: 'projects', query: { where: [['name', 'canary-value']] } })
    await ask(endpoint, load)
    await ask(endpoint, load, { key: 'sk_canary_key' })
    expect(lines.map(([level, , message]) => `${level} ${message}`)).toEqual([
      'info postern: commit',
      'warn postern: refused, source_commit_invalid',
      'info postern: list',
      'error postern: failed, internal_error',
      'warn postern: refused, source_signature_invalid',
    ])
    expect(JSON.stringify(lines)).not.toContain('canary')
    expect(JSON.stringify(lines)).not.toContain(signingKey)
  })

  test('a fault of the set-up is logged with the sentence that names the fix', async () => {
    const error = vi.fn()
    const endpoint = make({ logger: { info: vi.fn(), warn: vi.fn(), error } })
    const request = await signedRequest(load)
    await request.text()
    await endpoint.fetch(request)
    expect(error.mock.calls[0]?.[0]).toMatchObject({
      reason: expect.stringContaining('Hand over the request unread'),
    })
  })

  test('metrics count requests, answers, operations, replays and errors', async () => {
    const endpoint = make({ adapter: memoryAdapter(schema) })
    await ask(endpoint, commit)
    await ask(endpoint, commit)
    await ask(endpoint, load)
    await ask(endpoint, { type: 'nothing' })
    expect(endpoint.metrics()).toMatchObject({
      requests: 4,
      inFlight: 0,
      operations: 1,
      replays: 1,
      answered: { commit: { count: 2, totalMs: expect.any(Number) }, load: { count: 1 }, list: { count: 0 } },
      errors: { unknown_source_request: 1 },
    })
  })

  test('a tracer gets one span around the work, with its outcome', async () => {
    const spans: { name: string; attributes: Record<string, unknown>; status?: number; ended: boolean }[] = []
    const tracer: Tracer = {
      startActiveSpan(name, work) {
        const span = {
          name,
          attributes: {} as Record<string, unknown>,
          ended: false,
        } as (typeof spans)[number]
        spans.push(span)
        return work({
          setAttribute: (key, value) => (span.attributes[key] = value),
          setStatus: ({ code }) => (span.status = code),
          end: () => (span.ended = true),
        })
      },
    }
    const endpoint = make({
      tracer,
      adapter: { ...memoryAdapter(schema), load: () => Promise.reject(driverError()) },
    })
    await ask(endpoint, commit)
    await ask(endpoint, load)
    await endpoint.fetch(new Request('https://example.com/', { method: 'POST' }))
    expect(spans).toMatchObject([
      {
        name: 'postern.commit',
        attributes: { 'postern.outcome': 'ok', 'postern.operations': 1, 'postern.replayed': false },
        ended: true,
      },
      {
        name: 'postern.load',
        attributes: {
          'postern.outcome': 'failed',
          'postern.models': 'projects',
          'error.type': 'internal_error',
        },
        status: 2,
        ended: true,
      },
    ])
    expect(spans).toHaveLength(2)
    expect(JSON.stringify(spans)).not.toContain('canary')
  })
})
