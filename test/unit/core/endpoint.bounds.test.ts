import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { EndpointOptions } from '../../../src/index.ts'
import { createEndpoint, createKeyRing, verifyRequest } from '../../../src/index.ts'
import { ask, org, schema, signed, signingKey } from '../../support/source.ts'

const publicKey = (): string => {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  return `whpk_${Buffer.from(x as string, 'base64url').toString('base64')}`
}

describe('verification', () => {
  test('500 public keys and a forged body of 1 MiB leave the event loop its turns', async () => {
    const ring = createKeyRing(Array.from({ length: 500 }, publicKey))
    const body = randomBytes(1_048_576)
    // Signatures of a stranger's: unlike random bytes they are well-formed, and cost the hash of the whole body.
    const { privateKey } = generateKeyPairSync('ed25519')
    const forged = Array.from(
      { length: 4 },
      (_, index) => `v1a,${sign(null, Buffer.from(`${index}`), privateKey).toString('base64')}`,
    ).join(' ')
    const headers = new Headers({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
      'webhook-signature': forged,
    })
    let turns = 0
    let over = false
    const spin = (): void => {
      turns += 1
      if (!over) setImmediate(spin)
    }
    setImmediate(spin)
    const outcome = await verifyRequest(ring, headers, body).catch((error: { code: string }) => error.code)
    over = true
    // the budget ends before four times 500 hashes of the body
    expect(outcome).toBe('request_too_large')
    expect(turns).toBeGreaterThan(100)
  })

  test('the key that signs is found among 500, and is the first one asked the next time', async () => {
    const secrets = Array.from({ length: 500 }, (_, index) => ({
      id: `k${index}`,
      secret: `sk_test_${index}`,
    }))
    const ring = createKeyRing(secrets)
    for (const index of [499, 499, 0, 250]) {
      const { headers, body } = await signed({ type: 'events' }, { key: `sk_test_${index}` })
      expect((await verifyRequest(ring, new Headers(headers), body)).keyId).toBe(`k${index}`)
    }
  })
})

describe('an id with dots', () => {
  test.each([
    ['msg_1.retry-2', true],
    ['a.b.c', true],
    ['a.1767225600', false],
    ['a.1767225600.b', false],
    ['a.{', false],
  ])('%s', async (id, holds) => {
    const ring = createKeyRing(signingKey)
    const made = signed({ type: 'events' }, { id })
    if (!holds) return expect(made).rejects.toThrow(TypeError)
    const { headers, body } = await made
    expect((await verifyRequest(ring, new Headers(headers), body)).id).toBe(id)
  })
})

describe('the header Idempotency-Key', () => {
  const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(schema) })
  const commit = (key: object, headers: Record<string, string>) =>
    ask(
      endpoint,
      {
        type: 'commit',
        ...key,
        operations: [
          { type: 'CREATE', model: 'projects', input: { name: 'x' }, id: `p_${JSON.stringify(key)}` },
        ],
      },
      { headers },
    )

  test('names the key where the body does not, and must not differ from the one of the body', async () => {
    expect((await commit({}, { 'idempotency-key': 'h1' })).status).toBe(200)
    expect((await commit({}, { 'idempotency-key': 'h1' })).headers.get('idempotent-replayed')).toBe('true')
    expect((await commit({ correlationId: 'b1' }, { 'idempotency-key': 'b1' })).status).toBe(200)
    const differs = await commit({ correlationId: 'b2' }, { 'idempotency-key': 'b3' })
    expect([differs.status, differs.body.error]).toEqual([400, 'idempotency_key_mismatch'])
  })
})

/** An adapter whose loads and lists hang until they are let go. */
function slow(options: Partial<EndpointOptions> = {}) {
  const memory = memoryAdapter(schema)
  const started: string[] = []
  const held: (() => void)[] = []
  const hang = (name: string) => () =>
    new Promise<string>((resolve) => {
      started.push(name)
      held.push(() => resolve('{"row":null,"stamp":0}'))
    })
  const endpoint = createEndpoint({
    signingKey,
    adapter: {
      ...memory,
      load: ({ tenant }) => hang(`load ${tenant}`)(),
      list: ({ tenant }) => hang(`list ${tenant}`)(),
    },
    ...options,
  })
  const release = (): void => {
    for (const go of held.splice(0)) go()
  }
  return { endpoint, started, release }
}
const scope = (organizationId: string) => ({ organizationId })
const loadOf = (tenant: string) => ({ type: 'load', model: 'tasks', id: 't', scope: scope(tenant) })
const listOf = (tenant: string) => ({ type: 'list', model: 'tasks', scope: scope(tenant) })

