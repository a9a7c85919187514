import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { caller, type WireOperation } from '../../support/caller.ts'
import type { Arrival, Collector } from './collector.ts'
import { type RelayProcess, startRelayProcess } from './process.ts'
import { notes, noteTables } from './schema.ts'

export interface KillRun {
  readonly commits: number
  readonly kills: number
  readonly collector: Collector
  /** An empty database. */
  readonly database: string
  readonly batchSize?: number
  show?(arrived: number, kills: number): void
}

export interface KillReport {
  /** Events that the commits made. */
  readonly events: number
  /** Events that never arrived. */
  readonly lost: readonly string[]
  /** Events that arrived for the first time after a later one of their row. */
  readonly disordered: readonly string[]
  /** Arrivals of what no commit made, and of events that changed on the way. */
  readonly foreign: readonly string[]
  /** Arrivals of events that had arrived before. */
  readonly again: number
  readonly kills: number
  readonly atOnce: number | undefined
}

const ROWS = 100
const WRITERS = 4
const LEASE_MS = 800

/** Writers commit, two relay processes deliver, and one after the other is killed at moments of no pattern. */
export async function runKills(run: KillRun): Promise<KillReport> {
  const { commits, collector, database, batchSize = 50 } = run
  const pool = new pg.Pool({ connectionString: database, max: WRITERS + 1 })
  pool.on('error', () => {})
  const source = pgAdapter(pool, notes)
  await pool.query(noteTables)
  await source.migrate()
  const call = caller(source, notes)
  const expected = new Set<string>()
  await call.commit(
    Array.from({ length: ROWS }, (_, n) => create(`r${n}`)),
    { key: 'rows' },
  )
  for (let n = 0; n < ROWS; n += 1) expected.add(`rows:${n}@org_1`)

  const write = async (from: number): Promise<void> => {
    for (let n = from; n < commits; n += WRITERS) {
      const key = `c${n}`
      const operations = Array.from({ length: 1 + (n % 3) }, (_, index) => update(`${key}:${index}`))
      await call.commit(operations, { key })
      for (const index of operations.keys()) expected.add(`${key}:${index}@org_1`)
    }
  }
  const start = (): Promise<RelayProcess> =>
    startRelayProcess({ database, ...collector.sink, leaseMs: LEASE_MS, batchSize })
  const relays = [await start(), await start()]
  const killer = killing(run, relays, start)
  try {
    await Promise.all(Array.from({ length: WRITERS }, (_, n) => write(n)))
    await killer.over
    const arrived = new Set<string>()
    for (;;) {
      if ((await collector.count()) >= expected.size) {
        for (const { id } of await collector.arrivals()) arrived.add(id)
        if (arrived.size >= expected.size) break
      }
      // a relay that has read everything has nothing more to give
      if (await caughtUp(pool)) break
      await sleep(50)
    }
    return judge(expected, await collector.arrivals(), killer.kills(), collector.atOnce())
  } finally {
    killer.stop()
    for (const relay of relays) await relay[Symbol.asyncDispose]()
    await pool.end()
  }
}

const create = (id: string): WireOperation => ({ type: 'CREATE', model: 'notes', id, input: { text: id } })
const update = (text: string): WireOperation => ({
  type: 'UPDATE',
  model: 'notes',
  id: `r${Math.floor(Math.random() * ROWS)}`,
  input: { text },
})

async function caughtUp(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query(
    `select r.position >= h.horizon and r.attempt = 0 as done from postern.relay r, postern.horizon() h(horizon)`,
  )
  return rows[0]?.done === true
}

/** Kills when so many events have arrived: the points are spread over the run, and lie within and between batches. */
function killing(
  { commits, kills, collector, show }: KillRun,
  relays: RelayProcess[],
  start: () => Promise<RelayProcess>,
) {
  const total = ROWS + commits * 2
  const points = Array.from({ length: kills }, (_, n) => Math.floor((total * (n + Math.random())) / kills))
  let done = 0
  let busy = false
  let stopped = kills === 0
  let end: () => void = () => {}
  const over = new Promise<void>((resolve) => {
    end = resolve
  })
  if (kills === 0) end()
  const strike = async (): Promise<void> => {
    if (busy || stopped) return
    busy = true
    try {
      const arrived = await collector.count()
      show?.(arrived, done)
      // the last points may lie beyond what the commits came to
      if (arrived < Math.min(points[done] as number, total * 0.9)) return
      // mostly the one that delivers, sometimes both
      const leading = relays.findIndex(({ states }) => states.at(-1) !== 'standby' && states.length > 0)
      const first =
        leading === -1 || Math.random() < 0.2 ? Math.floor(Math.random() * relays.length) : leading
      const both = Math.random() < 0.2
      for (const n of both ? [0, 1] : [first]) {
        relays[n]?.kill()
        await relays[n]?.exited
        relays[n] = await start()
      }
      done += 1
      if (done === kills) {
        stopped = true
        end()
      }
    } finally {
      busy = false
    }
  }
  collector.onBatch(() => void strike())
  return {
    over,
    kills: () => done,
    stop: () => {
      stopped = true
    },
  }
}

function judge(
  expected: ReadonlySet<string>,
  arrivals: readonly Arrival[],
  kills: number,
  atOnce: number | undefined,
): KillReport {
  const texts = new Map<string, string>()
  const last = new Map<string, number>()
  const disordered: string[] = []
  const foreign: string[] = []
  let again = 0
  for (const { id, row, stamp, text } of arrivals) {
    const known = texts.get(id)
    if (!expected.has(id) || (known !== undefined && known !== text)) foreign.push(id)
    if (known !== undefined) {
      again += 1
      continue
    }
    texts.set(id, text)
    if ((last.get(row) ?? 0) > stamp) disordered.push(id)
    last.set(row, Math.max(last.get(row) ?? 0, stamp))
  }
  const lost = [...expected].filter((id) => !texts.has(id))
  return { events: expected.size, lost, disordered, foreign, again, kills, atOnce }
}
