// drizzle.ts
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzleAdapter } from 'postern/drizzle'
import { schema } from './schema.ts'
import * as tables from './tables.ts'

export const db = drizzle(process.env.DATABASE_URL ?? '', { schema: tables })
export const adapter = drizzleAdapter(db, schema)
