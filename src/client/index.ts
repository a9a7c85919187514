import type { Scope } from '../core/adapter.ts'
import type {
  Caller,
  Commit,
  CommitOperations,
  Committed,
  Decide,
  ListAllOptions,
  ListQuery,
  Loaded,
  LoadQuery,
  Page,
  UpdateOptions,
} from '../core/caller/caller.ts'
import { listAll, sentQuery } from '../core/caller/list-all.ts'
import { update } from '../core/caller/update.ts'
import { checkCall } from '../core/options.ts'
import type { Schema } from '../core/schema/define.ts'
import { messageId } from '../core/signature/sign.ts'
import { checkCommit, checkList, checkLoad } from './answer.ts'
import { type Batch, type BatchOptions, createBatch } from './batch.ts'
import { ClientError, invalidRequest, isStale } from './error.ts'
import { createFeed, type EventFeed, type EventsQuery, stuck } from './feed.ts'
import { type ClientCallOptions, type ClientOptions, readOptions } from './options.ts'
import { createSend } from './send.ts'

export type { Scope } from '../core/adapter.ts'
export type {
  Caller,
  CallOptions,
  Commit,
  CommitOperation,
  CommitOperations,
  Committed,
  CreateOperation,
  Decide,
  EventOf,
  Found,
  ListAllOptions,
  ListProgress,
  ListQuery,
  Loaded,
  LoadQuery,
  OrderBy,
  Page,
  Related,
  RowOperation,
  StaleMode,
  StaleReportOf,
  Updated,
  UpdateOperation,
  UpdateOptions,
  Where,
} from '../core/caller/caller.ts'
export type { StaleReason, StaleReport } from '../core/rules/staleness.ts'
export type { CreateInput, FieldName, ModelName, Row, UpdateInput } from '../core/schema/infer.ts'
export type { SigningInput, SigningKey } from '../core/signature/sign.ts'
export type { Batch, Batched, BatchOptions } from './batch.ts'
export { ExactNumber } from './decode.ts'
export {
  ClientError,
  type ClientErrorCode,
  type ClientFault,
  isPreconditionFailed,
  isStale,
  type PreconditionError,
  type RequestIssue,
  type StaleError,
} from './error.ts'
export type { EventFeed, EventsQuery } from './feed.ts'
export type { ClientCallOptions, ClientOptions, ClientWithKey, ClientWithSigner } from './options.ts'

/** What `createClient` gives. Every method throws `ClientError`. */
export interface Client<S extends Schema = Schema> extends Caller<S, ClientCallOptions> {
  /**
   * The log of changes, event by event, to its end or, with `follow`, for as long as it is iterated. A signal ends it
   * without an error.
   *
   * @example
   * const feed = client.events({ cursor: await readCursor(), follow: true, onCursor: saveCursor })
   * for await (const event of feed) {
   *   if (event.model === 'tasks') await index(event.data)
   * }
   */
  events(query?: EventsQuery<S>, options?: ClientCallOptions): EventFeed<S>
  /**
   * Sends operations of many callers in few commits.
   *
   * @example
   * const batch = client.batch({ maxOperations: 200 })
   * await Promise.all(ids.map((id) => batch.enqueue({ type: 'UPDATE', model: 'tasks', id, input: { status: 'done' } })))
   */
  batch(options?: BatchOptions): Batch<S>
}

const CALL = ['scope', 'signal']
const COMMIT = ['idempotencyKey', 'operations', 'intentHash', 'echo', 'reads', 'dryRun']
const QUERY = ['where', 'orderBy', 'order', 'limit', 'cursor', 'select', 'related', 'count', 'follow']
const EVENTS = ['cursor', 'from', 'models', 'limit', 'follow', 'pollMs', 'onCursor']
const UPDATE = [...CALL, 'attempts', 'idempotencyKey']
const BATCH = [...CALL, 'maxOperations', 'maxBytes', 'maxDelayMs', 'maxInFlight', 'maxQueued']

/**
 * Makes a client of an endpoint: it signs, sends, retries what may be sent again (always with the same idempotency key
 * and a fresh signature), checks every answer, and turns refusals into `ClientError`. It needs WebCrypto and `fetch`
 * and nothing of Node, so that it runs in browsers, Workers and Edge too.
 *
 * Give it the schema's type for typed models, rows and operations. Whoever holds the key may do everything that the
 * key may: keep it on servers, and give `sign` elsewhere.
 *
 * @throws TypeError naming the option that is unknown or cannot work
 * @example
 * const client = createClient<typeof schema>({
 *   url: 'https://app.example.com/api/source',
 *   signingKey: 'sk_the_key',
 *   scope: { organizationId: 'org_1' },
 * })
 * const { row, stamp } = await client.load('tasks', 't1')
 * const { rows: [task] } = await client.commit({
 *   idempotencyKey: 'task:t1:done',
 *   operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { title: `${row?.title}!` }, readAt: stamp }],
 * })
 * console.log(task.title)
 */
