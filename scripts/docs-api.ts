// Writes docs/api/*.md, and the part of llms.txt that lists them, from the docstrings of everything that package.json
// exports: `node scripts/docs-api.ts`. A test fails when they are not current, and when an export has no docstring.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Entry, entries } from './api/entries.ts'
import { entryPage, fileOf, indexPage } from './api/page.ts'

const root = join(import.meta.dirname, '..')
const directory = join(root, 'docs/api')
const section = /(?<=^## API reference\n\n)(?:- .*\n)*/m

/** Every page by its path from the repository's root, as it should be. */
export function apiPages(api: readonly Entry[] = entries()): Map<string, string> {
  const pages = new Map<string, string>()
  pages.set('docs/api/README.md', indexPage(api))
  for (const entry of api) pages.set(`docs/api/${fileOf(entry)}`, entryPage(entry))
  const links = api.map((entry) => `- [${entry.name}](docs/api/${fileOf(entry)}): ${entry.summary}\n`)
  const llms = readFileSync(join(root, 'llms.txt'), 'utf8')
  pages.set('llms.txt', llms.replace(section, links.join('')))
  return pages
}

/** Exports without a docstring, as `file: name`. */
export const undocumented = (api: readonly Entry[] = entries()): string[] => [
  ...new Set(
    api.flatMap(({ exported }) =>
      exported.filter(({ text }) => text === '').map(({ file, name }) => `${file}: ${name}`),
    ),
  ),
]

if (import.meta.main) {
  const api = entries()
  const pages = apiPages(api)
  mkdirSync(directory, { recursive: true })
  for (const [path, text] of pages) writeFileSync(join(root, path), text)
  for (const name of readdirSync(directory)) {
    if (!pages.has(`docs/api/${name}`)) rmSync(join(directory, name))
  }
  for (const fault of undocumented(api)) console.error(`no docstring: ${fault}`)
}
