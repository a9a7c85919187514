import { createEndpoint } from 'postern'
import { drizzleAdapter } from 'postern/drizzle'
import { db } from './db'
import { schema } from './schema'

export const adapter = drizzleAdapter(db, schema)
export const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })
