// postgres-js.ts
import { postgresJsAdapter } from 'postern/postgres-js'
import postgres from 'postgres'
import { schema } from './schema.ts'

export const sql = postgres(process.env.DATABASE_URL ?? '')
export const adapter = postgresJsAdapter(sql, schema)
