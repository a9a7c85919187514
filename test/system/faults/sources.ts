import type { Schema } from '../../../src/index.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'

export const adapters = ['pg', 'prisma', 'drizzle', 'kysely', 'postgres-js'] as const
export type AdapterName = (typeof adapters)[number]

export interface OpenedSource {
  readonly source: PostgresAdapter
  close(): Promise<unknown>
}

export interface Opening {
  readonly databaseUrl: string
  readonly schema: Schema
  /** Connections at most. */
  readonly connections: number
  /** The connections are a pooler's, and may be another one at each transaction. */
  readonly pooler?: boolean
}

/**
 * The same source on each client library. Imported as they are asked for: a process that is to be killed and started
 * again should not load all of them.
 */
export async function openAdapter(adapter: AdapterName, opening: Opening): Promise<OpenedSource> {
  const { databaseUrl, schema, connections, pooler = false } = opening
  switch (adapter) {
    case 'pg': {
      const { pgAdapter } = await import('../../../src/adapters/pg.ts')
      const pool = await pgPool(opening)
      return { source: pgAdapter(pool, schema), close: () => pool.end() }
    }
    case 'drizzle': {
      const { drizzle } = await import('drizzle-orm/node-postgres')
      const { drizzleAdapter } = await import('../../../src/adapters/drizzle/index.ts')
      const pool = await pgPool(opening)
      return { source: drizzleAdapter(drizzle(pool), schema) as PostgresAdapter, close: () => pool.end() }
    }
    case 'kysely': {
      const { Kysely, PostgresDialect } = await import('kysely')
      const { kyselyAdapter } = await import('../../../src/adapters/kysely.ts')
      const db = new Kysely({ dialect: new PostgresDialect({ pool: await pgPool(opening) }) })
      return { source: kyselyAdapter(db, schema) as PostgresAdapter, close: () => db.destroy() }
    }
    case 'postgres-js': {
      const { default: postgres } = await import('postgres')
      const { postgresJsAdapter } = await import('../../../src/adapters/postgres-js.ts')
      const sql = postgres(databaseUrl, { max: connections, ...(pooler && { prepare: false }) })
      return { source: postgresJsAdapter(sql, schema) as PostgresAdapter, close: () => sql.end() }
    }
    case 'prisma': {
      const { PrismaPg } = await import('@prisma/adapter-pg')
      const { PrismaClient } = await import('../../adapters/prisma/generated/client.ts')
      const { prismaAdapter } = await import('../../../src/adapters/prisma/index.ts')
      const driver = new PrismaPg({
        connectionString: databaseUrl,
        max: connections,
        query_timeout: QUERY_MS,
      })
      const prisma = new PrismaClient({ adapter: driver })
      return { source: prismaAdapter(prisma, schema) as PostgresAdapter, close: () => prisma.$disconnect() }
    }
  }
}

/** A line that stays silent is given up after this time. */
const QUERY_MS = 10_000

async function pgPool({ databaseUrl, connections }: Opening) {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({ connectionString: databaseUrl, max: connections, query_timeout: QUERY_MS })
  return pool.on('error', () => {})
}
