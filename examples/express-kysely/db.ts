import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

interface Database {
  tasks: { id: string; organization_id: string; title: string; status: string }
}

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })

export const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
