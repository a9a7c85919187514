// pg.ts
import pg from 'pg'
import { pgAdapter } from 'postern/pg'
import { schema } from './schema.ts'

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
export const adapter = pgAdapter(pool, schema)
