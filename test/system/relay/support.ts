import { setTimeout as sleep } from 'node:timers/promises'
import type { ChangeEvent, Clock, Relay, RelayOptions } from '../../../src/relay/index.ts'
import { createRelay } from '../../../src/relay/index.ts'
import type { PgMajor } from '../../support/db.ts'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { notes, noteTables } from './schema.ts'

export const openNotes = (major: PgMajor = 18): Promise<OpenSource> =>
  openSource({ schema: notes, tables: noteTables, major })

/** Commits one event a note: the first makes it, later ones change it. */
export async function write(open: OpenSource, id: string, text = 'x'): Promise<number> {
  const known = made.get(open) ?? new Set()
  made.set(open, known)
  const type = known.has(id) ? 'UPDATE' : 'CREATE'
  known.add(id)
  const { stamps } = await open.commit({ type, model: 'notes', id, input: { text } })
  return stamps[0] as number
}
const made = new WeakMap<OpenSource, Set<string>>()

/** A relay with short waits, run in the background, that remembers what its sink was given. */
export function startRelay(
  open: OpenSource,
  options: Partial<RelayOptions> = {},
): { relay: Relay; got: ChangeEvent[]; ended: Promise<unknown>; stop(): Promise<void> } {
  const got: ChangeEvent[] = []
  const relay = createRelay({
    adapter: open.source,
    name: 'sink',
    sink: ({ events }) => void got.push(...events),
    leaseMs: 1500,
    pollMs: [5, 50],
    ...options,
  })
  const ended = relay.run().then(
    () => undefined,
    (error: unknown) => error,
  )
  return { relay, got, ended, stop: () => relay.stop() }
}

/** Waits until it is so; how long that takes is no promise of anybody's. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(5)
}

/** A clock on which long waits are over at once, and short ones (of polling) are real. */
export function leapingClock(): Clock & { leaps: number[] } {
  let ahead = 0
  const leaps: number[] = []
  return {
    leaps,
    now: () => Date.now() + ahead,
    async sleep(ms, signal) {
      if (ms < 1000) return sleep(ms, undefined, { signal }).catch(() => {})
      ahead += ms
      leaps.push(ms)
    },
  }
}

export const idsOf = (events: readonly { id: string }[]): string[] => events.map(({ id }) => id)
