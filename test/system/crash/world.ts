import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { PosternError } from '../../../src/core/errors.ts'
import { defineSchema, model, z } from '../../../src/index.ts'
import { serverAdapterNamed } from '../../support/adapters.ts'
import { type Caller, caller } from '../../support/caller.ts'
import type { Random } from '../differential/random.ts'

export const ROWS = 12

export const schema = defineSchema({
  rows: model({ fields: { mark: z.string() }, mutable: true, capture: true }),
})

export const tables = `
create table rows (id text primary key, organization_id text not null, mark text not null);
insert into rows select 'r' || n, 'org_1', 'start' from generate_series(0, ${ROWS - 1}) n;`

/** A commit that was answered with 200. */
export interface Acknowledged {
  readonly key: string
  readonly body: string
  readonly operations: Parameters<Caller['commit']>[0]
}

/** What the outside has been told, by any answer, until the server died. */
export class Told {
  /** The highest number that any answer carried as a stamp. */
  highest = 0
  /** Event stamps, and what each was given for. */
  readonly events = new Map<number, string>()
  /** Row and stamp, as an answer paired them, with the mark that the row had then. */
  readonly rows: { id: string; stamp: number; mark: string }[] = []
  readonly acknowledged: Acknowledged[] = []
  cursor: string | undefined
  /** The rows of a follower that applied every event up to the cursor. */
  readonly followed = new Map<string, string>()

  stamp(position: number | null | undefined): void {
    if (typeof position === 'number') this.highest = Math.max(this.highest, position)
  }
}

let library = serverAdapterNamed('pg')

/** From now on the endpoint is on this client library; by default on node-postgres. */
export function useAdapter(name: string): void {
  library = serverAdapterNamed(name)
}

export async function open(url: string): Promise<{ asked: Caller; close(): Promise<unknown> }> {
  const { adapter, close } = await library.open(url, { schema, max: 8 })
  return { asked: caller(adapter, schema), close }
}

/** Until `stop` is aborted: commits, writes by hand (some undone, some careless about durability), reads, and the feed. */
export async function work(url: string, told: Told, random: Random, stop: AbortSignal): Promise<void> {
  const { asked, close } = await open(url)
  const until = async (step: () => Promise<void>): Promise<void> => {
    while (!stop.aborted) {
      try {
        await step()
      } catch (error) {
        // the server is gone, or two writers met; anything else is a fault of this harness
        if (!(error instanceof PosternError) && !isDatabaseError(error)) throw error
        await sleep(1)
      }
    }
  }
  let keys = 0
  const commits = (writer: number) =>
    until(async () => {
      const id = `r${random.int(0, ROWS - 1)}`
      const key = `k${process.pid}-${writer}-${stopName(stop)}-${keys++}`
      const operations = [{ type: 'UPDATE' as const, model: 'rows', id, input: { mark: key } }]
      const { body, stamps } = await asked.commit(operations, { key })
      told.acknowledged.push({ key, body, operations })
      told.stamp(stamps[0])
      if (typeof stamps[0] === 'number') told.rows.push({ id, stamp: stamps[0], mark: key })
    })
  const byHand = async () => {
    const client = new pg.Client(url)
    client.on('error', () => {})
    const careless = random.pick(['on', 'off'])
    await client.connect().catch(() => {})
    await until(async () => {
      await client.query(`begin; set local synchronous_commit = ${careless}`)
      await client.query(`update rows set mark = $1 where id = $2`, [
        `hand-${keys++}`,
        `r${random.int(0, ROWS - 1)}`,
      ])
      await client.query(random.chance(0.6) ? 'rollback' : 'commit')
    })
    await client.end().catch(() => {})
  }
  const reads = () =>
    until(async () => {
      const page = await asked.list('rows')
      told.stamp(page.stamp)
      for (const [index, row] of page.rows.entries()) {
        const stamp = page.stamps[index] as number
        told.stamp(stamp)
        told.rows.push({ id: row.id as string, stamp, mark: row.mark as string })
      }
    })
  const follows = () =>
    until(async () => {
      const page = await asked.events(told.cursor, 100)
      for (const { stamp, entityId, type, data } of page.events) {
        told.stamp(stamp)
        told.events.set(stamp, `${type} ${entityId} ${(data as { mark: string }).mark}`)
        told.followed.set(entityId, (data as { mark: string }).mark)
      }
      told.cursor = page.nextCursor
      if (page.events.length === 0) await sleep(2)
    })
  await Promise.all([commits(1), commits(2), commits(3), byHand(), byHand(), reads(), follows()])
  await close()
}

let stops = 0
const names = new WeakMap<AbortSignal, number>()
/** Keys of two rounds never meet. */
function stopName(stop: AbortSignal): number {
  if (!names.has(stop)) names.set(stop, stops++)
  return names.get(stop) as number
}

const isDatabaseError = (error: unknown): boolean =>
  error instanceof pg.DatabaseError ||
  (error instanceof Error &&
    /connection|ECONN|timeout|Client/i.test(`${error.message} ${(error as { code?: string }).code}`))

