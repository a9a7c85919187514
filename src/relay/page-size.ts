import { Buffer } from 'node:buffer'
import type { RelayEvent } from './store.ts'

/** Few enough that a first page of large events is read without harm. */
const FIRST = 32

/**
 * How many events are read at once. A page of the largest number would hold hundreds of megabytes where rows are large,
 * of which a batch takes one; so it grows while pages are smaller than a batch, and shrinks to what one can hold.
 */
export class PageSize {
  readonly #most: number
  readonly #bytes: number
  limit: number

  constructor(most: number, bytes: number) {
    this.#most = most
    this.#bytes = bytes
    this.limit = Math.min(most, FIRST)
  }

  /** Tells of a page that was read. */
  read(events: readonly Pick<RelayEvent, 'text'>[]): void {
    const size = events.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0)
    if (size > this.#bytes) this.limit = Math.max(1, Math.floor((events.length * this.#bytes) / size))
    else if (events.length === this.limit && size * 2 <= this.#bytes)
      this.limit = Math.min(this.limit * 2, this.#most)
  }
}
