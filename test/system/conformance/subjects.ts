import pg from 'pg'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import {
  conformanceSchema,
  conformanceTables,
  memoryProbe,
  type Probe,
  postgresProbe,
} from '../../../src/conformance/index.ts'
import type { Adapter } from '../../../src/core/adapter.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { probeConnection } from './server.ts'

/** An adapter that is ready to be tried, and its store as the caller sees it. */
export interface Subject {
  readonly adapter: Adapter
  readonly probe: Probe
  close(): Promise<unknown>
}

/** More connections than any check has callers, so that none of them waits for one. */
const CONNECTIONS = 40

const MONTH_AND_A_DAY_MS = 31 * 24 * 60 * 60 * 1000

type Open = (url: string) => Promise<Subject>

/** The built-in adapters, each loaded when it is wanted. Each of those on a server is opened on a database that `openServer` made. */
export const onServer: Readonly<Record<string, Open>> = {
  pg: async (url) => {
    const pool = poolOf(url)
    return postgresSubject(url, pgAdapter(pool, conformanceSchema), () => pool.end())
  },
  drizzle: async (url) => {
    const { drizzle } = await import('drizzle-orm/node-postgres')
    const { drizzleAdapter } = await import('../../../src/adapters/drizzle/index.ts')
    const pool = poolOf(url)
    return postgresSubject(url, drizzleAdapter(drizzle(pool), conformanceSchema), () => pool.end())
  },
  kysely: async (url) => {
    const { Kysely, PostgresDialect } = await import('kysely')
    const { kyselyAdapter } = await import('../../../src/adapters/kysely.ts')
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: poolOf(url) }) })
    return postgresSubject(url, kyselyAdapter(db, conformanceSchema), () => db.destroy())
  },
  prisma: async (url) => {
    const { generatePrismaClient } = await import('../../adapters/prisma/generate.ts')
    await generatePrismaClient()
    const { PrismaPg } = await import('@prisma/adapter-pg')
    const { prismaAdapter } = await import('../../../src/adapters/prisma/index.ts')
    const { PrismaClient } = await import('../../adapters/prisma/generated/client.ts')
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: CONNECTIONS }) })
    return postgresSubject(url, prismaAdapter(prisma, conformanceSchema), () => prisma.$disconnect())
  },
  'postgres-js': async (url) => {
    const { default: postgres } = await import('postgres')
    const { postgresJsAdapter } = await import('../../../src/adapters/postgres-js.ts')
    const sql = postgres(url, { max: CONNECTIONS, onnotice: () => {} })
    return postgresSubject(url, postgresJsAdapter(sql, conformanceSchema), () => sql.end())
  },
}

/** The built-in adapters that bring their own store. */
export const onTheirOwn: Readonly<Record<string, () => Promise<Subject>>> = {
  memory: async () => {
    let passed = 0
    const adapter = memoryAdapter(conformanceSchema, {
      now: () => new Date(Date.now() + passed),
      unique: { rules: ['code'] },
      references: { rules: { sharedId: 'shared' }, items: { sharedId: 'shared' } },
    })
    const expire = async (): Promise<void> => {
      passed += MONTH_AND_A_DAY_MS
    }
    return { adapter, probe: { ...memoryProbe(adapter), expire }, close: async () => {} }
  },
  pglite: async () => {
    const { PGlite } = await import('@electric-sql/pglite')
    const { pgliteAdapter } = await import('../../../src/adapters/pglite.ts')
    const client = await PGlite.create()
    for (const statement of conformanceTables) await client.exec(statement)
    const adapter = pgliteAdapter(client, conformanceSchema)
    await adapter.migrate()
    // it is one connection: nobody else can hold a lock against it
    const {
      stranger: _one,
      points: _other,
      ...probe
    } = postgresProbe(
      async () => ({
        query: async (text, values) =>
          (await client.query<Record<string, string | null>>(text, [...values])).rows,
        close: async () => {},
      }),
      { capture: true },
    )
    return { adapter, probe, close: () => client.close() }
  },
}

export function poolOf(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS })
  // an idle connection that ends is the pool's own business
  pool.on('error', () => {})
  return pool
}

export async function postgresSubject<Tx>(
  url: string,
  adapter: PostgresAdapter<Tx>,
  close: () => Promise<unknown>,
): Promise<Subject> {
  await adapter.migrate()
  return { adapter, probe: postgresProbe(() => probeConnection(url), { capture: true }), close }
}