describe('places', () => {
  test('one tenant’s lists wait for each other, not its loads and not another tenant', async () => {
    const { endpoint, started, release } = slow({ limits: { listsPerTenant: 2 } })
    const lists = [1, 2, 3, 4].map(() => ask(endpoint, listOf('a')))
    await vi.waitUntil(() => started.length === 2)
    const others = [ask(endpoint, loadOf('a')), ask(endpoint, listOf('b'))]
    await vi.waitUntil(() => started.length === 4)
    expect(started.slice(2).sort()).toEqual(['list b', 'load a'])
    release()
    await vi.waitUntil(() => started.length === 6)
    release()
    expect((await Promise.all([...lists, ...others])).map(({ status }) => status)).toEqual(Array(6).fill(200))
  })

  test('tenants with requests waiting take turns, however many of them one tenant has', async () => {
    const { endpoint, started, release } = slow({ limits: { inFlight: 1 } })
    const all = [...Array(10).fill('a'), 'b'].map((tenant) => ask(endpoint, loadOf(tenant)))
    await vi.waitUntil(() => started.length === 1)
    for (let turn = 2; turn <= 11; turn++) {
      release()
      await vi.waitUntil(() => started.length === turn)
    }
    release()
    await Promise.all(all)
    expect(started.indexOf('load b')).toBeLessThan(3)
    expect(endpoint.metrics().inFlight).toBe(0)
  })

  test('a key has its share too, a full queue and a long wait are source_busy, and places come free again', async () => {
    const { endpoint, started, release } = slow({ limits: { inFlightPerKey: 1, queued: 2, queueMs: 30 } })
    const first = ask(endpoint, loadOf('a'))
    await vi.waitUntil(() => started.length === 1)
    const late = ask(endpoint, loadOf('b'))
    const full = [ask(endpoint, loadOf('a')), ask(endpoint, loadOf('a'))]
    const answers = await Promise.all([late, ...full])
    expect(answers.map(({ body, headers }) => [body.error, headers.get('retry-after')])).toEqual(
      Array(3).fill(['source_busy', '1']),
    )
    release()
    expect((await first).status).toBe(200)
    const next = ask(endpoint, loadOf('c'))
    await vi.waitUntil(() => started.length === 2)
    release()
    expect((await next).status).toBe(200)
  })
})

describe('requests per time', () => {
  /** As those of rate-limiter-flexible: rejects with the time to wait. */
  const limiter = (points: number) => {
    const used = new Map<string, number>()
    return {
      used,
      async consume(caller: string) {
        const now = (used.get(caller) ?? 0) + 1
        used.set(caller, now)
        if (now > points) throw { msBeforeNext: 1_500 }
      },
    }
  }

  test('one too many is 429 with Retry-After, for that tenant alone', async () => {
    const tenant = limiter(2)
    const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(schema), rateLimit: { tenant } })
    const load = (organizationId: string) => ask(endpoint, loadOf(organizationId))
    expect([(await load('a')).status, (await load('a')).status]).toEqual([200, 200])
    const refused = await load('a')
    expect([
      refused.status,
      refused.body.error,
      refused.body.retryable,
      refused.headers.get('retry-after'),
    ]).toEqual([429, 'rate_limited', true, '2'])
    expect((await load('b')).status).toBe(200)
    // nobody's unsigned request uses them up
    expect((await ask(endpoint, loadOf('b'), { key: 'sk_other' })).status).toBe(401)
    expect(tenant.used.get('b')).toBe(1)
  })

  test('requests that are refused count too, whatever they are refused for', async () => {
    const [tenant, key] = [limiter(2), limiter(4)]
    const keys = [{ id: 'one', secret: 'sk_one' }]
    const endpoint = createEndpoint({ keys, adapter: memoryAdapter(schema), rateLimit: { tenant, key } })
    const scope = { organizationId: 'a' }
    const requests = [
      { type: 'load', model: 'nothing', id: 'x', scope },
      { type: 'list', model: 'tasks', query: { where: [['nothing', 1]] }, scope },
      { type: 'load', model: 'nothing', id: 'x', scope },
      { type: 'nothing' },
      { type: 'nothing' },
    ]
    const statuses = []
    for (const request of requests) statuses.push((await ask(endpoint, request, { key: 'sk_one' })).status)
    expect(statuses).toEqual([404, 400, 429, 400, 429])
    expect([tenant.used.get('a'), key.used.get('one')]).toEqual([3, 5])
  })

  test('by key, and a limiter that fails lets nobody through unseen', async () => {
    const keys = [
      { id: 'one', secret: 'sk_one' },
      { id: 'two', secret: 'sk_two' },
    ]
    const counted = createEndpoint({ keys, adapter: memoryAdapter(schema), rateLimit: { key: limiter(1) } })
    const statuses = []
    for (const key of ['sk_one', 'sk_one', 'sk_two'])
      statuses.push((await ask(counted, loadOf('a'), { key })).status)
    expect(statuses).toEqual([200, 429, 200])
    const down = { consume: () => Promise.reject(new Error('redis: secret')) }
    const broken = createEndpoint({ signingKey, adapter: memoryAdapter(schema), rateLimit: { tenant: down } })
    const { status, body } = await ask(broken, { ...loadOf('a'), scope: org })
    expect([status, body.error]).toEqual([503, 'source_unavailable'])
    expect(JSON.stringify(body)).not.toContain('secret')
  })
})