/**
 * Leaves the sequence where a crash takes positions back: every value that was logged ahead is used, by transactions
 * that were undone, and one more that nothing has flushed. A list then sees the position if anything tells it.
 */
export async function useUpSequence(url: string, told: Told): Promise<void> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  const { asked, close } = await open(url)
  try {
    const undone = async () => {
      await client.query('begin')
      await client.query(`update rows set mark = 'undone' where id = 'r0'`)
      await client.query('rollback')
    }
    for (let step = 0; step < 40; step++) {
      await undone()
      const { rows } = await client.query(`select log_cnt from postern.position_seq`)
      if (Number(rows[0].log_cnt) === 0) break
    }
    await undone()
    const page = await asked.list('rows')
    told.stamp(page.stamp)
    for (const stamp of page.stamps) told.stamp(stamp)
  } finally {
    await client.end().catch(() => {})
    await close()
  }
}

export interface Judgement {
  /** Acknowledged commits that are gone, and rows that a follower does not hold as the table has them. */
  readonly lost: number
  /** Positions that were told and then given again, and decisions on a lost time that were taken for fresh. */
  readonly reused: number
  readonly notes: readonly string[]
}

/** What a server may have lost, as Postgres itself promises no more. */
export interface MayLose {
  readonly commits: boolean
  /** Events that were read on a primary before its standby had them. */
  readonly events: boolean
}

/** Holds what the server knows now against what was told before it died. */
export async function judge(url: string, told: Told, mayLose: MayLose): Promise<Judgement> {
  const notes: string[] = []
  let [lost, reused] = [0, 0]
  const { asked, close } = await open(url)
  const client = new pg.Client(url)
  await client.connect()
  try {
    // the follower goes on first: nothing was written since the start
    lost += await followOn(asked, client, told, notes)
    const known = new Map<number, string>()
    for (const { stamp, type, entityId, data } of await asked.feed()) {
      known.set(stamp, `${type} ${entityId} ${(data as { mark: string }).mark}`)
    }
    for (const [stamp, event] of told.events) {
      const now = known.get(stamp)
      if (now !== undefined && now !== event) {
        reused++
        notes.push(`stamp ${stamp} was "${event}" and is "${now}"`)
      } else if (now === undefined && !mayLose.events) {
        lost++
        notes.push(`event ${stamp} "${event}" was told and is gone`)
      }
    }
    if (!mayLose.commits) {
      for (const { key, body, operations } of told.acknowledged) {
        const again = await asked.commit(operations, { key })
        if (again.replayed && again.body === body) continue
        lost++
        notes.push(`commit ${key} was acknowledged and is gone`)
      }
    }
    const [fresh] = (
      await asked.commit({ type: 'UPDATE', model: 'rows', id: 'r0', input: { mark: 'fresh' } })
    ).stamps as number[]
    if ((fresh ?? 0) <= told.highest) {
      reused++
      notes.push(`a new commit got position ${fresh}, and ${told.highest} was told before`)
    }
    for (const { id, stamp, mark } of told.rows.slice(-60)) {
      const { rows } = await client.query('select mark from rows where id = $1', [id])
      const before = rows[0].mark
      try {
        await asked.commit({
          type: 'UPDATE',
          model: 'rows',
          id,
          input: { mark: `on ${stamp}` },
          readAt: stamp,
        })
      } catch (error) {
        if (error instanceof PosternError && error.code === 'stale_context') continue
        throw error
      }
      if (before === mark) continue
      reused++
      notes.push(
        `${id} was "${mark}" at ${stamp}, is "${before}", and a decision on ${stamp} was taken for fresh`,
      )
    }
    lost += await followOn(asked, client, told, notes)
    return { lost, reused, notes }
  } finally {
    await client.end()
    await close()
  }
}

/** Goes on from the told cursor, or loads anew when it is refused; counts the rows that differ from the table. */
async function followOn(asked: Caller, client: pg.Client, told: Told, notes: string[]): Promise<number> {
  const { rows } = await client.query('select id, mark from rows')
  const table = new Map<string, string>(rows.map(({ id, mark }) => [id, mark]))
  try {
    for (;;) {
      const page = await asked.events(told.cursor, 500)
      for (const { entityId, data } of page.events) {
        told.followed.set(entityId, (data as { mark: string }).mark)
      }
      told.cursor = page.nextCursor
      if (page.events.length === 0) break
    }
  } catch (error) {
    if (!(error instanceof PosternError)) throw error
    if (error.code !== 'cursor_expired') {
      notes.push(`the cursor was refused as ${error.code}, which does not tell a follower to load anew`)
      return 1
    }
    told.cursor = undefined
    told.followed.clear()
    for (const [id, mark] of table) told.followed.set(id, mark)
    for (;;) {
      const page = await asked.events(told.cursor, 500)
      told.cursor = page.nextCursor
      if (page.events.length === 0) break
    }
    return 0
  }
  let wrong = 0
  for (const [id, mark] of table) {
    // rows that nobody has written have no event
    const held = told.followed.get(id) ?? 'start'
    if (held === mark) continue
    wrong++
    notes.push(`the follower holds "${held}" for ${id}, the table "${mark}"`)
  }
  return wrong
}
