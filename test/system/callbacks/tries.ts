import type pg from 'pg'
import { handlersAdapter } from '../../../src/adapters/handlers/index.ts'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { createClient } from '../../../src/client/index.ts'
import type { EndpointOptions } from '../../../src/core/endpoint/options.ts'
import { sealFeedCursor } from '../../../src/core/protocol/cursor.ts'
import { createKeyRing } from '../../../src/core/signature/keys.ts'
import { createSigner } from '../../../src/core/signature/sign.ts'
import { verifyRequest } from '../../../src/core/signature/verify.ts'
import { createEndpoint, storeAdapter } from '../../../src/index.ts'
import { createRelay, httpSink, RelayHalted, type RelayOptions, relaysOf } from '../../../src/relay/index.ts'
import { org, schema, signedRequest, signingKey } from '../../support/source.ts'
import { notes } from '../relay/schema.ts'

/** Calls what takes the callback. It fails when anything but an answer, or the error that is said, comes out. */
export type Try = (callback: (...given: never[]) => unknown) => Promise<unknown>

const limits = { callbackTimeoutMs: 40 }
const load = { type: 'load', model: 'tasks', id: 't1', scope: org }
const list = { type: 'list', model: 'tasks', scope: org }
const events = { type: 'events', scope: org }
let keys = 0
const next = (): number => {
  keys += 1
  return keys
}
const commit = () => ({
  type: 'commit',
  correlationId: `k${next()}`,
  operations: [{ type: 'CREATE', model: 'tasks', id: `t${keys}`, input: { title: 'x' } }],
  scope: org,
})

/** Whatever is asked, the endpoint answers, in the protocol's form. */
async function asked(options: Partial<EndpointOptions>, ...requests: unknown[]): Promise<void> {
  const endpoint = createEndpoint({
    adapter: memoryAdapter(schema),
    ...(options.resolveKeys === undefined && { signingKey }),
    limits,
    ...options,
  } as never)
  for (const request of requests) {
    const response = await endpoint.fetch(await signedRequest(request))
    const body = (await response.json()) as { error?: unknown; requestId?: unknown }
    if (response.status !== 200 && (typeof body.error !== 'string' || typeof body.requestId !== 'string'))
      throw new Error(`status ${response.status} without an error: ${JSON.stringify(body)}`)
  }
}

const quiet = { info() {}, warn() {}, error() {} }
const span = { setAttribute() {}, setStatus() {}, end() {} }
const all = () => [load, list, events, commit(), { ...load, model: 'none' }]

const spanned =
  (member: keyof typeof span): Try =>
  (callback) =>
    asked(
      {
        tracer: {
          startActiveSpan: (_: string, work: (given: never) => never) =>
            work({ ...span, [member]: callback } as never),
        },
      },
      ...all(),
    )

const byHand =
  (member: 'load' | 'list' | 'commit'): Try =>
  (callback) =>
    asked(
      { adapter: handlersAdapter(schema, { models: { tasks: { [member]: callback } } } as never) as never },
      ...all(),
    )

const ofAdapter =
  (member: 'load' | 'list' | 'commit' | 'events' | 'kinds'): Try =>
  (callback) =>
    asked({ adapter: { ...memoryAdapter(schema), [member]: callback } as never }, ...all())

const store = {
  epoch: async () => 'e',
  log: async () => ({ entries: [], through: 0 }),
  query: async () => ({ rows: [], stamp: 0 }),
  read: async () => null,
  retainedFrom: async () => 0,
  transaction: async () => ({ body: '{}', replayed: false }),
}
/** The beginning of the feed of that store, as a cursor. */
const start = sealFeedCursor({ epoch: 'e', position: 0, base: 0, mark: '' }, org.organizationId)
const ofStore =
  (member: keyof typeof store): Try =>
  (callback) =>
    asked({ adapter: storeAdapter(schema, { ...store, [member]: callback } as never) }, ...all())

const transaction = {
  append: async () => 1,
  apply: async () => ({}),
  changesSince: async () => [],
  complete: async () => {},
  keep: async () => [],
  lastPosition: async () => 0,
  lock: async () => [],
  prunedThrough: async () => 0,
  reserve: async () => null,
}
const ofTransaction =
  (member: keyof typeof transaction): Try =>
  (callback) =>
    asked(
      {
        adapter: storeAdapter(schema, {
          ...store,
          transaction: (work: (given: never) => unknown) =>
            work({ ...transaction, [member]: callback } as never),
        } as never),
      },
      commit(),
    )

const called = (options: object): Promise<unknown> =>
  createClient({
    url: 'http://client.invalid/source',
    signingKey,
    retries: 0,
    timeoutMs: 40,
    ...options,
  } as never)
    .load('tasks', 't1')
    .catch((error: unknown) => {
      if ((error as Error)?.name !== 'ClientError')
        throw new Error(`not a ClientError: ${(error as Error)?.name}`)
    })

/** Each callback with its try. */
export function tries(pool: pg.Pool): Readonly<Record<string, Try>> {
  const adapter = pgAdapter(pool, notes)
  const note = () => ({
    type: 'commit',
    correlationId: `n${next()}`,
    operations: [{ type: 'CREATE', model: 'notes', id: `n${keys}`, input: { text: 'x' } }],
    scope: org,
  })
  const onPostgres = (options: object, ...requests: unknown[]): Promise<void> =>
    asked(
      {
        adapter: pgAdapter(pool, notes, { deadlineMs: 150, ...options }) as never,
        limits: { callbackTimeoutMs: 400 },
      },
      ...requests,
    )

  /** A relay runs until it has delivered, or says why not. */
  const relayed = async (options: Partial<RelayOptions>): Promise<void> => {
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), 2000)
    const relay = createRelay({
      adapter,
      name: 'callbacks',
      sink: () => {},
      schedule: [0, 1],
      pollMs: [1, 5],
      deliveryTimeoutMs: 60,
      leaseMs: 300,
      ...options,
    })
    try {
      await relaysOf(adapter).resume('callbacks')
      await relaysOf(adapter).reset('callbacks', 'beginning')
      await relay.run({ once: true, signal: stop.signal })
    } catch (error) {
      if (!(error instanceof RelayHalted)) throw error
    } finally {
      clearTimeout(timer)
      await relay.stop()
    }
  }
  const fails = () => {
    throw new Error('the sink fails')
  }
  const sink = (options: object) =>
    httpSink({ url: 'https://sink.example', key: signingKey, timeoutMs: 40, ...options } as never)

  return {
    'Adapter.load': ofAdapter('load'),
    'Adapter.list': ofAdapter('list'),
    'Adapter.commit': ofAdapter('commit'),
    'Adapter.events': ofAdapter('events'),
    'Adapter.kinds': ofAdapter('kinds'),
    'Adapter.commitWithin': (commitWithin) =>
      createEndpoint({
        adapter: { ...memoryAdapter(schema), commitWithin } as never,
        signingKey,
        limits,
      })
        .local(org)
        .commit(
          {
            idempotencyKey: `k${next()}`,
            operations: [{ type: 'DELETE', model: 'tasks', id: 't1' }],
          } as never,
          { tx: {} },
        )
        .then(
          () => {},
          (error: unknown) => {
            if ((error as Error)?.name !== 'PosternError')
              throw new Error(`not a PosternError: ${(error as Error)?.name}`)
          },
        ),
    'StoreKinds.field': (field) =>
      asked(
        { adapter: { ...memoryAdapter(schema), kinds: async () => ({ tenant: undefined, field }) } as never },
        ...all(),
      ),
    'RateLimiter.consume': async (consume) => {
      await asked({ rateLimit: { tenant: { consume } } } as never, ...all())
      await asked({ rateLimit: { key: { consume } } } as never, load)
    },
    'VerifyOptions.now': async (now) => {
      const request = await signedRequest(load)
      const bytes = new Uint8Array(await request.arrayBuffer())
      const options = { toleranceSeconds: 300, now: now as never }
      await verifyRequest(createKeyRing(signingKey), request.headers, bytes, options).catch(
        (error: unknown) => {
          if ((error as Error)?.name !== 'PosternError')
            throw new Error(`not a PosternError: ${(error as Error)?.name}`)
        },
      )
    },
    'CommonOptions.fetch': (fetch) => called({ fetch }),
    'ClientWithSigner.sign': (sign) =>
      called({ signingKey: undefined, sign, fetch: async () => Response.json({ row: null, stamp: 0 }) }),
    'CommitHooks.beforeCommit': (beforeCommit) => onPostgres({ hooks: { beforeCommit } }, note()),
    'CommitHooks.afterCommit': (afterCommit) => onPostgres({ hooks: { afterCommit } }, note()),
    'EndpointOptions.adapter': (given) => asked({ adapter: given as never }, ...all()),
    'EndpointOptions.authorize': (authorize) => asked({ authorize: authorize as never }, ...all()),
    'EndpointOptions.now': (now) => asked({ now: now as never }, ...all()),
    'EndpointOptions.resolveKeys': (resolveKeys) => asked({ resolveKeys: resolveKeys as never }, ...all()),
    'EndpointOptions.resolveScopes': (resolveScopes) =>
      asked({ resolveScopes: resolveScopes as never }, ...all()),
    'Handlers.commit': (given) =>
      asked({ adapter: handlersAdapter(schema, { commit: given } as never) as never }, ...all()),
    'Handlers.events': (given) =>
      asked({ adapter: handlersAdapter(schema, { events: given } as never) as never }, ...all()),
    'ModelHandlers.load': byHand('load'),
    'ModelHandlers.list': byHand('list'),
    'ModelHandlers.commit': byHand('commit'),
    'Logger.info': (info) => asked({ logger: { ...quiet, info } }, ...all()),
    'Logger.warn': (warn) => asked({ logger: { ...quiet, warn } }, ...all()),
    'Logger.error': (error) => asked({ logger: { ...quiet, error }, authorize: fails }, ...all()),
    'MemoryOptions.now': (now) => asked({ adapter: memoryAdapter(schema, { now: now as never }) }, ...all()),
    'Observation.onCommit': (onCommit) => asked({ onCommit: onCommit as never }, commit()),
    'Observation.onReject': (onReject) =>
      asked({ onReject: onReject as never, authorize: () => false }, ...all()),
    'Observation.onError': (onError) => asked({ onError: onError as never, authorize: fails }, ...all()),
    'Tracer.startActiveSpan': (startActiveSpan) =>
      asked({ tracer: { startActiveSpan: startActiveSpan as never } }, ...all()),
    'Span.setAttribute': spanned('setAttribute'),
    'Span.setStatus': spanned('setStatus'),
    'Span.end': spanned('end'),
    'Store.acknowledge': (acknowledge) =>
      asked(
        { adapter: storeAdapter(schema, { ...store, acknowledge } as never) },
        { ...events, acknowledgedThrough: start },
      ),
    'Store.epoch': ofStore('epoch'),
    'Store.log': ofStore('log'),
    'Store.query': ofStore('query'),
    'Store.read': ofStore('read'),
    'Store.retainedFrom': ofStore('retainedFrom'),
    'Store.transaction': ofStore('transaction'),
    'StoreTransaction.append': ofTransaction('append'),
    'StoreTransaction.apply': ofTransaction('apply'),
    'StoreTransaction.changesSince': ofTransaction('changesSince'),
    'StoreTransaction.complete': ofTransaction('complete'),
    'StoreTransaction.keep': ofTransaction('keep'),
    'StoreTransaction.lastPosition': ofTransaction('lastPosition'),
    'StoreTransaction.lock': ofTransaction('lock'),
    'StoreTransaction.prunedThrough': ofTransaction('prunedThrough'),
    'StoreTransaction.reserve': ofTransaction('reserve'),
    'StoreAdapterOptions.now': (now) =>
      asked({ adapter: storeAdapter(schema, store as never, { now: now as never }) }, ...all()),
    'PostgresAdapterOptions.settings': (settings) =>
      onPostgres({ settings }, { ...note(), type: 'events' }, note()),
    'RelayOptions.sink': (given) => relayed({ sink: given as never }),
    'RelayHooks.onDelivered': (onDelivered) => relayed({ onDelivered } as never),
    'RelayHooks.onFailed': (onFailed) => relayed({ onFailed, sink: fails } as never),
    'RelayHooks.onState': (onState) => relayed({ onState } as never),
    'RelayHooks.onError': (onError) => relayed({ onError } as never),
    'HttpSinkOptions.fetch': (given) => relayed({ sink: sink({ fetch: given }) }),
    'HttpSinkOptions.now': (now) =>
      relayed({ sink: sink({ now, fetch: async () => new Response(null, { status: 204 }) }) }),
    'SignOptions.now': (now) =>
      Promise.resolve(createSigner(signingKey)('{}', { now: now as never })).catch(() => {}),
  }
}

/** Found in the types, and no function of an application's that serves: with the reason of each. */
export const excused: Readonly<Record<string, RegExp>> = {
  'connections of client libraries: what their methods throw is what a database says':
    /^(?:Drizzle|Kysely|Prisma|Pg|Pglite|PostgresJs|PostgresConnection|PostgresSession)\w*\./,
  'the conformance suite and fixtures: what a test throws, or waits for, fails that test':
    /^(?:ConformanceOptions|ConsoleOptions|Driver|PausePoint|Probe|ProbeConnection|RunHooks|Runner|Stranger|EffectsOptions|FixtureAdapterOptions|FixtureOptions|TestSessionsOptions|Answer)\./,
  'made by this package, and only handed back':
    /^(?:MemoryAdapter|MemoryInspection|DeliveryContext|PreparedKey)\./,
  'a clock for tests of a relay, which are to see what it does': /^Clock\./,
  'tried with a server, in the tests of the NATS sink': /^NatsSinkOptions\./,
}
