import type { Adapter, CommitAnswer, CommitRequest, RequestContext } from '../core/adapter.ts'
import { settled } from '../core/callback.ts'
import { PosternError } from '../core/errors.ts'
import { checkOptions, checkSchema, named, type OptionKind, type OptionKinds } from '../core/options.ts'
import { readFeedCursor } from '../core/protocol/cursor.ts'
import { followerOf, REQUESTED } from '../core/rules/follower.ts'
import type { Schema } from '../core/schema/define.ts'
import { schemaDigest } from '../core/schema/digest.ts'
import type { Change, FeedStatus, PruneOptions, PruneReport } from './admin/operate.ts'
import { acknowledge, feedStatus, prune, recordChange, renewLog } from './admin/operate.ts'
import type { PostgresConnection, PostgresSession } from './connection.ts'
import { readCommitted } from './connection.ts'
import type { Finding } from './install/check/index.ts'
import type { MigrationReport } from './install/migrate.ts'
import type { InstallOptions } from './naming.ts'
import { DEFAULT_LOCK_TIMEOUT_MS, functionName, installSchema } from './naming.ts'
import type { CommitContext } from './runtime/commit.ts'
import { commitOnce, settle } from './runtime/commit.ts'
import { bounded, DEFAULT_DEADLINE_MS, LAST_LOOK_MS } from './runtime/deadline.ts'
import { echoPayload } from './runtime/echo.ts'
import { fitCommit, fitTenant, storeKinds } from './runtime/fit.ts'
import type { CommitHooks } from './runtime/hooks.ts'
import { commitApart, commitIn } from './runtime/hooks.ts'
import { located } from './runtime/locate.ts'
import type { Manifest } from './runtime/manifest.ts'
import { readManifest } from './runtime/manifest.ts'
import { withParts } from './runtime/parts.ts'
import { events, list, load } from './runtime/read.ts'
import { checkedSettings, type Settings } from './runtime/settings.ts'
import { inSavepoint, keepingSettings, sessionWithin } from './runtime/within.ts'
import { sqlstateOf, toPosternError, withHint } from './sqlstate.ts'

/** How long a process goes by what it knows of the compiled schema. */
const MANIFEST_AGE_MS = 10_000

/** Options of every adapter on Postgres. */
export interface PostgresAdapterOptions<Tx = unknown> extends InstallOptions {
  /** Longest run of a `list` statement, in milliseconds. Default 10,000; 0 leaves it to the connection. */
  statementTimeoutMs?: number
  /**
   * Tells callers the hint of a trigger that refuses a commit (`raise exception ... using hint = '...'`), in
   * `details.hint`. Default false: only `onReject`, `onError` and the log get it, with message and SQLSTATE.
   */
  triggerHints?: boolean
  /**
   * Longest wait of a load, list, commit or `events` for the database, in milliseconds. Default 12,000. After it a read
   * is answered with `source_unavailable`, and a commit with `commit_outcome_unknown`, up to 2 seconds later.
   */
  deadlineMs?: number
  hooks?: CommitHooks<Tx>
  /**
   * Settings that hold for the transaction of each load, list and commit, for your own row-level security policies:
   * `({ tenant }) => ({ 'app.tenant': tenant ?? '' })`. Each request is then a transaction of several round trips.
   */
  settings?(request: RequestContext): Settings | Promise<Settings>
}

/** An `Adapter` on Postgres, with what an operator needs beside it. `Tx` is the client library's transaction. */
export interface PostgresAdapter<Tx = unknown, S extends Schema = Schema> extends Adapter<S, Tx> {
  commitWithin(tx: Tx, request: CommitRequest): Promise<CommitAnswer>
  /** Installs or upgrades our tables and functions for this schema; see `migrate`. */
  migrate(options?: { dryRun?: boolean }): Promise<MigrationReport>
  /** Looks whether database and schema fit each other; writes nothing. */
  check(): Promise<Finding[]>
  /** How far the feed is and what holds it back. */
  feedStatus(): Promise<FeedStatus>
  /** Compacts ledger and log; for a scheduler. Safe to run anywhere, at any time, more than once. */
  prune(options?: PruneOptions): Promise<PruneReport>
  /** Logs a change that the application made by itself, in its own transaction; see `Change`. */
  recordChange(tx: Tx, change: Change): Promise<number>
  /**
   * Remembers that the follower `name` has handled everything up to `cursor`, so that pruning keeps what comes
   * after; null forgets the follower. A name that is never forgotten keeps the log from being pruned. Followers that
   * acknowledge by their requests have names that begin with `key:`, and hold pruning for twice its retention at most.
   */
  acknowledge(name: string, cursor: string | null, tenant?: string | null): Promise<void>
  /**
   * Gives the log a new name: every cursor then answers 410, and stamps from before a restore are stale. Run it after any
   * restore, also where positions look as if they went on. Resolves with the new name.
   */
  renewLog(): Promise<string>
}

