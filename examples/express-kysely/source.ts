import { kyselyAdapter } from 'postern/kysely'
import { db } from './db.ts'
import { schema } from './schema.ts'

export const adapter = kyselyAdapter(db, schema)
