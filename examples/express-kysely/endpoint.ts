import { createEndpoint } from 'postern'
import { kyselyAdapter } from 'postern/kysely'
import { db } from './db.ts'
import { schema } from './schema.ts'

export const adapter = kyselyAdapter(db, schema)
export const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })
