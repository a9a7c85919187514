import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { signed, signedRequest } from '../../support/source.ts'
import { tracker, trackerTables } from '../../support/tracker.ts'
import { type Wire, wire } from '../../support/wire.ts'
import { commit, type OpenEndpoint, openEndpoint, openPool, org } from './endpoint.ts'

const load = { type: 'load', model: 'tasks', id: 't1', scope: org('org_1') }

describe('what reaches the database', () => {
  let open: OpenSource
  let line: Wire
  let pool: pg.Pool
  let endpoint: OpenEndpoint
  beforeAll(async () => {
    open = await openSource({ schema: tracker, tables: trackerTables })
    line = await wire(open.url)
    pool = openPool({ connectionString: line.url })
    endpoint = openEndpoint(pgAdapter(pool, tracker), {
      limits: { bodyBytes: 1000 },
      authorize: ({ models }) => !models.includes('counters'),
    })
  })
  afterAll(async () => {
    await pool.end()
    await line[Symbol.asyncDispose]()
    await open[Symbol.asyncDispose]()
  })

  type Change = (headers: Record<string, string>, body: Uint8Array<ArrayBuffer>) => RequestInit
  const forged: [string, number, Change][] = [
    ['no headers at all', 401, (_, body) => ({ headers: {}, body })],
    ['no signature', 401, ({ 'webhook-signature': _, ...headers }, body) => ({ headers, body })],
    [
      'an old timestamp',
      401,
      (headers, body) => ({ headers: { ...headers, 'webhook-timestamp': '1000000000' }, body }),
    ],
    ['another id', 401, (headers, body) => ({ headers: { ...headers, 'webhook-id': 'msg_other' }, body })],
    [
      'another body',
      401,
      (headers, body) => ({ headers, body: body.map((byte, at) => (at === 30 ? byte ^ 1 : byte)) }),
    ],
    [
      'a header twice',
      401,
      (headers, body) => ({ headers: { ...headers, 'webhook-id': `${headers['webhook-id']}, x` }, body }),
    ],
    [
      'a compressed body',
      415,
      (headers, body) => ({ headers: { ...headers, 'content-encoding': 'gzip' }, body }),
    ],
    ['too large a body', 413, (headers) => ({ headers, body: new Uint8Array(1001) })],
    ['half a body', 400, (headers, body) => ({ headers: { ...headers, 'content-length': '500' }, body })],
  ]

  test.each(forged)('%s: refused without a connection, let alone a statement', async (_, status, change) => {
    const { headers, body } = await signed(load)
    const request = new Request('https://example.com/source', { method: 'POST', ...change(headers, body) })
    const answer = await endpoint.send(request)
    expect(answer.status).toBe(status)
    expect(line.take()).toEqual({ statements: [], roundTrips: 0 })
    expect(pool.totalCount).toBe(0)
  })

  test.each([
    ['bytes that are no JSON', 400, '{'],
    ['a member twice', 400, JSON.stringify(load).replace('{', '{"type":"load",')],
    ['an unknown type', 400, { ...load, type: 'drop' }],
    ['a model that is none', 404, { ...load, model: 'pg_authid' }],
    ['no tenant', 403, { ...load, scope: undefined }],
    [
      'a condition on a field that is none',
      400,
      { type: 'list', model: 'tasks', query: { where: [['secret', 1]] }, scope: org('org_1') },
    ],
    [
      'a cursor of nobody',
      400,
      { type: 'list', model: 'tasks', query: { cursor: 'bWluZQ' }, scope: org('org_1') },
    ],
    [
      'an input that is refused',
      400,
      { ...commit({ type: 'CREATE', model: 'tasks', id: 'x', input: { nope: 1 } }), scope: org('org_1') },
    ],
    ['no idempotency key', 400, { type: 'commit', operations: [], scope: org('org_1') }],
  ])('%s under a valid signature: refused without a connection', async (_, status, body) => {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    expect((await endpoint.send(await signedRequest(bytes))).status).toBe(status)
    expect(line.take()).toEqual({ statements: [], roundTrips: 0 })
    expect(pool.totalCount).toBe(0)
  })

  test('what authorize refuses reaches no row: the database is asked once how it spells ids, and not again', async () => {
    const refused = { ...load, model: 'counters', id: '1' }
    for (let time = 0; time < 2; time++) {
      expect((await endpoint.ask(refused, null)).status).toBe(403)
      const { statements } = line.take()
      expect(statements.filter((text) => !text.includes('postern.model'))).toEqual([])
      expect(statements).toHaveLength(time === 0 ? 1 : 0)
    }
  })

  test('a request that holds asks the database, so the count above counts', async () => {
    expect((await endpoint.send(await signedRequest(load))).status).toBe(200)
    expect(line.take().statements.length).toBeGreaterThan(0)
  })

  test('no identifier and no value of the wire becomes a part of a statement', async () => {
    const odd = `x'"; drop table tasks; -- $1 \\ \u2028`
    const requests = [
      { type: 'load', model: 'tasks', id: odd },
      {
        type: 'list',
        model: 'tasks',
        query: {
          where: [
            ['title', odd],
            ['title', 'LIKE', `${odd}%`],
            ['status', 'IN', [odd]],
          ],
        },
      },
      commit({
        type: 'CREATE',
        model: 'tasks',
        id: odd,
        input: { title: odd, meta: { [odd]: odd }, tags: [odd] },
      }),
      commit([
        { type: 'UPDATE', model: 'tasks', id: odd, input: { title: `${odd}2` }, transactionId: odd },
        { type: 'CREATE', model: 'comments', id: odd, input: { taskId: odd, body: odd } },
      ]),
      { type: 'events' },
    ]
    line.take()
    const scope = { organizationId: odd, participantId: odd, projectId: odd }
    for (const request of requests) expect((await endpoint.ask(request, scope)).status).toBe(200)
    const { statements, roundTrips } = line.take()
    expect(roundTrips).toBeGreaterThanOrEqual(requests.length)
    expect(statements.length).toBeGreaterThan(0)
    expect(statements.filter((text) => text.includes('drop table'))).toEqual([])
    expect(await open.sql('select title from tasks')).toEqual([{ title: `${odd}2` }])
  })
})
