import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

export interface Running {
  /** Ends the process and all that it has started. */
  stop(): void
}

type Options = { cwd: string; env: NodeJS.ProcessEnv }

/** Starts a server in a group of its own, and resolves when it has written what it writes when it is ready. */
export async function startProcess(args: string[], ready: RegExp, { cwd, env }: Options): Promise<Running> {
  const [command = process.execPath, ...rest] = args
  const child: ChildProcess = spawn(command, rest, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    process.kill(-child.pid, 'SIGKILL')
  }
  // Also where the run ends before its hooks.
  process.once('exit', stop)
  let output = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk
        if (ready.test(output)) resolve()
      })
    }
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}\n${output}`)))
  })
  return { stop }
}

/** What a command wrote on its standard output; throws with everything it wrote when it fails. */
export async function outputOf(args: string[], options: Options): Promise<string> {
  const [command = process.execPath, ...rest] = args
  return (await promisify(execFile)(command, rest, { ...options, maxBuffer: 1 << 24 })).stdout
}
