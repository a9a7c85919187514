import { Buffer } from 'node:buffer'
import type { HeldLease } from './lease.ts'
import type { RelayBatch } from './sink.ts'
import { batchOf, type DeliveryError, storable } from './sink.ts'
import { DIED } from './state.ts'
import type { QueuedLetter, RelayStore } from './store.ts'

export interface RedriveOptions {
  readonly name: string
  readonly run: string
  readonly store: RelayStore
  readonly held: HeldLease
  readonly batchSize: number
  readonly batchBytes: number
  readonly schedule: readonly number[]
  send(batch: RelayBatch): Promise<DeliveryError | undefined>
  /** @throws RelayHalted */
  gone(failure: DeliveryError): Promise<never>
  failed(failure: DeliveryError, events: number): void
  stopping(): boolean
}

/**
 * Sends the dead letters that somebody asked for, once, row by row, so that one that is refused keeps no other row back.
 * An attempt is written down before it is made: a letter that its process dies of waits by the schedule, alone with its
 * row, and is given back when the schedule has ended.
 *
 * @returns whether there were any
 */
export async function redrive(at: RedriveOptions): Promise<boolean> {
  const letters = await at.store.queued(at.batchSize, at.batchBytes)
  const rows = Map.groupBy(letters, ({ model, entityId }) => JSON.stringify([model, entityId]))
  let failures = 0
  for (const row of rows.values()) {
    const end = await sendRow(at, row, failures + 1 >= SINK_FAILURES)
    failures = end === 'failed' ? failures + 1 : 0
    if (end === 'stopped' || failures >= SINK_FAILURES) break
  }
  return letters.length > 0
}

/** So many rows that fail one after the other are the sink's fault, and the letters of all others are given back. */
const SINK_FAILURES = 3

/** How the letters of a row fared. `failed`: it may be the sink's fault. */
type RowEnd = 'done' | 'failed' | 'stopped'

/** @param last whether a failure is the sink's, and no letter is to be tried any more */
async function sendRow(at: RedriveOptions, row: readonly QueuedLetter[], last: boolean): Promise<RowEnd> {
  const { name: relay, run, store, held, batchBytes, schedule } = at
  const [first] = row
  if (first === undefined) return 'done'
  if (first.tries >= schedule.length) {
    const letters = [first.letter]
    held.wrote(await store.unqueue(held.fence, { letters, row: first, error: DIED }))
    return 'done'
  }
  // Processes have died of it: it is sent alone, so that what comes behind it is not counted with it.
  let most = first.tries > 0 ? 1 : row.length
  for (let rest = row; rest[0] !== undefined; ) {
    if (at.stopping()) return 'stopped'
    const part = beginning(rest, most, batchBytes)
    const letters = part.map(({ letter }) => letter)
    const tries = rest[0].tries + 1
    const waitMs = Math.ceil(schedule[tries] ?? 0)
    held.wrote(await store.trying(held.fence, { letters, tries, waitMs }))
    const failure = await at.send(batchOf({ relay, run, log: rest[0].epoch }, part, rest[0].attempts + tries))
    if (failure === undefined) {
      held.wrote(await store.resolve(held.fence, letters))
      rest = rest.slice(part.length)
      continue
    }
    if (failure.fault === 'gone') return at.gone(failure)
    const refused = failure.fault === 'refused'
    if (refused && part.length > 1) {
      // What comes before the letter that is not taken must not wait for it.
      most = Math.floor(part.length / 2)
      continue
    }
    at.failed(failure, part.length)
    const error = storable(failure.message)
    const all = last && !refused
    held.wrote(await store.unqueue(held.fence, { letters, row: all ? null : rest[0], error }))
    return refused ? 'done' : 'failed'
  }
  return 'done'
}

/** So many letters, and so many bytes, of one log. */
function beginning(row: readonly QueuedLetter[], most: number, bytes: number): readonly QueuedLetter[] {
  let size = 0
  const end = row.findIndex(({ text, epoch }, n) => {
    size += Buffer.byteLength(text) + 1
    return n >= most || (n > 0 && size > bytes) || epoch !== row[0]?.epoch
  })
  return end === -1 ? row : row.slice(0, end)
}
