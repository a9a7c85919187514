import { type PgClient, type PgPool, pgConnection } from '../adapters/pg.ts'
import type { PostgresConnection } from '../postgres/connection.ts'
import { closedInTime } from './closing.ts'
import type { OpenDatabase } from './store.ts'

/** node-postgres, as far as it is used here; its own types are no part of ours. */
export interface PgTestClient extends PgClient {
  query(query: string | { text: string; values: unknown[] }): Promise<{ rows: unknown[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
  ref(): void
  unref(): void
}

export interface Pool extends PgPool {
  query(query: string | { text: string; values: unknown[] }): Promise<{ rows: unknown[] }>
  end(): Promise<void>
}

const APPLICATION = 'postern fixtures'

async function driver() {
  try {
    return (await import('pg')).default
  } catch (cause) {
    throw new TypeError('Fixtures on Postgres need node-postgres: npm install -D pg', { cause })
  }
}

async function openClient(url: string): Promise<PgTestClient> {
  const pg = await driver()
  const client = new pg.Client({
    connectionString: url,
    application_name: APPLICATION,
    keepAlive: true,
  })
  await client.connect()
  return client as unknown as PgTestClient
}

/**
 * Where locks are taken. They are of one database each, and two processes that took theirs in two would drop each
 * other's sessions, whatever database of the server their addresses name.
 */
const LOCK_DATABASE = 'postgres'

export const openLockClient = (server: string): Promise<PgTestClient> =>
  openClient(urlOf(server, LOCK_DATABASE)).catch(explained)

/** @param max connections at once */
export async function openLockPool(server: string, max: number): Promise<Pool> {
  const pool = await openPool(urlOf(server, LOCK_DATABASE), max)
  await pool.query('select').catch(explained)
  return pool
}

function explained(cause: unknown): never {
  const code = (cause as { code?: unknown }).code
  // no such database, no right to connect to it, no such entry in pg_hba.conf
  if (code !== '3D000' && code !== '42501' && code !== '28000') throw cause
  throw new TypeError(
    `Fixtures keep their locks in the database \`${LOCK_DATABASE}\` of the server, which this role cannot connect to: create it, or grant CONNECT on it.`,
    { cause },
  )
}

/** Connects when it is first used, and keeps no process alive. */
export async function openPool(url: string, max: number): Promise<Pool> {
  const pg = await driver()
  const pool = new pg.Pool({
    connectionString: url,
    application_name: APPLICATION,
    max,
    idleTimeoutMillis: 2_000,
    allowExitOnIdle: true,
  })
  // A database that is dropped ends its connections; whoever uses one next is told.
  pool.on('error', () => {})
  return pool as unknown as Pool
}

/** The address of another database of the same server. */
export function urlOf(server: string, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

export async function openDatabase(url: string, max: number): Promise<OpenDatabase> {
  const pool = await openPool(url, max)
  let ended: Promise<void> | undefined
  return {
    url,
    connection: pgConnection(pool) as PostgresConnection,
    pglite: undefined,
    query: async (text, values = []) =>
      (await pool.query({ text, values: [...values] })).rows as Record<string, unknown>[],
    [Symbol.asyncDispose]: () => {
      ended ??= closedInTime('a test database', () => pool.end())
      return ended
    },
  }
}
