import type { LogEntry, LogPage, RowValue, Target } from '../../core/adapter.ts'
import type { Model } from '../../core/schema/define.ts'
import { rowAddress } from '../../core/schema/table.ts'
import type { Journal, Tables } from './tables.ts'
import { columnsOf, fieldsOf } from './tables.ts'

/** The log of changes: entries in order of position, and the same by row, which is the table's and no model's. */
export class Log {
  readonly #tables: Tables
  /** Each in the words of the model that it was written by. */
  #entries: LogEntry[] = []
  #byRow = new Map<string, LogEntry[]>()
  /** The row of each entry with the columns of every model of its table, by position. */
  readonly #columns = new Map<number, RowValue>()
  #last = 0
  #prunedThrough = 0
  /** How far each follower that acknowledges has read. */
  readonly #acknowledged = new Map<string, number>()

  constructor(tables: Tables) {
    this.#tables = tables
  }

  get lastPosition(): number {
    return this.#last
  }

  get prunedThrough(): number {
    return this.#prunedThrough
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  /** @param columns the row's, where models beside the entry's show more of it than `data` has. */
  append(entry: LogEntry, journal: Journal, columns?: RowValue): number {
    const before = this.#last
    const position = before + 1
    const given = { ...entry, position }
    const model = this.#tables.model(entry.model)
    const history = this.#historyOf({ model, id: entry.entityId })
    this.#entries.push(given)
    history.push(given)
    this.#columns.set(position, { ...columns, ...columnsOf(model, entry.data) })
    this.#last = position
    journal.push(() => {
      this.#entries.pop()
      history.pop()
      this.#columns.delete(position)
      this.#last = before
    })
    return position
  }

  /** Whose row it was does not matter where the tenant sees it; where it does not, only what it was told does. */
  changesSince(tenant: string | null, target: Target, position: number, visible: boolean): LogEntry[] {
    return this.#told(tenant, target, visible)
      .filter((entry) => entry.position > position)
      .map((entry) => this.#inWordsOf(target.model, entry))
  }

  /** The position of the row's last change; 0 when the log knows none. */
  stamp(tenant: string | null, target: Target, visible: boolean): number {
    return this.#told(tenant, target, visible).at(-1)?.position ?? 0
  }

  /** Whom the row's last change was told to; undefined where it is gone, or was never told. */
  owner(target: Target): string | null | undefined {
    const last = this.#historyOf(target).at(-1)
    return last === undefined || last.type === 'DELETE' ? undefined : last.tenant
  }

  page(tenant: string | null, position: number, limit: number): LogPage {
    const seen = (entry: LogEntry): boolean =>
      tenant === null || entry.tenant === null || entry.tenant === tenant
    const changes: LogEntry[] = []
    for (let at = this.#after(position); at < this.#entries.length && changes.length < limit; at++) {
      const entry = this.#entries[at]
      if (entry !== undefined && seen(entry)) changes.push(entry)
    }
    const entries = changes.flatMap((entry) =>
      this.#tables.siblings(this.#tables.model(entry.model)).map((model) => this.#inWordsOf(model, entry)),
    )
    return { entries, through: this.#last }
  }

  /** Every entry once, in the words of the first model of its table. */
  inWordsOfFirst(): LogEntry[] {
    return this.#entries.map((entry) => {
      const model = this.#tables.model(entry.model)
      return this.#inWordsOf(this.#tables.siblings(model)[0] ?? model, entry)
    })
  }

  acknowledge(follower: string, position: number): void {
    this.#acknowledged.set(follower, Math.max(position, this.#acknowledged.get(follower) ?? 0))
  }

  /** Drops entries up to a position that a later change of the same row superseded; none that a follower still needs. */
  prune(through: number): void {
    const until = Math.min(through, this.#last, ...this.#acknowledged.values())
    this.#prunedThrough = Math.max(this.#prunedThrough, until)
    const lastOf = new Map<string, number>()
    const rowOf = ({ model, entityId }: LogEntry): string => rowAddress(this.#tables.model(model), entityId)
    for (const entry of this.#entries) lastOf.set(rowOf(entry), entry.position)
    this.#entries = this.#entries.filter(
      (entry) => entry.position > this.#prunedThrough || entry.position === lastOf.get(rowOf(entry)),
    )
    this.#byRow = new Map()
    for (const entry of this.#entries) {
      this.#historyOf({ model: this.#tables.model(entry.model), id: entry.entityId }).push(entry)
    }
    const kept = new Set(this.#entries.map(({ position }) => position))
    for (const position of this.#columns.keys()) if (!kept.has(position)) this.#columns.delete(position)
  }

  #inWordsOf(model: Model, entry: LogEntry): LogEntry {
    if (entry.model === model.name) return entry
    const writer = this.#tables.model(entry.model)
    const written = entry.changed?.flatMap((name) => writer.fields.get(name)?.column ?? []) ?? null
    const shown = [...model.fields.values()].filter(({ column }) => written?.includes(column))
    // of another model's archive field it is an update like others
    const archived = written === null || written.length === 0 || written.includes(model.archive?.column ?? '')
    const archives = entry.type === 'ARCHIVE' || entry.type === 'UNARCHIVE'
    return {
      ...entry,
      model: model.name,
      type: archives && (model.archive === undefined || !archived) ? 'UPDATE' : entry.type,
      data: fieldsOf(model, this.#columns.get(entry.position) ?? {}),
      changed: written && shown.map(({ name }) => name).sort(),
    }
  }

  #told(tenant: string | null, target: Target, visible: boolean): LogEntry[] {
    const history = this.#historyOf(target)
    return visible ? history : history.filter((entry) => entry.tenant === null || entry.tenant === tenant)
  }

  #historyOf({ model, id }: Target): LogEntry[] {
    const address = rowAddress(model, id)
    let history = this.#byRow.get(address)
    if (history === undefined) {
      history = []
      this.#byRow.set(address, history)
    }
    return history
  }

  /** Index of the first entry after a position. */
  #after(position: number): number {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.position ?? 0) > position) high = middle
      else low = middle + 1
    }
    return low
  }
}
