import type { SoakOptions, SoakReport } from './soak.ts'

const SHOWN = 10

/** The report as it is printed; its last line is the verdict. */
export function reportText(options: SoakOptions, report: SoakReport): string {
  const { tally, findings, connections, memory, disturbances } = report
  const number = (value: number): string => Math.round(value).toLocaleString('en')
  const codes = [...tally.codes].sort(([, a], [, b]) => b - a).map(([code, n]) => `${code} ${number(n)}`)
  const slope = memory.slope === undefined ? 'too short to say' : `${number(memory.slope / 1024)} KiB`
  const lines: [string, string][] = [
    [
      'adapter',
      `${options.adapter}, Postgres ${options.major}, ${options.clients} clients, seed ${options.seed}`,
    ],
    ['time', `${number(report.seconds)} s, ${number(report.acknowledged / report.seconds)} commits/s`],
    ['attempted', number(tally.attempted)],
    ['acknowledged', number(report.acknowledged)],
    ['refused as stale', number(tally.refused)],
    ['unknown, then resolved', `${number(tally.unknown)}, ${number(tally.resolved)}`],
    ['sent again later', `${number(tally.replays)}, each given its first answer`],
    ['cuts', number(disturbances.cuts)],
    [
      'kills',
      `${disturbances.killsOfPostgres} of Postgres, ${disturbances.killsOfApplication} of the application`,
    ],
    ['freezes of Postgres', number(disturbances.freezes)],
    ['crashes of its own', number(report.crashes)],
    ['answers that were no success', codes.join(', ') || 'none'],
    ['longest answer', `${(tally.longest / 1000).toFixed(1)} s, retries and outages included`],
    [
      'connections at the end',
      `${connections.open} of ${connections.limit}, ${connections.busy} of them busy`,
    ],
    ['memory', `${number(memory.bytes / 2 ** 20)} MiB of heap, ${slope} more for each 1,000 commits`],
  ]
  const width = Math.max(...lines.map(([name]) => name.length)) + 2
  return [
    '',
    ...lines.map(([name, value]) => `${name.padEnd(width)}${value}`),
    ...shown('lost', findings.lost),
    ...shown('duplicated', findings.duplicated),
    `soak: ${findings.lost.length} lost, ${findings.duplicated.length} duplicated`,
  ].join('\n')
}

function shown(what: string, findings: readonly string[]): string[] {
  const more = findings.length - SHOWN
  return [
    ...findings.slice(0, SHOWN).map((one) => `${what}: ${one}`),
    ...(more > 0 ? [`and ${more} more`] : []),
  ]
}
