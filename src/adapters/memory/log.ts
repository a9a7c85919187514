import type { LogEntry, LogPage, Target } from '../../core/adapter.ts'
import type { Journal } from './tables.ts'

/** The log of changes: entries in order of position, and the same by row. */
export class Log {
  #entries: LogEntry[] = []
  #byRow = new Map<string, LogEntry[]>()
  #last = 0
  #prunedThrough = 0
  /** How far each follower that acknowledges has read. */
  readonly #acknowledged = new Map<string, number>()

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

  /** Whose row it was does not matter where the tenant sees it; where it does not, only what it was told does. */
  changesSince(tenant: string | null, target: Target, position: number, visible: boolean): LogEntry[] {
    return this.#told(tenant, target, visible).filter((entry) => entry.position > position)
  }

  /** The position of the row's last change; 0 when the log knows none. */
  stamp(tenant: string | null, target: Target, visible: boolean): number {
    return this.#told(tenant, target, visible).at(-1)?.position ?? 0
  }

  /** Whom the row's last change was told to; undefined where it is gone, or was never told. */
  owner({ model, id }: Target): string | null | undefined {
    const last = this.#historyOf(model.name, id).at(-1)
    return last === undefined || last.type === 'DELETE' ? undefined : last.tenant
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

  acknowledge(follower: string, position: number): void {
    this.#acknowledged.set(follower, Math.max(position, this.#acknowledged.get(follower) ?? 0))
  }

  /** Drops entries up to a position that a later change of the same row superseded; none that a follower still needs. */
  prune(through: number): void {
    const until = Math.min(through, this.#last, ...this.#acknowledged.values())
    this.#prunedThrough = Math.max(this.#prunedThrough, until)
    const lastOf = new Map<string, number>()
    const rowOf = ({ model, entityId }: LogEntry): string => JSON.stringify([model, entityId])
    for (const entry of this.#entries) lastOf.set(rowOf(entry), entry.position)
    this.#entries = this.#entries.filter(
      (entry) => entry.position > this.#prunedThrough || entry.position === lastOf.get(rowOf(entry)),
    )
    this.#byRow = new Map()
    for (const entry of this.#entries) this.#historyOf(entry.model, entry.entityId).push(entry)
  }

  #told(tenant: string | null, { model, id }: Target, visible: boolean): LogEntry[] {
    const history = this.#historyOf(model.name, id)
    return visible ? history : history.filter((entry) => entry.tenant === null || entry.tenant === tenant)
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