/** What each option must be; adapters add their own. */
const optionKinds: OptionKinds<PostgresAdapterOptions> = {
  namespace: 'text',
  lockTimeoutMs: 'number',
  statementTimeoutMs: 'number',
  triggerHints: 'boolean',
  deadlineMs: 'number',
  hooks: 'object',
  settings: 'function',
}

/**
 * The check of every adapter's arguments, in the words of the adapter that was called.
 *
 * @throws TypeError naming the argument
 */
export function checkPostgresAdapter(
  owner: string,
  client: { readonly name: string; readonly fits: boolean; readonly given: unknown },
  schema: Schema,
  options: object,
  own: Readonly<Record<string, OptionKind | readonly OptionKind[]>> = {},
): void {
  if (!client.fits)
    throw new TypeError(`${owner}: the first argument must be ${client.name}, not ${named(client.given)}.`)
  checkSchema(owner, schema)
  checkOptions(owner, options, { ...optionKinds, ...own })
  const { hooks } = options as PostgresAdapterOptions
  if (hooks !== undefined) {
    checkOptions<CommitHooks<never>>(`${owner}: hooks`, hooks, {
      beforeCommit: 'function',
      afterCommit: 'function',
    })
  }
}

/**
 * An adapter on Postgres, over any client library's connection. Every adapter (`postern/pg`, `postern/drizzle`,
 * ...) is this with its own connection.
 *
 * @throws TypeError for options that cannot work
 * @example
 * const adapter = postgresAdapter(connection, schema)
 * await adapter.migrate()
 */
export function postgresAdapter<Tx, S extends Schema>(
  connection: PostgresConnection<Tx>,
  schema: S,
  options: PostgresAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  const fits = [connection?.query, connection?.transaction].every((method) => typeof method === 'function')
  checkPostgresAdapter(
    'postgresAdapter',
    { name: 'a PostgresConnection', fits, given: connection },
    schema,
    options,
  )
  return adapterOver(connection, schema, options)
}

