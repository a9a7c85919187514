import { randomUUID } from 'node:crypto'
import type {
  LedgerEntry,
  ListRequest,
  LogPage,
  Operation,
  RowValue,
  Store,
  StoreTransaction,
  Target,
} from '../../core/adapter.ts'
import { timestampText } from '../../core/rules/event.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { keyFields, rowId } from '../../core/schema/key.ts'
import { canonicalValue } from '../../core/schema/kind.ts'
import type { ConstraintOptions } from './constraints.ts'
import { Constraints } from './constraints.ts'
import { Log } from './log.ts'
import { Mutex } from './mutex.ts'
import { matchingRows, queryRows } from './query.ts'
import type { Journal } from './tables.ts'
import { Tables } from './tables.ts'

export interface StoreOptions extends ConstraintOptions {
  readonly now: () => Date
  readonly ledgerRetentionMs: number
}

/** A row of the ledger. */
export interface LedgerRow {
  readonly tenant: string | null
  readonly key: string
  readonly intent: string
  readonly intentHash: string | null
  readonly body: string
  readonly at: Date
}

/**
 * A store in memory. One mutex serialises everything: a transaction waits for the one before it to end, so that the
 * twin of a key waits in `reserve` and nobody reads what is not committed. Finer locks would be no faster in one
 * thread, and harder to believe.
 */
export class MemoryStore implements Store {
  readonly tables: Tables
  readonly changes: Log
  readonly ledger = new Map<string, LedgerRow>()
  readonly #mutex = new Mutex()
  /** Made at the first request: Workers forbid random values while a module is loaded. */
  #epoch: string | undefined
  readonly #constraints: Constraints
  readonly #options: StoreOptions

  constructor(schema: Pick<Schema, 'models'>, options: StoreOptions) {
    this.tables = new Tables(schema)
    this.changes = new Log(this.tables)
    this.#constraints = new Constraints(this.tables, options)
    this.#options = options
  }

