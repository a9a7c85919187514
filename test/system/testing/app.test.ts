import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createClient, type Scope } from '../../../src/client/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'
import { type TestSessions, type TestSessionsOptions, testSessions } from '../../../src/testing/index.ts'
import { declare, ids, org, schema, sealedShop, serverUrl, shop } from './shop.ts'

const sessionKey = 'a key that the tests and the application share'
const signingKey = 'sk_test_the_key_of_the_application'
const base = sealedShop({ sessionKey })

function routed(options: Partial<TestSessionsOptions> = {}): TestSessions {
  const sessions = testSessions({ schema, enabled: true, connection: serverUrl(18), sessionKey, ...options })
  onTestFinished(() => sessions[Symbol.asyncDispose]())
  return sessions
}

/** An application with a live store, a route of its own, and an endpoint, listening on a port. */
async function application(sessions: TestSessions): Promise<string> {
  const live = memoryAdapter(schema, {
    rows: { orders: [{ id: 'live', title: 'Real', state: 'open', organization_id: 'org_1' }] },
  })
  const source = toNode(createEndpoint({ signingKey, adapter: sessions.beside(live) }))
  const whose = async (request: IncomingMessage): Promise<string> => {
    const { id, databaseUrl } = await sessions.of(request.headers)
    return JSON.stringify({ id, databaseUrl })
  }
  const server = createServer((request, response) => {
    if (request.url === '/source') return source(request, response)
    whose(request).then(
      (text) => response.end(text),
      (error) => response.writeHead(error.status).end(error.code),
    )
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const caller = (url: string, headers: Record<string, string> = {}, scope: Scope = { ...org, mode: 'test' }) =>
  createClient<typeof schema>({
    url: `${url}/source`,
    signingKey: signingKey,
    retries: 0,
    headers,
    scope,
  })

test('requests with a session’s token work in that session, over HTTP; the live store sees none of it', async () => {
  const url = await application(routed())
  await using one = await base.attach({ appUrl: url })
  await using two = await base.attach()
  const create = { type: 'CREATE', model: 'orders', id: 'new', input: { title: 'New' } } as const
  await caller(url, { ...one.headers }).commit({ idempotencyKey: 'k', operations: [create] })
  expect(ids((await one.client.list('orders', {}, { scope: org })).rows)).toEqual([
    'new',
    'o1',
    'o2',
    'o3',
    'old',
  ])
  const twos = await caller(url, { ...two.headers }).list('orders')
  expect(ids(twos.rows)).toEqual(['o1', 'o2', 'o3', 'old'])
  expect(ids((await caller(url).list('orders', {}, { scope: { mode: 'live' } })).rows)).toEqual(['live'])

  // a page's own requests, by `fetch` or a browser with that header
  expect(await (await one.fetch('/page')).json()).toEqual({ id: one.id, databaseUrl: one.databaseUrl })
  expect(await (await two.fetch(`${url}/page`)).json()).toMatchObject({ id: two.id })
  expect(await (await fetch(`${url}/page`)).text()).toBe('test_session_invalid')
})

test('a request with a token never reaches the live store, whatever its mode and whatever the token', async () => {
  const url = await application(routed())
  await using session = await base.attach()
  const delete_ = {
    idempotencyKey: 'k',
    operations: [{ type: 'DELETE', model: 'orders', id: 'live' }],
  } as const
  for (const token of [session.token, 'forged']) {
    for (const scope of [org, { ...org, mode: 'live' }]) {
      const client = caller(url, { 'x-test-session': token }, scope)
      const refused = { code: 'source_forbidden', status: 403, details: { pointer: '/scope/mode' } }
      await expect(client.commit(delete_)).rejects.toMatchObject(refused)
      await expect(client.list('orders')).rejects.toMatchObject(refused)
    }
  }
  expect(ids((await caller(url, {}, org).list('orders')).rows)).toEqual(['live'])
  // switched off, the header is a header like any other
  const off = await application(routed({ enabled: false }))
  const lives = await caller(off, { ...session.headers }, org).list('orders')
  expect(ids(lives.rows)).toEqual(['live'])
})

test('the token goes to the application and to nobody else', async () => {
  const seen: unknown[] = []
  const echo = async (): Promise<string> => {
    const server = createServer((request, response) => {
      seen.push(request.headers['x-test-session'])
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://any.invalid')
      if (pathname === '/to') response.writeHead(307, { location: searchParams.get('url') ?? '' })
      response.write(request.method)
      request.pipe(response)
      return
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const [ours, other] = [await echo(), await echo()]
  await using session = await base.attach({ appUrl: ours })
  for (const url of ['/', ours, other]) await session.fetch(url)
  expect(seen.splice(0)).toEqual([session.token, session.token, undefined])
  // and back: the application's own redirects keep it, those to elsewhere do not
  const away = await session.fetch(`/to?url=${other}/to?url=${ours}/here`, { method: 'POST', body: 'paid' })
  expect(await away.text()).toBe('POSTpaid')
  expect(seen).toEqual([session.token, undefined, session.token])
})

test('a missing token, and one that is forged, foreign, over, or of another algorithm, is one and the same answer', async () => {
  await using session = await base.attach()
  await using other = declare({
    name: base.name,
    sessionKey: 'a key that only this test has, and nobody else',
  })
  await using foreigner = await other.attach()
  const gone = await base.attach()
  await gone[Symbol.asyncDispose]()

  const [head, body = '', signature] = session.token.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  const text = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const none = `${text({ alg: 'none', typ: 'postern-test-session' })}.${body}.`
  const forged = `${head}.${text({ ...claims, database: 'postgres' })}.${signature}`
  const signed = (payload: object, typ = 'postern-test-session') =>
    new SignJWT({ ...payload })
      .setProtectedHeader({ alg: 'HS256', typ })
      .sign(new TextEncoder().encode(sessionKey))
  const tokens: Record<string, string | undefined> = {
    missing: undefined,
    empty: '',
    none,
    forged,
    foreign: foreigner.token,
    gone: gone.token,
    over: await signed({ ...claims, exp: 1 }),
    eternal: await signed({ ...claims, exp: undefined }),
    'no copy': await signed({ ...claims, database: 'postgres' }),
    'of another issuer': await signed({ ...claims, iss: 'somebody' }),
    'of another kind': await signed(claims, 'JWT'),
    long: `${session.token}${'a'.repeat(5000)}`,
  }
  const url = await application(routed())
  const answers = Object.entries(tokens).map(async ([name, token]) => {
    const headers: Record<string, string> = token === undefined ? {} : { 'x-test-session': token }
    const error = await caller(url, headers)
      .list('orders')
      .catch((reason) => reason)
    return [name, { code: error.code, message: error.message, status: error.status, details: error.details }]
  })
  const same = {
    code: 'test_session_invalid',
    message: 'This request carries no token of an open test session.',
    status: 401,
    details: undefined,
  }
  expect(Object.fromEntries(await Promise.all(answers))).toEqual(
    Object.fromEntries(Object.keys(tokens).map((name) => [name, same])),
  )
  expect(ids((await caller(url, { ...session.headers }).list('orders')).rows)).toHaveLength(4)
})

test('when the base is sealed anew, the application says so instead of answering with old rows', async () => {
  const changing = shop({ sessionKey })
  await changing.seal()
  const url = await application(routed())
  await using session = await changing.attach()
  const client = caller(url, { ...session.headers })
  await client.list('orders')
  await changing.reseal()
  await expect(client.list('orders')).rejects.toMatchObject({
    status: 409,
    code: 'fixture_fingerprint_changed',
  })
})

test('off unless switched on; refuses a short key, none at all, and production', async () => {
  const off = testSessions({ schema, connection: serverUrl(18), sessionKey })
  expect(off.enabled).toBe(false)
  await expect(off.of({ 'x-test-session': 'any' })).rejects.toMatchObject({ code: 'test_session_invalid' })
  const endpoint = createEndpoint({ signingKey, adapter: off.adapter })
  const asked = createClient({
    url: 'http://off.invalid/',
    signingKey: signingKey,
    fetch: (url, init) => endpoint.fetch(new Request(url, init)),
  })
  await expect(asked.list('orders', {}, { scope: org })).rejects.toMatchObject({
    status: 401,
    code: 'test_session_invalid',
  })

  const on = { schema, connection: serverUrl(18), enabled: true }
  expect(() => testSessions(on)).toThrow(/POSTERN_TEST_SESSION_KEY/)
  expect(() => testSessions({ ...on, sessionKey: 'short' })).toThrow(/32/)
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  try {
    expect(() => testSessions({ ...on, sessionKey })).toThrow(/NODE_ENV=production/)
    expect(() => testSessions({ ...on, sessionKey, force: true })).not.toThrow()
    expect(() => testSessions({ ...on, enabled: false })).not.toThrow()
  } finally {
    process.env.NODE_ENV = before
  }
})
