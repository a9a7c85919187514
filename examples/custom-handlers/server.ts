import express from 'express'
import pg from 'pg'
import { createEndpoint } from 'postern'
import { toExpress } from 'postern/express'
import { handlersAdapter } from 'postern/handlers'
import { schema, tables } from './schema.ts'
import { Tickets } from './tickets.ts'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
pool.on('error', (error) => console.error(error.message))
await pool.query(tables)
const tickets = new Tickets(pool)

const adapter = handlersAdapter(schema, {
  staleness: true,
  models: {
    tickets: {
      load: ({ id, context }) => tickets.load(id, context.tenant),
      list: ({ query, context }) => tickets.list(query, context.tenant),
      commit: (parameters) => tickets.commit(parameters),
    },
  },
})

const app = express()
app.post(
  '/source',
  toExpress(
    createEndpoint({
      signingKey: process.env.POSTERN_KEY,
      adapter,
      onError: (error) => console.error(error),
    }),
  ),
)

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`http://localhost:${port}/source`))
