import type { CheckResult, Run } from '../run.ts'
import { allResults, countsOf, levelsIn, nameOf, type Report, shown } from './report.ts'

/** The report as JUnit XML, which CI systems read: a suite for each level of each run. */
export function junitReport(report: Report): string {
  const { failed, skipped } = countsOf(allResults(report))
  const suites = report.runs.flatMap((run) => levelsIn(report).map((level) => suite(report, run, level)))
  const counts = `tests="${allResults(report).length}" failures="${failed}" skipped="${skipped}"`
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="${xml(`conformance ${report.subject}`)}" ${counts}>
${suites.join('\n')}
</testsuites>
`
}

function suite(report: Report, run: Run, level: string): string {
  const results = run.results.filter((result) => result.level === level)
  const { failed, skipped } = countsOf(results)
  const counts = `tests="${results.length}" failures="${failed}" skipped="${skipped}"`
  const name = `${report.subject}.${nameOf(run)}.${level}`
  const cases = results.map((result) => testcase(name, run, result))
  return `  <testsuite name="${xml(name)}" ${counts} timestamp="${xml(report.startedAt)}">
${cases.join('\n')}
  </testsuite>`
}

function testcase(
  suiteName: string,
  run: Run,
  { id, must, status, durationMs, reason, failure }: CheckResult,
): string {
  const name = `classname="${xml(suiteName)}" name="${xml(`${id} ${must}`)}"`
  const head = `    <testcase ${name} time="${(durationMs / 1000).toFixed(3)}"`
  if (status === 'passed') return `${head}/>`
  if (status !== 'failed') return `${head}><skipped message="${xml(reason ?? '')}"/></testcase>`
  const told = [
    `expected: ${shown(failure?.expected)}`,
    `received: ${shown(failure?.received)}`,
    ...(failure?.exchanges ?? []).flatMap((one) => [
      `sent: ${one.sent}`,
      `answer: ${one.status} ${one.received}`,
    ]),
    `seed: ${run.seed}`,
  ]
  return `${head}><failure message="${xml(failure?.message ?? '')}">${xml(told.join('\n'))}</failure></testcase>`
}

/** Escaped for text and attributes; what XML cannot hold at all is shown as a question mark. */
const xml = (text: string): string =>
  text
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that XML 1.0 has no form for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
