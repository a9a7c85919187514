import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { drizzleAdapter, drizzleConnection } from '../src/adapters/drizzle/index.ts'
import { kyselyAdapter, kyselyConnection } from '../src/adapters/kysely.ts'
import { pgAdapter, pgConnection } from '../src/adapters/pg.ts'
import { postgresJsAdapter, postgresJsConnection } from '../src/adapters/postgres-js.ts'
import { prismaAdapter, prismaConnection } from '../src/adapters/prisma/index.ts'
import type { Adapter } from '../src/core/adapter.ts'
import type { PostgresConnection } from '../src/postgres/connection.ts'
import { generatePrismaClient } from '../test/adapters/prisma/generate.ts'
import { schema } from './schema.ts'

/** A client library with the engine on it, and the library by itself: "run this text with these parameters". */
export interface Library {
  readonly source: Adapter
  readonly connection: PostgresConnection
  close(): Promise<unknown>
}

export type LibraryName = 'pg' | 'postgres.js' | 'drizzle' | 'kysely' | 'prisma'

export const libraryNames: readonly LibraryName[] = ['pg', 'postgres.js', 'drizzle', 'kysely', 'prisma']

const plain = (connection: unknown): PostgresConnection => connection as PostgresConnection

export async function openLibrary(name: LibraryName, url: string, max: number): Promise<Library> {
  switch (name) {
    case 'pg': {
      const pool = poolOf(url, max)
      return {
        source: pgAdapter(pool, schema),
        connection: plain(pgConnection(pool)),
        close: () => pool.end(),
      }
    }
    case 'postgres.js': {
      const sql = postgres(url, { max, onnotice: () => {} })
      return {
        source: postgresJsAdapter(sql, schema),
        connection: plain(postgresJsConnection(sql)),
        close: () => sql.end({ timeout: 5 }),
      }
    }
    case 'drizzle': {
      const pool = poolOf(url, max)
      const db = drizzle(pool)
      return {
        source: drizzleAdapter(db, schema),
        connection: plain(drizzleConnection(db)),
        close: () => pool.end(),
      }
    }
    case 'kysely': {
      const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: poolOf(url, max) }) })
      return {
        source: kyselyAdapter(db, schema),
        connection: plain(kyselyConnection(db)),
        close: () => db.destroy(),
      }
    }
    case 'prisma': {
      await generatePrismaClient()
      const { PrismaClient } = await import('../test/adapters/prisma/generated/client.ts')
      const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }) })
      return {
        source: prismaAdapter(prisma, schema),
        connection: plain(prismaConnection(prisma)),
        close: () => prisma.$disconnect(),
      }
    }
  }
}

export function poolOf(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max })
  pool.on('error', () => {})
  return pool
}
