import { levelTitles } from '../catalogue.ts'
import type { Check, Level } from '../check.ts'
import type { CheckResult, RunHooks } from '../run.ts'
import { countsOf } from './report.ts'

export interface ConsoleOptions {
  readonly write: (text: string) => void
  /** Whether a line may be written over again, as on a terminal. Default false. */
  readonly live?: boolean
}

/** Longest line that is written over again; a wrapped one could not be taken back. */
const WIDTH = 78

/**
 * Tells a run as it goes: a line for each level, each failure at once, and on a terminal a line that says where a
 * long check has got to.
 */
export function consoleHooks({
  write,
  live = false,
}: ConsoleOptions): Required<Pick<RunHooks, 'onResult' | 'onProgress'>> {
  let level: Level | undefined
  let results: CheckResult[] = []
  const over = (text: string): void => {
    if (live) write(`\r${text.slice(0, WIDTH).padEnd(WIDTH)}`)
  }
  const line = (text: string): void => write(`${live ? `\r${' '.repeat(WIDTH)}\r` : ''}${text}\n`)
  const close = (): void => {
    if (level === undefined) return
    const { passed, failed, skipped } = countsOf(results)
    const seconds = results.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000
    const parts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`]
    const told = parts.filter((part) => part !== false).join(', ')
    line(`  ${failed > 0 ? '✗' : '✓'} ${levelTitles[level]}: ${told} (${seconds.toFixed(1)} s)`)
    results = []
  }
  return {
    onResult(result, done, total) {
      if (result.level !== level) close()
      level = result.level
      results.push(result)
      if (result.status === 'failed') tellFailure(result, line)
      over(`  ${done}/${total} ${result.id}`)
      if (done === total) close()
    },
    onProgress(check: Check, done, total) {
      over(`  ${check.id} ${done}/${total}`)
    },
  }
}

function tellFailure({ id, must, failure }: CheckResult, line: (text: string) => void): void {
  line(`  ✗ ${id} ${must}`)
  line(`      ${failure?.message ?? ''}`)
  if (failure?.expected !== undefined) line(`      expected ${JSON.stringify(failure.expected)}`)
  if (failure?.received !== undefined) line(`      received ${JSON.stringify(failure.received)}`)
}
