import { drizzleDataSource } from 'postern/drizzle'
import { db } from './db'
import { schema } from './schema'

export const adapter = drizzleDataSource(db, schema)
