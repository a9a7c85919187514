import express from 'express'
import { dataSourceExpress } from 'postern/express'
import { schema } from './schema.ts'
import { adapter } from './source.ts'

const app = express()
// Before express.json(): the signature covers the bytes of the body as they came.
app.post('/source', dataSourceExpress({ schema, adapter, apiKey: process.env.SOURCE_KEY }))
app.use(express.json())

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`http://localhost:${port}/source`))
