import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { freePort } from '../../support/port.ts'

/** What the endpoint's process is told. */
export interface Settings {
  /** One of `serverAdapters`. */
  readonly adapter: string
  readonly databaseUrl: string
  readonly connections: number
  readonly signingKey: string
  readonly port: number
  /** Whether it installs the engine before it serves. */
  readonly migrate: boolean
  /** A fault to be planted; see plants. */
  readonly plant?: string
  /** The adapter's deadline for one answer of the database. */
  readonly deadlineMs?: number
  /** Whether commits run with hooks, which are careless now and then. */
  readonly hooks?: boolean
}

/** The heap of the endpoint's process, after a collection. */
export interface Memory {
  readonly pid: number
  readonly bytes: number
}

/** An endpoint in a process of its own, on a port that stays. */
export interface Application extends AsyncDisposable {
  readonly url: string
  readonly signingKey: string
  /** SIGKILL: no handler runs, nothing is flushed. */
  kill(): Promise<void>
  start(): Promise<void>
  /** As it said last, about once a second. */
  readonly memory: Memory | undefined
  /** How often it went down without being killed from here. Must stay 0. */
  readonly crashes: number
}

export async function startApplication(
  adapter: string,
  databaseUrl: string,
  options: Partial<Pick<Settings, 'connections' | 'plant' | 'hooks' | 'deadlineMs'>> = {},
): Promise<Application> {
  const port = await freePort()
  const settings = { adapter, databaseUrl, connections: 10, port, signingKey: 'sk_faults', ...options }
  let child: ChildProcess | undefined
  let crashes = 0
  let memory: Memory | undefined
  const start = async (migrate: boolean): Promise<void> => {
    const started = fork(
      path.join(import.meta.dirname, 'endpoint.ts'),
      [JSON.stringify({ ...settings, migrate } satisfies Settings)],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        execArgv: ['--expose-gc'],
      },
    )
    const exit = once(started, 'exit')
    const [first] = await Promise.race([once(started, 'message'), exit])
    if (first !== 'ready') throw new Error(`The application did not start: exit ${first}`)
    child = started
    started.on('message', (message: Memory) => {
      memory = message
    })
    void exit.then(() => {
      if (child !== started) return
      child = undefined
      crashes += 1
    })
  }
  const kill = async (): Promise<void> => {
    const killed = child
    if (killed === undefined) return
    child = undefined
    const exit = once(killed, 'exit')
    killed.kill('SIGKILL')
    await exit
  }
  await start(true)
  return {
    url: `http://127.0.0.1:${port}/source`,
    signingKey: settings.signingKey,
    kill,
    start: () => start(false),
    get memory() {
      return memory
    },
    get crashes() {
      return crashes
    },
    [Symbol.asyncDispose]: kill,
  }
}
