// Keeps the reading line: mounts -> core <- adapters. An import against it fails the build.
import { readFileSync } from 'node:fs'
import { filesBelow, importsOf } from './imports.ts'

interface Layer {
  /** The first layer whose path fits decides. */
  path: string
  /** Prefixes of the files that it may import. */
  mayImport: string[]
  /** Packages that it may import; absent: any that package.json declares. */
  packages?: string[]
}

const mounts = ['src/next/', 'src/node/']
const layers: Layer[] = [
  // No framework, no ORM, nothing of Node but what Bun and Deno share.
  {
    path: 'src/core/',
    mayImport: ['src/core/'],
    packages: ['zod', 'jose', 'canonicalize', 'node:buffer', 'node:crypto'],
  },
  {
    path: 'src/adapters/postgres/',
    mayImport: ['src/core/', 'src/adapters/postgres/'],
    packages: ['zod', 'canonicalize', 'node:buffer', 'node:crypto'],
  },
  { path: 'src/adapters/memory', mayImport: ['src/core/', 'src/adapters/memory/'] },
  ...['src/adapters/drizzle', 'src/adapters/prisma'].map((path) => ({
    path,
    mayImport: ['src/core/', 'src/adapters/postgres/', `${path}/`],
  })),
  { path: 'src/adapters/', mayImport: ['src/core/', 'src/adapters/postgres/'] },
  { path: 'src/express/', mayImport: ['src/core/', 'src/express/', 'src/node/'] },
  ...mounts.map((path) => ({ path, mayImport: ['src/core/', path] })),
  { path: 'src/client/', mayImport: ['src/core/', 'src/client/'] },
  { path: 'src/opentelemetry/', mayImport: ['src/core/'] },
  { path: 'src/index.ts', mayImport: ['src/core/'] },
  // The rest (conformance, command line, ...) may use everything, and nothing above may use it.
  { path: 'src/', mayImport: ['src/'] },
]

const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies }))

const faults: string[] = []
for (const file of filesBelow('src', '.ts')) {
  const layer = layers.find(({ path }) => file.startsWith(path))
  if (!layer) throw new Error(`${file} belongs to no layer`)
  const { files, packages } = importsOf(file)
  for (const imported of files) {
    if (!layer.mayImport.some((path) => imported.startsWith(path))) {
      faults.push(`${file} imports ${imported}: ${layer.path} may import only ${layer.mayImport.join(', ')}`)
    }
  }
  for (const name of packages) {
    if (layer.packages && !layer.packages.includes(name)) {
      faults.push(`${file} imports ${name}: ${layer.path} may import only ${layer.packages.join(', ')}`)
    } else if (!name.startsWith('node:') && !declared.has(name)) {
      faults.push(`${file} imports ${name}, which package.json names neither as dependency nor as peer`)
    }
  }
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length ? 1 : 0
