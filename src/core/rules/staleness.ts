import { Buffer } from 'node:buffer'
import type { LogEntry, Operation, RowValue } from '../adapter.ts'
import { traitsOf, writtenFields } from '../schema/operation.ts'
import { participantFor } from './participant.ts'

/**
 * Why an operation is stale. `changed`: its row has other values than those it was decided on; `created`, `deleted`:
 * its row came or went since; `unknown_position`: its `readAt` lies beyond the end of the log, which was restored,
 * or the caller errs.
 */
export type StaleReason = 'changed' | 'created' | 'deleted' | 'unknown_position'

/** What a caller learns about a stale operation: an entry of `details.operations`, or a notification. */
export interface StaleReport {
  readonly index: number
  readonly model: string
  readonly id: string
  readonly readAt: number
  /** The position of the row's last change; 0 when the log knows none. */
  readonly stamp: number
  readonly reason: StaleReason
  /** Fields that changed since `readAt`, sorted; null when the row came or went, or the log no longer knows. */
  readonly changed: readonly string[] | null
  /** The row as it is now; left out where it has more than a megabyte. */
  readonly current?: RowValue | null
  /** Who made the last change, when the log knows, and it was a commit of this tenant. */
  readonly participantId?: string
  readonly participantKind?: string
}

/** What is known of an operation's row while it is locked. */
export interface RowHistory {
  /** Who asks. */
  readonly tenant: string | null
  /** The row as it stands; null when there is none for this tenant. */
  readonly row: RowValue | null
  /** Its changes after `readAt`, oldest first. */
  readonly changes: readonly LogEntry[]
  /** The position of its last change; 0 when the log knows none. */
  readonly stamp: number
  /** The highest position given to anyone. */
  readonly lastPosition: number
  /** Superseded entries at or below it may be gone; the last entry of each row never is. */
  readonly prunedThrough: number
}

/** `apply`: go on. `hold`: leave this operation out and tell the caller. `reject`: the commit fails. */
export type Verdict =
  | { readonly does: 'apply' }
  | { readonly does: 'hold' | 'reject'; readonly report: StaleReport }

const apply: Verdict = { does: 'apply' }

/** An operation that claims to know a state, so that its row's history must be looked at. */
export interface JudgedOperation extends Operation {
  readonly readAt: number
  readonly id: string
}

/** A CREATE whose id the database will make knows no row to be wrong about. */
export const isJudged = (operation: Operation): operation is JudgedOperation =>
  operation.readAt !== null && operation.id !== null && operation.onStale !== 'overwrite'

/**
 * Judges one operation by the rules of the protocol ("stamp and readAt"). Pure: everything it knows was read under
 * the row's lock, and before anything of this commit was applied.
 */
export function judge(operation: JudgedOperation, history: RowHistory): Verdict {
  const reason = staleReason(operation, history)
  if (reason === null) return apply
  const changed = reason === 'unknown_position' ? null : changedSince(operation.readAt, history)
  if (operation.onStale === 'merge' && reason === 'changed' && !meets(operation, changed)) return apply
  const last = reason === 'unknown_position' ? undefined : history.changes.at(-1)
  const report: StaleReport = {
    index: operation.index,
    model: operation.model.name,
    id: operation.id,
    readAt: operation.readAt,
    stamp: history.stamp,
    reason,
    changed,
    ...currentOf(history.row),
    ...(last !== undefined && participantFor(history.tenant, last)),
  }
  return { does: operation.onStale === 'notify' ? 'hold' : 'reject', report }
}

function staleReason(operation: JudgedOperation, history: RowHistory): StaleReason | null {
  if (operation.readAt > history.lastPosition) return 'unknown_position'
  if (history.changes.length === 0) return null
  if (history.row === null) return 'deleted'
  // who creates decided that there is no row; that it has also changed since it came is not what was missed
  if (!traitsOf(operation.type).needsRow) return 'created'
  return history.changes.some(({ type }) => !traitsOf(type).needsRow) ? 'created' : 'changed'
}

/** Every field that changed since, or null when not all of them are known. */
function changedSince(readAt: number, { changes, prunedThrough }: RowHistory): readonly string[] | null {
  if (readAt < prunedThrough) return null
  const fields = new Set<string>()
  for (const { changed } of changes) {
    if (changed === null) return null
    for (const name of changed) fields.add(name)
  }
  return [...fields].sort()
}

/** Whether this operation writes what changed meanwhile; it does when that is not known, and a DELETE always does. */
function meets(operation: Operation, changed: readonly string[] | null): boolean {
  const written = fieldsWritten(operation)
  return changed === null || written === null || changed.some((name) => written.has(name))
}

function fieldsWritten({ type, input, model }: Operation): ReadonlySet<string> | null {
  const fields = writtenFields(type, input, model.archive?.name)
  return fields === null ? null : new Set(fields)
}

/** Bytes of the details of `stale_context` at most. */
export const DETAIL_BYTES = 1_048_576
/** Bytes of a row that is told as `current` at most; a larger one is left out. */
export const CURRENT_BYTES = 1_000_000

/** `{ operations, more? }`: stops at `DETAIL_BYTES`, and says how many stale operations there are beside those. */
export function staleDetails(reports: readonly StaleReport[]): Record<string, unknown> {
  let bytes = 0
  const fit = reports.findIndex((report, at) => {
    bytes += Buffer.byteLength(JSON.stringify(report)) + 1
    return at > 0 && bytes > DETAIL_BYTES
  })
  return fit === -1
    ? { operations: reports }
    : { operations: reports.slice(0, fit), more: reports.length - fit }
}

/** A row as `current` of a report: null for none, left out where it is too large. */
function currentOf(row: RowValue | null): { current?: RowValue | null } {
  if (row === null) return { current: row }
  // a commit may have a thousand stale operations on one row
  const bytes = sizes.get(row) ?? Buffer.byteLength(JSON.stringify(row))
  sizes.set(row, bytes)
  return bytes > CURRENT_BYTES ? {} : { current: row }
}

const sizes = new WeakMap<RowValue, number>()
