export interface Room {
  /** A file belongs to the room with the longest path that it starts with. */
  path: string
  /** Rooms that it may import. All of them stand earlier in the list. */
  below: string[]
  /** Packages that it may import; absent: any that package.json declares. */
  packages?: string[]
}

// No framework, no ORM, nothing of Node but what Bun and Deno share.
const plain = ['zod', 'canonicalize', 'node:buffer', 'node:crypto']
const shared = [
  'src/core/errors.ts',
  'src/core/options.ts',
  'src/core/callback.ts',
  'src/core/adapter.ts',
  'src/core/schema/',
]
const core = [
  ...shared,
  'src/core/protocol/',
  'src/core/rules/',
  'src/core/caller/',
  'src/core/signature/',
  'src/core/endpoint/',
]
const postgres = [
  'src/postgres/signals.ts',
  'src/postgres/sqlstate.ts',
  'src/postgres/naming.ts',
  'src/postgres/parameters.ts',
  'src/postgres/connection.ts',
  'src/postgres/sql/',
  'src/postgres/model/',
  'src/postgres/runtime/',
  'src/postgres/install/',
  'src/postgres/admin/',
  'src/postgres/',
]
/** What the rooms of the engine stand on. Run time and installation share no code of each other. */
const engine = [...core.slice(0, -1), ...postgres.slice(0, 7)]
const adapters = ['src/adapters/memory/', 'src/adapters/']

/** From the bottom to the top. A new room is one line here; ARCHITECTURE.md says in a sentence what it is for. */
export const rooms: readonly Room[] = [
  { path: 'src/core/errors.ts', below: [], packages: plain },
  { path: 'src/core/schema/', below: [], packages: plain },
  { path: 'src/core/callback.ts', below: ['src/core/errors.ts'], packages: plain },
  { path: 'src/core/options.ts', below: [], packages: [] },
  { path: 'src/core/adapter.ts', below: ['src/core/schema/'], packages: plain },
  { path: 'src/core/protocol/', below: shared, packages: plain },
  { path: 'src/core/rules/', below: [...shared, 'src/core/protocol/'], packages: plain },
  { path: 'src/core/caller/', below: [...shared, 'src/core/rules/'], packages: [] },
  {
    path: 'src/core/signature/',
    below: ['src/core/errors.ts', 'src/core/callback.ts', 'src/core/protocol/'],
    packages: [...plain, 'jose'],
  },
  { path: 'src/core/endpoint/', below: core.slice(0, -1), packages: plain },
  { path: 'src/postgres/signals.ts', below: [], packages: plain },
  { path: 'src/postgres/sqlstate.ts', below: shared, packages: plain },
  { path: 'src/postgres/naming.ts', below: shared, packages: plain },
  { path: 'src/postgres/parameters.ts', below: [], packages: plain },
  { path: 'src/postgres/connection.ts', below: postgres.slice(0, 2), packages: plain },
  { path: 'src/postgres/sql/', below: ['src/core/rules/', ...postgres.slice(0, 1)], packages: plain },
  { path: 'src/postgres/model/', below: [...core.slice(0, -1), ...postgres.slice(0, 6)], packages: plain },
  { path: 'src/postgres/runtime/', below: engine, packages: plain },
  { path: 'src/postgres/install/', below: engine, packages: plain },
  { path: 'src/postgres/admin/', below: [...engine, 'src/postgres/runtime/'], packages: plain },
  { path: 'src/postgres/', below: [...core.slice(0, -1), ...postgres.slice(0, -1)], packages: plain },
  { path: 'src/adapters/memory/', below: core.slice(0, -1), packages: plain },
  { path: 'src/adapters/', below: [...core.slice(0, -1), ...postgres] },
  { path: 'src/index.ts', below: core },
  { path: 'src/node/', below: core },
  { path: 'src/next/', below: core },
  { path: 'src/express/', below: [...core, 'src/node/'] },
  { path: 'src/opentelemetry/', below: core },
  { path: 'src/client/', below: core },
  { path: 'src/relay/', below: [...core, ...postgres] },
  { path: 'src/testing/', below: [...core, ...postgres, ...adapters, 'src/client/'] },
  { path: 'src/conformance/', below: [...core, ...postgres, ...adapters] },
  {
    path: 'src/cli/',
    below: [...core, ...postgres, ...adapters, 'src/client/', 'src/relay/', 'src/conformance/'],
  },
]
