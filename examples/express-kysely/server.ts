import express from 'express'
import { toExpress } from 'postern/express'
import { endpoint } from './endpoint.ts'

const app = express()
// Before express.json(): the signature covers the bytes of the body as they came.
app.post('/source', toExpress(endpoint))
app.use(express.json())

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`http://localhost:${port}/source`))
