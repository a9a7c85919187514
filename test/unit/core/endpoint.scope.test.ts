import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { AuthorizeContext, EndpointOptions } from '../../../src/index.ts'
import { createEndpoint, defineSchema, field, model, Rejection, z } from '../../../src/index.ts'
import { ask, org, schema, signingKey } from '../../support/source.ts'

const rows = {
  tasks: [
    { id: 't1', title: 'Paint', organizationId: 'org_1' },
    { id: 't2', title: 'Sand', organizationId: 'org_2' },
  ],
}

function make(options: Partial<EndpointOptions> = {}) {
  const adapter = memoryAdapter(schema, { rows })
  return { adapter, endpoint: createEndpoint({ signingKey, adapter, ...options }) }
}

const loadTask = (id: string, scope?: object) => ({ type: 'load', model: 'tasks', id, scope })
const update = (key: string, scope?: object) => ({
  type: 'commit',
  correlationId: key,
  operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { title: 'Oil' } }],
  scope,
})

describe('tenancy', () => {
  test.each([
    ['load', loadTask('t1')],
    ['list', { type: 'list', model: 'tasks' }],
    ['commit', update('k')],
    [
      'a list that embeds rows of tenants',
      { type: 'list', model: 'projects', query: { related: ['tasks'] } },
    ],
  ])('%s of a model of tenants without organizationId is refused', async (_, request) => {
    const { endpoint } = make()
    const { status, body } = await ask(endpoint, request)
    expect([status, body.error]).toEqual([403, 'source_forbidden'])
  })

  test.each([[''], [7], [{}], ['x'.repeat(256)]])(
    'an odd organizationId (%j) is refused',
    async (organizationId) => {
      const { endpoint } = make()
      const { status } = await ask(endpoint, loadTask('t1', { organizationId }))
      expect(status).toBe(400)
    },
  )

  test('a foreign row and a missing row are answered alike', async () => {
    const { endpoint } = make()
    const foreign = await ask(endpoint, loadTask('t2', org))
    const missing = await ask(endpoint, loadTask('t9', org))
    expect(foreign.body).toEqual(missing.body)
    expect(foreign.body.row).toBeNull()
  })

  test('a key bound to an organization speaks for it alone', async () => {
    const { endpoint } = make({
      signingKey: undefined,
      keys: [{ secret: signingKey, organizationId: 'org_1' }],
    })
    expect((await ask(endpoint, loadTask('t1'))).body.row).toMatchObject({ title: 'Paint' })
    expect((await ask(endpoint, loadTask('t1', org))).body.row).toMatchObject({ title: 'Paint' })
    const other = await ask(endpoint, loadTask('t2', { organizationId: 'org_2' }))
    expect([other.status, other.body.error]).toEqual([403, 'source_forbidden'])
  })
})

describe('resolveScopes', () => {
  test('a scope replaces the one that the caller claims', async () => {
    const { endpoint } = make({ resolveScopes: () => ({ organizationId: 'org_1', participantId: 'bot' }) })
    expect((await ask(endpoint, loadTask('t2', { organizationId: 'org_2' }))).body.row).toBeNull()
    expect((await ask(endpoint, loadTask('t1', { organizationId: 'org_2' }))).body.row).not.toBeNull()
  })

  test('it never widens the key: another organization than the key is bound to is refused', async () => {
    const { endpoint } = make({
      signingKey: undefined,
      keys: [{ secret: signingKey, organizationId: 'org_1' }],
      resolveScopes: () => ({ organizationId: 'org_2' }),
    })
    expect((await ask(endpoint, loadTask('t2'))).status).toBe(403)
  })

  test.each([[['load', 'list'] as const], [new Set(['load', 'list'] as const)]])(
    'a set or array of types grants those and keeps the scope',
    async (granted) => {
      const { endpoint } = make({ resolveScopes: async () => granted })
      expect((await ask(endpoint, loadTask('t1', org))).body.row).toMatchObject({ title: 'Paint' })
      const refused = await ask(endpoint, update('k', org))
      expect([refused.status, refused.body.error]).toEqual([403, 'source_forbidden'])
    },
  )

  test.each([[undefined], [null], [[]]])('%j refuses everything', async (resolved) => {
    const { endpoint } = make({ resolveScopes: () => resolved })
    expect((await ask(endpoint, loadTask('t1', org))).status).toBe(403)
  })

  test.each([[''], [7]])(
    'an organizationId that is no text (%j) is a fault of the set-up',
    async (organizationId) => {
      const { endpoint } = make({ resolveScopes: () => ({ organizationId }) as never })
      const { status, body } = await ask(endpoint, loadTask('t1', org))
      expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
    },
  )

  test('an organizationId of null is none', async () => {
    const { endpoint } = make({ resolveScopes: () => ({ organizationId: null }) as never })
    expect((await ask(endpoint, loadTask('t1', org))).status).toBe(403)
  })
})

