// The map of exports and the sources agree: no entry without a file, no adapter or mount without an entry.
import { existsSync, globSync, readFileSync } from 'node:fs'

interface Entry {
  'postern-source': string
  types: string
  default: string
}

const manifest: { exports: Record<string, Entry | string> } = JSON.parse(readFileSync('package.json', 'utf8'))
const faults: string[] = []
const sources = new Set<string>()
for (const [name, entry] of Object.entries(manifest.exports)) {
  if (typeof entry === 'string') continue
  const source = entry['postern-source']
  sources.add(source)
  if (!existsSync(source)) faults.push(`exports["${name}"]: ${source} does not exist`)
  for (const [condition, extension] of [
    ['types', '.d.ts'],
    ['default', '.js'],
  ] as const) {
    const expected = source.replace('./src/', './dist/').replace(/\.ts$/, extension)
    if (entry[condition] !== expected) faults.push(`exports["${name}"].${condition}: expected ${expected}`)
    else if (existsSync(source) && !existsSync(expected)) faults.push(`${expected} was not built`)
  }
}
const internal = ['./src/core/index.ts', './src/cli/index.ts']
for (const file of globSync(['src/*/index.ts', 'src/adapters/*.ts', 'src/adapters/*/index.ts'])) {
  const source = `./${file.replaceAll('\\', '/')}`
  if (!sources.has(source) && !internal.includes(source)) faults.push(`${source} has no entry in exports`)
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length ? 1 : 0
