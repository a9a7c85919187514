import type { CommitAnswer, Scope } from '../adapter.ts'
import { PosternError } from '../errors.ts'
import type { Model, Schema } from '../schema/define.ts'
import type { ModelName, Row } from '../schema/infer.ts'
import type { VerifiedContext } from './context.ts'
import { wireRow } from './handler-rows.ts'
import { type PlainOperation, plainOperation, type Work } from './work.ts'

type Awaitable<T> = T | Promise<T>

/** What every hand-written handler gets beside its own parameters. */
export interface HandlerContext<Auth = unknown> extends VerifiedContext {
  /** What `authorize` answered. */
  readonly auth: Auth
  /** The trusted scope. */
  readonly scope: Scope
  /** The tenant to which reads and writes must be confined; null where the model has none. */
  readonly tenant: string | null
}

/**
 * A row as a handler gives it: what stands for a text on the wire may also be a `Date`, a `bigint` or bytes, as
 * database drivers give them. Members that the schema does not name are left out of the answer.
 */
export type HandlerRow<S extends Schema, M extends ModelName<S>> = {
  readonly [F in Exclude<keyof Row<S, M>, OptionalName<Row<S, M>>>]: HandlerValue<Row<S, M>[F]>
} & {
  readonly [F in OptionalName<Row<S, M>>]?: HandlerValue<Row<S, M>[F]> | null | undefined
}

type OptionalName<R> = { [F in keyof R]: null extends R[F] ? F : never }[keyof R]
type HandlerValue<T> = T | (string extends T ? Date | bigint | Uint8Array : never)

/** A list's query, held against the schema, every default filled in. */
export interface HandlerQuery {
  /** Each `[field, operator, value]`; all of them must hold. */
  readonly where: readonly (readonly [string, string, unknown])[]
  readonly orderBy: string
  readonly order: 'asc' | 'desc'
  readonly limit: number
  /** What an earlier page gave as `nextCursor`. It comes from outside: check it. */
  readonly cursor: string | undefined
  readonly related: readonly string[]
}

/** A page of rows, where a handler has more to say than the rows. */
export interface HandlerPage<R> {
  readonly rows: readonly R[]
  /** Runs parallel to `rows`; zeros when left out. */
  readonly stamps?: readonly number[]
  readonly stamp?: number
  readonly nextCursor?: string | null | undefined
}

/** A commit as a handler gets it. It must apply all operations or none, and once per `correlationId` and tenant. */
export interface HandlerCommit<Auth = unknown> {
  readonly operations: readonly PlainOperation[]
  /** The idempotency key. */
  readonly correlationId: string
  /** The same, under its older name. */
  readonly clientTxId: string
  /** Hash of what the operations ask for: the same key with another intent is a conflict. */
  readonly intent: string
  /** The caller's own hash, when it sent one. */
  readonly intentHash: string | null
  readonly echo: unknown
  readonly context: HandlerContext<Auth>
}

/** `rows`: one an operation in the order given. `deltas`: change events, for sources that compute them themselves. */
export type HandlerCommitResult<R> =
  | {
      readonly rows: readonly (R | null)[]
      readonly stamps?: readonly (number | null)[]
      readonly notifications?: readonly unknown[]
    }
  | { readonly deltas: readonly unknown[] }

/** An event of a feed by hand. It is answered with all its members. */
export interface HandlerEvent {
  readonly id: string
  readonly model: string
  readonly entityId: string
  readonly type: string
  readonly data?: Readonly<Record<string, unknown>> | null | undefined
  readonly [member: string]: unknown
}

/** The functions that answer for one model. What is left out answers 404 `source_*_not_configured`. */
export interface ModelHandlers<R, Auth = unknown> {
  /** One row of the tenant, or null. */
  load?(parameters: {
    readonly id: string
    readonly context: HandlerContext<Auth>
  }): Awaitable<R | null | undefined>
  /** A page of the tenant's rows: as an array, or with a cursor for the next page. */
  list?(parameters: {
    readonly query: HandlerQuery
    readonly context: HandlerContext<Auth>
  }): Awaitable<readonly R[] | HandlerPage<R>>
  /** A commit all of whose operations are of this model. */
  commit?(parameters: HandlerCommit<Auth>): Awaitable<HandlerCommitResult<R>>
}

/** Hand-written handlers, in place of an adapter. What has no handler is answered `source_..._not_configured`. */
export interface Handlers<S extends Schema = Schema, Auth = unknown> {
  readonly models?: { readonly [M in ModelName<S>]?: ModelHandlers<HandlerRow<S, M>, Auth> } | undefined
  /** Every commit, whatever its models. Before the `commit` of a model. */
  readonly commit?:
    | ((parameters: HandlerCommit<Auth>) => Awaitable<HandlerCommitResult<Readonly<Record<string, unknown>>>>)
    | undefined
  readonly events?:
    | ((parameters: {
        readonly cursor: string | undefined
        readonly limit: number
        readonly context: HandlerContext<Auth>
      }) => Awaitable<{
        readonly events: readonly HandlerEvent[]
        readonly nextCursor?: string | null | undefined
      }>)
    | undefined
}

type AnyRow = Readonly<Record<string, unknown>>
/** The handlers without what is only known of them at compile time. */
export type AnyHandlers = Omit<Handlers<Schema, unknown>, 'models'> & {
  readonly models?: Readonly<Record<string, ModelHandlers<AnyRow, unknown> | undefined>> | undefined
}

