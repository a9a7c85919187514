import { postgresJsAdapter } from 'postern/postgres-js'
import postgres from 'postgres'
import { schema, tables } from '../../runtimes/schema.ts'
import { exercisedHere } from '../serve.ts'

const sql = postgres(process.env.DATABASE_URL ?? '', { fetch_types: false })
await sql.unsafe(tables)
const adapter = postgresJsAdapter(sql, schema)
await adapter.migrate()
await exercisedHere(adapter)
await sql.end()
