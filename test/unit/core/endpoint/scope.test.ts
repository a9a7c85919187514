import { expect, test } from 'vitest'
import { trustedScope } from '../../../../src/core/endpoint/scope.ts'
import type { Scope } from '../../../../src/index.ts'

type Resolve = NonNullable<Parameters<typeof trustedScope>[0]['resolveScopes']>

function scopeOf(claimed: Scope, resolved?: unknown, boundTenant?: string): Promise<Scope> {
  const resolveScopes = (() => resolved) as Resolve
  const asked = { body: { type: 'load', scope: claimed }, verified: {}, boundTenant }
  return trustedScope(
    resolved === undefined ? {} : { resolveScopes },
    asked as unknown as Parameters<typeof trustedScope>[1],
    1000,
  )
}

test('without resolveScopes the claim stands, held to the tenant of the key', async () => {
  expect(await scopeOf({ organizationId: 'a' })).toEqual({ organizationId: 'a' })
  expect(await scopeOf({}, undefined, 'a')).toEqual({ organizationId: 'a' })
  expect(await scopeOf({ organizationId: 'a' }, undefined, 'a')).toEqual({ organizationId: 'a' })
  await expect(scopeOf({ organizationId: 'b' }, undefined, 'a')).rejects.toMatchObject({
    code: 'source_forbidden',
    details: { pointer: '/scope/organizationId' },
  })
})

test('a scope replaces the claim, and no scope widens the key', async () => {
  expect(await scopeOf({ organizationId: 'a' }, { organizationId: 'b' })).toEqual({ organizationId: 'b' })
  expect(await scopeOf({ organizationId: 'a' }, { organizationId: null })).toEqual({})
  await expect(scopeOf({}, { organizationId: 'b' }, 'a')).rejects.toMatchObject({ code: 'source_forbidden' })
})

test('request types leave the claim and grant no other type', async () => {
  for (const types of [['load'], new Set(['load', 'list'])]) {
    expect(await scopeOf({ organizationId: 'a' }, types)).toEqual({ organizationId: 'a' })
  }
  await expect(scopeOf({}, ['list'])).rejects.toMatchObject({ code: 'source_forbidden' })
  await expect(scopeOf({}, [])).rejects.toMatchObject({ code: 'source_forbidden' })
})

test('nothing at all refuses the request', async () => {
  await expect(scopeOf({}, null)).rejects.toMatchObject({ code: 'source_forbidden' })
})

test.each([
  ['true', true],
  ['a text', 'load'],
  ['an unknown type', ['lod']],
  ['an empty tenant', { organizationId: '' }],
  ['a number as tenant', { organizationId: 7 }],
])('%s is a fault of the application, and grants nothing', async (_, resolved) => {
  await expect(scopeOf({}, resolved)).rejects.toMatchObject({ code: 'source_adapter_misconfigured' })
})
