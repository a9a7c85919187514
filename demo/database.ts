import pg from 'pg'
import { pgAdapter } from 'postern/pg'
import type { PostgresAdapter } from 'postern/postgres'
import { startPostgres } from '../test/support/pg-server.ts'
import { schema, tables } from './schema.ts'

type Row = Record<string, unknown>

/** A database that exists for as long as the demo runs. */
export interface DemoDatabase {
  readonly description: string
  readonly adapter: PostgresAdapter
  /** SQL beside the endpoint, as psql would run it: the demo checks what was written without asking the endpoint. */
  sql(text: string): Promise<Row[]>
  stop(): Promise<void>
}

/** Real Postgres, from binaries that npm installed, in a temporary directory. */
export async function startEmbeddedPostgres(): Promise<DemoDatabase> {
  const server = await startPostgres({ durable: true })
  const pool = new pg.Pool({ connectionString: server.url })
  const sql = async (text: string): Promise<Row[]> => (await pool.query(text)).rows
  await sql(tables)
  const [version] = await sql('show server_version')
  return {
    description: `Postgres ${version?.server_version}, on ${new URL(server.url).host}`,
    adapter: pgAdapter(pool, schema),
    sql,
    stop: async () => {
      await pool.end()
      await server.stop()
    },
  }
}

/** Postgres compiled to WebAssembly, inside this process: one connection, no server. */
export async function startPglite(): Promise<DemoDatabase> {
  const [{ PGlite }, { pgliteAdapter }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('postern/pglite'),
  ])
  const db = await PGlite.create()
  const sql = async (text: string): Promise<Row[]> => (await db.query<Row>(text)).rows
  await db.exec(tables)
  const [version] = await sql('show server_version')
  return {
    description: `PGlite, Postgres ${version?.server_version} inside this process`,
    adapter: pgliteAdapter(db, schema),
    sql,
    stop: () => db.close(),
  }
}
