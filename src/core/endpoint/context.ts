import type { Adapter, Scope } from '../adapter.ts'
import type { ProtocolRequest } from '../protocol/request.ts'
import type { Work } from './work.ts'

/**
 * What is known of one request. Each step of the endpoint takes the context that the step before it gave and extends
 * it, so that no step can use what is not known yet.
 */
export interface Received {
  readonly request: Request
  readonly requestId: string
  /** The body as it was signed. */
  readonly bytes: Uint8Array
}

/** What is known of a request once its signature holds. */
export interface VerifiedContext {
  /** The request as it came, its body read; undefined for a call through `endpoint.local`. */
  readonly request: Request | undefined
  /** It is in the answer of an error and in the log. */
  readonly requestId: string
  /** The webhook-id header. */
  readonly messageId: string | undefined
  /** The webhook-timestamp header: Unix seconds. */
  readonly signedAt: number | undefined
  /** The `id` of the key that signed, or the `kid` of a JWS. */
  readonly keyId: string | undefined
}

/** The shape of its body is checked. */
export interface Asked {
  readonly verified: VerifiedContext
  /** The only tenant that the key speaks for. */
  readonly boundTenant: string | undefined
  /** The caller may ask for what belongs to all tenants at once. */
  readonly allTenants: boolean
  readonly body: ProtocolRequest
  /** A call of this process: its scope is trusted, and its commit may join a transaction. */
  readonly local?: { readonly tx: unknown } | undefined
}

/** Its scope is trusted. */
export interface Scoped extends Asked {
  readonly scope: Scope
}

/** It fits the schema of its adapter, and all in it is in canonical form. */
export interface Prepared extends Scoped {
  readonly adapter: Adapter
  readonly work: Work
}
