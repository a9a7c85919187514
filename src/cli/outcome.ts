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
  console.log(json ? JSON.stringify(result) : lines.join('\n'))
  if (!ok) process.exitCode = 1
}
