import type { Scope } from '../adapter.ts'
import { isRecord, settled, typeName } from '../callback.ts'
import { PosternError } from '../errors.ts'
import type { RequestType } from '../protocol/request.ts'
import type { Schema } from '../schema/define.ts'
import type { Asked, Scoped } from './context.ts'
import type { EndpointOptions, ResolvedScopes } from './options.ts'

/**
 * The scope that a request is answered in: the one that the caller claims, held to the tenant of its key, or the one
 * that `resolveScopes` puts in its place.
 *
 * @throws PosternError `source_forbidden` for another tenant than the key's, a type that is not granted, or no scope
 */
export async function trustedScope(
  { resolveScopes }: Pick<EndpointOptions, 'resolveScopes'>,
  { body, verified, boundTenant, local }: Asked,
  timeoutMs: number,
): Promise<Scope> {
  const claimed = boundScope(body.scope, boundTenant)
  if (resolveScopes === undefined || local !== undefined) return claimed
  const asked = { ...verified, body, scope: claimed }
  const resolved = await settled('resolveScopes', () => resolveScopes(asked), timeoutMs)
  if (resolved == null) throw new PosternError('source_forbidden')
  const types = grantedTypes(resolved)
  if (types === undefined) return boundScope(checked(resolved as Scope), boundTenant)
  if (!types.has(body.type))
    throw new PosternError('source_forbidden', `This caller may not send ${body.type}.`)
  return claimed
}

/**
 * The feed of a request without a tenant has every tenant's rows in it: a key must be allowed to see them.
 *
 * @throws PosternError `source_forbidden`
 */
export function refuseAllTenants({ body, scope, allTenants }: Scoped, schema: Schema): void {
  if (body.type !== 'events' || scope.organizationId !== undefined || allTenants) return
  if ([...schema.models.values()].every(({ policy }) => policy.by === 'none')) return
  throw new PosternError(
    'source_forbidden',
    'Events of all tenants are for keys with `allTenants: true`: send scope.organizationId.',
    { details: { pointer: '/scope/organizationId' } },
  )
}

/** Holds a scope to the tenant that the key speaks for, when it is bound to one. */
function boundScope(scope: Scope, bound: string | undefined): Scope {
  if (bound === undefined || scope.organizationId === bound) return scope
  if (scope.organizationId === undefined) return { ...scope, organizationId: bound }
  throw new PosternError('source_forbidden', 'This key does not speak for that organization.', {
    details: { pointer: '/scope/organizationId' },
  })
}

const TYPES: readonly unknown[] = ['load', 'list', 'commit', 'events']

function grantedTypes(resolved: NonNullable<ResolvedScopes>): ReadonlySet<RequestType> | undefined {
  if (!(resolved instanceof Set) && !Array.isArray(resolved)) return undefined
  const types = new Set(resolved as Iterable<RequestType>)
  for (const type of types) if (!TYPES.includes(type)) throw misshapen('the types load, list, commit, events')
  return types
}

/** An empty text, or a number out of a database, would be a tenant of its own to some queries and none to others. */
function checked(scope: Scope): Scope {
  // `true` is no grant: read as a scope it would name no tenant at all.
  if (!isRecord(scope)) throw misshapen(`a scope, a set or an array of request types, not ${typeName(scope)}`)
  const { organizationId } = scope
  if (organizationId === undefined) return scope
  if (organizationId === null) {
    const { organizationId: _none, ...rest } = scope
    return rest
  }
  if (typeof organizationId === 'string' && organizationId !== '') return scope
  throw misshapen('organizationId as a text that is not empty')
}

const misshapen = (expected: string): PosternError =>
  new PosternError('source_adapter_misconfigured', `resolveScopes must give ${expected}.`)
