import type { Adapter } from '../core/adapter.ts'
import type { AdapterContext, PickAdapter } from '../core/endpoint/options.ts'
import { PosternError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter } from '../postgres/adapter.ts'
import { databases, readBase } from './databases.ts'
import { type AroundSink, around, type EffectSink, type EffectsPolicy, effectSink } from './effects.ts'
import { TestingError } from './errors.ts'
import { notInProduction } from './guard.ts'
import { baseOf } from './names.ts'
import { type FixtureAdapterOptions, guarded, openAdapter } from './open.ts'
import { openDatabase, openPool, type Pool, urlOf } from './pg-client.ts'
import { baseChanged, localSessions, stands } from './session.ts'
import type { OpenDatabase } from './store.ts'
import { readToken, SESSION_HEADER, type SessionClaims, sessionKey } from './token.ts'

/** Options of `testSessions`. */
export interface TestSessionsOptions extends FixtureAdapterOptions {
  readonly schema: Schema
  /** Off unless true; then every request without a session's token is refused. */
  readonly enabled?: boolean | undefined
  /** The address of any database of the server on which the fixtures are; not needed for PGlite in this process. */
  readonly connection?: string | undefined
  /** As given to the fixture. Default: the variable `POSTERN_TEST_SESSION_KEY`. */
  readonly sessionKey?: string | undefined
  /** What answers pushes in sessions whose policy is `mock`. */
  readonly mock?: EffectSink | undefined
  /** Runs with `NODE_ENV=production` too. */
  readonly force?: boolean | undefined
}

/** The session that a request belongs to, as the application under test sees it. */
export interface RoutedSession {
  readonly id: string
  readonly fixture: string
  readonly expiresAt: Date
  /** For queries of the application's own; null for PGlite. */
  readonly databaseUrl: string | null
  /** The instance, when it is PGlite. */
  readonly pglite: unknown
  readonly adapter: Adapter
  /** The adapter without the question whether the base is still the one; for a relay. */
  readonly source: PostgresAdapter
  readonly effects: {
    readonly policy: EffectsPolicy
    /** What to push through: `real` itself, or what captures in its place. */
    sink(real: EffectSink): EffectSink
    /** The same for the sink of a relay. */
    readonly around: AroundSink
  }
}

/** Headers as Fetch and as Node have them. */
export type HeadersLike = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/** Routes an application under test into the session that a request names. */
export interface TestSessions extends AsyncDisposable {
  readonly enabled: boolean
  /** For the endpoint of a deployment that is only there for tests: `adapter: sessions.adapter`. */
  readonly adapter: PickAdapter
  /**
   * For an endpoint that answers live requests too: `adapter: sessions.beside(adapter)`. Requests of `scope.mode`
   * `test` go to their session, those without a mode or of mode `live` to the adapter given. Any other mode, and a
   * request that carries a token without asking for `test`, is refused with `source_forbidden`.
   */
  beside(live: Adapter | PickAdapter): PickAdapter
  /** The session that these headers name. */
  of(headers: HeadersLike): Promise<RoutedSession>
}

interface Opened {
  readonly database: OpenDatabase
  readonly adapter: PostgresAdapter
  close(): Promise<void>
}

/**
 * Switches test sessions on in an application. A request without a token, and one whose token is forged, foreign,
 * over or of a session that is gone, get one and the same `test_session_invalid`.
 *
 * @throws TypeError when enabled without a key, and with `NODE_ENV=production` unless forced
 * @example
 * import { createEndpoint } from 'postern'
 *
 * const sessions = testSessions({ enabled: process.env.TEST_SESSIONS === 'on', schema, connection: 'postgres://localhost/postgres' })
 * const endpoint = createEndpoint({ signingKey: 'sk_the_key', adapter: sessions.beside(adapter) })
 */
