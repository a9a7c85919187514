import pg from 'pg'
import { pgConnection } from '../../../src/adapters/pg.ts'
import { postgresAdapter } from '../../../src/postgres/index.ts'
import { planted } from '../../mutants/plants.ts'
import { type Follower, follow, followNaively } from './followers.ts'
import { shop, shopTables } from './shop.ts'
import { judge, readTruth, type Verdict } from './verdict.ts'
import { startWriters, type Tally } from './writers.ts'

export interface FeedRun {
  /** An empty database, superuser. */
  readonly url: string
  /** Another empty database of the same server: strangers hold transactions open there. */
  readonly elsewhere: string
  readonly events: number
  readonly writers: number
  /** Follow by `position > cursor` instead of by the feed. */
  readonly naive?: boolean
  progress?(state: { events: number; seconds: number; followers: readonly Follower[] }): void
}

export interface FeedReport extends Verdict {
  readonly stalls: number
  /** Moments at which a stall would have been noticed. */
  readonly audits: number
  readonly tally: Tally
}

/**
 * Many writers of every kind, several followers; when the log holds the wanted number of events the writers stop and
 * each follower is judged. The report is the sum over the followers, so any fault of any of them shows.
 */
export async function runFeed(run: FeedRun): Promise<FeedReport> {
  const admin = new pg.Client(run.url)
  admin.on('error', () => {}) // when the run fails, its own error is the one to show
  await admin.connect()
  await admin.query(shopTables)
  await postgresAdapter(await planting(admin), shop).migrate()
  const other = new pg.Client(run.elsewhere)
  await other.connect()
  await other.query('create table strangers (n int)')
  await other.end()

  let ended = false
  const start = (name: string, limit: number) => follow(run.url, name, limit, () => ended)
  const followers = run.naive
    ? [followNaively(run.url, 200, () => ended)]
    : [start('large pages', 1000), start('small pages', 25)]
  const workload = startWriters(run.url, run.elsewhere, run.writers)
  const began = Date.now()
  let late = !run.naive
  for (let events = 0; events < run.events; ) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    // positions that were given, less than a count costs; it is counted when it could be enough
    const given = await admin.query(
      `select coalesce(pg_sequence_last_value('postern.position_seq'), 0)::int as n`,
    )
    events = given.rows[0].n
    if (events >= run.events) {
      const counted = await admin.query('select count(*)::int as n from postern.log')
      events = counted.rows[0].n
    }
    if (late && events > run.events / 2) {
      late = false
      followers.push(start('from the beginning, half way through', 1000))
    }
    run.progress?.({ events, seconds: (Date.now() - began) / 1000, followers })
  }
  await workload.stop()
  ended = true
  await Promise.all(followers.map(({ done }) => done))

  const truth = await readTruth(admin)
  await admin.end()
  const verdicts = followers.map(({ seen }) => judge(seen, truth))
  const sum = (of: (verdict: Verdict) => number): number =>
    verdicts.reduce((total, one) => total + of(one), 0)
  return {
    events: truth.log.length,
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    stalls: followers.reduce((total, { stalls }) => total + stalls, 0),
    audits: followers.reduce((total, { audits }) => total + audits, 0),
    tally: workload.tally,
  }
}

/** The connection that installs; with POSTERN_PLANT it installs a fault, to see that this harness notices. */
async function planting(client: pg.Client) {
  const connection = pgConnection(client)
  const wrap = (session: Pick<typeof connection, 'query'>) => ({
    query: (text: string, values: readonly (string | null)[]) => session.query(planted(text), values),
  })
  return {
    ...wrap(connection),
    transaction: ((work) =>
      connection.transaction((session, tx) => work(wrap(session), tx))) as typeof connection.transaction,
  }
}
