import { Buffer } from 'node:buffer'
import type { Adapter, CommitRequest, ListRequest, RequestContext } from '../../core/adapter.ts'
import { PosternError } from '../../core/errors.ts'
import { checkOptions, checkSchema, unknownName } from '../../core/options.ts'
import { type PlainOperation, plainOperation } from '../../core/protocol/operations.ts'
import { type PlainQuery, plainQuery } from '../../core/protocol/query.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import type { ModelName, Row } from '../../core/schema/infer.ts'
import { misshapen, wireRow } from './rows.ts'

export type { PlainOperation } from '../../core/protocol/operations.ts'
export type { PlainQuery } from '../../core/protocol/query.ts'

type Awaitable<T> = T | Promise<T>

/** What every hand-written handler gets beside its own parameters. Reads and writes must be confined to `tenant`. */
export interface HandlerContext<Auth = unknown> extends RequestContext {
  /** What `authorize` answered. */
  readonly auth: Auth
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

/** A row with the stamp that a commit decided on it sends as `readAt`. */
export interface HandlerLoaded<R> {
  readonly row: R | null
  readonly stamp: number
}

/** A page of rows, where a handler has more to say than the rows. */
export interface HandlerPage<R> {
  readonly rows: readonly R[]
  /** Runs parallel to `rows`; zeros when left out. */
  readonly stamps?: readonly number[]
  readonly stamp?: number
  /** How many rows match, on whatever page; for a query whose `count` is true. */
  readonly total?: number
  readonly nextCursor?: string | null | undefined
}

/** A commit as a handler gets it. It must apply all operations or none, and once per key and tenant. */
export interface HandlerCommit<Auth = unknown> {
  readonly operations: readonly PlainOperation[]
  readonly idempotencyKey: string
  /** Hash of what the operations ask for: the same key with another intent is a conflict. */
  readonly intent: string
  /** The caller's own hash, when it sent one. */
  readonly intentHash: string | null
  /** Bytes that the answer may have: refuse what would be answered with more by `PosternError('commit_too_large')`. */
  readonly answerBytes: number
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
  /** One row of the tenant, or null; with its stamp as `{ row, stamp }`, else the stamp is 0. */
  load?(parameters: {
    readonly id: string
    readonly context: HandlerContext<Auth>
  }): Awaitable<R | HandlerLoaded<R> | null | undefined>
  /** A page of the tenant's rows: as an array, or with a cursor for the next page. */
  list?(parameters: {
    /** `cursor` is what an earlier page gave as `nextCursor`. It comes from outside: check it. */
    readonly query: PlainQuery
    readonly context: HandlerContext<Auth>
  }): Awaitable<readonly R[] | HandlerPage<R>>
  /** A commit all of whose operations are of this model. */
  commit?(parameters: HandlerCommit<Auth>): Awaitable<HandlerCommitResult<R>>
}

/** Functions that answer requests by hand. What has none is answered `source_..._not_configured`. */
export interface Handlers<S extends Schema = Schema, Auth = unknown> {
  readonly models?: { readonly [M in ModelName<S>]?: ModelHandlers<HandlerRow<S, M>, Auth> } | undefined
  /**
   * `true` says that the commit handlers judge `readAt`, and that `load`, `list` and they give stamps. Otherwise a commit
   * with `readAt` is refused, since nobody would hold it against the row, and the change in between would be lost.
   * Default false.
   */
  readonly staleness?: boolean | undefined
  /** Every commit, whatever its models. Before the `commit` of a model. */
  readonly commit?:
    | ((parameters: HandlerCommit<Auth>) => Awaitable<HandlerCommitResult<Readonly<Record<string, unknown>>>>)
    | undefined
  readonly events?:
    | ((parameters: {
        readonly cursor: string | undefined
        readonly limit: number
        /** Only changes of these models are asked for; left out: of all. Others are not passed on. */
        readonly models: readonly string[] | undefined
        /** Up to which of your cursors this key has dealt with the feed: keep the events after it. It comes from outside. */
        readonly acknowledgedThrough: string | undefined
        readonly context: HandlerContext<Auth>
      }) => Awaitable<{
        readonly events: readonly HandlerEvent[]
        readonly nextCursor?: string | null | undefined
      }>)
    | undefined
}

type AnyRow = Readonly<Record<string, unknown>>
type AnyModelHandlers = ModelHandlers<AnyRow, unknown>
/** The handlers without what is only known of them at compile time. */
type AnyHandlers = Omit<Handlers<Schema, unknown>, 'models'> & {
  readonly models?: Readonly<Record<string, AnyModelHandlers | undefined>> | undefined
}

/**
 * An adapter of functions that you write by hand, for a store that no other adapter knows. The endpoint checks what is
 * asked; this checks what is answered: rows keep to the fields and kinds of the schema, and a row of another tenant
 * leaves the process nowhere, as far as the schema declares the tenant's field.
 *
 * Atomicity, idempotency, staleness and the feed are the handlers' own work. For a store with transactions
 * `storeAdapter` does all of it.
 *
 * @throws TypeError at once for a model that the schema does not have, and for handlers that are no functions
 * @example
 * import { handlersAdapter } from 'postern/handlers'
 *
 * const adapter = handlersAdapter(schema, {
 *   models: {
 *     tasks: {
 *       async load({ id, context: { tenant } }) {
 *         const text = 'select * from tasks where id = $1 and organization_id = $2'
 *         return (await pool.query(text, [id, tenant])).rows[0]
 *       },
 *     },
 *   },
 * })
 */
export function handlersAdapter<const S extends Schema, Auth = unknown>(
  schema: S,
  handlers: Handlers<S, Auth>,
): Adapter<S> {
  checkHandlers(schema, handlers)
  const { models = {}, commit, events, staleness = false } = handlers as unknown as AnyHandlers
  const ofModel = (name: string): AnyModelHandlers | undefined =>
    Object.hasOwn(models, name) ? models[name] : undefined
  return {
    schema,
    listCursors: 'own',
    queries: ['select', 'count'],

    async load(request) {
      const { model, id, tenant } = request
      const handler = ofModel(model.name)
      if (handler?.load === undefined) throw new PosternError('source_load_not_configured')
      const { row, stamp } = loadedOf(
        model,
        (await handler.load({ id, context: contextOf(request) })) ?? null,
      )
      return JSON.stringify({ row: wireRow(model, tenant, row, 'load'), stamp })
    },

    async list(request) {
      const handler = ofModel(request.model.name)
      if (handler?.list === undefined) throw new PosternError('source_list_not_configured')
      const page = await handler.list({ query: plainQuery(request), context: contextOf(request) })
      return JSON.stringify(pageAnswer(request, page))
    },

    async commit(request) {
      if (!staleness) refuseJudged(request)
      const operations = request.operations.map(plainOperation)
      const [first] = operations
      const alone = operations.every(({ model }) => model === first?.model)
      const own = alone && first !== undefined ? ofModel(first.model) : undefined
      const handler = commit ?? own?.commit?.bind(own)
      if (handler === undefined) {
        const several = 'A commit of several models needs the `commit` handler beside `models`.'
        throw new PosternError('source_commit_not_configured', alone ? undefined : several)
      }
      const { idempotencyKey, intent, intentHash, answerBytes, echo } = request
      const context = contextOf(request)
      const given = { operations, idempotencyKey, intent, intentHash, answerBytes, echo, context }
      const body = JSON.stringify(commitAnswer(request, await handler(given)))
      if (Buffer.byteLength(body) > answerBytes) throw tooLarge(answerBytes)
      return { body, replayed: false }
    },

    async events(request) {
      if (events === undefined) throw new PosternError('source_events_not_configured')
      const { cursor, limit, tenant, from, acknowledgedThrough } = request
      if (from !== undefined) {
        throw new PosternError(
          'source_adapter_misconfigured',
          '`from` is not supported by an adapter of handlers: start without it, or from a cursor.',
        )
      }
      const models = request.models?.map(({ name }) => name)
      const page = await events({ cursor, limit, models, acknowledgedThrough, context: contextOf(request) })
      if (!Array.isArray(page?.events)) throw misshapen('events', '{ events, nextCursor? }')
      return JSON.stringify({
        events: page.events
          .filter((event) => models?.includes(event?.model) ?? true)
          .flatMap((event) => wireEvent(schema, tenant, event) ?? []),
        ...nextCursorOf(page, 'events'),
      })
    },
  }
}

function checkHandlers(schema: Schema, handlers: unknown): void {
  const owner = 'handlersAdapter'
  checkSchema(owner, schema)
  checkOptions<Handlers>(owner, handlers, {
    models: 'object',
    staleness: 'boolean',
    commit: 'function',
    events: 'function',
  })
  for (const [name, own] of Object.entries((handlers as AnyHandlers).models ?? {})) {
    if (!schema.models.has(name)) throw unknownName(owner, 'model', name, [...schema.models.keys()])
    if (own === undefined) continue
    checkOptions<AnyModelHandlers>(`${owner}: models.${name}`, own, {
      load: 'function',
      list: 'function',
      commit: 'function',
    })
  }
}

/** @throws PosternError `source_adapter_misconfigured` for a commit that asks to be judged by handlers that do not judge */
function refuseJudged({ operations }: CommitRequest): void {
  const judged = operations.find(({ readAt, onStale }) => readAt !== null && onStale !== 'overwrite')
  if (judged === undefined) return
  throw new PosternError(
    'source_adapter_misconfigured',
    'These handlers give no stamps, so that no commit can be decided on a row (`readAt`). Where they do, and judge ' +
      '`readAt` while they hold the row, say so: handlersAdapter(schema, { staleness: true, ... }).',
    { details: { pointer: `/operations/${judged.index}/readAt` } },
  )
}

function contextOf({ tenant, scope, requestId, keyId, auth }: RequestContext): HandlerContext {
  return { tenant, scope, requestId, keyId, auth }
}

/** A model may have a field `row`; then only the plain row can be meant. */
function loadedOf(model: Model, result: AnyRow | HandlerLoaded<AnyRow> | null): HandlerLoaded<AnyRow> {
  if (result === null || typeof result !== 'object' || !('row' in result) || model.fields.has('row'))
    return { row: result as AnyRow | null, stamp: 0 }
  const { row, stamp } = result as HandlerLoaded<AnyRow>
  if (!isStamp(stamp)) throw misshapen('load', '{ row, stamp } with a stamp that is a whole number from 0')
  return { row, stamp }
}

function pageAnswer(
  { model, related, tenant, select, count }: ListRequest,
  result: readonly AnyRow[] | HandlerPage<AnyRow>,
): unknown {
  const page = Array.isArray(result) ? { rows: result as readonly AnyRow[] } : (result as HandlerPage<AnyRow>)
  if (!Array.isArray(page?.rows)) throw misshapen('list', 'an array of rows or { rows, nextCursor? }')
  const { rows, stamps = rows.map(() => 0), stamp = 0 } = page
  if (!Array.isArray(stamps) || stamps.length !== rows.length || ![...stamps, stamp].every(isStamp))
    throw misshapen('list', '`stamps` with one whole number for each row, and `stamp` as one')
  if (count && !isStamp(page.total))
    throw misshapen('list', '`total`, a whole number, for a query with `count`')
  const dropped = [...model.fields.values()].filter((field) => select?.includes(field) === false)
  const kept = rows
    .map((row, index) => ({ row: wireRow(model, tenant, row, 'list', related), stamp: stamps[index] }))
    .filter(({ row }) => row !== null)
  for (const { row } of kept) for (const { name } of dropped) delete row?.[name]
  return {
    rows: kept.map(({ row }) => row),
    stamps: kept.map((member) => member.stamp),
    stamp,
    ...(count && { total: page.total }),
    ...nextCursorOf(page, 'list'),
  }
}

function commitAnswer({ operations, tenant }: CommitRequest, result: HandlerCommitResult<AnyRow>): unknown {
  if (result !== null && typeof result === 'object') {
    if ('deltas' in result && Array.isArray(result.deltas)) return { deltas: result.deltas }
    const {
      rows,
      stamps = operations.map(() => 0),
      notifications,
    } = result as Exclude<typeof result, { deltas: unknown }>
    const fits = (list: unknown) => Array.isArray(list) && list.length === operations.length
    if (fits(rows) && fits(stamps) && stamps.every((stamp) => stamp === null || isStamp(stamp))) {
      return {
        rows: operations.map(({ model }, index) => wireRow(model, tenant, rows[index] ?? null, 'commit')),
        stamps,
        ...(notifications === undefined ? {} : { notifications }),
      }
    }
  }
  throw misshapen('commit', '{ rows, stamps? }, one row (or null) for each operation, or { deltas }')
}

/** Null for an event that the caller must not see. */
function wireEvent(schema: Schema, tenant: string | null, event: HandlerEvent): unknown {
  if (event === null || typeof event !== 'object') throw misshapen('events', 'events that are objects')
  const { organizationId } = event
  if (tenant !== null && organizationId != null && String(organizationId) !== tenant) return null
  const model = schema.models.get(event.model)
  // A model that the schema does not have is not exposed, its events no more than its rows.
  if (model === undefined) return null
  if (event.data == null) return event
  const data = wireRow(model, tenant, event.data, 'events')
  return data === null ? null : { ...event, data }
}

function nextCursorOf({ nextCursor }: { nextCursor?: unknown }, handler: string): { nextCursor?: string } {
  if (nextCursor == null) return {}
  if (typeof nextCursor !== 'string') throw misshapen(handler, 'a `nextCursor` that is a text')
  return { nextCursor }
}

/** What was applied cannot be taken back here. */
const tooLarge = (most: number): PosternError =>
  new PosternError(
    'source_adapter_misconfigured',
    `The commit handler answered more than ${most} bytes. It must refuse such a commit before it applies it: throw new PosternError('commit_too_large').`,
  )

const isStamp = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
