import { createEndpoint } from 'postern'
import { kyselyAdapter } from 'postern/kysely'
import { db, pool } from './db.ts'
import { schema } from './schema.ts'

// the adapter listens to the pool: a restart of the server does not end the process
export const adapter = kyselyAdapter(db, schema, { pool })
export const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })
