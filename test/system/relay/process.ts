import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface RelayProcessOptions {
  readonly database: string
  readonly sink: 'http' | 'nats'
  /** Of the receiver, or of the NATS server. */
  readonly url: string
  readonly key?: string
  readonly subject?: string
  readonly leaseMs?: number
  readonly batchSize?: number
}

/** A relay in a process of its own, which can be killed and frozen like any other. */
export interface RelayProcess extends AsyncDisposable {
  /** What it has said of itself, in order. */
  readonly states: string[]
  /** SIGKILL. */
  kill(): void
  freeze(): void
  thaw(): void
  readonly exited: Promise<unknown>
}

export async function startRelayProcess(options: RelayProcessOptions): Promise<RelayProcess> {
  const file = fileURLToPath(new URL('worker.ts', import.meta.url))
  const args = ['--conditions=postern-source', file, JSON.stringify(options)]
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  // one that is frozen would outlive a test that has timed out
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.removeListener('exit', kill))
  const states: string[] = []
  if (child.stdout === null) throw new Error('no output')
  createInterface(child.stdout).on('line', (line) => states.push(line))
  return {
    states,
    exited,
    kill,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      kill()
      await exited
    },
  }
}