export function createClient<S extends Schema = Schema>(options: ClientOptions): Client<S> {
  const settings = readOptions(options)
  const send = createSend(settings)
  const scoped = (scope: Scope | undefined) => ({ scope: { ...settings.scope, ...scope } })

  async function load(
    model: string,
    id: string,
    given?: LoadQuery & ClientCallOptions,
  ): Promise<Loaded<never>> {
    const { scope, signal, ...query } = checkCall('load', given, [...CALL, 'select', 'related'])
    const body = { type: 'load', model, id, ...query, ...scoped(scope) }
    const { body: answer } = await send<Loaded<never>>({ body, check: checkLoad, safe: true }, signal)
    return { row: answer.row, stamp: answer.stamp }
  }

  async function list(model: string, given?: ListQuery, options?: ClientCallOptions): Promise<Page<never>> {
    const query = sentQuery(checkCall('list', given, QUERY) as ListQuery)
    const { scope, signal } = checkCall('list', options, CALL)
    const body = { type: 'list', model, query, ...scoped(scope) }
    const { body: answer } = await send<Page<never>>({ body, check: checkList, safe: true }, signal)
    const { nextCursor, ...page } = answer
    return nextCursor == null ? page : { ...page, nextCursor }
  }

  function listRows(
    model: string,
    query: ListQuery = {},
    given?: ListAllOptions & ClientCallOptions,
  ): ReturnType<typeof listAll> {
    const { onProgress, ...call } = checkCall('listAll', given, [...CALL, 'onProgress'])
    return listAll((page) => list(model, page, call), query, { onProgress }, stuck)
  }

  async function commit(given: Commit, options?: ClientCallOptions): Promise<Committed> {
    const { idempotencyKey: key, ...rest } = checkCall('commit', given, COMMIT) as Commit
    const { scope, signal } = checkCall('commit', options, CALL)
    const operations = checkOperations(key, rest.operations)
    // Under both names: what calls itself a Data Source knows at least one of them.
    const body = { type: 'commit', correlationId: key, clientTxId: key, ...rest, ...scoped(scope) }
    // An answer of another shape says that this is no endpoint of the protocol: nothing promises that a key counts there.
    const { body: answer, headers } = await send<Committed>(
      { body, check: checkCommit(operations), safe: false },
      signal,
    )
    return { ...answer, replayed: headers.get('idempotent-replayed') === 'true' }
  }

  return {
    load,
    list,
    listAll: listRows,
    commit,
    update: (
      model: string,
      id: string,
      decide: Decide<Schema, string>,
      given?: UpdateOptions & ClientCallOptions,
    ) => {
      const options = checkCall('update', given, UPDATE)
      const call = { ...(options.scope && { scope: options.scope }), signal: options.signal }
      return update<Schema, string>(
        {
          load: () => load(model, id, call),
          commit: (change) => commit(change as Commit, call),
          isStale,
          notFound,
          freshKey: messageId,
        },
        model,
        id,
        decide,
        options,
      )
    },
    events: (query?: EventsQuery, given?: ClientCallOptions) => {
      const { scope, ...options } = checkCall('events', given, CALL)
      return createFeed(send, checkCall('events', query, EVENTS), scoped(scope), options)
    },
    batch: (given?: BatchOptions) => {
      const options = checkCall('batch', given, BATCH)
      const call = { ...(options.scope && { scope: options.scope }), signal: options.signal }
      return createBatch((change) => commit(change as Commit, call), options)
    },
    // The methods are written for any schema; `S` is what the caller knows of it.
  } as unknown as Client<S>
}

const notFound = (message: string, details: Readonly<Record<string, unknown>>): ClientError =>
  new ClientError('entity_not_found', message, { retryable: false, details })

const MAX_POSITION = 2 ** 48 - 1

/**
 * Guards of operations that an endpoint would take for absent: null is one of them. Everything else of an operation is
 * for the endpoint to judge.
 */
function checkOperations(key: unknown, operations: unknown): CommitOperations<Schema> {
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key)) {
    const message = 'expected 1 to 255 printable ASCII characters'
    throw invalidRequest([{ pointer: '/idempotencyKey', message }])
  }
  if (!Array.isArray(operations))
    throw invalidRequest([{ pointer: '/operations', message: 'expected an array' }])
  const issues = operations.flatMap((operation: unknown, index) => {
    const { readAt, onStale } = (operation ?? {}) as { readAt?: unknown; onStale?: unknown }
    const at = `/operations/${index}`
    const position =
      Number.isSafeInteger(readAt) && (readAt as number) >= 0 && (readAt as number) <= MAX_POSITION
    return [
      ...(readAt === undefined || position
        ? []
        : [{ pointer: `${at}/readAt`, message: 'expected a stamp; leave it out to commit unjudged' }]),
      ...(onStale === null
        ? [{ pointer: `${at}/onStale`, message: 'expected a mode; leave it out for `reject`' }]
        : []),
    ]
  })
  if (issues.length > 0) throw invalidRequest(issues)
  return operations as CommitOperations<Schema>
}
