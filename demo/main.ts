// The whole library on real parts: a Postgres, an Express server, and a client that signs. `npm run demo` starts it,
// `npm run demo -- --pglite` with PGlite in place of a server. Exits with 0 only when every step did what it says.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import express from 'express'
import { toExpress } from 'postern/express'
import { createEndpoint } from '../src/index.ts'
import { startEmbeddedPostgres, startPglite } from './database.ts'
import { steps } from './steps.ts'
import { failure, say, step, success, title } from './terminal.ts'

const { values } = parseArgs({ options: { pglite: { type: 'boolean', default: false } } })
process.exitCode = await main(values.pglite ? startPglite : startEmbeddedPostgres)

async function main(startDatabase: typeof startPglite): Promise<number> {
  const startedAt = performance.now()
  title('postern: a signed request, a committed row, and back')
  let at = 'Start'
  const closing: (() => Promise<unknown>)[] = []
  try {
    const database = await startDatabase()
    closing.unshift(() => database.stop())

    const signingKey = `sk_demo_${randomBytes(16).toString('hex')}`
    const app = express()
    app.post('/source', toExpress(createEndpoint({ signingKey, adapter: database.adapter })))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.unshift(async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })

    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/source`
    say()
    say(`database   ${database.description}`)
    say(`endpoint   ${url}, Express`)
    for (const [index, { name, run }] of steps.entries()) {
      at = name
      step(index + 1, name)
      await run({ database, url, signingKey })
    }
  } catch (error) {
    failure(`✗ The step "${at}" failed: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    for (const close of closing) await close()
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  success(`All ${steps.length} steps did what they say, in ${seconds} s. Nothing is left behind.`)
  return 0
}
