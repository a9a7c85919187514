import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { drizzleAdapter } from 'postern/drizzle'
import { schema, tables } from '../../runtimes/schema.ts'
import { exercisedHere } from '../serve.ts'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL ?? '' })
await pool.query(tables)
const adapter = drizzleAdapter(drizzle(pool), schema)
await adapter.migrate()
await exercisedHere(adapter)
await pool.end()
