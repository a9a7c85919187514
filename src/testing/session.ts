import type { Client } from '../client/index.ts'
import type { Adapter } from '../core/adapter.ts'
import type { Endpoint } from '../core/endpoint/endpoint.ts'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter } from '../postgres/adapter.ts'
import { allOf } from './closing.ts'
import { checkEffects, type EffectsOptions, type SessionEffects, sessionEffects } from './effects.ts'
import { TestingError } from './errors.ts'
import { sessionFetch } from './fetch.ts'
import {
  type FixtureAdapterOptions,
  type FixtureEndpointOptions,
  guarded,
  openAdapter,
  openEndpoint,
} from './open.ts'
import type { Base, Copy } from './store.ts'
import { SESSION_HEADER, signToken } from './token.ts'

/** Options of `attach`. */
export interface AttachOptions<S extends Schema = Schema> extends EffectsOptions {
  /** The fingerprint that the base must have. Default: that of this fixture's own inputs as they are now. */
  readonly expectedBaseFingerprint?: string | undefined
  /** Milliseconds until the session is dropped whatever happens. Default 600,000; a day at most. */
  readonly ttl?: number | undefined
  /** Where the application under test listens, for `fetch`. */
  readonly appUrl?: string | URL | undefined
  /** Options of the session's own endpoint, for example `authorize`. */
  readonly endpoint?: FixtureEndpointOptions<S> | undefined
}

/** A writable copy of a sealed base that nobody else has. It is dropped on dispose: `await using`. */
export interface TestSession<S extends Schema = Schema> extends AsyncDisposable {
  readonly id: string
  readonly fixture: string
  /** Of the base that this is a copy of. */
  readonly fingerprint: string
  readonly generation: number
  readonly expiresAt: Date

  /** The address of the session's database. @throws TypeError on PGlite, which has none */
  readonly databaseUrl: string
  /** The instance, when it is PGlite. */
  readonly pglite: unknown
  /** Runs SQL in the session's database. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>

  /** The adapter on the session's database. Each call first asks whether the base is still the one. */
  readonly adapter: Adapter
  /** The same without that question, with all that an operator may do: for a relay, `recordChange`, `prune`. */
  readonly source: PostgresAdapter
  /** An endpoint on it, in this process. */
  readonly endpoint: Endpoint
  /** A client that signs for that endpoint. */
  readonly client: Client<S>
  /** What the endpoint takes signatures of, for a client of your own. */
  readonly signingKey: string

  /** Names this session to an application under test that has `testSessions` switched on. */
  readonly token: string
  /** `{ 'x-test-session': token }`, for `extraHTTPHeaders` and the like. */
  readonly headers: Readonly<Record<string, string>>
  /** `fetch` with that header, for `appUrl` or, without one, addresses of this host; the header goes nowhere else. */
  fetch(input: string | URL, init?: RequestInit): Promise<Response>

  /** What becomes of pushes of the outbox, and what they were. */
  readonly effects: SessionEffects
}

export interface SessionParts<S extends Schema> {
  readonly copy: Copy
  readonly schema: S
  readonly fixture: string
  readonly key: Uint8Array
  readonly adapter: FixtureAdapterOptions
  readonly attach: AttachOptions<S>
  readBase(): Promise<Base | null>
}

const DEFAULT_TTL_MS = 600_000
const MAX_TTL_MS = 86_400_000

/** Sessions of this process whose database has no address: an application in the same process finds them here. */
export const localSessions = new Map<string, { readonly copy: Copy; live(): Promise<void> }>()

/** @throws TypeError for options that cannot work, before anything is copied */
export function checkAttach(options: AttachOptions): number {
  checkEffects(options)
  const ttl = options.ttl ?? DEFAULT_TTL_MS
  if (!(ttl > 0 && ttl <= MAX_TTL_MS)) {
    throw new TypeError(`\`ttl\` is in milliseconds: above 0, at most ${MAX_TTL_MS}.`)
  }
  return ttl
}

export async function openSession<S extends Schema>(parts: SessionParts<S>): Promise<TestSession<S>> {
  const { copy, schema, fixture, key, attach, readBase } = parts
  const { id, base, expiresAt } = copy
  let ended = false

  const live = async (): Promise<void> => {
    if (ended || expiresAt.getTime() <= Date.now()) {
      throw new TestingError('test_session_invalid', 'This test session has ended: attach a new one.')
    }
    if (!stands(await readBase(), base.incarnation)) throw baseChanged(fixture)
  }

  const { adapter: inner, close } = await openAdapter(copy, schema, parts.adapter)
  const adapter = guarded(inner, live)
  const { endpoint, client, signingKey } = openEndpoint(adapter, attach.endpoint)
  const effects = sessionEffects(copy, adapter, base.position, attach)
  const claims = { id, fixture, database: copy.name, incarnation: base.incarnation }
  const token = await signToken(key, { ...claims, effects: effects.policy, expiresAt })
  const headers = { [SESSION_HEADER]: token }
  if (copy.name === null) localSessions.set(id, { copy, live })

  const end = async (): Promise<void> => {
    ended = true
    clearTimeout(timer)
    localSessions.delete(id)
    await allOf([close, () => copy[Symbol.asyncDispose]()])
  }
  let ending: Promise<void> | undefined
  const dispose = (): Promise<void> => {
    ending ??= end()
    return ending
  }
  // Nobody waits for it; what it leaves the next sweep takes.
  const timer = setTimeout(
    () => void dispose().catch(() => {}),
    Math.max(expiresAt.getTime() - Date.now(), 0),
  )
  timer.unref()

  return {
    id,
    fixture,
    fingerprint: base.fingerprint as string,
    generation: base.generation,
    expiresAt,
    get databaseUrl() {
      if (copy.url !== null) return copy.url
      throw new TypeError('A session on PGlite has no address: use `sql`, `pglite` or `adapter`.')
    },
    pglite: copy.pglite,
    sql: async (text, values) => {
      await live()
      return copy.query(text, values)
    },
    adapter,
    source: inner,
    endpoint,
    client,
    signingKey,
    token,
    headers,
    fetch: (input, init) => sessionFetch({ token, appUrl: attach.appUrl }, input, init),
    effects,
    [Symbol.asyncDispose]: dispose,
  }
}

/** Whether the base is still the one that a session was copied from. */
export const stands = (base: Base | null, incarnation: string): boolean =>
  base?.sealed === true && base.incarnation === incarnation

export const baseChanged = (fixture: string): TestingError =>
  new TestingError(
    'fixture_fingerprint_changed',
    `Fixture ${fixture} was unsealed or sealed anew after this session was attached: attach a new one.`,
    { details: { fixture } },
  )
