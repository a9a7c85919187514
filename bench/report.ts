import type { Measured, Section } from './rounds.ts'

/** What one section measured. */
export interface Result {
  readonly name: string
  readonly title: string
  readonly clients: number
  readonly delayMs: number
  readonly bases: readonly string[]
  readonly contestants: readonly Measured[]
}

export const resultOf = (section: Section, contestants: readonly Measured[]): Result => ({
  name: section.name,
  title: section.title,
  clients: section.clients,
  delayMs: section.delayMs,
  bases: section.bases,
  contestants,
})

const heading = ({ title, clients, delayMs }: Pick<Result, 'title' | 'clients' | 'delayMs'>): string =>
  `${title}; ${clients} ${clients === 1 ? 'client' : 'clients'}${delayMs === 0 ? '' : `, +${delayMs} ms of network`}`

export { heading }

const number = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '-'

/** One section as a table for a terminal. */
export function tableOf(result: Result): string {
  const head = [
    '',
    'per second',
    'p50 ms',
    'p99 ms',
    'server us',
    ...result.bases.map((base) => `to ${base}`),
  ]
  const rows = result.contestants.map((one) => [
    one.name,
    number(one.perSecond, one.perSecond < 100 ? 1 : 0),
    number(one.p50, 3),
    number(one.p99, 3),
    one.serverMicros === null ? '-' : number(one.serverMicros, 0),
    ...result.bases.map((base) => number(one.ratios[base] ?? Number.NaN, 2)),
  ])
  const widths = head.map((text, at) => Math.max(text.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
  return `${heading(result)}\n${[head, ...rows].map(line).join('\n')}\n`
}

/** Which contestant's ratio to which base stands under which name. */
const names: Readonly<
  Record<string, readonly (readonly [contestant: string, base: string, name: string])[]>
> = {
  update: [
    ['pg', 'bare update', 'update_pg'],
    ['postgres-js', 'bare update', 'update_postgresjs'],
    ['drizzle', 'bare update', 'update_drizzle'],
    ['kysely', 'bare update', 'update_kysely'],
    ['prisma', 'bare update', 'update_prisma'],
    ['pg', 'bare update, prepared', 'update_pg_vs_prepared'],
    ['pg', 'same by hand', 'update_pg_vs_same_by_hand'],
    ['five statements', 'bare update', 'five_statements'],
    ['same by hand', 'bare update', 'same_by_hand'],
    ['signed, Fetch handler', 'bare update', 'handler'],
    ['signed, Express on loopback', 'bare update', 'express'],
  ],
  readat: [
    ['pg', 'bare update', 'update_readat_pg'],
    ['pg', 'same by hand', 'update_readat_pg_vs_same_by_hand'],
  ],
  create: [['pg', 'bare insert', 'create_pg']],
  ops100: [
    ['pg', 'same bulk by hand', 'ops100_pg_vs_bulk'],
    ['pg', 'bare bulk update', 'ops100_pg_vs_bare_bulk'],
    ['pg', '100 bare updates', 'ops100_pg_vs_singles'],
    ['same bulk by hand', 'bare bulk update', 'ops100_same_by_hand_vs_bare_bulk'],
  ],
  ops1000: [
    ['pg', 'same bulk by hand', 'ops1000_pg_vs_bulk'],
    ['pg', 'bare bulk update', 'ops1000_pg_vs_bare_bulk'],
  ],
  load: [['pg', 'bare select', 'load_pg']],
  replay: [['pg', 'bare select', 'replay_pg_vs_select']],
  list: [['pg', 'bare select of 100', 'list_pg']],
  feed: [['pg', 'bare select of 1,000 events', 'feed_pg']],
  pglite: [['pglite', 'bare update', 'update_pglite']],
  ...Object.fromEntries(
    ['commit', 'fresh', 'stale', 'load', 'feed', 'feed_start', 'idle'].map((what) => [
      `growth_${what}`,
      ['1 million', '10 million'].map((rows) => [
        rows,
        'empty',
        `growth_${what}_${rows.replace(' million', 'm')}`,
      ]),
    ]),
  ),
  capture: [['with capture', 'without capture', 'capture']],
  capture_bulk: [['with capture', 'without capture', 'capture_bulk']],
}

/** `update_pg_c1_net1ms` and so on; names that were always for one client and no network stand without either. */
export function ratiosOf(results: readonly Result[]): Record<string, number> {
  const ratios: Record<string, number> = {}
  for (const result of results) {
    for (const [contestant, base, name] of names[result.name] ?? []) {
      const value = result.contestants.find((one) => one.name === contestant)?.ratios[base]
      if (value === undefined || !Number.isFinite(value)) continue
      const round = Math.round(value * 1000) / 1000
      const network = result.delayMs === 0 ? '' : `_net${result.delayMs}ms`
      if (name.startsWith('growth')) {
        // how many times as long it takes
        ratios[name] = Math.round(1000 / value) / 1000
        continue
      }
      const plain = result.clients === 1 && network === '' && /^(ops|capture)/.test(name)
      ratios[plain ? name : `${name}_c${result.clients}${network}`] = round
    }
  }
  return ratios
}
