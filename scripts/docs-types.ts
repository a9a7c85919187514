// Writes the table of types and keys into docs/adapters.md from src/postgres/model/column-types.ts.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { kinds } from '../src/core/schema/kind.ts'
import { type ColumnType, columnTypes, enumType, otherType } from '../src/postgres/model/column-types.ts'

const page = 'docs/adapters.md'
const [start, end] = ['<!-- types: made by scripts/docs-types.ts -->', '<!-- types: end -->']

const exactness: Readonly<Record<ColumnType['exact'], string>> = {
  always: 'every text',
  kind: 'every value of the kind',
  number: 'a decimal that the column gives back',
  stored: 'the text that Postgres writes',
}

/** Types with the same rules, as rows of one table. */
function typesTable(): string {
  const groups = new Map<string, { row: ColumnType; names: string[] }>()
  const all: [string, ColumnType][] = [
    ...Object.entries(columnTypes),
    ['enums', enumType],
    ['any other type', otherType],
  ]
  for (const [name, row] of all) {
    const { kind, declare, alsoHolds, notText, exact, key, operators } = row
    const same = JSON.stringify([kind, declare, alsoHolds, notText, exact, key, operators])
    const group = groups.get(same) ?? { row, names: [] }
    groups.set(same, group)
    group.names.push(name)
  }
  const lines = [...groups.values()].map(({ row, names }) => {
    const { kind, declare, alsoHolds = [], notText, exact, key, operators } = row
    const others = [...alsoHolds, ...(notText || kind === 'text' ? [] : ['text'])]
    const cells = [
      names.map((name) => (name.includes(' ') || name === 'enums' ? name : `\`${name}\``)).join(', '),
      `\`${declare}\``,
      others.join(', '),
      kinds[kind].typescript,
      exactness[exact],
      key ? 'yes' : '',
      operators ? 'value' : kind === 'json' ? '' : 'text',
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [
    '| Column type | Declare it as | Other kinds | Travels as | What may be sent | Key or tenant | Compared by |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

/** The page with the table as the code has it. */
export function adaptersPage(): string {
  const text = readFileSync(page, 'utf8')
  const [before, rest] = [text.slice(0, text.indexOf(start)), text.slice(text.indexOf(end))]
  return `${before}${start}\n\n${typesTable()}\n\n${rest}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(page, adaptersPage())
