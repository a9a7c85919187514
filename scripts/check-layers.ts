// Keeps the reading line: mounts -> core <- adapters. An import against it, or a circle, fails the build.
import { readFileSync } from 'node:fs'
import { filesBelow, importsOf } from './imports.ts'

interface Room {
  /** The first room whose path fits a file is its room. */
  path: string
  /** Rooms that it may import beside itself. */
  below: string[]
  /** Packages that it may import; absent: any that package.json declares. */
  packages?: string[]
}

// No framework, no ORM, nothing of Node but what Bun and Deno share.
const plain = ['zod', 'canonicalize', 'node:buffer', 'node:crypto']
const shared = ['src/core/errors.ts', 'src/core/adapter.ts', 'src/core/schema/']
const core = [...shared, 'src/core/protocol/', 'src/core/rules/', 'src/core/signature/', 'src/core/endpoint/']
const postgres = [
  'src/postgres/model/',
  'src/postgres/install/',
  'src/postgres/runtime/',
  'src/postgres/admin/',
  'src/postgres/',
]

const rooms: Room[] = [
  { path: 'src/core/schema/', below: [], packages: plain },
  { path: 'src/core/errors.ts', below: [], packages: plain },
  { path: 'src/core/adapter.ts', below: ['src/core/schema/'], packages: plain },
  { path: 'src/core/protocol/', below: shared, packages: plain },
  { path: 'src/core/rules/', below: [...shared, 'src/core/protocol/'], packages: plain },
  {
    path: 'src/core/signature/',
    below: ['src/core/errors.ts', 'src/core/protocol/json.ts'],
    packages: [...plain, 'jose'],
  },
  { path: 'src/core/endpoint/', below: core, packages: plain },
  { path: 'src/postgres/', below: [...core, ...postgres], packages: plain },
  { path: 'src/adapters/memory/', below: core },
  { path: 'src/adapters/', below: [...core, ...postgres, 'src/adapters/'] },
  { path: 'src/node/', below: core },
  { path: 'src/next/', below: core },
  { path: 'src/express/', below: [...core, 'src/node/'] },
  { path: 'src/client/', below: core },
  { path: 'src/opentelemetry/', below: core },
  { path: 'src/index.ts', below: core },
  { path: 'src/relay/', below: [...core, ...postgres] },
  { path: 'src/testing/', below: ['src/'] },
  { path: 'src/conformance/', below: ['src/'] },
  { path: 'src/cli/', below: ['src/'] },
]

const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies }))

const faults: string[] = []
for (const file of filesBelow('src', '.ts')) {
  const room = rooms.find(({ path }) => file.startsWith(path))
  if (!room) throw new Error(`${file} belongs to no room`)
  const { files, packages } = importsOf(file)
  for (const imported of files) {
    if (![room.path, ...room.below].some((path) => imported.startsWith(path))) {
      faults.push(`${file} imports ${imported}: ${room.path} may import only ${room.below.join(', ')}`)
    }
  }
  for (const name of packages) {
    if (room.packages && !room.packages.includes(name)) {
      faults.push(`${file} imports ${name}: ${room.path} may import only ${room.packages.join(', ')}`)
    } else if (!name.startsWith('node:') && !declared.has(name)) {
      faults.push(`${file} imports ${name}, which package.json names neither as dependency nor as peer`)
    }
  }
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length ? 1 : 0
