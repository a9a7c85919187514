import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { kyselyAdapter } from 'postern/kysely'
import { schema, tables } from '../../runtimes/schema.ts'
import { exercisedHere } from '../serve.ts'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL ?? '' })
await pool.query(tables)
const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
const adapter = kyselyAdapter(db, schema)
await adapter.migrate()
await exercisedHere(adapter)
await db.destroy()
