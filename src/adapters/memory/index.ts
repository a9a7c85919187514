import type { Adapter, LogEntry, RowValue, Target } from '../../core/adapter.ts'
import { dateClockOf } from '../../core/callback.ts'
import { checkOptions, checkSchema } from '../../core/options.ts'
import { changedFields } from '../../core/rules/compare.ts'
import { timestampText } from '../../core/rules/event.ts'
import { storeAdapter } from '../../core/rules/store-adapter.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import type { OperationType } from '../../core/schema/operation.ts'
import type { ConstraintOptions } from './constraints.ts'
import { compareKeys } from './query.ts'
import type { LedgerRow } from './store.ts'
import { MemoryStore } from './store.ts'
import type { Journal, StoredRow } from './tables.ts'
import { rawRow } from './tables.ts'

export type { ConstraintOptions, LedgerRow }

/** Options of `memoryAdapter`. */
export interface MemoryOptions extends ConstraintOptions {
  /** Rows to begin with, by model; they leave no event. See `MemoryAdapter.write` for their form. */
  readonly rows?: Readonly<Record<string, readonly RowValue[]>>
  /** The clock of touch and archive fields, of events and of the ledger's retention. Default: the system's. */
  readonly now?: () => Date
  /** How long an idempotency key replays, in milliseconds; later it answers `idempotency_key_expired`. Default 30 days. */
  readonly ledgerRetentionMs?: number
}

/** What the store holds, past the adapter, for a test that will not take the adapter's word. Copies, all of it. */
export interface MemoryInspection {
  /** Every tenant's rows of a model, by primary key. */
  rows(model: string): Promise<RowValue[]>
  ledger(): Promise<LedgerRow[]>
  /** Every change once, in the words of the first model of its table. */
  log(): Promise<LogEntry[]>
}

/** Options of a write past the endpoint. */
export interface RawWriteOptions {
  /** Whether the write leaves an event, as a capture trigger's would. Default: whether a model of the table has `capture`. */
  readonly log?: boolean
}

/** The store in memory: an adapter, and beside it what tests want to see and do past the endpoint. */
export interface MemoryAdapter<S extends Schema = Schema> extends Adapter<S> {
  inspect(): MemoryInspection
  /**
   * Puts a whole row past the endpoint: no ledger, no staleness, no constraint. Fields by name, what is left out is
   * null; the tenant stands under its field or, where the shape does not declare it, under the policy's column.
   *
   * @throws TypeError when the row does not fit the schema.
   */
  write(model: string, row: RowValue, options?: RawWriteOptions): Promise<void>
  /** Removes a row past the endpoint; nothing happens when there is none. */
  remove(model: string, id: string, options?: RawWriteOptions): Promise<void>
  /**
   * Forgets events that a later change of the same row superseded, up to the position `through` (default: none) and no
   * further than every `acknowledgedThrough`, and keys of the ledger from before `ledgerBefore` (default: none).
   */
  prune(options: { readonly through?: number; readonly ledgerBefore?: Date }): Promise<void>
}

const THIRTY_DAYS_MS = 30 * 24 * 60 * 60 * 1000

/**
 * An adapter in this process's memory: the whole protocol without a database, for tests, demos and as the
 * specification that the Postgres engine is compared with. Nothing survives the process.
 *
 * Keys must be unique; other constraints hold where `unique` and `references` declare them.
 *
 * @param schema what it holds; see `defineSchema`.
 * @throws TypeError when options name what the schema does not have.
 * @example
 * const adapter = memoryAdapter(schema, { rows: { tasks: [{ id: 't1', title: 'Paint', organization_id: 'org_1' }] } })
 */