export function testSessions(options: TestSessionsOptions): TestSessions {
  checkOptions<TestSessionsOptions>('testSessions', options, {
    schema: 'object',
    enabled: 'boolean',
    connection: 'text',
    sessionKey: 'text',
    mock: 'function',
    force: 'boolean',
    adapter: 'function',
    source: 'object',
  })
  const { schema, enabled = false, connection, mock } = options
  if (enabled) notInProduction('Test sessions', options.force)
  const key = enabled ? sessionKey(options.sessionKey) : undefined
  if (enabled && key === undefined) {
    throw new TypeError('Test sessions need `sessionKey` or POSTERN_TEST_SESSION_KEY, as the fixture has it.')
  }
  const opened = new Map<string, Promise<Opened>>()
  let pool: Promise<Pool> | undefined

  /** @throws TestingError when the session is gone or its base has changed */
  async function live({ id, database, incarnation, fixture }: SessionClaims): Promise<void> {
    if (database === null) {
      const local = localSessions.get(id)
      if (local === undefined) throw new TestingError('test_session_invalid')
      return local.live()
    }
    pool ??= openPool(connection ?? '', 2)
    const admin = await pool
    const [found] = await databases(admin, database, true)
    const base = await readBase(admin, baseOf(database))
    // The base first: when it changes, its sessions are dropped, and the reason is what the test must hear.
    if (!stands(base, incarnation)) throw baseChanged(fixture)
    if ((found?.note as { id?: string } | null | undefined)?.id !== id) {
      throw new TestingError('test_session_invalid')
    }
  }

  async function open({ id, database: name }: SessionClaims): Promise<Opened> {
    const local = localSessions.get(id)?.copy
    const database =
      name === null ? (local as OpenDatabase) : await openDatabase(urlOf(connection ?? '', name), 4)
    const { adapter, close } = await openAdapter(database, schema, options)
    return {
      database,
      adapter,
      async close() {
        await close()
        if (name !== null) await database[Symbol.asyncDispose]()
      },
    }
  }

  async function shut(id: string): Promise<void> {
    const one = opened.get(id)
    opened.delete(id)
    await (await one?.catch(() => undefined))?.close()
  }

  async function of(headers: HeadersLike): Promise<RoutedSession> {
    if (key === undefined) throw new TestingError('test_session_invalid')
    const claims = await readToken(key, headerOf(headers))
    if (claims.database !== null && connection === undefined) {
      throw new PosternError('source_adapter_misconfigured', 'Test sessions on Postgres need `connection`.')
    }
    const { id, fixture, expiresAt, effects: policy } = claims
    const still = async (): Promise<void> => {
      try {
        await live(claims)
      } catch (error) {
        await shut(id)
        throw error
      }
    }
    await still()
    let one = opened.get(id)
    if (one === undefined) {
      one = open(claims)
      opened.set(id, one)
      one.catch(() => opened.delete(id))
      // A pool of a session that nobody ended would stay for as long as the application runs.
      setTimeout(() => void shut(id), Math.max(expiresAt.getTime() - Date.now(), 0)).unref()
    }
    const { database, adapter } = await one
    const sink = (real: EffectSink): EffectSink => effectSink(database, { effects: policy, send: real, mock })
    return {
      id,
      fixture,
      expiresAt,
      databaseUrl: database.url,
      pglite: database.pglite,
      adapter: guarded(adapter, still),
      source: adapter,
      effects: {
        policy,
        sink,
        // what is captured goes nowhere else, so that this needs no sink of its own
        around: (real) => around(policy, policy === 'real' ? unused : sink(unused))(real),
      },
    }
  }

  const adapter = async ({ request }: AdapterContext) => (await of(request?.headers ?? {})).adapter

  return {
    enabled,
    of,
    adapter,
    beside: (live) => (context) => {
      const { mode = 'live' } = context.scope
      if (mode === 'test') return adapter(context)
      // A test that forgot the mode must not write to the live store.
      const strays = enabled && context.request?.headers.has(SESSION_HEADER)
      if (mode !== 'live' || strays) {
        throw new PosternError('source_forbidden', 'This request is for the adapter of another mode.', {
          details: { pointer: '/scope/mode' },
        })
      }
      return typeof live === 'function' ? live(context) : live
    },
    async [Symbol.asyncDispose]() {
      for (const id of [...opened.keys()]) await shut(id)
      await (await pool)?.end()
      pool = undefined
    },
  }
}

const unused: EffectSink = async () => {}

function headerOf(headers: HeadersLike): string | null {
  if (headers instanceof Headers) return headers.get(SESSION_HEADER)
  const value = headers[SESSION_HEADER]
  // Sent twice: Fetch would join them into something that is no token.
  return typeof value === 'string' ? value : null
}
