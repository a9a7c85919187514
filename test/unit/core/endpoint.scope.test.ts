import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { AuthorizeContext, EndpointOptions } from '../../../src/index.ts'
import { createEndpoint, PosternError, Rejection } from '../../../src/index.ts'
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
    const { endpoint } = make({ authorize: (context) => void seen.push(context) })
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
      body: { type: 'load', model: 'tasks', id: 't1' },
      models: ['tasks'],
      id: 't1',
      operations: [],
    })
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
    expect(await nameUnder({ adapters: { live, sandbox } })).toBe('live')
  })

  test('a function picks the adapter of a request, or refuses it', async () => {
    const pick: EndpointOptions['adapter'] = ({ scope, request }) => {
      expect(request?.headers.get('webhook-id')).toMatch(/^msg_/)
      if (scope.mode === 'sandbox') return sandbox
      throw new PosternError('test_session_invalid')
    }
    expect(await nameUnder({ adapters: { live, sandbox: pick } }, 'sandbox')).toBe('sandbox')
    expect(await nameUnder({ adapter: pick }, 'sandbox')).toBe('sandbox')
    expect(await nameUnder({ adapter: pick })).toBe('test_session_invalid')
  })

  test('a mistyped mode never reaches the live store', async () => {
    expect(await nameUnder({ adapter: live, adapters: { sandbox } }, 'sanbox')).toBe('source_forbidden')
    expect(await nameUnder({ adapter: live, adapters: { sandbox } }, 'toString')).toBe('source_forbidden')
    expect(await nameUnder({ adapters: { sandbox } })).toBe('source_forbidden')
  })
})