describe('authorize', () => {
  test('it sees what is asked for, checked and plain', async () => {
    const seen: AuthorizeContext[] = []
    const { endpoint } = make({ authorize: (context) => seen.push(context) })
    await ask(endpoint, update('k', { ...org, participantId: 'ada' }), { id: 'msg_7' })
    await ask(endpoint, loadTask('t1', org))
    expect(seen[0]).toMatchObject({
      type: 'commit',
      models: ['tasks'],
      scope: { organizationId: 'org_1', participantId: 'ada' },
      operations: [
        {
          type: 'UPDATE',
          model: 'tasks',
          id: 't1',
          input: { title: 'Oil' },
          readAt: null,
          onStale: 'reject',
        },
      ],
      messageId: 'msg_7',
      requestId: expect.any(String),
    })
    expect(seen[1]).toMatchObject({
      type: 'load',
      models: ['tasks'],
      id: 't1',
      operations: [],
    })
  })

  test.each([[undefined], [null]])('%s is no grant, and the message says so', async (auth) => {
    const { endpoint, adapter } = make({ authorize: () => auth })
    const { status, body } = await ask(endpoint, update('k', org))
    expect([status, body.error, body.message]).toEqual([
      403,
      'source_forbidden',
      `\`authorize\` returned ${auth}, which refuses; \`true\` or an auth value grants.`,
    ])
    expect(await adapter.inspect().ledger()).toEqual([])
  })

  test('false refuses, and nothing is written', async () => {
    const { endpoint, adapter } = make({ authorize: async ({ type }) => type !== 'commit' && {} })
    const refused = await ask(endpoint, update('k', org))
    expect([refused.status, refused.body.error]).toEqual([403, 'source_forbidden'])
    expect(await adapter.inspect().ledger()).toEqual([])
    expect((await ask(endpoint, loadTask('t1', org))).status).toBe(200)
  })

  test('a Rejection is answered with its own code, status and details', async () => {
    const { endpoint } = make({
      authorize: () => {
        throw new Rejection('budget_exceeded', 'No budget is left.', {
          status: 402,
          details: { left: 0 },
        })
      },
    })
    const { status, body } = await ask(endpoint, update('k', org))
    expect(status).toBe(402)
    expect(body).toEqual({
      error: 'budget_exceeded',
      message: 'No budget is left.',
      retryable: false,
      requestId: expect.any(String),
      details: { left: 0 },
    })
  })
})

describe('the feed of all tenants', () => {
  const events = { type: 'events' }
  const withKey = (entry: object) =>
    make({ signingKey: undefined, keys: [{ secret: signingKey, ...entry }] }).endpoint

  test('needs a key that may see all tenants', async () => {
    const refused = await ask(withKey({}), events)
    expect([refused.status, refused.body.error, refused.body.details]).toEqual([
      403,
      'source_forbidden',
      { pointer: '/scope/organizationId' },
    ])
    expect((await ask(withKey({}), { ...events, scope: org })).status).toBe(200)
    expect((await ask(withKey({ allTenants: true }), events)).status).toBe(200)
    expect((await ask(make().endpoint, events)).status).toBe(403)
  })

  test('is nobody’s where no model has tenants', async () => {
    const bare = defineSchema({ notes: model({ fields: { text: z.string() }, policy: { by: 'none' } }) })
    const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(bare) })
    expect((await ask(endpoint, events)).status).toBe(200)
  })

  test('a key for one tenant is none for all', () => {
    expect(() => withKey({ organizationId: 'org_1', allTenants: true })).toThrow(/both/)
  })
})

describe('a key that is bound to an endpoint', () => {
  const keys = [{ secret: signingKey, endpoint: 'https://a.example/source/' }]
  const at = (url?: string) => make({ signingKey: undefined, keys, url }).endpoint

  test('counts at that endpoint alone, whatever host the request says', async () => {
    expect((await ask(at('https://a.example/source'), loadTask('t1', org))).status).toBe(200)
    expect((await ask(at('https://b.example/source'), loadTask('t1', org))).status).toBe(401)
    // the request of these tests goes to https://example.com/source
    expect((await ask(at('https://example.com/source'), loadTask('t1', org))).status).toBe(401)
  })

  test('needs the endpoint’s own url', () => {
    expect(() => at()).toThrow(/`url`/)
    expect(() => at('not a url')).toThrow(/url/)
  })
})

