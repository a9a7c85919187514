import { levelTitles } from '../catalogue.ts'
import type { Level } from '../check.ts'
import type { CheckResult, Run, Status } from '../run.ts'
import { style } from './html-style.ts'
import { again, allResults, countsOf, levelsIn, nameOf, type Report, shown } from './report.ts'

/** The report as one HTML page that needs nothing beside itself. */
export function htmlReport(report: Report): string {
  const { passed, failed, skipped } = countsOf(allResults(report))
  const checks = new Set(allResults(report).map(({ id }) => id)).size
  const verdict = failed === 0 ? 'conforms' : 'does not conform'
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(report.subject)} ${verdict}</title>
<style>${style}</style>
</head>
<body>
<header>
  <p class="kicker">Data Source conformance</p>
  <h1>${html(report.subject)} <span class="verdict ${failed === 0 ? 'passed' : 'failed'}">${verdict}</span></h1>
  <ul class="tally">
    <li class="passed"><b>${passed}</b> passed</li>
    <li class="${failed > 0 ? 'failed' : 'none'}"><b>${failed}</b> failed</li>
    <li class="skipped"><b>${skipped}</b> skipped</li>
  </ul>
  <p class="note">${checks} promises${report.runs.length > 1 ? `, each in ${report.runs.length} settings` : ''}.
    ${html(report.startedAt.replace('T', ' ').slice(0, 16))} UTC${report.environment ? `, ${html(report.environment)}` : ''}.</p>
</header>
<main>
${matrix(report)}
${failures(report)}
${levelsIn(report)
  .map((level) => catalogue(report, level))
  .join('\n')}
</main>
</body>
</html>
`
}

function matrix(report: Report): string {
  const head = report.runs.map((run) => `<th scope="col">${html(nameOf(run))}</th>`).join('')
  const rows = levelsIn(report).map((level) => {
    const cells = report.runs.map((run) => matrixCell(run.results.filter((result) => result.level === level)))
    return `<tr><th scope="row"><a href="#${level}">${html(shortTitle(level))}</a></th>${cells.join('')}</tr>`
  })
  const feet = report.runs.map(
    (run) =>
      `<td class="foot">${(run.durationMs / 1000).toFixed(1)} s<br>seed <code>${html(run.seed)}</code></td>`,
  )
  return `<section class="matrix"><table>
<thead><tr><td></td>${head}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
<tfoot><tr><td></td>${feet.join('')}</tr></tfoot>
</table></section>`
}

const shortTitle = (level: Level): string => (levelTitles[level].split(':')[0] ?? level).trim()

/** One mark for each check: the eye finds the odd one out sooner than in a number. */
function matrixCell(results: readonly CheckResult[]): string {
  const { passed, failed } = countsOf(results)
  const marks = results.map(({ id, status }) => `<i class="${status}" title="${id}: ${status}"></i>`).join('')
  const count = passed === results.length ? `${passed}` : `${passed} of ${results.length}`
  const told = failed > 0 ? `<b class="failed">${failed} failed</b>, ${count}` : count
  return `<td><span class="marks">${marks}</span><span class="count">${told}</span></td>`
}

/** A check that fails in the same words in several runs is told once. */
function failures(report: Report): string {
  const told = new Map<string, { run: Run; result: CheckResult; also: string[] }>()
  for (const run of report.runs) {
    for (const result of run.results.filter(({ status }) => status === 'failed')) {
      const name = `${result.id} ${result.failure?.message}`
      const known = told.get(name)
      if (known === undefined) told.set(name, { run, result, also: [] })
      else known.also.push(nameOf(run))
    }
  }
  const articles = [...told.values()].map(({ run, result, also }) => failure(report, run, result, also))
  return told.size === 0 ? '' : `<section><h2>What is broken</h2>\n${articles.join('\n')}\n</section>`
}

function failure(report: Report, run: Run, result: CheckResult, also: readonly string[]): string {
  const { id, must, failure: found } = result
  const command = again(report, run, id)
  const exchanges = found?.exchanges ?? []
  const pairs = exchanges.map(
    ({ sent, status, received }, at) =>
      `<details${at === exchanges.length - 1 ? ' open' : ''}><summary>Request ${at + 1} of the last ${exchanges.length}, answered ${status}</summary>
${sides('Sent', pretty(sent), 'Came back', pretty(received))}</details>`,
  )
  const where = [nameOf(run), ...also].map(html).join(', ')
  const expected = shown(found?.expected) || 'as the sentence says'
  return `<article class="failure">
<h3><code>${id}</code> <span>${where}</span></h3>
<p class="must">${promise(must)}</p>
<p class="broken">${html(found?.message ?? '')}</p>
${sides('Expected', expected, 'Received', shown(found?.received) || 'something else')}
${pairs.join('\n')}
<p class="again">${command === undefined ? `Seed <code>${html(run.seed)}</code>` : `Again: <code>${html(command)}</code>`}</p>
</article>`
}

const sides = (one: string, left: string, other: string, right: string): string => `<div class="sides">
<div><h4>${one}</h4><pre>${html(left)}</pre></div>
<div><h4>${other}</h4><pre>${html(right)}</pre></div>
</div>`

function catalogue(report: Report, level: Level): string {
  const first = report.runs[0]
  const rows = (first?.results ?? [])
    .filter((result) => result.level === level)
    .map(({ id, must }) => {
      const cells = report.runs.map((run) => statusCell(run.results.find((result) => result.id === id)))
      return `<tr><td><code>${id}</code></td><td>${promise(must)}</td>${cells.join('')}</tr>`
    })
  const head = report.runs.map((run) => `<th scope="col">${html(nameOf(run))}</th>`).join('')
  return `<section id="${level}"><h2>${html(levelTitles[level])}</h2>
<table class="checks"><thead><tr><th scope="col">check</th><th scope="col">promise</th>${head}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></section>`
}

const words: Record<Status, string> = {
  passed: 'passed',
  failed: 'failed',
  skipped: 'skipped',
  known: 'known to fail',
}

function statusCell(result: CheckResult | undefined): string {
  if (result === undefined) return '<td></td>'
  const { status, reason, durationMs } = result
  const note = reason ?? (status === 'skipped' ? '' : `${Math.max(1, Math.round(durationMs))} ms`)
  return `<td class="status ${status}"><b>${words[status]}</b><small>${html(note)}</small></td>`
}

/** A promise, with its MUST and SHOULD to be seen, and its code as code. */
const promise = (sentence: string): string =>
  html(sentence)
    .replace(/\b(MUST NOT|MUST|SHOULD|MAY)\b/g, '<strong>$1</strong>')
    .replace(/`([^`]+)`/g, '<code>$1</code>')

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

const html = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
