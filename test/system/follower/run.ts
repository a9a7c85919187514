import pg from 'pg'
import { PosternError } from '../../../src/core/errors.ts'
import { serverAdapterNamed } from '../../support/adapters.ts'
import { type Caller, caller } from '../../support/caller.ts'
import { Random } from '../differential/random.ts'
import { type Difference, differences, Follower, truthOf } from './follow.ts'
import { operations, statement } from './program.ts'
import { copyRule, rowSecurity, shop, shopTables, TENANTS } from './shop.ts'

const WRITERS = 4
const ROUNDS = 3
const STEPS = 10

export interface Seed {
  /** An empty database, superuser. */
  readonly url: string
  readonly seed: number
  readonly major: 15 | 18
  /** One of `serverAdapters`. Default: node-postgres. */
  readonly adapter?: string
}

export interface SeedReport {
  readonly programs: number
  readonly applied: number
  readonly events: number
  readonly differences: readonly Difference[]
  /** SQLSTATE or code of what was refused, and how often. */
  readonly refused: ReadonlyMap<string, number>
}

/** Writers of every kind beside followers; at each quiet point every follower must hold what its tenant sees. */
export async function runSeed({ url, seed, major, adapter: name = 'pg' }: Seed): Promise<SeedReport> {
  const client = new pg.Client(url)
  await client.connect()
  const job = `shop_job_${process.pid}`
  const refused = new Map<string, number>()
  const report = { programs: 0, applied: 0 }
  const { adapter, close } = await serverAdapterNamed(name).open(url, { schema: shop, max: WRITERS + 4 })
  try {
    await client.query(`set client_min_messages = error`)
    await client.query(shopTables(major))
    await client.query(
      `do $$ begin create role ${job}; exception when duplicate_object then null; end $$; grant usage on schema public to ${job}`,
    )
    await client.query(copyRule)
    await client.query(rowSecurity(job))
    await adapter.migrate()
    const asked = caller(adapter, shop)
    const followers = [null, ...TENANTS].map((tenant) => new Follower(tenant, asked))
    // rows that were there before the log are loaded, not followed
    for (const follower of followers) follower.rows = await truthOf(client, follower.tenant)
    for (let round = 0; round < ROUNDS; round++) {
      let busy = true
      const polling = (async () => {
        while (busy) {
          for (const follower of followers) await follower.poll()
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })()
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        write(url, new Random(seed * 1000 + round * 100 + writer), asked, job, report, refused),
      )
      const ended = await Promise.allSettled(writers)
      busy = false
      await polling
      for (const one of ended) if (one.status === 'rejected') throw one.reason
      const found = await differences(client, followers)
      const events = followers[0]?.seen ?? 0
      if (found.length > 0 || round === ROUNDS - 1) return { ...report, events, differences: found, refused }
    }
    throw new Error('unreachable')
  } finally {
    await close()
    await client.end()
  }
}

/** One session: commits through the adapter, statements by hand, and transactions of several with savepoints. */
async function write(
  url: string,
  random: Random,
  asked: Caller,
  job: string,
  report: { programs: number; applied: number },
  refused: Map<string, number>,
): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`set lock_timeout = '2s'; set deadlock_timeout = '100ms'`)
  // a session that is ended with its server fails its next query, and that is where it is heard
  client.on('error', () => {})
  const stamps = new Map<string, number>()
  const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work()
      report.applied++
      return true
    } catch (error) {
      const code = error instanceof PosternError ? error.code : (error as { code?: string }).code
      if (code === undefined) throw error
      refused.set(code, (refused.get(code) ?? 0) + 1)
      return false
    }
  }
  const run = (text: string) => attempt(() => client.query(text))
  for (let step = 0; step < STEPS; step++) {
    report.programs++
    const kind = random.int(0, 9)
    if (kind < 4) {
      const tenant = random.pick(TENANTS)
      const given = operations(random).map((operation) => {
        const readAt = stamps.get(`${operation.model}/${operation.id}`)
        return readAt !== undefined && operation.type !== 'CREATE' && random.chance(0.3)
          ? { ...operation, readAt, onStale: random.pick(['reject', 'merge', 'notify']) }
          : operation
      })
      await attempt(async () => {
        const answer = await asked.as({ organizationId: tenant }).commit(given)
        for (const [index, { model, id }] of given.entries()) {
          const stamp = answer.stamps[index]
          if (typeof stamp === 'number') stamps.set(`${model}/${id}`, stamp)
        }
      })
    } else if (kind < 6) {
      await run(statement(random))
    } else {
      await run(`begin isolation level ${random.chance(0.17) ? 'repeatable read' : 'read committed'}`)
      if (random.chance(0.25)) {
        await run(`set local role ${job}; set local app.tenant = '${random.pick(TENANTS)}'`)
      }
      if (random.chance(0.2)) await run('set constraints all immediate')
      for (let left = random.int(1, 4); left > 0; left--) {
        await run('savepoint s')
        if (!(await run(statement(random))) || random.chance(0.17)) await run('rollback to savepoint s')
      }
      await run(random.chance(0.14) ? 'rollback' : 'commit')
    }
  }
  await client.end()
}
