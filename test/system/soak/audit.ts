import pg from 'pg'
import type { FeedFollower } from './follower.ts'
import { countersOf, tenants, type Workload } from './workload.ts'

/** What is wrong, one sentence each. Empty is what was promised. */
export interface Findings {
  /** Acknowledged, and not there. */
  readonly lost: readonly string[]
  /** There more than once, or there although nobody was told so. */
  readonly duplicated: readonly string[]
}

/**
 * Compares what callers were told with what is in the database, by SQL of its own: the suspect is not asked. And what
 * a follower of the feed saw with both.
 */
export async function audit(databaseUrl: string, work: Workload, follower: FeedFollower): Promise<Findings> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    const lost: string[] = []
    const duplicated: string[] = []
    const rows = async <T>(text: string): Promise<T[]> => (await client.query(text)).rows as T[]
    const compare = (what: string, found: number, expected: number): void => {
      if (found < expected) lost.push(`${what}: ${found} instead of ${expected}`)
      if (found > expected) duplicated.push(`${what}: ${found} instead of ${expected}`)
    }

    type Entry = { name: string; body: string }
    const ledger = new Map(
      (await rows<Entry>(`select tenant || ' ' || key as name, body from postern.ledger`)).map((at) => [
        at.name,
        at.body,
      ]),
    )
    type Count = { name: string; n: number }
    const counted = async (text: string): Promise<Map<string, number>> =>
      new Map((await rows<Count>(text)).map(({ name, n }) => [name, Number(n)]))
    const entries = await counted(
      `select organization_id || ' ' || mark as name, count(*) as n from entries group by 1`,
    )
    const events = await counted(
      `select tenant || ' ' || key as name, count(*) as n from postern.changes group by 1`,
    )

    const raised = new Map<string, number>()
    for (const { tenant, key, body, entries: made, counter } of work.acknowledged) {
      const name = `${tenant} ${key}`
      if (ledger.get(name) === undefined) lost.push(`${name} is not in the ledger`)
      else if (ledger.get(name) !== body) lost.push(`${name}: told ${body}, recorded ${ledger.get(name)}`)
      compare(`rows of ${name}`, entries.get(name) ?? 0, made)
      compare(
        `events of ${name}`,
        events.get(name) ?? 0,
        (JSON.parse(body) as { rows: unknown[] }).rows.length,
      )
      if (counter !== undefined) raised.set(counter, (raised.get(counter) ?? 0) + 1)
      for (const index of [ledger, entries, events]) index.delete(name)
    }
    // every commit was asked for until it was decided: what is left over happened behind its caller's back
    for (const [index, what] of [
      [ledger, 'a key'],
      [entries, 'a row'],
      [events, 'an event'],
    ] as const) {
      for (const name of index.keys()) duplicated.push(`${what} of ${name}, which nobody was told of`)
    }

    type Counter = { id: string; value: number; writes: number }
    const counters = new Map((await rows<Counter>('select * from counters')).map((at) => [at.id, at]))
    for (const id of tenants.flatMap(countersOf)) {
      const expected = raised.get(id) ?? 0
      compare(`value of ${id}`, counters.get(id)?.value ?? -1, expected)
      compare(`writes of ${id}`, counters.get(id)?.writes ?? -1, expected)
    }

    type Event = { tenant: string; position: string }
    const log = await rows<Event>('select tenant, position from postern.changes order by position')
    for (const tenant of tenants) {
      const expected = log.filter((event) => event.tenant === tenant).map(({ position }) => Number(position))
      const seen = follower.positions(tenant)
      const distinct = new Set(seen)
      for (const position of expected) if (!distinct.has(position)) lost.push(`the feed skipped ${position}`)
      if (seen.length > distinct.size)
        duplicated.push(`the feed told ${seen.length - distinct.size} events twice`)
      if (seen.some((position, n) => n > 0 && position <= (seen[n - 1] as number)))
        duplicated.push('the feed went backwards')
    }
    return { lost: [...lost, ...follower.refusals], duplicated: [...duplicated, ...work.contradictions] }
  } finally {
    await client.end()
  }
}
