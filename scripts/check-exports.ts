// The map of exports and the sources agree: no entry without a file, no adapter or mount without an entry, and no entry
// that loads a package which its user need not have.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { importsOf } from './imports.ts'

interface Entry {
  'postern-source': string
  types: string
  default: string
}

/** The optional peers that an entry loads: its user has them installed. Every other entry loads dependencies only. */
const peersOf: Readonly<Record<string, readonly string[]>> = {
  './drizzle': ['drizzle-orm'],
  './kysely': ['kysely'],
  './opentelemetry': ['@opentelemetry/api'],
  './relay-nats': ['@nats-io/jetstream', '@nats-io/transport-node'],
  './testing': ['pg'],
}

const manifest: { exports: Record<string, Entry | string>; dependencies: object } = JSON.parse(
  readFileSync('package.json', 'utf8'),
)
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
for (const [name, entry] of Object.entries(manifest.exports)) {
  if (typeof entry === 'string' || !existsSync(entry.default)) continue
  for (const loaded of packagesOf(entry.default.replace('./', ''))) {
    const known = loaded.startsWith('node:') || loaded in manifest.dependencies
    if (!known && !peersOf[name]?.includes(loaded)) faults.push(`exports["${name}"] loads ${loaded}`)
  }
}
/** Shared by several entries. */
const internal = [
  './src/core/index.ts',
  './src/cli/index.ts',
  ...['connected', 'derived', 'made-values', 'over-pg', 'over-postgres-js', 'prepared'].map(
    (name) => `./src/adapters/${name}.ts`,
  ),
]
for (const file of globSync(['src/*/index.ts', 'src/adapters/*.ts', 'src/adapters/*/index.ts'])) {
  const source = `./${file.replaceAll('\\', '/')}`
  if (!sources.has(source) && !internal.includes(source)) faults.push(`${source} has no entry in exports`)
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length ? 1 : 0

/** The packages that a module of dist and all modules below it import. */
function packagesOf(module: string, seen = new Map<string, readonly string[]>()): Set<string> {
  if (!seen.has(module)) {
    const { files, packages } = importsOf(module)
    seen.set(module, packages)
    for (const file of files) packagesOf(file, seen)
  }
  return new Set([...seen.values()].flat())
}
