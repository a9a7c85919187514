import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type PgServerOptions, startPostgres } from '../../support/pg-server.ts'

/** A real server whose processes can be killed. */
export interface KillableServer extends AsyncDisposable {
  readonly url: string
  /** SIGKILL to the postmaster and to everything it has started, all at once. Nothing is running afterwards. */
  kill(): Promise<void>
  /** SIGSTOP to all of them: connections stay, and nothing answers, as when a host is frozen. */
  freeze(): void
  /** They go on where they were. */
  thaw(): void
  /** Starts again on the same files and port, and resolves when recovery is done. */
  start(): Promise<void>
}

/** Starts one with fsync on: what is killed here is a process, and what it has written is with the kernel. */
export async function startKillable(options: PgServerOptions = {}): Promise<KillableServer> {
  const server = await startPostgres({ durable: true, ...options })
  let postmaster = await postmasterOf(server.url)
  const signal = (name: NodeJS.Signals): number[] => {
    const pids = [postmaster, ...childrenOf(postmaster)]
    for (const pid of pids) {
      try {
        process.kill(pid, name)
      } catch {
        // it has gone by itself
      }
    }
    return pids
  }
  return {
    url: server.url,
    freeze: () => void signal('SIGSTOP'),
    thaw: () => void signal('SIGCONT'),
    async kill() {
      const pids = signal('SIGKILL')
      while (processes().some(({ pid, state }) => pids.includes(pid) && !state.startsWith('Z')))
        await sleep(5)
    },
    async start() {
      await server.restart()
      postmaster = await postmasterOf(server.url)
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

async function postmasterOf(url: string): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query(
      `select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)::int as pid`,
    )
    return rows[0].pid
  } finally {
    await client.end()
  }
}

const childrenOf = (parent: number): number[] =>
  processes().flatMap(({ pid, ppid }) => (ppid === parent ? [pid] : []))

/** What runs on this machine. A zombie (state Z) is dead: only its parent has not taken notice yet. */
function processes(): { pid: number; ppid: number; state: string }[] {
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
  return list.split('\n').map((line) => {
    const [pid, ppid, state = ''] = line.trim().split(/\s+/)
    return { pid: Number(pid), ppid: Number(ppid), state }
  })
}
