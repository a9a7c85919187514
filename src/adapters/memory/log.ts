import type { LogEntry, LogPage, Target } from '../../core/adapter.ts'
import type { Journal } from './tables.ts'

/** The log of changes: entries in order of position, and the same by row. */
export class Log {
  #entries: LogEntry[] = []
  #byRow = new Map<string, LogEntry[]>()
  #last = 0
  #prunedThrough = 0

  get lastPosition(): number {
    return this.#last
  }

  get prunedThrough(): number {
    return this.#prunedThrough
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  append(entry: LogEntry, journal: Journal): number {
    const before = this.#last
    const position = before + 1
    const given = { ...entry, position }
    const history = this.#historyOf(entry.model, entry.entityId)
    this.#entries.push(given)
    history.push(given)
    this.#last = position
    journal.push(() => {
      this.#entries.pop()
      history.pop()
      this.#last = before
    })
    return position
  }

  /** Of the tenant's own log: another tenant's row may have had this id before, and must not show. */
  changesSince(tenant: string | null, target: Target, position: number): LogEntry[] {
    return this.#own(tenant, target).filter((entry) => entry.position > position)
  }

  /** The position of the row's last change; 0 when the log knows none. */
  stamp(tenant: string | null, target: Target): number {
    return this.#own(tenant, target).at(-1)?.position ?? 0
  }

  page(tenant: string | null, position: number, limit: number): LogPage {
    const seen = (entry: LogEntry): boolean =>
      tenant === null || entry.tenant === null || entry.tenant === tenant
    const entries: LogEntry[] = []
    for (let at = this.#after(position); at < this.#entries.length && entries.length < limit; at++) {
      const entry = this.#entries[at]
      if (entry !== undefined && seen(entry)) entries.push(entry)
    }
    return { entries, through: this.#last }
  }

  /** Drops entries up to a position that a later change of the same row superseded. */
  prune(through: number): void {
    this.#prunedThrough = Math.max(this.#prunedThrough, Math.min(through, this.#last))
    const lastOf = new Map<string, number>()
    const rowOf = ({ tenant, model, entityId }: LogEntry): string => JSON.stringify([tenant, model, entityId])
    for (const entry of this.#entries) lastOf.set(rowOf(entry), entry.position)
    this.#entries = this.#entries.filter(
      (entry) => entry.position > this.#prunedThrough || entry.position === lastOf.get(rowOf(entry)),
    )
    this.#byRow = new Map()
    for (const entry of this.#entries) this.#historyOf(entry.model, entry.entityId).push(entry)
  }

  #own(tenant: string | null, { model, id }: Target): LogEntry[] {
    const owner = model.policy.by === 'none' ? null : tenant
    return this.#historyOf(model.name, id).filter((entry) => entry.tenant === owner)
  }

  #historyOf(model: string, id: string): LogEntry[] {
    const address = `${model}/${id}`
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
