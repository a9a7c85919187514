import { PGlite } from '@electric-sql/pglite'
import { pgliteAdapter } from 'postern/pglite'
import { schema, tables } from '../../runtimes/schema.ts'
import { exercisedHere } from '../serve.ts'

const db = new PGlite()
await db.exec(tables)
const adapter = pgliteAdapter(db, schema)
await adapter.migrate()
await exercisedHere(adapter)
await db.close()
