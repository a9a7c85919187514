// Writes docs/conformance.md from the catalogue and the broken adapters: `node scripts/docs-conformance.ts`. A test fails
// when the page is not current.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Check, catalogue, type Level, levels, levelTitles } from '../src/conformance/index.ts'
import { mutants } from '../test/mutants/conformance/index.ts'
import type { Matrix } from '../test/mutants/conformance/matrix.ts'

const root = join(import.meta.dirname, '..')

const planted = {
  memory: 'the store in memory, under the rules in TypeScript',
  wire: 'what stands before the adapter',
  engine: 'the engine on a real Postgres',
} as const

/** The page as it should be. */
export function conformancePage(): string {
  const matrix = JSON.parse(
    readFileSync(join(root, 'test/mutants/conformance/matrix.json'), 'utf8'),
  ) as Matrix
  return `# Conformance

<!-- Written by scripts/docs-conformance.ts: change the checks, not this page. -->

${catalogue.length} promises of the [wire protocol](protocol.md), each with an experiment that shows it kept or broken. They are
run on every built-in adapter, on real Postgres at each default isolation level; on [an adapter of your
own](write-an-adapter.md); and over HTTP on an endpoint that somebody else wrote, in whatever language.

\`\`\`sh
npm run conformance -- --adapter pg --report reports/pg
npm run conformance:mutants
\`\`\`

The first ends with \`conformance pg: N passed, 0 failed, S skipped\` and writes the report as a page, as Markdown, JSON and
JUnit XML. The second runs ${mutants.length} broken adapters and ends with \`mutants: ${mutants.length} of ${mutants.length} killed\`: a check that has never
failed proves nothing.

${table(
  ['level', 'about', 'checks'],
  levels.map((level) => {
    const count = String(catalogue.filter((check) => check.level === level).length)
    return [`[\`${level}\`](#${level})`, levelTitles[level].replace(/^[^:]+: /, ''), count]
  }),
)}

An id stays with its promise: \`STALE-07\` means the same in every later version. **Needs** is what a check wants of you
beside the endpoint, see [the probe](write-an-adapter.md#the-probe); without it, it is skipped and the report says why.
Models other than \`items\` are named where a check wants them.

${levels.map(section).join('\n\n')}

## Broken adapters

Each row is an adapter with one fault. The named check must fail on it, with these words, or the test suite fails. The
last column counts the checks that noticed the fault at all, of those that are quick and no races.

${mutantTable(matrix)}
`
}

function section(level: Level): string {
  const rows = catalogue
    .filter((check) => check.level === level)
    .map((check) => [`\`${check.id}\``, check.must, needs(check)])
  return `## ${level}\n\n${levelTitles[level]}.\n\n${table(['check', 'promise', 'needs'], rows)}`
}

function needs({ needs: abilities, models, slow }: Check): string {
  const constraints = abilities.filter((one) => one.startsWith('constraint:'))
  const named = [
    ...abilities.filter((one) => !constraints.includes(one)).map((one) => `\`probe.${one}\``),
    ...constraints.map((one) => `a ${one.slice('constraint:'.length)} constraint`),
    ...models.filter((model) => model !== 'items').map((model) => `\`${model}\``),
  ]
  return [...named, ...(slow ? ['time'] : [])].join(', ')
}

function mutantTable(matrix: Matrix): string {
  return (['memory', 'wire', 'engine'] as const)
    .map((place) => {
      const rows = mutants
        .filter((mutant) => mutant.in === place)
        .map(({ fault, killedBy, message }) => [fault, `\`${killedBy}\``, message, noticed(matrix[fault])])
      return `### In ${planted[place]}\n\n${table(['fault', 'killed by', 'in the words', 'noticed by'], rows)}`
    })
    .join('\n\n')
}

const noticed = (counts: Matrix[string] | undefined): string =>
  levels
    .filter((level) => counts?.[level])
    .map((level) => `${level} ${counts?.[level]}`)
    .join(', ')

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

if (import.meta.main) writeFileSync(join(root, 'docs/conformance.md'), conformancePage())
