import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { toExpress } from 'postern/express'
import { toNextRoute } from 'postern/next'
import type { Adapter } from '../src/core/adapter.ts'
import { createSigner, type SignatureHeaders } from '../src/core/signature/sign.ts'
import { createEndpoint } from '../src/index.ts'
import { stamps } from './engine.ts'
import { fresh, freshKey, inputOf, someRow } from './requests.ts'
import type { Contestant } from './rounds.ts'
import { TENANT } from './schema.ts'

/** The whole endpoint: signed requests in, responses out. Signing is the caller's work and done before the slice. */

const KEY = 'sk_bench_0123456789abcdef0123456789abcdef'
const sign = createSigner(KEY)

interface Signed {
  readonly id: string
  readonly body: string
  readonly headers: SignatureHeaders
}

async function signedUpdate(client: number, clients: number): Promise<Signed> {
  const id = someRow(client, clients)
  const body = JSON.stringify({
    type: 'commit',
    correlationId: freshKey(),
    scope: { organizationId: TENANT },
    operations: [{ type: 'UPDATE', model: 'items', id, input: inputOf(fresh()) }],
  })
  return { id, body, headers: await sign(body) }
}

/** Signed requests in store, one shelf a client; when a shelf is empty, one more is signed in the measured time. */
function shelves(clients: number) {
  const all: Signed[][] = Array.from({ length: clients }, () => [])
  return {
    async take(client: number): Promise<Signed> {
      return all[client]?.pop() ?? (await signedUpdate(client, clients))
    },
    async prepare(steps: number): Promise<void> {
      for (const [client, shelf] of all.entries()) {
        // yesterday's signatures would be refused
        shelf.length = 0
        while (shelf.length < steps) shelf.push(await signedUpdate(client, clients))
      }
    },
  }
}

function applied(id: string, status: number, text: string): void {
  if (status !== 200) throw new Error(`the endpoint answered ${status}: ${text}`)
  stamps.note([id], text)
}

/** As Next.js calls it: a Fetch `Request` in, a `Response` out, in this process. */
export function fetchHandler(source: Adapter, clients: number): Contestant {
  const { POST } = toNextRoute(createEndpoint({ signingKey: KEY, adapter: source }))
  const { take, prepare } = shelves(clients)
  return {
    name: 'signed, Fetch handler',
    prepare,
    async step(client) {
      const { id, body, headers } = await take(client)
      const response = await POST(
        new Request('http://127.0.0.1/api/source', { method: 'POST', body, headers: { ...headers } }),
      )
      applied(id, response.status, await response.text())
    },
  }
}

/** Express over loopback, with a client that keeps its connections; both halves run in this process. */
export async function expressServer(
  source: Adapter,
  clients: number,
): Promise<{ contestant: Contestant; close(): Promise<void> }> {
  const app = express()
  app.post('/source', toExpress(createEndpoint({ signingKey: KEY, adapter: source })))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients })
  const { take, prepare } = shelves(clients)
  const send = ({ id, body, headers }: Signed): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = http.request(
        { port, host: '127.0.0.1', path: '/source', method: 'POST', agent, headers: { ...headers } },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => {
            try {
              applied(id, response.statusCode ?? 0, text)
              resolve()
            } catch (error) {
              reject(error)
            }
          })
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  return {
    contestant: {
      name: 'signed, Express on loopback',
      prepare,
      step: async (client) => send(await take(client)),
    },
    async close() {
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
