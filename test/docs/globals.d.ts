// What a piece of code in the docs may use without importing it, because the prose around it has said what it is.
import type pg from 'pg'
import type { Endpoint, Schema } from 'postern'
import type { Client, Commit } from 'postern/client'
import type { PgClient } from 'postern/pg'
import type { PostgresAdapter, PostgresConnection } from 'postern/postgres'
import type { Fixture } from 'postern/testing'
import type { PrismaClient } from '../adapters/prisma/generated/client.ts'

declare global {
  /** The application's schema. */
  const schema: Schema
  /** The application's connections. */
  const pool: pg.Pool
  /** The connection that a Postgres adapter is made of. */
  const connection: PostgresConnection
  /** The application's Prisma client. */
  const prisma: PrismaClient
  /** The endpoint's adapter, and what an operator does with it. */
  const adapter: PostgresAdapter<PgClient>
  /** The fixture of the application's tests. */
  const shop: Fixture
  /** A service of the application. */
  const tasks: { find(id: string, tenant: string | null): Promise<{ id: string } | null> }
  /** What `createEndpoint` returned. */
  const endpoint: Endpoint
  /** A commit of the application. */
  const commit: Commit
  /** The calling side. */
  const client: Client
}
