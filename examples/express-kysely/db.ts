import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

interface Database {
  tasks: { id: string; organization_id: string; title: string; status: string }
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
// An idle connection that the server closes would otherwise end the process.
pool.on('error', (error) => console.error(error.message))

export const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
