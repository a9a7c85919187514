// A mistake to know: a body parser before the endpoint. It reads the body, parses it, and drops the bytes that were
// signed. No request can be verified then, and each is answered with 500 and a message that names the fix.
import express from 'express'
import { toExpress } from 'postern/express'
import { endpoint } from './endpoint.ts'

const app = express()
app.use(express.json())
app.post('/source', toExpress(endpoint))

const port = Number(process.env.PORT ?? 3000)
app.listen(port, () => console.log(`http://localhost:${port}/source`))
