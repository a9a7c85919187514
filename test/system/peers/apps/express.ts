import express from 'express'
import { createEndpoint } from 'postern'
import { toExpress } from 'postern/express'
import { memoryAdapter } from 'postern/memory'
import { schema } from '../../runtimes/schema.ts'
import { exercised, signingKey } from '../serve.ts'

const app = express()
app.post('/source', toExpress(createEndpoint({ adapter: memoryAdapter(schema), signingKey })))
const server = app.listen(Number(process.env.PORT))
await exercised(`http://127.0.0.1:${process.env.PORT}/source`)
server.closeAllConnections()
server.close()
