import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import {
  type Field,
  keyFields,
  type LedgerEntry,
  type LogEntry,
  type Model,
  type Operation,
  type RowValue,
  type Schema,
  type StoreTransaction,
  type Target,
} from 'postern'
import { objectionOf } from './errors.ts'
import { Log } from './log.ts'
import { all, Bindings, columnsOf, fromColumns, hasKey, ownedBy, quoted, readRow } from './rows.ts'
import { type Stored, toStored } from './values.ts'

/**
 * The small operations of a commit, inside a transaction that holds the database's one write lock. So nobody can hold a
 * key or a row beside us: to reserve and to lock are to look.
 */
export class SqliteTransaction implements StoreTransaction {
  readonly #db: DatabaseSync
  readonly #schema: Schema
  readonly #expiredBefore: number
  readonly #log: Log
  /** One time for everything that a commit touches. */
  readonly #now = new Date().toISOString().replace('Z', '000Z')

  constructor(db: DatabaseSync, schema: Schema, expiredBefore: number) {
    this.#db = db
    this.#schema = schema
    this.#expiredBefore = expiredBefore
    this.#log = new Log(db)
  }

  async reserve(tenant: string | null, key: string): Promise<LedgerEntry | null> {
    const text = 'select intent, intent_hash, body, at from postern_ledger where tenant = ? and key = ?'
    const [found] = all(this.#db, text, [tenant ?? '', key])
    if (found === undefined) return null
    return {
      intent: found.intent as string,
      intentHash: found.intent_hash as string | null,
      body: found.body as string,
      expired: Number(found.at) < this.#expiredBefore,
    }
  }

  async complete(entry: Parameters<StoreTransaction['complete']>[0]): Promise<void> {
    const { tenant, key, intent, intentHash, body } = entry
    const text =
      'insert into postern_ledger (tenant, key, intent, intent_hash, body, at) values (?, ?, ?, ?, ?, ?)'
    all(this.#db, text, [tenant ?? '', key, intent, intentHash, body, Date.now()])
  }

  async lock(tenant: string | null, targets: readonly Target[]): Promise<readonly (RowValue | null)[]> {
    return targets.map((target) => readRow(this.#db, this.#schema, tenant, target))
  }

  async keep(tenant: string | null, targets: readonly Target[]): Promise<boolean[]> {
    return targets.map((target) => readRow(this.#db, this.#schema, tenant, target) !== null)
  }

  async changesSince(tenant: string | null, target: Target, position: number): Promise<LogEntry[]> {
    return this.#log.changesSince(tenant, target, position)
  }

  async lastPosition(): Promise<number> {
    return this.#log.lastPosition()
  }

  async prunedThrough(): Promise<number> {
    return this.#log.prunedThrough()
  }

  async append(entries: readonly LogEntry[]): Promise<number[]> {
    return entries.map((entry) => this.#log.append(entry))
  }

  async apply(tenant: string | null, operation: Operation): Promise<RowValue | null> {
    const { model } = operation
    const { text, values } =
      operation.type === 'CREATE' ? this.#insert(tenant, operation) : this.#change(tenant, operation)
    try {
      const [row] = all(this.#db, `${text} returning ${columnsOf(model)}`, values)
      return row === undefined ? null : fromColumns(model, row)
    } catch (error) {
      throw objectionOf(error, model)
    }
  }

  #insert(tenant: string | null, { model, id, input }: Operation): Statement {
    const columns = new Map<string, Stored>()
    const { key, primaryKey } = model
    const given = id === null ? {} : keyFields(model, id)
    for (const field of key)
      if (field.name in given) columns.set(field.column, toStored(field, given[field.name]))
    if (id === null && ['text', 'uuid'].includes(primaryKey.kind))
      columns.set(primaryKey.column, randomUUID())
    if (model.policy.by === 'column') columns.set(model.policy.column, tenant)
    for (const [field, value] of this.#written(model, input))
      columns.set(field.column, toStored(field, value))
    const marks = [...columns].map(() => '?').join(', ')
    return {
      text: `insert into ${quoted(model.table.name)} (${[...columns.keys()].map(quoted).join(', ')}) values (${marks})`,
      values: [...columns.values()],
    }
  }

  #change(tenant: string | null, operation: Operation): Statement {
    const { model, type, id } = operation
    const bindings = new Bindings()
    const set = type === 'DELETE' ? '' : ` set ${this.#assignments(operation, bindings)}`
    const key = hasKey(model, id as string, bindings)
    const owned = ownedBy(this.#schema, model, tenant, bindings)
    const table = `${quoted(model.table.name)} as t`
    const verb = type === 'DELETE' ? `delete from ${table}` : `update ${table}${set}`
    return { text: `${verb} where ${key} and ${owned}`, values: bindings.values }
  }

  #assignments({ model, type, input }: Operation, bindings: Bindings): string {
    if (type !== 'UPDATE') {
      const column = quoted((model.archive as Field).column)
      // archiving twice keeps the first time
      return `${column} = ${type === 'ARCHIVE' ? `coalesce(${column}, ${bindings.add(this.#now)})` : 'null'}`
    }
    const key = quoted(model.primaryKey.column)
    const written = [...this.#written(model, input)].map(
      ([field, value]) => `${quoted(field.column)} = ${bindings.add(toStored(field, value))}`,
    )
    // an update may send nothing, and is one all the same
    return [...written, `${key} = ${key}`].join(', ')
  }

  /** What was sent, and the touch fields. */
  *#written(model: Model, input: Operation['input']): Generator<[Field, unknown]> {
    for (const field of model.fields.values()) {
      if (!field.writable || model.key.includes(field)) continue
      if (Object.hasOwn(input, field.name)) yield [field, input[field.name]]
      else if (field.touch) yield [field, this.#now]
    }
  }
}

interface Statement {
  readonly text: string
  readonly values: readonly Stored[]
}
