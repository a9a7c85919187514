import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
export const root = fileURLToPath(new URL('../..', import.meta.url))
const main = join(root, 'src/cli/main.ts')

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What Node is called with to run the program. */
export const command = (args: readonly string[]): string[] => ['--conditions=postern-source', main, ...args]

/** Runs the real program as a child process; `input` goes to its standard input. */
export function postern(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string | undefined>; input?: string } = {},
): Promise<Ran> {
  // keys and addresses of whoever runs the tests are no part of them
  const none = {
    FORCE_COLOR: undefined,
    DATABASE_URL: undefined,
    POSTERN_KEY: undefined,
  }
  // what has been stripped of its types for one is kept for the next
  const cache = { NODE_COMPILE_CACHE: join(root, '.test-results/compile-cache') }
  const env = { ...process.env, NODE_NO_WARNINGS: '1', ...cache, ...none, ...options.env }
  const running = run(process.execPath, command(args), { env, ...(options.cwd && { cwd: options.cwd }) })
  running.child.stdin?.end(options.input)
  return running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  )
}

export interface Project extends Disposable {
  readonly directory: string
  /** Runs the program there. */
  run(args: readonly string[], env?: Record<string, string | undefined>, input?: string): Promise<Ran>
  write(files: Readonly<Record<string, string>>): void
}

/** An application's directory: inside the checkout, so that it finds the packages, with this one as `postern`. */
export function project(files: Readonly<Record<string, string>>): Project {
  mkdirSync(join(root, '.test-results'), { recursive: true })
  const directory = mkdtempSync(join(root, '.test-results/cli-'))
  const write = (given: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(given)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(join(directory, name), text)
    }
  }
  write(files)
  mkdirSync(join(directory, 'node_modules'), { recursive: true })
  symlinkSync(root, join(directory, 'node_modules/postern'), 'dir')
  return {
    directory,
    write,
    run: (args, env, input) =>
      postern(args, { cwd: directory, ...(env && { env }), ...(input !== undefined && { input }) }),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}
