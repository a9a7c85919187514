import type { Adapter, EventsRequest, LogEntry, Store } from '../adapter.ts'
import { dateClockOf } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { checkOptions, checkSchema } from '../options.ts'
import { readFeedCursor, sealFeedCursor } from '../protocol/cursor.ts'
import type { Model, Schema } from '../schema/define.ts'
import { modelsByTable, tableOf } from '../schema/table.ts'
import { listAnswer, loadAnswer, pageOf } from './answer.ts'
import { commit } from './commit.ts'
import { eventOf, eventsAnswer } from './event.ts'
import { followerOf } from './follower.ts'

/** Options of `storeAdapter`. */
export interface StoreAdapterOptions {
  /** The clock of `occurredAt`. Default: the system's. */
  readonly now?: () => Date
}

/**
 * Makes an adapter of a store: the store brings transactions, rows and a log (`Store`), the rules of commit,
 * staleness and feed come from here. For a database whose own language is no place for them.
 *
 * Errors: those of `Adapter`; what the store throws passes through.
 *
 * @example
 * export const myAdapter = (schema: Schema, store: Store): Adapter => storeAdapter(schema, store)
 */
export function storeAdapter<S extends Schema>(
  schema: S,
  store: Store,
  options: StoreAdapterOptions = {},
): Adapter<S> {
  checkSchema('storeAdapter', schema)
  checkOptions<StoreAdapterOptions>('storeAdapter', options, { now: 'function' })
  const now = dateClockOf('now', options.now ?? (() => new Date()))
  return {
    schema,
    queries: store.count === undefined ? ['select'] : ['select', 'count'],
    load: async ({ tenant, model, id }) => loadAnswer(model, await store.read(tenant, { model, id })),
    list: async (request) => {
      const found = await store.query(request)
      return listAnswer(request, found, request.count ? await store.count?.(request) : undefined)
    },
    commit: async (request) => {
      // only a store with a write-ahead log could
      if (request.echo != null) throw new PosternError('source_commit_echo_not_supported')
      return store.transaction((transaction) => commit(transaction, request, schema.models, now))
    },
    events: (request) => followLog(schema, store, request),
  }
}

async function followLog(
  schema: Pick<Schema, 'models'>,
  store: Store,
  { cursor, tenant, limit, from, models, acknowledgedThrough, keyId }: EventsRequest,
): Promise<string> {
  const epoch = await store.epoch()
  if (acknowledgedThrough !== undefined) {
    const done = readFeedCursor(acknowledgedThrough, tenant)
    if (done.epoch !== epoch) throw new PosternError('cursor_expired')
    if (store.acknowledge === undefined) {
      throw new PosternError(
        'source_adapter_misconfigured',
        'This store keeps no acknowledgements: send events without `acknowledgedThrough`.',
      )
    }
    await store.acknowledge(followerOf(keyId, tenant), done.position)
  }
  const given = cursor === undefined ? undefined : readFeedCursor(cursor, tenant)
  if (given !== undefined && given.epoch !== epoch) throw new PosternError('cursor_expired')
  if (from === 'now') {
    const { through } = await store.log(tenant, Number.MAX_SAFE_INTEGER, 1)
    return eventsAnswer([], sealFeedCursor({ epoch, position: through, base: 0, mark: '' }, tenant), true)
  }
  const start = given?.position ?? 0
  const byTable = modelsByTable(schema.models)
  const { entries, through } = await store.log(tenant, start, limit)
  if (start > through && entries.length === 0) await refuseBeyond(store, start)
  // after the page: a pruning between a check before it and the page would leave a gap that nobody sees
  const pruned = await store.retainedFrom()
  // who starts at the beginning is content with the last change of each row, as long as nothing more is pruned on the way
  const base = given?.base ?? pruned
  if (start < pruned && base !== pruned) throw new PosternError('cursor_expired')
  const changes = byPosition(entries)
  const told = changes.map((change) =>
    change.flatMap((entry) => {
      // a model that is no longer part of the schema is not to be read through it
      const model = schema.models.get(entry.model)
      if (model === undefined || models?.every(({ name }) => name !== entry.model)) return []
      return [{ model, entry }]
    }),
  )
  const fitting = told.slice(0, fittingOf(told, limit))
  const texts = pageOf(fitting, (events) =>
    events
      .map(({ model, entry }) => JSON.stringify(eventOf(model, entry, isFirst(model, byTable))))
      .join(','),
  )
  const last = changes[texts.length - 1]?.[0]?.position ?? start
  const whole = texts.length === changes.length && changes.length < limit
  const end = whole ? Math.max(last, through) : last
  const events = texts.filter((text) => text !== '')
  return eventsAnswer(
    events,
    sealFeedCursor({ epoch, position: end, base: end < pruned ? pruned : 0, mark: '' }, tenant),
    whole,
  )
}

/** How many changes a page of so many events has: each whole, for no cursor could go on between its events. */
function fittingOf(told: readonly (readonly unknown[])[], limit: number): number {
  let events = 0
  const beyond = told.findIndex((change) => {
    events += change.length
    return events > limit && events > change.length
  })
  return beyond === -1 ? told.length : beyond
}

const isFirst = (model: Model, byTable: ReadonlyMap<string, readonly Model[]>): boolean =>
  byTable.get(tableOf(model))?.[0] === model

/** The entries of each change, in the order of the log. */
function byPosition(entries: readonly LogEntry[]): readonly (readonly LogEntry[])[] {
  const changes: LogEntry[][] = []
  for (const entry of entries) {
    const last = changes.at(-1)
    if (last?.[0]?.position === entry.position) last.push(entry)
    else changes.push([entry])
  }
  return changes
}

/** The horizon may lie below a cursor for a moment; the end of the log may not. */
async function refuseBeyond(store: Store, start: number): Promise<void> {
  const last = await store.transaction((transaction) => transaction.lastPosition())
  if (start > last) throw new PosternError('cursor_expired')
}
