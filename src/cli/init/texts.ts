import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { quoted } from '../pull/names.ts'
import type { ModuleParts } from '../pull/write.ts'
import { visible } from '../visible.ts'
import type { Declared } from './declared.ts'
import {
  type Application,
  type Found,
  type Framework,
  findClient,
  findServer,
  findTables,
  type Orm,
  unended,
} from './detect.ts'

/** A model to begin with, where there is no database to read. */
export const exampleSchema = ({
  mutable,
  capture,
}: {
  mutable: boolean
  capture: boolean
}): string => `import { defineSchema, model, z } from 'postern'

// The allow-list: what is not here can be neither read nor written. This is an example: name your own tables here,
// or have \`npx postern pull\` write this file.
export const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
    },${mutable ? `\n    mutable: true,\n    capture: ${capture},` : ''}
  }),
})
`

/** How a schema begins that is made from what the ORM declares. */
export function declaredParts(
  application: Application,
  { files, client, casing }: Declared,
  schemaFile: string,
): ModuleParts {
  const from = (file: string): string => quoted(importPath(application, schemaFile, file))
  if (client !== undefined) {
    return {
      imports: ["import { schemaFromPrisma } from 'postern/prisma'", clientImport(client, from(client.file))],
      call: `schemaFromPrisma(${client.name}, {`,
      end: '})',
    }
  }
  const names = files.map((_, index) => (index === 0 ? 'tables' : `tables${index + 1}`))
  return {
    imports: [
      "import { schemaFromDrizzle } from 'postern/drizzle'",
      ...files.map((file, index) => `import * as ${names[index]} from ${from(file)}`),
    ],
    // the first is asked first for a name, so it is spread last
    call: `schemaFromDrizzle(${names.length === 1 ? names[0] : `{ ...${names.toReversed().join(', ...')} }`}, {`,
    end: casing === undefined ? '})' : `}, { casing: ${quoted(casing)} })`,
  }
}

const clientImport = ({ name, isDefault }: Found, from: string): string =>
  `import ${isDefault ? name : `{ ${name} }`} from ${from}`

/** The module that makes the endpoint, on the application's own client where it exports one. */
export function endpointText(application: Application, orm: Orm, file: string, isDeclared: boolean): string {
  const own = findClient(application, orm)
  const from = (other: string): string => importPath(application, file, other)
  const { imports, setup, call } = adapters[orm](application, own, from, isDeclared)
  const client = own === undefined ? [] : [clientImport(own, quoted(from(own.file)))]
  return [
    ...imports,
    "import { createEndpoint } from 'postern'",
    ...client,
    `import { schema } from ${quoted(from(posix.join(posix.dirname(file), 'schema')))}`,
    '',
    ...(setup.length === 0 ? [] : [...setup, '']),
    `export const adapter = ${call}`,
    'export const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })',
    '',
  ].join('\n')
}

interface Parts {
  readonly imports: readonly string[]
  readonly setup: readonly string[]
  readonly call: string
}

type Make = (
  application: Application,
  own: Found | undefined,
  from: (file: string) => string,
  /** The schema is made from what the ORM declares, and says so to its adapter. */
  isDeclared: boolean,
) => Parts

const url = "process.env.DATABASE_URL ?? ''"
const pgImport = "import { Pool } from 'pg'"
const pool = [
  `const pool = new Pool({ connectionString: ${url}, connectionTimeoutMillis: 5_000 })`,
  // an idle connection that breaks would end the process
  "pool.on('error', () => {})",
]

const adapters: Readonly<Record<Orm, Make>> = {
  drizzle(application, own, from, isDeclared) {
    const [file] = isDeclared ? [] : findTables(application)
    const tables = file === undefined ? undefined : unended(file)
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
        ...(tables === undefined ? [] : [`import * as tables from ${quoted(from(tables))}`]),
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
              `import { PrismaClient } from ${quoted(prismaClient(application, from))}`,
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
            // Kysely keeps a connection while it is in use: one that breaks then would end the process
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
    setup: own === undefined ? [`const sql = postgres(${url}, { fetch_types: false })`] : [],
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

/** The route of Next.js, which is a file of its own. */
export const routeText = (application: Application, route: string, endpoint: string): string =>
  [
    "import { toNextRoute } from 'postern/next'",
    `import { endpoint } from ${quoted(importPath(application, route, endpoint))}`,
    '',
    'export const { POST } = toNextRoute(endpoint)',
    '',
  ].join('\n')

/** What mounts the endpoint in the application's own server, as lines to be put in there. */
export function mountLines(
  application: Application,
  framework: Exclude<Framework, 'next'>,
  endpoint: string,
): readonly string[] {
  const server = findServer(application, framework)
  const from = importPath(application, server ?? 'server', endpoint)
  const imported = `import { endpoint } from ${quoted(from)}`
  const where = server === undefined ? 'into the file of your server' : `into ${visible(server)}`
  return framework === 'express'
    ? [
        `${where}, before app.use(express.json()):`,
        "    import { toExpress } from 'postern/express'",
        `    ${imported}`,
        "    app.post('/source', toExpress(endpoint))",
      ]
    : [`${where}:`, `    ${imported}`, "    app.post('/source', (c) => endpoint.fetch(c.req.raw))"]
}

/** How one file of the application imports another. */
export function importPath({ ending }: Application, at: string, file: string): string {
  const path = posix.relative(posix.dirname(at), file)
  return `${path.startsWith('.') ? path : `./${path}`}${ending}`
}
