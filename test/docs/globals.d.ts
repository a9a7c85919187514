// What a piece of code in the docs may use without importing it, because the prose around it has said what it is.
import type pg from 'pg'
import type { Schema } from 'postern'
import type { SourceClient } from 'postern/client'
import type { PgClient } from 'postern/pg'
import type { PostgresSource } from 'postern/postgres'
import type { PrismaClient } from '../adapters/prisma/generated/client.ts'

declare global {
  /** The application's schema. */
  const schema: Schema
  /** The application's connections. */
  const pool: pg.Pool
  /** The application's Prisma client. */
  const prisma: PrismaClient
  /** The endpoint's adapter, and what an operator does with it. */
  const adapter: PostgresSource<PgClient>
  /** The calling side. */
  const source: SourceClient
}