/** The same, once a library's adapter has checked its arguments. */
export function adapterOver<Tx, S extends Schema>(
  connection: PostgresConnection<Tx>,
  schema: S,
  options: PostgresAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  const s = installSchema(options)
  const digest = schemaDigest(schema)
  const names = (model: string | null, verb: string): string =>
    functionName(s, digest, model === null ? null : (schema.models.get(model) ?? null), verb)
  const { hooks } = options
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000
  const lockTimeoutMs = options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS
  const inTime = bounded(connection, deadlineMs)

  let known: Promise<Manifest> | undefined
  let lookedAt = Date.now()
  /** Another process may have migrated: what is known is read again now and then, beside the requests. */
  const lookAgain = (session: PostgresSession): void => {
    if (known === undefined || Date.now() - lookedAt < MANIFEST_AGE_MS) return
    lookedAt = Date.now()
    readManifest(session, schema, s).then(
      (found) => {
        known = Promise.resolve(found)
      },
      // what is known serves on; the request that meets the fault tells it
      () => {},
    )
  }
  /** A failure is not kept, so that a migration that comes later is found. */
  const manifest = (session: PostgresSession = inTime): Promise<Manifest> => {
    if (session === inTime) lookAgain(session)
    known ??= readManifest(session, schema, s).catch((error: unknown) => {
      known = undefined
      throw toPosternError(error, false)
    })
    return known
  }
  /** Through the transaction that is open: a pool of one connection, or PGlite, would wait for itself. */
  const manifestWithin = async (tx: Tx): Promise<Manifest> =>
    known ?? inSavepoint(joined(tx), (session) => manifest(session))
  /** The session of the application's own transaction. */
  const joined = (tx: Tx): PostgresSession => {
    const session = sessionWithin(connection, tx)
    if (session !== undefined) return session
    throw new PosternError(
      'source_adapter_misconfigured',
      'This connection cannot join a transaction: its `within` is missing.',
    )
  }
  const told = (error: unknown): unknown => (options.triggerHints === true ? withHint(error) : error)
  const settings = async (request: RequestContext): Promise<Settings> =>
    options.settings === undefined
      ? {}
      : checkedSettings(await settled('settings', () => options.settings?.(request)))
  /** What the connection does not bound by itself, in milliseconds. */
  const timeLimit = (at: Manifest): string | null =>
    statementTimeoutMs === 0 || (at.statementTimeoutMs > 0 && at.statementTimeoutMs <= statementTimeoutMs)
      ? null
      : String(statementTimeoutMs)

  const source: PostgresAdapter<Tx, S> = {
    schema,
    queries: ['select', 'count'],
    kinds: async (tx) => storeKinds((await (tx === undefined ? manifest() : manifestWithin(tx))).models),

    load: async (request) => reading(load(inTime, request, await manifest(), s, await settings(request))),

    async list(request) {
      const at = await manifest()
      return reading(list(inTime, request, at, s, await settings(request), timeLimit(at)))
    },

    async commit(given) {
      const at = await manifest()
      echoPayload(given.echo)
      const request = fitCommit(at.models, given)
      const context: CommitContext = { schema: s, functionName: names, manifest: at, lockTimeoutMs }
      try {
        if (hooks !== undefined || options.settings !== undefined) {
          return await commitApart(inTime, request, context, hooks ?? {}, await settings(request))
        }
        return await commitOnce(readCommitted(inTime as PostgresConnection), request, context)
      } catch (error) {
        const last = bounded(connection, Math.min(deadlineMs, LAST_LOOK_MS))
        return await settle(error, last, request, context).catch(async (refusal: unknown) => {
          throw told(await located(refusal, last, request, at.models, s))
        })
      }
    },

    async commitWithin(tx, given) {
      return inSavepoint(joined(tx), async (session) => {
        const at = await manifest(session)
        echoPayload(given.echo)
        const request = fitCommit(at.models, given)
        const context: CommitContext = { schema: s, functionName: names, manifest: at, lockTimeoutMs }
        const own = await settings(request)
        return keepingSettings(session, ['lock_timeout', ...Object.keys(own)], () =>
          commitIn(session, tx, request, context, hooks ?? {}, own, false).catch(async (refusal: unknown) => {
            throw told(await located(refusal, session, request, at.models, s))
          }),
        )
      })
    },

    async events(request) {
      const at = await manifest()
      const { acknowledgedThrough, keyId } = request
      if (acknowledgedThrough !== undefined) {
        const tenant = fitTenant(at.models, request.tenant)
        const done = readFeedCursor(acknowledgedThrough, tenant)
        await reading(
          acknowledge(inTime as PostgresConnection, s, followerOf(keyId, tenant), tenant, done),
        ).catch((error: unknown) => {
          throw isRightMissing(error) ? mayNotAcknowledge(error) : error
        })
      }
      return reading(events(inTime, request, at, s, await settings(request)))
    },

    async migrate(how = {}): Promise<MigrationReport> {
      known = undefined
      // the compiler, which no request needs
      const { migrate } = await import('./install/migrate.ts')
      return migrate(connection, schema, { ...options, ...how })
    },

    async check(): Promise<Finding[]> {
      const { check } = await import('./install/check/index.ts')
      return check(connection, schema, options)
    },

    feedStatus: () => reading(feedStatus(inTime, s)),

    prune: (pruning) => reading(prune(connection as PostgresConnection, s, pruning)),

    recordChange: async (tx, change) =>
      recordChange(joined(tx), change, (await manifestWithin(tx)).models.get(change.model), s),

    renewLog: () => reading(renewLog(inTime, s)),

    async acknowledge(name, cursor, tenant = null) {
      if (cursor !== null && name.startsWith(REQUESTED)) {
        throw new TypeError(
          `acknowledge: names that begin with "${REQUESTED}" are those of keys, by their requests.`,
        )
      }
      const at = cursor === null ? null : readFeedCursor(cursor, tenant)
      await reading(acknowledge(inTime as PostgresConnection, s, name, tenant, at))
    },
  }
  return withParts(source, { connection: connection as PostgresConnection, schema, options })
}

/** Where the role was given what serving needs and nothing more. */
const isRightMissing = (error: unknown): boolean =>
  error instanceof PosternError && error.cause !== undefined && sqlstateOf(error.cause) === '42501'

const mayNotAcknowledge = (cause: unknown): PosternError =>
  new PosternError(
    'source_adapter_misconfigured',
    '`acknowledgedThrough` needs a right that the role lacks: `npx postern grants <role> --acknowledge` prints it.',
    { cause },
  )

async function reading<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw toPosternError(error, true)
  }
}
