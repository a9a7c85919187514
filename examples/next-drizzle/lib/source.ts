import { drizzleAdapter } from 'postern/drizzle'
import { db } from './db'
import { schema } from './schema'

export const adapter = drizzleAdapter(db, schema)
