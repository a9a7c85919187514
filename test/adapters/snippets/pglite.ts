// pglite.ts
import { PGlite } from '@electric-sql/pglite'
import { pgliteAdapter } from 'postern/pglite'
import { schema } from './schema.ts'

export const client = await PGlite.create()
export const adapter = pgliteAdapter(client, schema)
