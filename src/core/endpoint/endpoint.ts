import type { CommitAnswer, RequestContext, Scope } from '../adapter.ts'
import { settled } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { encodeJson } from '../protocol/encode.ts'
import { decodeJson } from '../protocol/json.ts'
import { parseRequest } from '../protocol/request.ts'
import type { Schema } from '../schema/define.ts'
import { verifyRequest } from '../signature/verify.ts'
import { authorized } from './authorize.ts'
import { tooLarge } from './body.ts'
import { canonicalWork, kindsOf } from './canonical.ts'
import type { Asked, Received, Scoped } from './context.ts'
import { dispatch } from './dispatch.ts'
import { failureOf } from './failure.ts'
import { createGate } from './gate.ts'
import { keyLookup } from './keys.ts'
import { resolveLimits } from './limits.ts'
import { createLocal, type Local, thrownLocally } from './local.ts'
import { createObserver, type Metrics, type Trace } from './observe.ts'
import { checkEndpointOptions, type EndpointOptions } from './options.ts'
import { pickAdapter } from './pick.ts'
import { countRequest } from './rate.ts'
import { receive } from './receive.ts'
import { respond, respondFailure } from './respond.ts'
import { refuseAllTenants, trustedScope } from './scope.ts'
import { prepareWork, type Work } from './work.ts'

/**
 * With `Schema` in its place TypeScript 5 would not take an endpoint of a known schema for an `Endpoint`: it compares the
 * schemas and not what `local` does with them. Rows and names are typed the same with either.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnySchema = any

/** Answers signed requests. `fetch` fits any runtime or framework that uses `Request` and `Response`. */
export interface Endpoint<S extends Schema = AnySchema, Tx = unknown> {
  /** Answers one request. Never rejects: every failure becomes an answer. Needs no `this`. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Calls the endpoint from its own process, in this scope: from a server action, a job or a test.
   *
   * @example
   * const local = endpoint.local({ organizationId: 'org_1', participantId: 'nightly' })
   * const { row, stamp } = await local.load('tasks', 't1')
   */
  local(scope?: Scope): Local<S, Tx>
  /**
   * When each key last signed a request that was verified, by its `id` (or the `kid` of a JWS): what is not in here
   * since the start can be taken out of a rotation. Of the last 1,000 keys.
   */
  keyUses(): Readonly<Record<string, KeyUse>>
  /** Counters since the start. */
  metrics(): Metrics
}

/** How often and when a key signed. */
export interface KeyUse {
  readonly count: number
  readonly lastUsedAt: Date
}

const MAX_KEY_USES = 1_000

/**
 * Makes a Data Source endpoint: one route that answers signed `load`, `list`, `commit` and `events` requests on your
 * own database. Its schema is the adapter's. Mounts put it into Next.js, Express and `node:http`.
 *
 * The order of work is the security of it: method, encoding, the shape of the signature headers, the body up to its
 * limit, the signature over its raw bytes; only then is anything decoded, and only then may an adapter be called.
 *
 * @throws TypeError at once, with a sentence that names the fault, for options that cannot work
 * @example
 * // Give it to whatever speaks Fetch: Hono, Bun, Deno, a Worker.
 * const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })
 * export default endpoint
 */
