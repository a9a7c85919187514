import express from 'express'
import { createEndpoint } from 'postern'
import { toExpress } from 'postern/express'
import { schema } from './schema.ts'
import { adapter } from './source.ts'

const app = express()
// Before express.json(): the signature covers the bytes of the body as they came.
app.post('/source', toExpress(createEndpoint({ schema, adapter, signingKey: process.env.POSTERN_KEY })))
app.use(express.json())

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`http://localhost:${port}/source`))