describe('spelling', () => {
  const spelt = defineSchema({
    things: model({
      fields: {
        id: field.uuid(),
        ref: field.uuid().optional(),
        at: field.timestamp().optional(),
        org: field.uuid(),
      },
      policy: { by: 'column', column: 'org' },
      mutable: true,
    }),
  })
  const lower = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
  const upper = lower.toUpperCase()

  test('authorize and observers see one spelling of ids, tenants and values', async () => {
    const seen: AuthorizeContext[] = []
    const outcomes: unknown[] = []
    const endpoint = createEndpoint({
      signingKey,
      adapter: memoryAdapter(spelt),
      authorize: (context) => seen.push(context),
      onCommit: ({ organizationId }) => outcomes.push(organizationId),
    })
    const scope = { organizationId: upper }
    const input = { ref: upper, at: '2026-01-01T02:00:00+02:00' }
    const operations = [{ type: 'CREATE', model: 'things', id: upper, input }]
    expect((await ask(endpoint, { type: 'commit', correlationId: 'k', operations, scope })).status).toBe(200)
    await ask(endpoint, { type: 'load', model: 'things', id: upper, scope })
    await ask(endpoint, {
      type: 'list',
      model: 'things',
      query: { where: [['ref', 'IN', [upper]]] },
      scope,
    })
    expect(seen.map(({ scope }) => scope.organizationId)).toEqual([lower, lower, lower])
    expect(seen[0]?.operations).toMatchObject([
      { id: lower, input: { ref: lower, at: '2026-01-01T00:00:00.000000Z' } },
    ])
    expect(seen[1]?.id).toBe(lower)
    expect(seen[2]?.query?.where).toEqual([['ref', 'IN', [lower]]])
    expect(JSON.stringify(seen)).not.toContain(upper)
    expect(outcomes).toEqual([lower])
    const nobody = await ask(endpoint, { type: 'load', model: 'things', id: lower, scope: org })
    expect([nobody.status, nobody.body.error]).toEqual([403, 'source_forbidden'])
  })
})

describe('scope.mode', () => {
  const live = memoryAdapter(schema, { rows: { projects: [{ id: 'p', name: 'live' }] } })
  const sandbox = memoryAdapter(schema, { rows: { projects: [{ id: 'p', name: 'sandbox' }] } })
  const nameUnder = async (options: Partial<EndpointOptions>, mode?: string) => {
    const endpoint = createEndpoint({ signingKey, ...options })
    const { status, body } = await ask(endpoint, {
      type: 'load',
      model: 'projects',
      id: 'p',
      scope: { mode },
    })
    return status === 200 ? body.row.name : body.error
  }

  test('without adapters of their own all modes go to the one adapter', async () => {
    expect(await nameUnder({ adapter: live }, 'anything')).toBe('live')
  })

  test('a mode that is named goes to its adapter, no mode and live to the other', async () => {
    const options = { adapter: live, adapters: { sandbox } }
    expect(await nameUnder(options, 'sandbox')).toBe('sandbox')
    expect(await nameUnder(options)).toBe('live')
    expect(await nameUnder(options, 'live')).toBe('live')
    expect(await nameUnder(options, 'production')).toBe('live')
    expect(await nameUnder({ adapters: { live, sandbox } })).toBe('live')
  })

  test('a function picks the adapter of a request, or refuses it', async () => {
    const pick: EndpointOptions['adapter'] = ({ scope, request }) => {
      expect(request?.headers.get('webhook-id')).toMatch(/^msg_/)
      if (scope.mode === 'sandbox') return sandbox
      throw new Rejection('no_sandbox', 'There is none.', { status: 401 })
    }
    expect(await nameUnder({ adapters: { live, sandbox: pick } }, 'sandbox')).toBe('sandbox')
    expect(await nameUnder({ adapter: pick }, 'sandbox')).toBe('sandbox')
    expect(await nameUnder({ adapter: pick })).toBe('no_sandbox')
  })

  test('a mistyped mode never reaches the live store', async () => {
    expect(await nameUnder({ adapter: live, adapters: { sandbox } }, 'sanbox')).toBe('source_forbidden')
    expect(await nameUnder({ adapter: live, adapters: { sandbox } }, 'toString')).toBe('source_forbidden')
    expect(await nameUnder({ adapters: { sandbox } })).toBe('source_forbidden')
  })
})