export function createEndpoint<S extends Schema, Auth = unknown, Tx = unknown>(
  options: EndpointOptions<S, Auth, Tx>,
): Endpoint<S, Tx> {
  checkEndpointOptions(options)
  const limits = resolveLimits(options.limits)
  const { callbackTimeoutMs: timeoutMs } = limits
  const keys = keyLookup(options, timeoutMs)
  const observer = createObserver(options)
  const gate = createGate(limits)

  async function answer(request: Request, trace: Trace): Promise<CommitAnswer> {
    const received = await receive(request, trace.requestId, limits)
    const { bytes, ...signer } = await verify(received)
    trace.keyId = signer.verified.keyId
    // Only now: a place held by an unsigned, slow body would be a way to shut everyone out.
    return admit(trace, () => ({ ...signer, body: parseRequest(decodeJson(bytes)) }))
  }

  /** A request of this process, from where it is like any other: the place that it takes. */
  async function answerLocal(request: object, tx: unknown, trace: Trace): Promise<CommitAnswer> {
    const bytes = encodeJson(request)
    if (bytes.byteLength > limits.bodyBytes) throw tooLarge(limits.bodyBytes)
    const { requestId } = trace
    const nothing = { request: undefined, messageId: undefined, signedAt: undefined, keyId: undefined }
    const body = parseRequest(decodeJson(bytes))
    return admit(trace, () => ({
      verified: { ...nothing, requestId },
      boundTenant: undefined,
      allTenants: true,
      body,
      local: { tx },
    }))
  }

  async function admit(trace: Trace, ask: () => Asked): Promise<CommitAnswer> {
    if (!observer.enter(limits.inFlight + limits.queued)) throw new PosternError('source_busy')
    try {
      const { rateLimit } = options
      if (rateLimit?.key !== undefined) await countRequest(rateLimit.key, trace.keyId, timeoutMs)
      const asked = ask()
      trace.type = asked.body.type
      return await observer.span(trace, asked.body.type, () => fulfil(asked, trace))
    } finally {
      observer.leave()
    }
  }

  const uses = new Map<string, KeyUse>()
  const noteUse = (keyId: string): void => {
    const count = (uses.get(keyId)?.count ?? 0) + 1
    // Set anew: the map keeps the order of use, oldest first.
    uses.delete(keyId)
    uses.set(keyId, { count, lastUsedAt: new Date() })
    if (uses.size > MAX_KEY_USES) uses.delete(uses.keys().next().value as string)
  }

  async function verify({ request, requestId, bytes }: Received) {
    const found = keys(request)
    const ring = found instanceof Promise ? await found : found
    const {
      id,
      timestamp,
      keyId,
      organizationId,
      allTenants = false,
    } = await verifyRequest(ring, request.headers, bytes, {
      toleranceSeconds: limits.toleranceSeconds,
      now: options.now,
      endpoint: options.url,
    })
    if (keyId !== undefined) noteUse(keyId)
    const verified = { request, requestId, messageId: id, signedAt: timestamp, keyId }
    return { bytes, verified, boundTenant: organizationId, allTenants }
  }

  /** From here on it does not matter how the request came. */
  async function fulfil(asked: Asked, trace: Trace): Promise<CommitAnswer> {
    const scoped = { ...asked, scope: await trustedScope(options, asked, timeoutMs) }
    const adapter = await pickAdapter(options, scoped, timeoutMs)
    refuseAllTenants(scoped, adapter.schema)
    const { schema, listCursors, queries } = adapter
    const keyHeader = asked.verified.request?.headers.get('idempotency-key')
    const context = contextOf(scoped)
    // As it was sent, for those who hear of a refusal by the schema.
    trace.tenant = context.tenant
    let work: Work
    try {
      const sent = prepareWork(asked.body, context, { schema, listCursors, queries, limits, keyHeader })
      // What the schema alone refuses never asks the database anything.
      work = canonicalWork(sent, await settled('kinds', () => kindsOf(adapter, asked.local?.tx), timeoutMs))
    } catch (refusal) {
      // Work all the same: a caller must not have any number of requests refused.
      await countRequest(options.rateLimit?.tenant, context.tenant, timeoutMs)
      throw refusal
    }
    const { tenant, keyId } = work.request
    trace.tenant = tenant
    trace.work = work
    await countRequest(options.rateLimit?.tenant, tenant, timeoutMs)
    const leave = await gate.enter({ tenant, keyId, type: work.type })
    try {
      const granted = await authorized(options, { ...scoped, adapter, work }, timeoutMs)
      const result = await dispatch(adapter, granted, asked.local?.tx, timeoutMs)
      observer.succeeded(trace, work, result.replayed)
      return result
    } finally {
      leave()
    }
  }

  const fetch = async (request: Request): Promise<Response> => {
    const trace = observer.begin()
    try {
      const { body, replayed } = await answer(request, trace)
      return respond(body, replayed)
    } catch (error) {
      const failure = failureOf(error)
      observer.failed(trace, failure, error)
      return respondFailure(request, failure, trace.requestId)
    }
  }
  const askLocally = async (request: object, tx: unknown): Promise<CommitAnswer> => {
    const trace = observer.begin()
    try {
      return await answerLocal(request, tx, trace)
    } catch (error) {
      observer.failed(trace, failureOf(error), error)
      throw thrownLocally(error)
    }
  }
  return {
    fetch,
    local: (scope = {}) => createLocal(askLocally, scope),
    keyUses: () => Object.fromEntries(uses),
    metrics: observer.metrics,
  }
}

function contextOf({ verified: { requestId, keyId }, scope }: Scoped): RequestContext {
  return { tenant: scope.organizationId ?? null, scope, requestId, keyId }
}
