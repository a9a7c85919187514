import type { Adapter, CommitAnswer, Scope } from '../adapter.ts'
import { settled, typeName } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { decodeJson } from '../protocol/json.ts'
import { type ProtocolRequest, parseRequest } from '../protocol/request.ts'
import type { Schema } from '../schema/define.ts'
import { readEnvelope, verifyRequest } from '../signature/verify.ts'
import { readBody } from './body.ts'
import type { VerifiedContext } from './context.ts'
import { failureOf } from './failure.ts'
import { type AnyHandlers, runHandler } from './handlers.ts'
import { keyLookup } from './keys.ts'
import { resolveLimits } from './limits.ts'
import { createObserver, type Metrics, type Trace } from './observe.ts'
import type { EndpointOptions, PickAdapter } from './options.ts'
import { respond, respondFailure } from './respond.ts'
import { boundScope, resolvedScope } from './scope.ts'
import { modelsOf, plainOperation, prepareWork, type Work } from './work.ts'

/** Answers signed requests. `fetch` fits any runtime or framework that uses `Request` and `Response`. */
export interface Endpoint {
  /** Answers one request. Never rejects: every failure becomes an answer. Needs no `this`. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Counters since the start. */
  metrics(): Metrics
}

/**
 * Makes a Data Source endpoint: one route that answers signed `load`, `list`, `commit` and `events` requests on your
 * own database. Mounts for Next.js, Express and `node:http` take the same options.
 *
 * The order of work is the security of it: method, encoding, the shape of the signature headers, the body up to its
 * limit, the signature over its raw bytes; only then is anything decoded, and only then may an adapter be called.
 *
 * @throws TypeError at once, with a sentence that names the fault, for options that cannot work
 * @example
 * // Give it to whatever speaks Fetch: Hono, Bun, Deno, a Worker.
 * const endpoint = createEndpoint({ schema, adapter, signingKey: process.env.POSTERN_KEY })
 * export default endpoint
 */
