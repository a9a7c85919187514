// postgres-js.ts
import { postgresJsAdapter } from 'postern/postgres-js'
import postgres from 'postgres'
import { schema } from './schema.ts'

// its query for array types ends the process when that connection is lost; postern does not need them
export const sql = postgres(process.env.DATABASE_URL ?? '', { fetch_types: false })
export const adapter = postgresJsAdapter(sql, schema)
