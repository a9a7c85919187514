import { heading, type Result } from './report.ts'

interface Report {
  readonly at: string
  readonly machine: { readonly cpus: number; readonly cpu?: string | undefined; readonly memoryGb: number }
  readonly versions: { readonly node: string; readonly postgres: string }
  readonly pace: { readonly rounds: number; readonly sliceMs: number }
}

const WIDTH = 860
const NAME = 210
const BAR = 430
const LINE = 22

const encoded = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

/** One page with nothing to load: bars of steps a second for each section, with the ratio to its first base. */
export function chartOf(report: Report, results: readonly Result[]): string {
  const { machine, versions, pace } = report
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>postern, measured ${report.at.slice(0, 10)}</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; max-width: ${WIDTH}px; margin: 2rem auto; padding: 0 1rem; color: #1c2733; background: #fff }
h2 { font-size: 1rem; margin: 1.6rem 0 .2rem } svg text { font: 12px system-ui, sans-serif; fill: #1c2733 }
.base { fill: #9aa7b4 } .mine { fill: #2f6f9f } p { color: #51606e }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #dbe3ea } svg text { fill: #dbe3ea } p { color: #9aa7b4 } .mine { fill: #5ba3d6 } .base { fill: #5b6873 } }
</style>
<h1>postern, measured ${report.at.slice(0, 10)}</h1>
<p>Steps a second, and how that stands to the first base of the section in the same round: medians of ${pace.rounds} rounds
of ${pace.sliceMs} ms. Postgres ${encoded(versions.postgres)} with fsync, Node ${encoded(versions.node)}, ${machine.cpus} processors
(${encoded(machine.cpu ?? 'unknown')}), ${machine.memoryGb} GB.</p>
${results.map(bars).join('\n')}
</html>
`
}

function bars(result: Result): string {
  const most = Math.max(...result.contestants.map(({ perSecond }) => perSecond))
  const [base = ''] = result.bases
  const rows = result.contestants.map((one, at) => {
    const width = Math.max(1, (one.perSecond / most) * BAR)
    const y = at * LINE
    const ratio = one.ratios[base]
    const text = `${one.perSecond.toFixed(one.perSecond < 100 ? 1 : 0)} a second, p50 ${one.p50.toFixed(2)} ms${
      ratio === undefined ? '' : `, ${ratio.toFixed(2)}`
    }`
    return `<text x="${NAME - 8}" y="${y + 15}" text-anchor="end">${encoded(one.name)}</text>
<rect class="${result.bases.includes(one.name) ? 'base' : 'mine'}" x="${NAME}" y="${y + 3}" width="${width.toFixed(1)}" height="16" rx="2"/>
<text x="${(NAME + width + 6).toFixed(1)}" y="${y + 15}">${text}</text>`
  })
  const height = result.contestants.length * LINE
  return `<h2>${encoded(heading(result))}</h2>
<svg viewBox="0 0 ${WIDTH} ${height}" width="100%" role="img" aria-label="${encoded(heading(result))}">
${rows.join('\n')}
</svg>`
}
