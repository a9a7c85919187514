import type { CommitAnswer, Scope } from '../adapter.ts'
import { isInstance } from '../callback.ts'
import { PosternError, Rejection } from '../errors.ts'
import type { ChangeEvent } from '../rules/event.ts'
import type { StaleReport } from '../rules/staleness.ts'
import type { Schema } from '../schema/define.ts'
import type { ModelName, Row } from '../schema/infer.ts'
import type { OperationType } from '../schema/operation.ts'

/** What a call in this process may say beside its request. */
export interface LocalCallOptions {
  /** Laid over the scope that `local` was given, member by member. */
  readonly scope?: Scope | undefined
}

/** What a commit in this process may say beside its operations. */
export interface LocalCommitOptions<Tx = unknown> extends LocalCallOptions {
  /**
   * Your own open transaction, as your client library hands it out: the `pg` client after `begin`, the `tx` of Drizzle,
   * Kysely, Prisma, PGlite or postgres.js. The commit happens when that transaction commits, and not otherwise.
   */
  readonly tx?: Tx | undefined
}

/** One change of one row. */
export interface LocalOperation<S extends Schema = Schema> {
  readonly type: OperationType
  readonly model: ModelName<S>
  readonly id?: string
  readonly input?: Readonly<Record<string, unknown>>
  readonly readAt?: number
  readonly onStale?: 'reject' | 'overwrite' | 'notify' | 'merge'
  readonly transactionId?: string
}

/**
 * An endpoint called from its own process: the same checks, limits, `authorize`, hooks and observers, and neither HTTP
 * nor a signature. `resolveScopes` is not asked: the scope is the application's own word.
 *
 * Every method rejects with a `PosternError`, or with the `Rejection` of your own rules; what a caller over HTTP would
 * not be told is the `cause` of an `internal_error`.
 */
export interface Local<S extends Schema = Schema, Tx = unknown> {
  /** One row by its id. */
  load<M extends ModelName<S>>(
    model: M,
    id: string,
    options?: LocalCallOptions,
  ): Promise<{ readonly row: Row<S, M> | null; readonly stamp: number }>
  /** One page of rows. */
  list<M extends ModelName<S>>(
    model: M,
    query?: Readonly<Record<string, unknown>>,
    options?: LocalCallOptions,
  ): Promise<{
    readonly rows: readonly Row<S, M>[]
    readonly stamps: readonly number[]
    readonly stamp: number
    readonly nextCursor?: string
  }>
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
  commit(
    commit: {
      readonly idempotencyKey: string
      readonly operations: readonly LocalOperation<S>[]
      readonly intentHash?: string
      readonly echo?: unknown
    },
    options?: LocalCommitOptions<Tx>,
  ): Promise<{
    readonly rows: readonly (Readonly<Record<string, unknown>> | null)[]
    readonly stamps: readonly (number | null)[]
    readonly notifications?: readonly StaleReport[]
    readonly replayed: boolean
  }>
  /** One page of the log of changes. Without a tenant in the scope: of all tenants. */
  events(
    query?: {
      readonly cursor?: string | undefined
      readonly limit?: number | undefined
      /** A cursor up to which everything was dealt with: pruning keeps what comes after. */
      readonly acknowledgedThrough?: string | undefined
    },
    options?: LocalCallOptions,
  ): Promise<{ readonly events: readonly ChangeEvent[]; readonly nextCursor: string }>
}

/** Answers a request of this process. @param tx the transaction that a commit joins */
export type Ask = (request: object, tx?: unknown) => Promise<CommitAnswer>

/** Makes the in-process caller of an endpoint for one scope. */
export function createLocal<S extends Schema, Tx>(ask: Ask, ofEndpoint: Scope): Local<S, Tx> {
  const read = async (request: object, scope: Scope | undefined): Promise<never> =>
    JSON.parse((await ask({ ...request, scope: { ...ofEndpoint, ...scope } })).body) as never
  return {
    load: (model, id, { scope } = {}) => read({ type: 'load', model, id }, scope),
    list: (model, query = {}, { scope } = {}) => read({ type: 'list', model, query }, scope),
    events: (query = {}, { scope } = {}) => read({ type: 'events', ...query }, scope),
    async commit({ idempotencyKey, ...commit }, { scope, tx } = {}) {
      const request = { type: 'commit', correlationId: idempotencyKey, ...commit }
      const { body, replayed } = await ask({ ...request, scope: { ...ofEndpoint, ...scope } }, tx)
      return { ...JSON.parse(body), replayed }
    },
  }
}

/** What a caller in this process is thrown: the two classes that say what happened, and anything else as their cause. */
export function thrownLocally(error: unknown): Error {
  if (isInstance(error, PosternError) || isInstance(error, Rejection)) return error
  return new PosternError('internal_error', undefined, { cause: error })
}
