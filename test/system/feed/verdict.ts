import type pg from 'pg'
import type { Seen } from './followers.ts'

/** What a follower was told, held against the log and, independent of it, against the tables. */
export interface Verdict {
  readonly events: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
}

export interface Truth {
  readonly log: readonly Seen[]
  /** Row to the number of times the application's own trigger counted a change of it. */
  readonly versions: ReadonlyMap<string, number>
}

/** Reads log and tables when nobody writes any more. */
export async function readTruth(client: pg.Client): Promise<Truth> {
  const { rows: log } = await client.query(
    `select o.position::float8, model || '/' || entity_id as row, type, (data::json ->> 'version')::int as version
     from postern.changes o order by o.position`,
  )
  const { rows } = await client.query(
    `select 'parts/' || id as row, version from parts union all select 'notes/' || id, version from notes`,
  )
  return { log, versions: new Map(rows.map(({ row, version }) => [row, version])) }
}

/**
 * Lost: in the log and not delivered, or counted by a table and not in the log. Duplicated: delivered twice, or logged
 * more often than it was changed. Out of order: a position below an earlier one, or a row's version that does not
 * follow the one before it.
 */
export function judge(seen: readonly Seen[], truth: Truth): Verdict {
  const delivered = new Set(seen.map(({ position }) => position))
  let lost = truth.log.filter(({ position }) => !delivered.has(position)).length
  let duplicated = seen.length - delivered.size
  const logged = Map.groupBy(truth.log, ({ row }) => row)
  for (const [row, version] of truth.versions) {
    const events = logged.get(row)?.length ?? 0
    lost += Math.max(0, version - events)
    duplicated += Math.max(0, events - version)
  }
  let outOfOrder = 0
  let position = 0
  const versions = new Map<string, number>()
  for (const event of seen) {
    if (event.position < position) outOfOrder += 1
    position = event.position
    const before = versions.get(event.row) ?? 0
    const expected = event.type === 'CREATE' ? 0 : event.type === 'DELETE' ? before : before + 1
    // a gap is a loss and counted as one; what comes after a gap is in order as long as it moves on
    if (event.version < expected) outOfOrder += 1
    versions.set(event.row, event.version)
  }
  return { events: truth.log.length, lost, duplicated, outOfOrder }
}
