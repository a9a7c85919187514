import type { ResolvedCommand } from 'package-manager-detector'
import { resolveCommand } from 'package-manager-detector/commands'
import { detect } from 'package-manager-detector/detect'

/** How the application's package manager is called. */
export interface PackageManager {
  /** Adds packages: `pnpm add postern`. */
  add(packages: readonly string[]): string
  /** Runs the command `postern` that is installed: `pnpm exec postern migrate`. */
  postern(...args: string[]): string
}

/** By the lock file or `packageManager` of the directory, else of one above it, as in a workspace; else npm. */
export async function packageManagerOf(directory: string): Promise<PackageManager> {
  const { agent = 'npm' } = (await detect({ cwd: directory })) ?? {}
  const line = (resolved: ResolvedCommand | null): string =>
    [resolved?.command, ...(resolved?.args ?? [])].join(' ')
  return {
    add: (packages) => line(resolveCommand(agent, 'add', [...packages])),
    postern: (...args) => line(resolveCommand(agent, 'execute-local', ['postern', ...args])),
  }
}
