import type { Adapter, Scope } from '../adapter.ts'
import { checkAdapter, checkOptions } from '../options.ts'
import type { PlainOperation } from '../protocol/operations.ts'
import type { PlainQuery } from '../protocol/query.ts'
import type { ProtocolRequest, RequestType } from '../protocol/request.ts'
import type { Schema } from '../schema/define.ts'
import type { KeyInput } from '../signature/keys.ts'
import type { VerifiedContext } from './context.ts'
import type { Limits } from './limits.ts'
import type { Observation } from './observe.ts'
import type { RateLimits } from './rate.ts'

/** Finds the keys of one request, for endpoints that serve callers with keys of their own. */
export type ResolveKeys = (context: {
  /** Not verified yet: only good for saying whose keys to look up. */
  readonly headers: Headers
  readonly url: string
}) => KeyInput | null | undefined | Promise<KeyInput | null | undefined>

/** What `resolveScopes` decides on: a request whose signature holds. */
export interface ScopesContext extends VerifiedContext {
  /** The request, its shape checked. Its `scope` is what the caller claims. */
  readonly body: ProtocolRequest
  readonly scope: Scope
}

/**
 * A scope replaces the one that the caller claims. A set or an array of request types leaves the scope as it is and
 * says which types this caller may send. Nothing at all refuses the request.
 */
export type ResolvedScopes = Scope | ReadonlySet<RequestType> | readonly RequestType[] | null | undefined

/** A verified and validated request, as `authorize` judges it. Ids, tenant and values are in their one spelling. */
export interface AuthorizeContext extends VerifiedContext {
  readonly type: RequestType
  /** The trusted scope, with whatever other members the caller sent. */
  readonly scope: Scope & Readonly<Record<string, unknown>>
  /** The models that the request names: one for load and list, each once for a commit, those of `models` for events. */
  readonly models: readonly string[]
  /** The id of a load. */
  readonly id: string | undefined
  /** The query of a list. */
  readonly query: PlainQuery | undefined
  /** The operations of a commit, each value checked against the schema; empty for all else. */
  readonly operations: readonly PlainOperation[]
}

/** What is known when the adapter of a request is picked. */
export interface AdapterContext extends VerifiedContext {
  /** The trusted scope. */
  readonly scope: Scope
}

/** Picks the adapter of one request; a `PosternError` that it throws is the answer. */
export type PickAdapter<S extends Schema = Schema, Tx = unknown> = (
  context: AdapterContext,
) => Adapter<S, Tx> | Promise<Adapter<S, Tx>>

/** Options of `createEndpoint`. */
export interface EndpointOptions<S extends Schema = Schema, Auth = unknown, Tx = unknown>
  extends Observation {
  /** One secret, or several during a rotation. `sk_...` counts as its own bytes, `whsec_...` as base64. */
  readonly signingKey?: string | readonly string[] | undefined
  /** Keys with names, expiry, tenants, public keys and JWKS. In place of `signingKey`. */
  readonly keys?: KeyInput | undefined
  /**
   * This endpoint's own URL, as callers know it, for keys that are bound to one (`endpoint` of a key). Never taken from
   * the request: its host is the caller's word.
   */
  readonly url?: string | undefined
  /** Keys looked up for each request. In place of `signingKey`. */
  readonly resolveKeys?: ResolveKeys | undefined

  /**
   * What the endpoint runs on, for example `pgAdapter(pool, schema)`, or a function that picks it for each request
   * once its scope is known. Its schema is what requests are held against.
   */
  readonly adapter?: Adapter<S, Tx> | PickAdapter<S, Tx> | undefined
  /**
   * Adapters by `scope.mode`, for example `{ sandbox: ... }`. `adapter` then answers requests without a mode and
   * those of mode `live`, unless `live` is named here; any other mode is refused, so that a mistyped `sandbox` never
   * reaches the live store.
   */
  readonly adapters?: Readonly<Record<string, Adapter<S, Tx> | PickAdapter<S, Tx>>> | undefined

  /**
   * Decides whose request this is, from what you know of the key or a header of your own, instead of what the
   * caller claims. Runs after the signature holds and before anything of the request is looked up.
   */
  readonly resolveScopes?: ((context: ScopesContext) => ResolvedScopes | Promise<ResolvedScopes>) | undefined
  /**
   * The last word. `true` or a value of your own grants, and is handed to the adapter as `auth`; `false`, null and
   * undefined refuse with `source_forbidden`. Throw a `Rejection` for a code of your own.
   */
  readonly authorize?: ((context: AuthorizeContext) => Auth | false | Promise<Auth | false>) | undefined

  /**
   * Requests per time, on top of `limits`; one too many is answered 429 `rate_limited` with Retry-After. When a limiter
   * fails, requests are answered 503: give it an `insuranceLimiter` where they are to be counted in memory meanwhile.
   *
   * @example
   * rateLimit: { tenant: new RateLimiterMemory({ points: 50, duration: 1 }) } // of `rate-limiter-flexible`
   */
  readonly rateLimit?: RateLimits | undefined
  /** See `Limits`; each has a default. */
  readonly limits?: Partial<Limits> | undefined
  /** The clock that signatures are judged by, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/** @throws TypeError for options that cannot work, naming the option */
export function checkEndpointOptions(options: object): void {
  const owner = 'createEndpoint'
  checkOptions<EndpointOptions>(
    owner,
    options,
    {
      signingKey: ['text', 'array'],
      keys: ['text', 'object', 'array'],
      resolveKeys: 'function',
      url: 'text',
      adapter: ['object', 'function'],
      adapters: 'object',
      resolveScopes: 'function',
      authorize: 'function',
      limits: 'object',
      rateLimit: 'object',
      now: 'function',
      onCommit: 'function',
      onReject: 'function',
      onError: 'function',
      logger: 'object',
      tracer: 'object',
    },
    {
      schema: "the schema is the adapter's, for example pgAdapter(pool, schema)",
      models: 'give `adapter: handlersAdapter(schema, { models })`',
      commit: 'give `adapter: handlersAdapter(schema, { commit })`',
      events: 'give `adapter: handlersAdapter(schema, { events })`',
      hooks: 'hooks are an option of the adapter',
    },
  )
  const { adapter, adapters, logger, tracer, rateLimit } = options as EndpointOptions
  if (adapter === undefined && adapters === undefined) {
    throw new TypeError(`${owner}: give \`adapter\`, for example pgAdapter(pool, schema).`)
  }
  for (const [name, given] of [['adapter', adapter] as const, ...named(adapters)]) {
    if (given !== undefined && typeof given !== 'function') checkAdapter(owner, name, given)
  }
  if (rateLimit !== undefined) {
    checkOptions<RateLimits>(`${owner}: rateLimit`, rateLimit, { tenant: 'object', key: 'object' })
    for (const [name, limiter] of Object.entries(rateLimit)) {
      if (limiter !== undefined && typeof limiter.consume !== 'function')
        throw new TypeError(`${owner}: rateLimit.${name} has no method consume.`)
    }
  }
  for (const level of ['info', 'warn', 'error'] as const) {
    if (logger && typeof logger[level] !== 'function') {
      throw new TypeError(`${owner}: the logger has no method ${level}.`)
    }
  }
  if (tracer && typeof tracer.startActiveSpan !== 'function') {
    throw new TypeError(`${owner}: the tracer has no method startActiveSpan.`)
  }
}

const named = (adapters: EndpointOptions['adapters']) =>
  Object.entries(adapters ?? {}).map(([mode, given]) => [`adapters.${mode}`, given] as const)
