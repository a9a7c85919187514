import type { CommitAnswer, Scope } from '../adapter.ts'
import { isInstance } from '../callback.ts'
import type {
  Caller,
  CallOptions,
  Commit,
  CommitOperations,
  Committed,
  Decide,
  EventOf,
  ListAllOptions,
  ListQuery,
  Loaded,
  LoadQuery,
  Page,
  UpdateOptions,
} from '../caller/caller.ts'
import { listAll, sentQuery } from '../caller/list-all.ts'
import { update } from '../caller/update.ts'
import { PosternError, Rejection } from '../errors.ts'
import { checkCall } from '../options.ts'
import type { Schema } from '../schema/define.ts'
import type { ModelName } from '../schema/infer.ts'
import { messageId } from '../signature/sign.ts'

/** What a commit in this process may say beside its operations. */
export interface LocalCommitOptions<Tx = unknown> extends CallOptions {
  /**
   * Your own open transaction, as your client library hands it out: the `pg` client after `begin`, the `tx` of Drizzle,
   * Kysely, Prisma, PGlite or postgres.js. The commit happens when that transaction commits, and not otherwise.
   */
  readonly tx?: Tx | undefined
}

/** Which page of the log of changes is asked for. */
export interface LocalEventsQuery<S extends Schema = Schema> {
  /** Where an earlier page ended. Without it: from the oldest event that is kept. */
  readonly cursor?: string | undefined
  /** `now`: from the end on, without what was there before. Not beside a cursor. */
  readonly from?: 'now' | undefined
  /** Only changes of these models. Default: of all. */
  readonly models?: readonly ModelName<S>[] | undefined
  /** Events of a page. Default and cap are the endpoint's. */
  readonly limit?: number | undefined
  /** A cursor up to which everything was dealt with: pruning keeps what comes after. */
  readonly acknowledgedThrough?: string | undefined
}

/** One page of the log of changes. */
export interface LocalEvents<Event> {
  readonly events: readonly Event[]
  readonly nextCursor: string
  /** Nothing more at this moment. */
  readonly caughtUp: boolean
}

/**
 * An endpoint called from its own process: the same checks, limits, `authorize`, hooks and observers, and neither HTTP
 * nor a signature. `resolveScopes` is not asked: the scope is the application's own word.
 *
 * Every method rejects with a `PosternError`, or with the `Rejection` of your own rules; what a caller over HTTP would
 * not be told is the `cause` of an `internal_error`.
 */
export interface Local<S extends Schema = Schema, Tx = unknown> extends Caller<S> {
  /**
   * Applies operations, all or none, and once per key.
   *
   * With `tx` they join your transaction. They are judged and applied when this resolves, and take effect when your
   * transaction commits: until then no other transaction sees rows, events or the key, and a commit with the same key
   * waits. A refusal rejects, leaves nothing of the commit behind, and your transaction can go on. What cannot be
   * promised there: a serialization failure or a deadlock is not tried again, since only you can run your transaction
   * again (the error is `source_busy`); and `onCommit` is told when the operations were applied, which your rollback
   * may undo. The transaction must be READ COMMITTED, on the adapter's own database.
   *
   * @example
   * await db.transaction(async (tx) => {
   *   await tx.insert(invoices).values(invoice)
   *   await endpoint.local({ organizationId: 'org_1' }).commit(
   *     { idempotencyKey: 'paid:t1', operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { status: 'done' } }] },
   *     { tx },
   *   )
   * })
   */
  commit<const O extends CommitOperations<S>>(
    commit: Commit<S, O>,
    options?: LocalCommitOptions<Tx>,
  ): Promise<Committed<S, O>>
  /** One page of the log of changes. Without a tenant in the scope: of all tenants. */
  events(query?: LocalEventsQuery<S>, options?: CallOptions): Promise<LocalEvents<EventOf<S>>>
}

/** Answers a request of this process. @param tx the transaction that a commit joins */
export type Ask = (request: object, tx?: unknown) => Promise<CommitAnswer>

const CALL = ['scope']
const COMMIT = ['idempotencyKey', 'operations', 'intentHash', 'echo']
const QUERY = ['where', 'orderBy', 'order', 'limit', 'cursor', 'select', 'related', 'count', 'follow']
const EVENTS = ['cursor', 'from', 'models', 'limit', 'acknowledgedThrough']

/** Makes the in-process caller of an endpoint for one scope. */
export function createLocal<S extends Schema, Tx>(ask: Ask, ofEndpoint: Scope): Local<S, Tx> {
  const read = async (request: object, scope: Scope | undefined): Promise<never> =>
    JSON.parse((await ask({ ...request, scope: { ...ofEndpoint, ...scope } })).body) as never

  async function load(model: string, id: string, given?: LoadQuery & CallOptions): Promise<Loaded<never>> {
    const { scope, ...query } = checkCall('load', given, [...CALL, 'select', 'related'])
    return read({ type: 'load', model, id, ...query }, scope)
  }

  async function list(model: string, query?: ListQuery, options?: CallOptions): Promise<Page<never>> {
    const { scope } = checkCall('list', options, CALL)
    return read({ type: 'list', model, query: sentQuery(checkCall('list', query, QUERY)) }, scope)
  }

  async function commit(given: Commit, options?: LocalCommitOptions): Promise<Committed> {
    const { idempotencyKey, ...rest } = checkCall('commit', given, COMMIT)
    const { scope, tx } = checkCall('commit', options, [...CALL, 'tx'])
    const request = { type: 'commit', correlationId: idempotencyKey, ...rest }
    const { body, replayed } = await ask({ ...request, scope: { ...ofEndpoint, ...scope } }, tx)
    return { ...JSON.parse(body), replayed }
  }

  return {
    load,
    list,
    listAll(model: string, query: ListQuery = {}, given?: ListAllOptions & CallOptions) {
      const { onProgress, ...call } = checkCall('listAll', given, [...CALL, 'onProgress'])
      return listAll(
        (page) => list(model, page, call),
        query,
        { onProgress },
        () => new PosternError('internal_error'),
      )
    },
    commit,
    update(model: string, id: string, decide: Decide<Schema, string>, given?: UpdateOptions & CallOptions) {
      const { scope, ...options } = checkCall('update', given, [...CALL, 'attempts', 'idempotencyKey'])
      return update<Schema, string>(
        {
          load: () => load(model, id, { scope }),
          commit: (change) => commit(change as Commit, { scope }),
          isStale: (error) => isInstance(error, PosternError) && error.code === 'stale_context',
          notFound: (message, details) => new PosternError('entity_not_found', message, { details }),
          freshKey: messageId,
        },
        model,
        id,
        decide,
        options,
      )
    },
    async events(query?: LocalEventsQuery, options?: CallOptions) {
      const { scope } = checkCall('events', options, CALL)
      return read({ type: 'events', ...checkCall('events', query, EVENTS) }, scope)
    },
    // The methods are written for any schema; `S` is what the caller knows of it.
  } as unknown as Local<S, Tx>
}

/** What a caller in this process is thrown: the two classes that say what happened, and anything else as their cause. */
export function thrownLocally(error: unknown): Error {
  if (isInstance(error, PosternError) || isInstance(error, Rejection)) return error
  return new PosternError('internal_error', undefined, { cause: error })
}
