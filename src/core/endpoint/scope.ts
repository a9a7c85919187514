import type { Scope } from '../adapter.ts'
import { PosternError } from '../errors.ts'
import type { ProtocolRequest, RequestType } from '../protocol/request.ts'
import type { VerifiedContext } from './context.ts'
import type { EndpointOptions, ResolvedScopes } from './options.ts'

/**
 * The scope that `resolveScopes` puts in the place of the one that the caller claims, or the claimed one when it only
 * says which types of request are granted.
 *
 * @throws PosternError `source_forbidden` for another tenant than the key's, a type that is not granted, or no scope
 */
export async function resolvedScope(
  resolveScopes: NonNullable<EndpointOptions['resolveScopes']>,
  body: ProtocolRequest,
  claimed: Scope,
  bound: string | undefined,
  verified: VerifiedContext,
): Promise<Scope> {
  const resolved = await resolveScopes({ ...verified, body, scope: claimed })
  if (resolved == null) throw new PosternError('source_forbidden')
  const types = grantedTypes(resolved)
  if (types === undefined) return boundScope(checked(resolved as Scope), bound)
  if (!types.has(body.type))
    throw new PosternError('source_forbidden', `This caller may not send ${body.type}.`)
  return claimed
}

/** Holds a scope to the tenant that the key speaks for, when it is bound to one. */
export function boundScope(scope: Scope, bound: string | undefined): Scope {
  if (bound === undefined || scope.organizationId === bound) return scope
  if (scope.organizationId === undefined) return { ...scope, organizationId: bound }
  throw new PosternError('source_forbidden', 'This key does not speak for that organization.', {
    details: { pointer: '/scope/organizationId' },
  })
}

function grantedTypes(resolved: NonNullable<ResolvedScopes>): ReadonlySet<RequestType> | undefined {
  if (resolved instanceof Set) return resolved
  return Array.isArray(resolved) ? new Set(resolved) : undefined
}

/** An empty text, or a number out of a database, would be a tenant of its own to some queries and none to others. */
function checked(scope: Scope): Scope {
  const { organizationId } = scope
  if (organizationId === undefined) return scope
  if (organizationId === null) {
    const { organizationId: _none, ...rest } = scope
    return rest
  }
  if (typeof organizationId === 'string' && organizationId !== '') return scope
  throw new PosternError('source_adapter_misconfigured', 'resolveScopes must give organizationId as a text.')
}