/** Runs the handler that the work belongs to, and writes what it gives as the protocol's answer. */
export async function runHandler(
  handlers: AnyHandlers,
  schema: Schema,
  work: Work,
  context: HandlerContext,
): Promise<CommitAnswer> {
  return { body: JSON.stringify(await answerOf(handlers, schema, work, context)), replayed: false }
}

async function answerOf(
  handlers: AnyHandlers,
  schema: Schema,
  work: Work,
  context: HandlerContext,
): Promise<unknown> {
  const ofModel = (name: string): ModelHandlers<AnyRow, unknown> | undefined =>
    handlers.models && Object.hasOwn(handlers.models, name) ? handlers.models[name] : undefined
  switch (work.type) {
    case 'load': {
      const { model, id } = work.request
      const handler = ofModel(model.name)
      if (!handler?.load) throw new PosternError('source_load_not_configured')
      const row = ofTenant(model, context.tenant, (await handler.load({ id, context })) ?? null)
      return { row: wireRow(model, row), stamp: 0 }
    }
    case 'list': {
      const { model } = work.request
      const handler = ofModel(model.name)
      if (!handler?.list) throw new PosternError('source_list_not_configured')
      return pageAnswer(work, await handler.list({ query: queryOf(work), context }), context.tenant)
    }
    case 'commit': {
      const operations = work.request.operations.map(plainOperation)
      const first = operations[0]?.model ?? ''
      const alone = operations.every(({ model }) => model === first)
      const own = alone ? ofModel(first) : undefined
      const commit = handlers.commit ?? own?.commit?.bind(own)
      if (commit === undefined) {
        throw new PosternError(
          'source_commit_not_configured',
          alone ? undefined : 'A commit of several models needs the `commit` handler of the endpoint.',
        )
      }
      const { idempotencyKey: key, intent, intentHash, echo } = work.request
      const result = await commit({
        operations,
        correlationId: key,
        clientTxId: key,
        intent,
        intentHash,
        echo,
        context,
      })
      return commitAnswer(work, result)
    }
    case 'events': {
      if (handlers.events === undefined) throw new PosternError('source_events_not_configured')
      const { cursor, limit } = work.request
      const { events, nextCursor } = await handlers.events({ cursor, limit, context })
      if (!Array.isArray(events)) throw misshapen('events', '{ events, nextCursor? }')
      return {
        events: events.map((event) => wireEvent(schema, event)),
        ...(nextCursor == null ? {} : { nextCursor }),
      }
    }
  }
}

function queryOf({ request, cursor }: Extract<Work, { type: 'list' }>): HandlerQuery {
  return {
    where: request.where.map(({ field, operator, value }) => [field.name, operator, value]),
    orderBy: request.orderBy.name,
    order: request.order,
    limit: request.limit,
    cursor: typeof cursor === 'string' ? cursor : undefined,
    related: request.related.map(({ name }) => name),
  }
}

function pageAnswer(
  { request: { model, related } }: Extract<Work, { type: 'list' }>,
  result: readonly AnyRow[] | HandlerPage<AnyRow>,
  tenant: string | null,
): unknown {
  const page = Array.isArray(result) ? { rows: result as readonly AnyRow[] } : (result as HandlerPage<AnyRow>)
  if (!Array.isArray(page?.rows)) throw misshapen('list', 'an array of rows or { rows, nextCursor? }')
  const kept = page.rows
    .map((row, index) => ({ row: ofTenant(model, tenant, row), stamp: page.stamps?.[index] ?? 0 }))
    .filter(({ row }) => row !== null)
  return {
    rows: kept.map(({ row }) => wireRow(model, row, related)),
    stamps: kept.map(({ stamp }) => stamp),
    stamp: page.stamp ?? 0,
    ...(page.nextCursor == null ? {} : { nextCursor: page.nextCursor }),
  }
}

function commitAnswer(
  { request: { operations } }: Extract<Work, { type: 'commit' }>,
  result: HandlerCommitResult<AnyRow>,
): unknown {
  if (result !== null && typeof result === 'object') {
    if ('deltas' in result) return { deltas: result.deltas }
    if (Array.isArray(result.rows) && result.rows.length === operations.length) {
      return {
        rows: operations.map(({ model }, index) => wireRow(model, result.rows[index] ?? null)),
        stamps: operations.map((_, index) => result.stamps?.[index] ?? 0),
        ...(result.notifications === undefined ? {} : { notifications: result.notifications }),
      }
    }
  }
  throw misshapen('commit', '{ rows }, one row (or null) an operation, or { deltas }')
}

function wireEvent(schema: Schema, event: HandlerEvent): unknown {
  const model = schema.models.get(event.model)
  return model === undefined || event.data == null ? event : { ...event, data: wireRow(model, event.data) }
}

/**
 * A row of another tenant counts as missing, should a handler forget its condition. Only where the schema declares
 * the tenant's field can this be seen.
 */
function ofTenant(model: Model, tenant: string | null, row: AnyRow | null): AnyRow | null {
  if (row === null || model.tenantField === undefined || tenant === null) return row
  const owner = row[model.tenantField.name]
  return owner === undefined || String(owner) === tenant ? row : null
}

function misshapen(handler: string, expected: string): PosternError {
  return new PosternError('source_adapter_misconfigured', `The ${handler} handler must return ${expected}.`)
}
