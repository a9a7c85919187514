import type { DatabaseSync } from 'node:sqlite'
import type { LogEntry, LogPage, Target } from 'postern'
import { all } from './rows.ts'
import type { Stored } from './values.ts'

/** The log as one connection sees it. */
export class Log {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** The position of the row's last change; 0 when the log knows none. */
  stamp(tenant: string | null, { model, id }: Target): number {
    const text = `select max(position) as position from postern_log
      where model = ? and entity_id = ? and tenant is ?`
    const [found] = all(this.#db, text, [model.name, id, ownerOf({ model, id }, tenant)])
    return Number(found?.position ?? 0)
  }

  changesSince(tenant: string | null, target: Target, position: number): LogEntry[] {
    const text = `select position, entry from postern_log
      where model = ? and entity_id = ? and tenant is ? and position > ? order by position`
    const { model, id } = target
    return all(this.#db, text, [model.name, id, ownerOf(target, tenant), position]).map(entryOf)
  }

  page(tenant: string | null, position: number, limit: number): LogPage {
    // one writer at a time: what is committed is complete, there is nobody to wait for
    const through = this.lastPosition()
    const text = `select position, entry from postern_log
      where position > ? and (? is null or tenant is null or tenant = ?) order by position limit ?`
    return { entries: all(this.#db, text, [position, tenant, tenant, limit]).map(entryOf), through }
  }

  append({ position: _none, ...entry }: LogEntry): number {
    const { tenant, model, entityId } = entry
    const text =
      'insert into postern_log (tenant, model, entity_id, entry) values (?, ?, ?, ?) returning position'
    const [given] = all(this.#db, text, [tenant, model, entityId, JSON.stringify(entry)])
    return Number(given?.position)
  }

  /** The last position that was given to anyone, pruned by now or not. */
  lastPosition(): number {
    const [found] = all(this.#db, `select seq from sqlite_sequence where name = 'postern_log'`, [])
    return Number(found?.seq ?? 0)
  }

  prunedThrough(): number {
    return Number(all(this.#db, 'select pruned_through from postern_meta', [])[0]?.pruned_through)
  }

  epoch(): string {
    return all(this.#db, 'select epoch from postern_meta', [])[0]?.epoch as string
  }
}

/** A row of policy `none` has no tenant in the log, whoever asks. */
const ownerOf = ({ model }: Target, tenant: string | null): string | null =>
  model.policy.by === 'none' ? null : tenant

const entryOf = ({ position, entry }: Record<string, Stored>): LogEntry => ({
  ...(JSON.parse(entry as string) as LogEntry),
  position: Number(position),
})
