import { Buffer } from 'node:buffer'
import type { HeldLease } from './lease.ts'
import type { RelayBatch } from './sink.ts'
import { batchOf, type DeliveryError, storable } from './sink.ts'
import type { QueuedLetter, RelayStore } from './store.ts'

export interface RedriveOptions {
  readonly name: string
  readonly store: RelayStore
  readonly held: HeldLease
  readonly batchSize: number
  readonly batchBytes: number
  send(batch: RelayBatch): Promise<DeliveryError | undefined>
  /** @throws RelayHalted */
  gone(failure: DeliveryError): Promise<never>
  failed(failure: DeliveryError, events: number): void
  stopping(): boolean
}

/**
 * Sends the dead letters that somebody asked for, once, row by row, so that one that is refused keeps no other row back.
 *
 * @returns whether there were any
 */
export async function redrive(at: RedriveOptions): Promise<boolean> {
  const letters = await at.store.queued(at.batchSize)
  const rows = Map.groupBy(letters, ({ model, entityId }) => JSON.stringify([model, entityId]))
  for (const row of rows.values()) if (!(await sendRow(at, row))) break
  return letters.length > 0
}

/** @returns whether other rows may be tried. */
async function sendRow(at: RedriveOptions, row: readonly QueuedLetter[]): Promise<boolean> {
  const { name, store, held, batchBytes } = at
  let most = row.length
  for (let rest = row; rest[0] !== undefined; ) {
    if (at.stopping()) return false
    const part = beginning(rest, most, batchBytes)
    const ids = part.map(({ letter }) => letter)
    const failure = await at.send(batchOf(name, rest[0].epoch, part, 1))
    if (failure === undefined) {
      held.wrote(await store.resolve(held.fence, ids))
      rest = rest.slice(part.length)
      continue
    }
    if (failure.fault === 'gone') return at.gone(failure)
    const refused = failure.fault === 'refused'
    if (refused && part.length > 1) {
      // what comes before the letter that is not taken must not wait for it
      most = Math.floor(part.length / 2)
      continue
    }
    at.failed(failure, part.length)
    const error = storable(failure.message)
    held.wrote(await store.unqueue(held.fence, { letters: ids, row: refused ? rest[0] : null, error }))
    return refused
  }
  return true
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
