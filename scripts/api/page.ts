import type { Declared } from './declaration.ts'
import type { Entry } from './entries.ts'

const notice =
  '<!-- Written by scripts/docs-api.ts from the docstrings in src: change those, not this page. -->'

/** `postern/pg` is pg.md; `postern` itself is postern.md. */
export const fileOf = ({ name }: Entry): string => `${name.replace(/^postern\//, '')}.md`

export function indexPage(api: readonly Entry[]): string {
  const rows = api.map(
    (entry) => `| [\`${entry.name}\`](${fileOf(entry)}) | ${entry.summary.replaceAll('|', '\\|')} |`,
  )
  return `# API reference

${notice}

One page for each import. Signatures are those of the sources; everything that is exported is here, and what is not here may
change in any version. Examples compile as they stand, given what every application has: its \`schema\`, the \`adapter\` on
its \`pool\` (or \`prisma\`), and \`source\`, the client.

| import | its main part |
|---|---|
${rows.join('\n')}
`
}

export function entryPage(entry: Entry): string {
  const values = entry.exported.filter(({ kind }) => kind === 'value')
  const types = entry.exported.filter(({ kind }) => kind === 'type')
  const anchors = anchorsOf(entry.exported)
  const sections = [
    `# \`${entry.name}\`\n\n${notice}\n\n${entry.summary}. All of this page is imported from \`${entry.name}\`.`,
    contents('Values', values, anchors),
    contents('Types', types, anchors),
    ...entry.exported.map(section),
  ]
  if (entry.parts.length > 0) {
    sections.push('## What some of these extend\n\nNot exported by themselves.', ...entry.parts.map(section))
  }
  return `${sections.filter((part) => part !== '').join('\n\n')}\n`
}

/** As GitHub makes them: `field` and `Field` are two headings, and the second one's anchor gets a number. */
function anchorsOf(all: readonly Declared[]): Map<Declared, string> {
  const taken = new Map<string, number>()
  return new Map(
    all.map((one) => {
      const slug = one.name.toLowerCase()
      const before = taken.get(slug) ?? 0
      taken.set(slug, before + 1)
      return [one, before === 0 ? slug : `${slug}-${before}`]
    }),
  )
}

function contents(title: string, all: readonly Declared[], anchors: Map<Declared, string>): string {
  const links = all.map((one) => `[\`${one.name}\`](#${anchors.get(one)})`)
  return links.length === 0 ? '' : `${title}: ${links.join(', ')}.`
}

function section({ name, text, signature, throws, examples }: Declared): string {
  return [
    `### ${name}`,
    text,
    `\`\`\`typescript\n${signature}\n\`\`\``,
    throws.map((one) => `Throws ${one}`).join('\n\n'),
    ...examples.map((example) => `\`\`\`ts\n${example}\n\`\`\``),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}