export function createEndpoint<S extends Schema, Auth = unknown>(
  options: EndpointOptions<S, Auth>,
): Endpoint {
  const limits = resolveLimits(options.limits)
  const keys = keyLookup(options, limits.callbackTimeoutMs)
  const observer = createObserver(options)
  const byHand = options.adapter === undefined && options.adapters === undefined
  const setting = { schema: options.schema, limits, ownCursors: byHand }
  if (!byHand && (options.models ?? options.commit ?? options.events) !== undefined) {
    throw new TypeError(
      'Give either an adapter or hand-written handlers (`models`, `commit`, `events`), not both.',
    )
  }

  async function answer(request: Request, trace: Trace): Promise<CommitAnswer> {
    if (request.method !== 'POST') throw new PosternError('method_not_allowed')
    const encoding = request.headers.get('content-encoding')
    if (encoding !== null && encoding !== 'identity') throw new PosternError('unsupported_encoding')
    readEnvelope(request.headers)
    const bytes = await readBody(request, limits)
    const found = keys(request)
    const ring = found instanceof Promise ? await found : found
    const signer = await verifyRequest(ring, request.headers, bytes, {
      toleranceSeconds: limits.toleranceSeconds,
      now: options.now && clock(options.now),
    })
    trace.keyId = signer.keyId
    // Only now: a place held by an unsigned, slow body would be a way to shut everyone out.
    if (!observer.enter(limits.inFlight)) throw new PosternError('source_busy')
    try {
      const { requestId } = trace
      const verified = {
        request,
        requestId,
        messageId: signer.id,
        signedAt: signer.timestamp,
        keyId: signer.keyId,
      }
      return await perform(bytes, verified, signer.organizationId, trace)
    } finally {
      observer.leave()
    }
  }

  async function perform(
    bytes: Uint8Array,
    verified: VerifiedContext,
    bound: string | undefined,
    trace: Trace,
  ): Promise<CommitAnswer> {
    const body = parseRequest(decodeJson(bytes))
    trace.type = body.type
    return observer.span(trace, body.type, () => fulfil(body, verified, bound, trace))
  }

  async function fulfil(
    body: ProtocolRequest,
    verified: VerifiedContext,
    bound: string | undefined,
    trace: Trace,
  ): Promise<CommitAnswer> {
    const claimed = boundScope(body.scope, bound)
    const { resolveScopes, authorize } = options
    const scope = resolveScopes
      ? await resolvedScope(resolveScopes, body, claimed, bound, verified, limits.callbackTimeoutMs)
      : claimed
    const tenant = scope.organizationId ?? null
    trace.tenant = tenant
    const work = prepareWork(body, { tenant, scope, requestId: verified.requestId }, setting)
    trace.work = work
    const auth = authorize && (await granted(authorize, work, body, verified, limits.callbackTimeoutMs))
    const adapter = byHand ? undefined : await pickedAdapter(scope, verified)
    const call = (): Promise<CommitAnswer> =>
      adapter === undefined
        ? runHandler(options as AnyHandlers, options.schema, work, { ...verified, auth, scope, tenant })
        : callAdapter(adapter, work)
    const result = await settled(work.type, call, limits.callbackTimeoutMs, (message) =>
      work.type === 'commit'
        ? new PosternError('commit_outcome_unknown', message)
        : new PosternError('source_unavailable', message),
    )
    observer.succeeded(trace, work, result.replayed)
    return result
  }

  async function pickedAdapter(scope: Scope, verified: VerifiedContext): Promise<Adapter> {
    const found = adapterFor(options, scope)
    await confined(options, found, verified.request, limits.callbackTimeoutMs)
    if (typeof found !== 'function') return found
    const picked = await settled('adapter', () => found({ ...verified, scope }), limits.callbackTimeoutMs)
    if (typeof picked?.load === 'function' && typeof picked.commit === 'function') return picked
    const message = `The function \`adapter\` must give an adapter, not ${typeName(picked)}.`
    throw new PosternError('source_adapter_misconfigured', message)
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
  return { fetch, metrics: observer.metrics }
}

type Authorize = NonNullable<EndpointOptions['authorize']>

async function granted(
  authorize: Authorize,
  work: Work,
  body: ProtocolRequest,
  verified: VerifiedContext,
  timeoutMs: number,
): Promise<unknown> {
  const asked = {
    ...verified,
    type: work.type,
    body,
    scope: work.request.scope,
    models: modelsOf(work),
    id: work.type === 'load' ? work.request.id : undefined,
    operations: work.type === 'commit' ? work.request.operations.map(plainOperation) : [],
  }
  const auth = await settled('authorize', () => authorize(asked), timeoutMs)
  if (auth === false) throw new PosternError('source_forbidden')
  return auth
}

type Adapters = Pick<EndpointOptions, 'adapter' | 'adapters'>

function adapterFor({ adapter, adapters }: Adapters, { mode }: Scope): Adapter | PickAdapter {
  const named = adapters && Object.hasOwn(adapters, mode ?? 'live') ? adapters[mode ?? 'live'] : undefined
  if (named !== undefined) return named
  // Without `adapters` a mode is just a word of the caller's.
  if (adapter !== undefined && (adapters === undefined || mode === undefined || mode === 'live'))
    return adapter
  throw new PosternError('source_forbidden', 'This endpoint has no adapter for that mode.', {
    details: { pointer: '/scope/mode' },
  })
}

/** A request that names a test session must not reach the live store because its mode does not say so too. */
async function confined(
  { adapter, adapters }: Adapters,
  found: Adapter | PickAdapter,
  request: Request,
  timeoutMs: number,
): Promise<void> {
  for (const one of [adapter, ...Object.values(adapters ?? {})]) {
    if (typeof one !== 'function' || one === found || one.claims === undefined) continue
    // Awaited: of an async function the promise itself would claim every request.
    if (!(await settled('claims', () => one.claims?.(request), timeoutMs))) continue
    throw new PosternError('source_forbidden', 'This request is for the adapter of another mode.', {
      details: { pointer: '/scope/mode' },
    })
  }
}

async function callAdapter(adapter: Adapter, work: Work): Promise<CommitAnswer> {
  const answer: CommitAnswer =
    work.type === 'commit'
      ? await adapter.commit(work.request)
      : { body: await read(adapter, work), replayed: false }
  if (typeof answer?.body === 'string' && typeof answer.replayed === 'boolean') return answer
  const expected = work.type === 'commit' ? '{ body, replayed } with a JSON text as body' : 'a JSON text'
  throw new PosternError(
    'source_adapter_misconfigured',
    `The adapter's ${work.type} must answer with ${expected}.`,
  )
}

/** A clock of the application's: what is not a time must not say how old a signature is. */
const clock = (now: () => number) => (): number => {
  const ms: unknown = now()
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  const message = `The option \`now\` must give milliseconds since 1970, not ${typeName(ms)}.`
  throw new PosternError('source_adapter_misconfigured', message)
}

function read(adapter: Adapter, work: Exclude<Work, { type: 'commit' }>): Promise<string> {
  switch (work.type) {
    case 'load':
      return adapter.load(work.request)
    case 'list':
      return adapter.list(work.request)
    case 'events':
      return adapter.events(work.request)
  }
}
