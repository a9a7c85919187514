// The mistake to know: a body parser before the endpoint. It reads the body, parses it, and drops the bytes that were
// signed. So no request can be verified, and each is answered with 500 and a message that names the fix.
import express from 'express'
import { createEndpoint } from 'postern'
import { toExpress } from 'postern/express'
import { schema } from './schema.ts'
import { adapter } from './source.ts'

const app = express()
app.use(express.json())
app.post('/source', toExpress(createEndpoint({ schema, adapter, signingKey: process.env.POSTERN_KEY })))

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`http://localhost:${port}/source`))
