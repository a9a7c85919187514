import type { Schema } from '../../../src/index.ts'
import type { PostgresSource } from '../../../src/postgres/index.ts'

export const adapters = ['pg', 'prisma', 'drizzle', 'kysely', 'postgres-js'] as const
export type AdapterName = (typeof adapters)[number]

export interface OpenedSource {
  readonly source: PostgresSource
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
      const { pgDataSource } = await import('../../../src/adapters/pg.ts')
      const pool = await pgPool(opening)
      return { source: pgDataSource(pool, schema), close: () => pool.end() }
    }
    case 'drizzle': {
      const { drizzle } = await import('drizzle-orm/node-postgres')
      const { drizzleDataSource } = await import('../../../src/adapters/drizzle/index.ts')
      const pool = await pgPool(opening)
      return { source: drizzleDataSource(drizzle(pool), schema) as PostgresSource, close: () => pool.end() }
    }
    case 'kysely': {
      const { Kysely, PostgresDialect } = await import('kysely')
      const { kyselyDataSource } = await import('../../../src/adapters/kysely.ts')
      const db = new Kysely({ dialect: new PostgresDialect({ pool: await pgPool(opening) }) })
      return { source: kyselyDataSource(db, schema) as PostgresSource, close: () => db.destroy() }
    }
    case 'postgres-js': {
      const { default: postgres } = await import('postgres')
      const { postgresJsDataSource } = await import('../../../src/adapters/postgres-js.ts')
      const sql = postgres(databaseUrl, { max: connections, ...(pooler && { prepare: false }) })
      return { source: postgresJsDataSource(sql, schema) as PostgresSource, close: () => sql.end() }
    }
    case 'prisma': {
      const { PrismaPg } = await import('@prisma/adapter-pg')
      const { PrismaClient } = await import('../../adapters/prisma/generated/client.ts')
      const { prismaDataSource } = await import('../../../src/adapters/prisma/index.ts')
      const driver = new PrismaPg({
        connectionString: databaseUrl,
        max: connections,
        query_timeout: QUERY_MS,
      })
      const prisma = new PrismaClient({ adapter: driver })
      return { source: prismaDataSource(prisma, schema) as PostgresSource, close: () => prisma.$disconnect() }
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
