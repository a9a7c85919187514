import { levelTitles } from '../catalogue.ts'
import type { CheckResult, Run } from '../run.ts'
import { again, allResults, countsOf, levelsIn, nameOf, type Report, shown, summaryLine } from './report.ts'

/** The report as Markdown: a matrix by level, then each failure, then what was left out and why. */
export function markdownReport(report: Report): string {
  const parts = [
    `# Conformance of ${report.subject}`,
    `${summaryLine(report)}. ${report.startedAt}${report.environment ? `, ${report.environment}` : ''}.`,
    matrix(report),
    ...failures(report),
    ...leftOut(report),
  ]
  return `${parts.join('\n\n')}\n`
}

function matrix(report: Report): string {
  const head = ['level', ...report.runs.map(nameOf)]
  const rows = levelsIn(report).map((level) => [
    levelTitles[level],
    ...report.runs.map(({ results }) => cell(results.filter((result) => result.level === level))),
  ])
  const seeds = ['seed', ...report.runs.map(({ seed }) => `\`${seed}\``)]
  return [head, head.map(() => '---'), ...rows, seeds].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function cell(results: readonly CheckResult[]): string {
  const { passed, failed, skipped } = countsOf(results)
  const parts = [
    failed > 0 && `**${failed} failed**`,
    `${passed} passed`,
    skipped > 0 && `${skipped} skipped`,
  ]
  return parts.filter((part) => part !== false).join(', ')
}

function failures(report: Report): string[] {
  const failed = report.runs.flatMap((run) =>
    run.results.filter(({ status }) => status === 'failed').map((result) => failure(report, run, result)),
  )
  return failed.length === 0 ? [] : ['## Failures', ...failed]
}

function failure(report: Report, run: Run, { id, must, failure: found }: CheckResult): string {
  const command = again(report, run, id)
  const parts = [`### ${id}, ${nameOf(run)}`, must, `Broken: ${found?.message ?? ''}`]
  if (found?.expected !== undefined) parts.push(`Expected:\n\n${fence(shown(found.expected))}`)
  if (found?.received !== undefined) parts.push(`Received:\n\n${fence(shown(found.received))}`)
  for (const { sent, status, received } of found?.exchanges.slice(-2) ?? []) {
    parts.push(`Sent, and answered with ${status}:\n\n${fence(`${sent}\n${received}`)}`)
  }
  parts.push(command === undefined ? `Seed: \`${run.seed}\`` : `Again: \`${command}\``)
  return parts.join('\n\n')
}

/** A fence longer than any that the text has. */
function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const marks = '`'.repeat(longest + 1)
  return `${marks}\n${text}\n${marks}`
}

function leftOut(report: Report): string[] {
  const reasons = new Map<string, Set<string>>()
  for (const { id, reason } of allResults(report)) {
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? new Set()).add(id))
  }
  if (reasons.size === 0) return []
  const lines = [...reasons].map(([reason, ids]) => `- ${[...ids].join(', ')}: ${reason}`)
  return ['## Left out', lines.join('\n')]
}
