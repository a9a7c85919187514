import { PGlite } from '@electric-sql/pglite'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createEndpoint } from 'postern'
import { pgliteAdapter } from 'postern/pglite'
import { schema, tables } from './schema.ts'

// A directory to keep the database in; without one it ends with the process.
const db = await PGlite.create(process.env.PGLITE_DIRECTORY)
await db.exec(tables)

const adapter = pgliteAdapter(db, schema)
await adapter.migrate()
const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })

const app = new Hono()
app.post('/source', (c) => endpoint.fetch(c.req.raw))
app.get('/metrics', (c) => c.json(endpoint.metrics()))

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) =>
  console.log(`http://localhost:${port}/source`),
)
