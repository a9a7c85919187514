import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { type Application, type Found, type Framework, findClient, findTables, type Orm } from './detect.ts'

/** A model to begin with, for who has no database at hand. */
export const exampleSchema = `import { defineSchema, model, z } from 'postern'

// The allow-list: what is not here can be neither read nor written. This is an example: put your own tables in,
// or let \`npx postern pull\` write it.
export const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
    },
    mutable: true,
  }),
})
`

/** The module that makes the adapter, on the application's own client where it exports one. */
export function adapterText(application: Application, orm: Orm, at: string): string {
  const own = findClient(application, orm)
  const from = (file: string): string => importPath(application, at, file)
  const { imports, setup, call } = adapters[orm](application, own, from)
  const client =
    own === undefined
      ? []
      : [`import ${own.isDefault ? own.name : `{ ${own.name} }`} from '${from(own.file)}'`]
  const lines = [
    ...imports,
    ...client,
    `import { schema } from '${from(posix.join(posix.dirname(at), 'schema'))}'`,
  ]
  return [
    ...lines,
    '',
    ...(setup.length === 0 ? [] : [...setup, '']),
    `export const adapter = ${call}`,
    '',
  ].join('\n')
}

interface Parts {
  readonly imports: readonly string[]
  readonly setup: readonly string[]
  readonly call: string
}

type Make = (application: Application, own: Found | undefined, from: (file: string) => string) => Parts

const url = "process.env.DATABASE_URL ?? ''"
const pgImport = "import { Pool } from 'pg'"
const pool = [
  `const pool = new Pool({ connectionString: ${url}, connectionTimeoutMillis: 5_000 })`,
  // an idle connection that breaks would end the process
  "pool.on('error', () => {})",
]

const adapters: Readonly<Record<Orm, Make>> = {
  drizzle(application, own, from) {
    const tables = findTables(application)
    const { packages } = application
    const driver = packages.has('postgres') && !packages.has('pg') ? 'postgres-js' : 'node-postgres'
    const made =
      driver === 'postgres-js'
        ? { imports: [], setup: [`const db = drizzle(${url})`] }
        : { imports: [pgImport], setup: [...pool, 'const db = drizzle(pool)'] }
    return {
      imports: [
        ...(own === undefined ? [`import { drizzle } from 'drizzle-orm/${driver}'`, ...made.imports] : []),
        "import { drizzleAdapter } from 'postern/drizzle'",
        ...(tables === undefined ? [] : [`import * as tables from '${from(tables)}'`]),
      ],
      setup: own === undefined ? made.setup : [],
      call: `drizzleAdapter(${own?.name ?? 'db'}, schema${tables === undefined ? '' : ', { tables }'})`,
    }
  },
  prisma(application, own, from) {
    return {
      imports: [
        ...(own === undefined
          ? [
              "import { PrismaPg } from '@prisma/adapter-pg'",
              `import { PrismaClient } from '${prismaClient(application, from)}'`,
            ]
          : []),
        "import { prismaAdapter } from 'postern/prisma'",
      ],
      setup:
        own === undefined
          ? [`const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: ${url} }) })`]
          : [],
      call: `prismaAdapter(${own?.name ?? 'prisma'}, schema)`,
    }
  },
  kysely: ({ language }, own) => ({
    imports: [
      ...(own === undefined ? ["import { Kysely, PostgresDialect } from 'kysely'", pgImport] : []),
      "import { kyselyAdapter } from 'postern/kysely'",
    ],
    setup:
      own === undefined
        ? [
            ...pool,
            // Kysely shares its connections with nobody: one that breaks in use would end the process
            "pool.on('connect', (client) => client.on('error', () => {}))",
            `const db = new Kysely${language === 'ts' ? '<unknown>' : ''}({ dialect: new PostgresDialect({ pool }) })`,
          ]
        : [],
    call: `kyselyAdapter(${own?.name ?? 'db'}, schema)`,
  }),
  'postgres-js': (_, own) => ({
    imports: [
      "import { postgresJsAdapter } from 'postern/postgres-js'",
      ...(own === undefined ? ["import postgres from 'postgres'"] : []),
    ],
    setup: own === undefined ? [`const sql = postgres(${url})`] : [],
    call: `postgresJsAdapter(${own?.name ?? 'sql'}, schema)`,
  }),
  pg: (_, own) => ({
    imports: [...(own === undefined ? [pgImport] : []), "import { pgAdapter } from 'postern/pg'"],
    setup: own === undefined ? pool : [],
    call: `pgAdapter(${own?.name ?? 'pool'}, schema)`,
  }),
}

/** Where `prisma generate` puts the client, as far as the schema says. */
function prismaClient({ directory }: Application, from: (file: string) => string): string {
  const file = join(directory, 'prisma/schema.prisma')
  const output = existsSync(file)
    ? /^\s*output\s*=\s*"([^"]+)"/m.exec(readFileSync(file, 'utf8'))?.[1]
    : undefined
  return output === undefined ? '@prisma/client' : from(posix.join('prisma', output, 'client'))
}

/** A module for the framework, and what is left to do by hand. */
export function routeText(
  application: Application,
  framework: Framework,
  route: string,
  source: string,
): { text: string; mount: readonly string[] } {
  const at = (name: string): string => importPath(application, route, posix.join(source, name))
  const imports = [`import { adapter } from '${at('adapter')}'`]
  const options = '{ adapter, signingKey: process.env.POSTERN_KEY }'
  switch (framework) {
    case 'next':
      return {
        text: `import { createEndpoint } from 'postern'\nimport { toNextRoute } from 'postern/next'\n${imports.join('\n')}\n\nexport const runtime = 'nodejs'\nexport const { POST } = toNextRoute(createEndpoint(${options}))\n`,
        mount: [],
      }
    case 'express':
      return {
        text: `import { createEndpoint } from 'postern'\nimport { toExpress } from 'postern/express'\n${imports.join('\n')}\n\nexport const endpoint = toExpress(createEndpoint(${options}))\n`,
        mount: [`app.post('/source', endpoint) // from ${route}; before app.use(express.json())`],
      }
    case 'hono':
      return {
        text: `import { createEndpoint } from 'postern'\n${imports.join('\n')}\n\nexport const endpoint = createEndpoint(${options})\n`,
        mount: [`app.post('/source', (c) => endpoint.fetch(c.req.raw)) // from ${route}`],
      }
  }
}

/** How one file of the application imports another. */
export function importPath({ ending }: Application, at: string, file: string): string {
  const path = posix.relative(posix.dirname(at), file)
  return `${path.startsWith('.') ? path : `./${path}`}${ending}`
}
