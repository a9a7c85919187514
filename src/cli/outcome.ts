import { printable } from './visible.ts'

/** What a command answers: a value for machines, lines for people, and whether all is well. */
export interface Outcome {
  readonly result: unknown
  readonly lines: readonly string[]
  /** False makes the exit code 1. Default true. */
  readonly ok?: boolean
}

/** A fault of the call: exit code 2. */
export class UsageError extends Error {}

/** Prints an outcome, as one JSON value or for people, and sets the exit code. */
export function tell({ result, lines, ok = true }: Outcome, { json = false }: { json?: boolean }): void {
  console.log(json ? JSON.stringify(result) : printable(lines.join('\n')))
  if (!ok) process.exitCode = 1
}

/** `1.4 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = count === 0 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), units.length - 1)
  return `${Number((count / 1000 ** power).toFixed(power === 0 ? 0 : 1))} ${units[power]}`
}