export function memoryAdapter<S extends Schema>(schema: S, options: MemoryOptions = {}): MemoryAdapter<S> {
  checkSchema('memoryAdapter', schema)
  checkOptions<MemoryOptions>('memoryAdapter', options, {
    rows: 'object',
    now: 'function',
    ledgerRetentionMs: 'number',
    unique: 'object',
    references: 'object',
  })
  const now = dateClockOf('now', options.now ?? (() => new Date()))
  const { unique, references, ledgerRetentionMs = THIRTY_DAYS_MS } = options
  const store = new MemoryStore(schema, { unique, references, ledgerRetentionMs, now })
  for (const [name, rows] of Object.entries(options.rows ?? {})) {
    for (const row of rows) {
      const { target, stored } = rawRow(store.tables.model(name), row)
      store.tables.set(target, stored, [])
    }
  }
  return {
    ...storeAdapter(schema, store, { now }),
    inspect: () => inspection(store),
    write: (name, row, { log } = {}) =>
      store.exclusive((journal) => {
        const model = store.tables.model(name)
        const { target, stored } = rawRow(model, row)
        const before = store.tables.get(target)
        store.tables.set(target, stored, journal)
        if (log ?? isCaptured(store, model)) {
          capture(store, target, before, stored, now(), journal, store.tables.columns(target))
        }
      }),
    remove: (name, id, { log } = {}) =>
      store.exclusive((journal) => {
        const model = store.tables.model(name)
        const target = { model, id }
        const before = store.tables.get(target)
        if (before === undefined) return
        if (log ?? isCaptured(store, model)) {
          capture(store, target, before, undefined, now(), journal, store.tables.columns(target))
        }
        store.tables.set(target, undefined, journal)
      }),
    prune: ({ through = 0, ledgerBefore }) =>
      store.exclusive(() => {
        store.changes.prune(through)
        for (const [key, { at }] of store.ledger) {
          if (ledgerBefore !== undefined && at < ledgerBefore) store.ledger.delete(key)
        }
      }),
  }
}

/** A trigger is the table's: whichever of its models asked for it. */
const isCaptured = (store: MemoryStore, model: Model): boolean =>
  store.tables.siblings(model).some(({ capture: asked }) => asked)

/** The event of a write that bypassed the endpoint: it has no key, and nobody knows who it was. */
function capture(
  store: MemoryStore,
  { model, id: entityId }: Target,
  before: StoredRow | undefined,
  after: StoredRow | undefined,
  time: Date,
  journal: Journal,
  columns: RowValue | undefined,
): void {
  const stored = after ?? before
  if (stored === undefined) return
  const tenant = store.tables.tenantOf(model, stored)
  const owner =
    store.changes.owner({ model, id: entityId }) ?? (before && store.tables.tenantOf(model, before))
  const moved = after !== undefined && before !== undefined && owner !== tenant
  const type: OperationType =
    after === undefined ? 'DELETE' : before === undefined || moved ? 'CREATE' : 'UPDATE'
  const entry: LogEntry = {
    position: 0,
    model: model.name,
    entityId,
    type,
    tenant: after === undefined ? (owner ?? null) : tenant,
    data: stored.row,
    changed: before && after && !moved ? changedFields(model, before.row, after.row) : null,
    idempotencyKey: null,
    keyScope: null,
    index: null,
    transactionId: null,
    participantId: null,
    participantKind: null,
    occurredAt: timestampText(time),
  }
  // gone for who saw it, come for who sees it now
  if (moved)
    store.changes.append(
      { ...entry, type: 'DELETE', tenant: owner ?? null, data: before.row, changed: null },
      journal,
      columns,
    )
  store.changes.append(entry, journal, columns)
}

function inspection(store: MemoryStore): MemoryInspection {
  const copy = <T>(read: () => Iterable<T>): Promise<T[]> =>
    store.exclusive(() => structuredClone([...read()]))
  return {
    rows: (name) => copy(() => rowsInOrder(store, store.tables.model(name))),
    ledger: () => copy(() => store.ledger.values()),
    log: () => copy(() => store.changes.inWordsOfFirst()),
  }
}

function rowsInOrder(store: MemoryStore, model: Model): RowValue[] {
  return [...store.tables.all(model).values()]
    .map(({ row }) => row)
    .sort((one, other) => compareKeys(model, one, other))
}