  /** Runs alone; what was journalled is undone when `work` throws. */
  exclusive<T>(work: (journal: Journal) => Promise<T> | T): Promise<T> {
    return this.#mutex.run(async () => {
      const journal: Journal = []
      try {
        return await work(journal)
      } catch (error) {
        for (const undo of journal.reverse()) undo()
        throw error
      }
    })
  }

  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return this.exclusive((journal) => work(this.#begin(journal)))
  }

  read(tenant: string | null, target: Target): Promise<{ row: RowValue | null; stamp: number }> {
    return this.exclusive(() => ({
      row: this.tables.visible(tenant, target),
      stamp: this.changes.stamp(tenant, target, this.tables.visible(tenant, target) !== null),
    }))
  }

  count(request: ListRequest): Promise<number> {
    return this.exclusive(() => matchingRows(this.tables, request).length)
  }

  query(
    request: ListRequest,
  ): Promise<{ rows: readonly RowValue[]; stamps: readonly number[]; stamp: number }> {
    const { model, tenant } = request
    return this.exclusive(() => {
      const rows = queryRows(this.tables, request)
      const stamps = rows.map((row) => this.changes.stamp(tenant, { model, id: rowId(model, row) }, true))
      return { rows, stamps, stamp: this.changes.lastPosition }
    })
  }

  log(tenant: string | null, position: number, limit: number): Promise<LogPage> {
    return this.exclusive(() => this.changes.page(tenant, position, limit))
  }

  async epoch(): Promise<string> {
    this.#epoch ??= randomUUID()
    return this.#epoch
  }

  retainedFrom(): Promise<number> {
    return this.exclusive(() => this.changes.prunedThrough)
  }

  acknowledge(follower: string, position: number): Promise<void> {
    return this.exclusive(() => this.changes.acknowledge(follower, position))
  }

  #begin(journal: Journal): StoreTransaction {
    const { tables, changes } = this
    const time = this.#options.now()
    // as each operation left its row: a later one may change it again before the events are appended
    const written = new Map<number | null, RowValue | undefined>()
    return {
      reserve: async (tenant, key) => this.#reserve(tenant, key, time),
      lock: async (tenant, targets) => targets.map((target) => tables.visible(tenant, target)),
      keep: async (tenant, targets) => targets.map((target) => tables.visible(tenant, target) !== null),
      changesSince: async (tenant, target, position) =>
        changes.changesSince(tenant, target, position, tables.visible(tenant, target) !== null),
      lastPosition: async () => changes.lastPosition,
      prunedThrough: async () => changes.prunedThrough,
      apply: async (tenant, operation) => {
        const { index, model, id } = operation
        const before = id === null ? undefined : tables.columns({ model, id })
        const row = this.#apply(tenant, operation, timestampText(time), journal)
        if (row !== null) written.set(index, tables.columns({ model, id: rowId(model, row) }) ?? before)
        return row
      },
      append: async (entries) =>
        entries.map((entry) => changes.append(entry, journal, written.get(entry.index))),
      complete: async (entry) => this.#complete({ ...entry, at: time }, journal),
    }
  }

  #reserve(tenant: string | null, key: string, time: Date): LedgerEntry | null {
    const found = this.ledger.get(ledgerKey(tenant, key))
    if (found === undefined) return null
    const { intent, intentHash, body, at } = found
    return {
      intent,
      intentHash,
      body,
      expired: time.getTime() - at.getTime() > this.#options.ledgerRetentionMs,
    }
  }

  #complete(row: LedgerRow, journal: Journal): void {
    const key = ledgerKey(row.tenant, row.key)
    this.ledger.set(key, row)
    journal.push(() => this.ledger.delete(key))
  }

  #apply(tenant: string | null, operation: Operation, time: string, journal: Journal): RowValue | null {
    const { model, type } = operation
    if (type === 'CREATE') return this.#create(tenant, operation, time, journal)
    const target: Target = { model, id: operation.id as string }
    const before = this.tables.visible(tenant, target)
    if (before === null) return null
    if (type === 'DELETE') {
      this.tables.set(target, undefined, journal)
      this.#constraints.checkDeleted(target)
      return before
    }
    const row = { ...before, ...changeOf(operation, before, time) }
    this.tables.set(target, { row, tenant: model.policy.by === 'column' ? tenant : null }, journal)
    this.#constraints.checkWritten(target)
    return row
  }

  #create(tenant: string | null, { model, id, input }: Operation, time: string, journal: Journal): RowValue {
    const target: Target = { model, id: id ?? this.#newId(model) }
    const key = keyFields(model, target.id)
    const row: RowValue = {}
    for (const field of model.fields.values()) {
      if (model.key.includes(field)) row[field.name] = key[field.name]
      else if (field === model.tenantField) row[field.name] = tenant
      else if (Object.hasOwn(input, field.name)) row[field.name] = canonicalValue(field, input[field.name])
      else row[field.name] = field.touch && field.writable ? time : null
    }
    this.#constraints.checkCreate(target)
    this.tables.set(target, { row, tenant: model.policy.by === 'column' ? tenant : null }, journal)
    this.#constraints.checkWritten(target)
    return row
  }

  /** What a database's own default would make. */
  #newId(model: Model): string {
    if (model.primaryKey.kind === 'text' || model.primaryKey.kind === 'uuid') return randomUUID()
    const ids = [...this.tables.all(model).keys()].map(BigInt)
    return String(ids.reduce((highest, id) => (id > highest ? id : highest), 0n) + 1n)
  }
}

const ledgerKey = (tenant: string | null, key: string): string => JSON.stringify([tenant, key])

/** What an UPDATE, ARCHIVE or UNARCHIVE sets. */
function changeOf({ model, type, input }: Operation, before: RowValue, time: string): RowValue {
  const change: RowValue = {}
  const { archive } = model
  if (type === 'UPDATE') {
    for (const field of model.fields.values()) {
      if (Object.hasOwn(input, field.name)) change[field.name] = canonicalValue(field, input[field.name])
      else if (field.touch && field.writable) change[field.name] = time
    }
  } else if (archive !== undefined) {
    change[archive.name] = type === 'ARCHIVE' ? (before[archive.name] ?? time) : null
  }
  return change
}
