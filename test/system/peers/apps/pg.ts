import pg from 'pg'
import { pgAdapter } from 'postern/pg'
import { schema, tables } from '../../runtimes/schema.ts'
import { exercisedHere } from '../serve.ts'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL ?? '' })
await pool.query(tables)
const adapter = pgAdapter(pool, schema)
await adapter.migrate()
await exercisedHere(adapter)
await pool.end()
