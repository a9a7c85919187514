import type { Adapter } from '../core/adapter.ts'
import { levelTitles } from './catalogue.ts'
import { type Level, levels } from './check.ts'
import { type ConformanceOptions, driverOf, type Failure, newSeed, plan, runCheck } from './run.ts'
import type { Driver } from './source.ts'

/** `it` or `test` of vitest, jest, node:test, bun:test and their like. */
export interface It {
  (name: string, work: () => Promise<void>, timeoutMs?: number): unknown
  skip?: unknown
}

/** The part of a test runner that is used: `describe` and `it` of vitest, Jest, Mocha, Bun or `node:test`. */
export interface Runner {
  readonly describe: (name: string, define: () => void) => unknown
  readonly it: It
}

/** Milliseconds that a runner is to give one check: somewhat more than the check gives itself. */
const TEST_MS = 130_000

/**
 * Registers every check with a test runner, which is handed in and not imported: vitest, jest, node:test and others.
 * Checks that cannot run here are registered as skipped, with their reason in the name, where the runner can skip.
 *
 * @throws TypeError as `runConformance`
 * @example
 * import { memoryAdapter } from 'postern/memory'
 * import { describe, it } from 'vitest'
 *
 * conformance({ describe, it }, { adapter: () => memoryAdapter(conformanceSchema), profile: ['core', 'staleness'] })
 */
export function conformance({ describe, it }: Runner, options: ConformanceOptions): void {
  const planned = plan(options)
  const seed = options.seed ?? newSeed()
  let driver: Promise<Driver> | undefined
  const register = (level: Level): void => {
    for (const { check, skipped } of planned) {
      if (check.level !== level) continue
      const name = `${check.id} ${check.must}`
      if (skipped !== null) {
        const skip = it.skip
        if (typeof skip === 'function') skip(`${name} (${skipped})`, async () => {})
        continue
      }
      const work = async (): Promise<void> => {
        driver ??= driverOf(options)
        const { status, failure } = await runCheck(check, await driver, options, seed)
        if (status === 'failed' && failure !== undefined) throw new Error(told(check.id, failure, seed))
      }
      it(name, work, TEST_MS)
    }
  }
  for (const level of levels) {
    if (planned.some(({ check }) => check.level === level))
      describe(levelTitles[level], () => register(level))
  }
}

/**
 * Registers every check with `it`, in one call. For readers and writers of the store, a profile or skips, use
 * `conformance`.
 *
 * @param make makes the adapter, on `conformanceSchema`; called once, by the first check
 * @example
 * import { memoryAdapter } from 'postern/memory'
 * import { it } from 'vitest'
 *
 * runConformanceTests(() => memoryAdapter(conformanceSchema), it)
 */
export function runConformanceTests(make: () => Adapter | Promise<Adapter>, it: It): void {
  conformance({ describe: (_name, define) => define(), it }, { adapter: make })
}

/** A failure as a runner shows it. */
function told(id: string, { message, expected, received, exchanges }: Failure, seed: string): string {
  const lines = [`${id}: ${message}`]
  if (expected !== undefined) lines.push(`  expected: ${JSON.stringify(expected)}`)
  if (received !== undefined) lines.push(`  received: ${JSON.stringify(received)}`)
  for (const exchange of exchanges.slice(-2)) {
    lines.push(`  sent:     ${exchange.sent}`, `  answer:   ${exchange.status} ${exchange.received}`)
  }
  lines.push(`  seed:     ${seed}`)
  return lines.join('\n')
}
