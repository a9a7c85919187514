import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { EndpointOptions, KeyInput } from '../../../src/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { ask, schema } from '../../support/source.ts'

const adapter = memoryAdapter(schema)
const load = { type: 'load', model: 'projects', id: 'p1' }
const make = (options: Partial<EndpointOptions>) => createEndpoint({ adapter, ...options })
const codeOf = ({ status, body }: { status: number; body: { error?: string } }) => [status, body.error]

describe('at the start', () => {
  test('an endpoint without any way to a key is refused, and so are two ways at once', () => {
    expect(() => make({})).toThrow(/`signingKey`, `keys` or `resolveKeys`/)
    expect(() => make({ signingKey: 'sk_a', keys: 'sk_b' })).toThrow(/one of `signingKey`, `keys`/)
  })

  test.each([['sk_a '], ['v1,abc'], ['whsec_???'], [[]], [['sk_a', '']]])(
    'the key %j is refused',
    (signingKey) => {
      expect(() => make({ signingKey })).toThrow(TypeError)
    },
  )

  test.each([[{ bodyBytes: 0 }], [{ operations: 1.5 }], [{ listMax: 50 }], [{ lisMax: 50 }]])(
    'the limits %j are refused',
    (limits) => {
      expect(() => make({ signingKey: 'sk_a', limits: limits as object })).toThrow(/limit/)
    },
  )
})

test.each([
  { signingKey: undefined },
  { signingKey: '' },
  { signingKey: ['', ''] },
  { keys: [{ secret: '' }] },
  { keys: [{ id: 'a', secret: undefined as unknown as string }] },
])(
  '%j: a key that is not set at build time stops nothing, and each request says that it is missing',
  async (unset) => {
    const endpoint = make(unset)
    expect(codeOf(await ask(endpoint, load))).toEqual([401, 'source_api_key_missing'])
    expect(codeOf(await ask(endpoint, load, { key: 'sk_a' }))).toEqual([401, 'source_api_key_missing'])
  },
)

test('a key that is not set beside one that is stops the start', () => {
  expect(() => make({ signingKey: ['sk_a', ''] })).toThrow('The signing key at [1] is empty.')
  expect(() => make({ keys: [{ secret: '' }, { secret: 'sk_a' }] })).toThrow('at [0] is empty.')
})

test('during a rotation old and new key both hold, and no other', async () => {
  const endpoint = make({ signingKey: ['sk_new', 'sk_old'] })
  const statuses = ['sk_new', 'sk_old', 'sk_older'].map(
    async (key) => (await ask(endpoint, load, { key })).status,
  )
  expect(await Promise.all(statuses)).toEqual([200, 200, 401])
})

test('the name of the key that signed reaches hooks', async () => {
  const authorize = vi.fn(() => true)
  const endpoint = make({ keys: [{ id: 'summer', secret: 'sk_a' }], authorize })
  await ask(endpoint, load, { key: 'sk_a' })
  expect(authorize).toHaveBeenCalledWith(expect.objectContaining({ keyId: 'summer' }))
})

test('the last use of each key can be seen, and a refused signature is none', async () => {
  const endpoint = make({
    keys: [
      { id: 'new', secret: 'sk_new' },
      { id: 'old', secret: 'sk_old' },
    ],
  })
  await ask(endpoint, load, { key: 'sk_new' })
  await ask(endpoint, load, { key: 'sk_new' })
  await ask(endpoint, load, { key: 'sk_other' })
  expect(endpoint.keyUses()).toEqual({ new: { count: 2, lastUsedAt: expect.any(Date) } })
})

describe('resolveKeys', () => {
  const tenants: Record<string, KeyInput> = {
    a: 'sk_a',
    b: ['sk_b', { secret: 'sk_b2' }],
    broken: 'v1,x',
    none: [],
  }
  const resolveKeys: EndpointOptions['resolveKeys'] = async ({ headers }) =>
    tenants[headers.get('x-tenant') ?? '']
  const askAs = (tenant: string, key: string) =>
    ask(make({ resolveKeys }), load, { key, headers: { 'x-tenant': tenant } })

  test('each caller is verified by keys of its own', async () => {
    expect((await askAs('a', 'sk_a')).status).toBe(200)
    expect((await askAs('b', 'sk_b2')).status).toBe(200)
    expect((await askAs('b', 'sk_a')).status).toBe(401)
  })

  test('a caller without keys is answered like one with a wrong key: nobody learns who is known', async () => {
    const { body: unknown } = await askAs('nobody', 'sk_a')
    const { body: none } = await askAs('none', 'sk_a')
    const { body: wrong } = await askAs('a', 'sk_x')
    const { requestId: _, ...same } = wrong
    expect(unknown).toMatchObject(same)
    expect(none).toMatchObject(same)
  })

  test('keys that cannot be used are a fault of the set-up, of which the caller learns no particulars', async () => {
    const onError = vi.fn()
    const endpoint = make({ resolveKeys, onError })
    const { status, body } = await ask(endpoint, load, { headers: { 'x-tenant': 'broken' } })
    expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
    expect(body.message).not.toContain('v1')
    expect(onError.mock.calls[0]?.[0]).toMatchObject({
      cause: { message: expect.stringContaining('`v1,` prefix') },
    })
  })

  test('what it throws is not shown', async () => {
    const endpoint = make({
      resolveKeys: () => {
        throw new Error('select secret from canary')
      },
    })
    const { status, body } = await ask(endpoint, load)
    expect(status).toBe(500)
    expect(JSON.stringify(body)).not.toContain('canary')
  })

  test('the same keys are prepared once: a published key set is fetched once for many requests', async () => {
    const { publicKey, privateKey } = await generateKeyPair('Ed25519', { extractable: true })
    const keySet = JSON.stringify({ keys: [await exportJWK(publicKey)] })
    let fetches = 0
    const server = createServer((_, response) => {
      fetches++
      response.end(keySet)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
      const endpoint = make({ resolveKeys: () => [{ jwks, allowInsecure: true }] })
      const key = { jwk: await exportJWK(privateKey) }
      for (let i = 0; i < 3; i++) expect((await ask(endpoint, load, { key })).status).toBe(200)
      expect(fetches).toBe(1)
    } finally {
      server.close()
    }
  })
})
