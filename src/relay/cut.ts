import { Buffer } from 'node:buffer'
import type { RelayCursor, RelayEvent, RelayPage } from './store.ts'

/**
 * The batch that is made of a page, and where the cursor stands after it: all of the page, or its beginning up to so
 * many bytes, or up to the position at which a batch that is tried again has ended before.
 */
export function cut(
  page: RelayPage,
  from: RelayCursor,
  through: number | null,
  bytes: number,
): { events: readonly RelayEvent[]; cursor: RelayCursor } {
  let size = 0
  let end = 0
  for (const { text, position } of page.events) {
    size += Buffer.byteLength(text) + 1
    const fits = end === 0 || (size <= bytes && (through === null || position <= through))
    if (!fits) break
    end += 1
  }
  const events = page.events.slice(0, end)
  const whole = end === page.events.length
  const position = whole ? page.through : (events.at(-1)?.position ?? from.position)
  // a walk from the beginning reads on below the pruning mark that it started under
  const base = position < page.pruned ? page.pruned : 0
  const mark = whole ? page.mark : (events.at(-1)?.mark() ?? from.mark)
  return { events, cursor: { epoch: page.epoch, position, base, mark } }
}
