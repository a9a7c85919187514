import { type Level, levels } from '../check.ts'
import type { CheckResult, Run } from '../run.ts'

/** What was tried, and every run of it: what all written reports are made of. */
export interface Report {
  /** The adapter's or the endpoint's name. */
  readonly subject: string
  /** RFC 3339, when the first run began. */
  readonly startedAt: string
  /** What it ran on, in a few words: versions, machine. */
  readonly environment?: string
  /** How to run it again, as a command; the seed is added to it. */
  readonly command?: string
  readonly runs: readonly Run[]
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  /** Those that are known to fail among them. */
  readonly skipped: number
}

/** How many checks passed, failed and were skipped; those that are known to fail count as skipped. */
export function countsOf(results: readonly CheckResult[]): Counts {
  const of = (...statuses: CheckResult['status'][]): number =>
    results.filter(({ status }) => statuses.includes(status)).length
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped', 'known') }
}

/** The results of all runs of a report, in their order. */
export const allResults = (report: Report): CheckResult[] => report.runs.flatMap(({ results }) => results)

/** The last line of every run: `conformance <name>: N passed, 0 failed, S skipped`. */
export function summaryLine(report: Report): string {
  const { passed, failed, skipped } = countsOf(allResults(report))
  return `conformance ${report.subject}: ${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** The levels that a report has results of, in the order of the catalogue. */
export const levelsIn = (report: Report): Level[] =>
  levels.filter((level) => allResults(report).some((result) => result.level === level))

/** A run's name for people, also where there is only one. */
export const nameOf = (run: Run): string => (run.variant === '' ? run.target : run.variant)

/** A value as a report shows it. */
export const shown = (value: unknown): string =>
  value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value, null, 2)

/** The command that repeats one check with the choices that it made. */
export const again = (report: Report, run: Run, id: string): string | undefined =>
  report.command && `${report.command} --only ${id} --seed ${run.seed}`

/** The report as JSON text, for machines. */
export const jsonReport = (report: Report): string =>
  `${JSON.stringify({ ...report, summary: countsOf(allResults(report)) }, null, 2)}\n`
