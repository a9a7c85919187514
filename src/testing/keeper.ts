import { oneByOne } from '../adapters/postgres/turns.ts'
import type { Client } from './pg-client.ts'

/**
 * Says that this process is alive. Each copy stands under a slot, each slot under an advisory lock of one connection
 * that is held for as long as there are copies. The server ends the connection of a process that was killed, by
 * whatever signal on whatever host, and with it the locks; a list of process ids would know nothing of other hosts.
 */
export interface Keeper {
  /** A slot below `max` that nobody holds, or null. */
  take(max: number): Promise<number | null>
  give(slot: number): Promise<void>
}

export function keeper(open: () => Promise<Client>, key: number): Keeper {
  const turn = oneByOne()
  const held = new Set<number>()
  let client: Client | undefined

  async function connected(): Promise<Client> {
    if (client !== undefined) return client
    const opened = await open()
    opened.on('error', () => {
      if (client === opened) client = undefined
      // The locks went with it: a sweep may take the copies now, and whoever uses one is told.
      held.clear()
    })
    await opened.query('set idle_session_timeout = 0').catch(() => {}) // Postgres 14 and newer
    opened.unref()
    client = opened
    return opened
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
        // A lock that is held is granted to its holder again: CASE, because the order of conditions is the planner's.
        const [row] = await ask(
          `select i from generate_series(0, $1::int - 1) i
where case when i = any($2::int[]) then false else pg_try_advisory_lock($3::int, i) end limit 1`,
          [max, `{${[...held].join(',')}}`, key],
        )
        if (row === undefined) return null
        const { i } = row as { i: number }
        held.add(i)
        return i
      }),
    give: (slot) =>
      turn(async () => {
        if (!held.delete(slot)) return
        if (held.size > 0) await ask('select pg_advisory_unlock($1::int, $2::int)', [key, slot])
        else {
          const last = client
          client = undefined
          last?.ref()
          await last?.end().catch(() => {})
        }
      }),
  }
}
