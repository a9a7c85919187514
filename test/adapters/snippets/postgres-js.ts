// postgres-js.ts
import { postgresJsDataSource } from 'postern/postgres-js'
import postgres from 'postgres'
import { schema } from './schema.ts'

export const sql = postgres(process.env.DATABASE_URL ?? '')
export const source = postgresJsDataSource(sql, schema)
