import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { type PgClient, pgConnection } from '../../../src/adapters/pg.ts'
import type { Schema } from '../../../src/core/schema/define.ts'
import type { PostgresConnection } from '../../../src/postgres/connection.ts'
import { postgresAdapter } from '../../../src/postgres/index.ts'

/** A database of its own on a server, for what must run outside the test runner as well. */
export interface Database extends AsyncDisposable {
  readonly url: string
  /** Runs SQL beside the engine, on a connection of its own. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
}

export interface Installed {
  readonly schema: Schema
  /** The application's own tables, as SQL. */
  readonly tables: string
  /** Installs the engine; to be replaced where it is to have a fault. */
  readonly install?: (connection: PostgresConnection<PgClient>) => Promise<unknown>
  /** Defaults of the database, for every session. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Creates a database with the tables and the engine in it. */
export async function createDatabase(serverUrl: string, installed: Installed): Promise<Database> {
  const { schema, tables, settings = {}, install = migrate } = installed
  function migrate(connection: PostgresConnection<PgClient>) {
    return postgresAdapter(connection, schema).migrate()
  }
  const name = `postern_${randomBytes(6).toString('hex')}`
  const defaults = Object.entries(settings).map(
    ([setting, value]) => `alter database ${name} set ${setting} = ${pg.escapeLiteral(value)}`,
  )
  for (const statement of [`create database ${name}`, ...defaults]) await run(serverUrl, statement)
  const target = new URL(serverUrl)
  target.pathname = `/${name}`
  const url = target.href
  await run(url, tables)
  const client = new pg.Client(url)
  await client.connect()
  await install(pgConnection(client))
  await client.end()

  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  return {
    url,
    sql: async (text, values) => (await pool.query(text, values && [...values])).rows,
    async [Symbol.asyncDispose]() {
      await pool.end()
      // a server that was killed for good takes its databases along
      await run(serverUrl, `drop database if exists ${name} with (force)`).catch(() => {})
    },
  }
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
