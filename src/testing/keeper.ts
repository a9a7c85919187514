import { oneByOne } from '../postgres/runtime/turns.ts'
import type { PgTestClient } from './pg-client.ts'

/** A slot that was taken. It is known by identity: after a lost connection its number may be somebody else's. */
export interface Place {
  readonly slot: number
}

/**
 * Says that this process is alive. Each copy stands under a slot, each slot under an advisory lock of one connection
 * that is held for as long as there are copies. The server ends the connection of a process that was killed, by
 * whatever signal on whatever host, and with it the locks; a list of process ids would know nothing of other hosts.
 */
export interface Keeper {
  /** A slot below `max` that nobody holds, or null. */
  take(max: number): Promise<Place | null>
  /** Does nothing for a place that was lost since. */
  give(place: Place): Promise<void>
}

export function keeper(open: () => Promise<PgTestClient>, key: number): Keeper {
  const turn = oneByOne()
  const held = new Map<number, Place>()
  let client: PgTestClient | undefined

  async function connected(): Promise<PgTestClient> {
    if (client !== undefined) return client
    const opened = await open()
    opened.on('error', () => {
      if (client !== opened) return
      client = undefined
      // At once: until then a sweep of another process may take the copies. Whoever uses one of those is told.
      if (held.size > 0) turn(connected).catch(() => {})
    })
    try {
      await opened.query('set idle_session_timeout = 0').catch(() => {}) // Postgres 14 and newer
      await takeBack(opened)
    } catch (error) {
      await opened.end().catch(() => {})
      throw error
    }
    opened.unref()
    client = opened
    return opened
  }

  /** The locks of an earlier connection went with it; those that nobody has taken meanwhile are ours again. */
  async function takeBack(opened: PgTestClient): Promise<void> {
    if (held.size === 0) return
    const { rows } = await opened.query({
      text: 'select i from unnest($1::int[]) i where pg_try_advisory_lock($2::int, i)',
      values: [[...held.keys()], key],
    })
    const ours = new Set((rows as { i: number }[]).map(({ i }) => i))
    for (const slot of held.keys()) if (!ours.has(slot)) held.delete(slot)
  }

  /** Waiting for an answer keeps the process alive, holding a lock does not. */
  async function ask(text: string, values: unknown[]): Promise<unknown[]> {
    const one = await connected()
    one.ref()
    try {
      return (await one.query({ text, values })).rows
    } finally {
      one.unref()
    }
  }

  return {
    take: (max) =>
      turn(async () => {
        await connected() // what is held is known only then
        // A lock that is held is granted to its holder again: CASE, because the order of conditions is the planner's.
        const [row] = await ask(
          `select i from generate_series(0, $1::int - 1) i
where case when i = any($2::int[]) then false else pg_try_advisory_lock($3::int, i) end limit 1`,
          [max, [...held.keys()], key],
        )
        if (row === undefined) return null
        const place: Place = { slot: (row as { i: number }).i }
        held.set(place.slot, place)
        return place
      }),
    give: (place) =>
      turn(async () => {
        if (held.get(place.slot) !== place) return
        held.delete(place.slot)
        if (held.size > 0) await ask('select pg_advisory_unlock($1::int, $2::int)', [key, place.slot])
        else {
          const last = client
          client = undefined
          last?.ref()
          await last?.end().catch(() => {})
        }
      }),
  }
}
