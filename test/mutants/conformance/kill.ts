import { catalogue } from '../../../src/conformance/catalogue.ts'
import type { ConformanceOptions } from '../../../src/conformance/index.ts'
import { type CheckResult, levels, type Run, runConformance } from '../../../src/conformance/index.ts'
import type { Matrix } from './matrix.ts'
import type { Mutant, Servers } from './mutant.ts'

export interface Kill {
  readonly killed: boolean
  /** What the named check found, in a line. */
  readonly found: string
}

async function runOn(mutant: Mutant, servers: Servers, choice: Partial<ConformanceOptions>): Promise<Run> {
  const { options, close } = await mutant.open(servers)
  try {
    return await runConformance({ ...options, ...choice })
  } finally {
    await close()
  }
}

/** Runs the named check against a mutant. */
export async function attempt(mutant: Mutant, servers: Servers, seed: string): Promise<Kill> {
  const run = await runOn(mutant, servers, { only: [mutant.killedBy], seed })
  const result = run.results[0] as CheckResult
  if (result.status !== 'failed') {
    return { killed: false, found: `${result.status} ${result.reason ?? ''}`.trim() }
  }
  const found = result.failure?.message ?? ''
  return { killed: found.includes(mutant.message), found }
}

/** Runs all quick checks but the races against a mutant, and counts those that fail, with the one that kills it. */
export async function noticed(mutant: Mutant, servers: Servers, seed: string): Promise<Matrix[string]> {
  const profile = levels.filter((level) => level !== 'concurrency')
  const { results } = await runOn(mutant, servers, { profile, quick: true, seed })
  const counts: Matrix[string] = {}
  for (const { level, status } of results) if (status === 'failed') counts[level] = (counts[level] ?? 0) + 1
  const own = catalogue.find(({ id }) => id === mutant.killedBy)
  // a race, or a slow one, was not among them
  const counted = results.some(({ id, status }) => id === own?.id && status === 'failed')
  if (own !== undefined && !counted) counts[own.level] = (counts[own.level] ?? 0) + 1
  return counts
}
