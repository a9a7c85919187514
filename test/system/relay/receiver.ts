import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

export interface Received {
  readonly id: string
  readonly events: readonly { id: string; model: string; entityId: string; stamp: number }[]
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

/** What a request is answered with: a status, or whatever a server may do to its caller. */
export type Behaviour = (
  received: Received,
  response: ServerResponse,
) => number | undefined | Promise<number | undefined>

export interface Receiver extends AsyncDisposable {
  readonly url: string
  /** Requests whose signature holds, in the order in which they came; what was answered with 2xx, and all. */
  readonly accepted: Received[]
  readonly all: Received[]
  /** The most requests that were under way at once. */
  readonly atOnce: () => number
  behave(behaviour: Behaviour): void
}

/** A real server that checks each request with the reference implementation of Standard Webhooks. */
export async function startReceiver(first: Behaviour = () => 204): Promise<Receiver> {
  let behaviour = first
  let underWay = 0
  let most = 0
  const accepted: Received[] = []
  const all: Received[] = []
  const webhook = new Webhook(key)
  const server = createServer(async (request, response) => {
    underWay += 1
    most = Math.max(most, underWay)
    response.once('close', () => {
      underWay -= 1
    })
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    let events: Received['events'] = []
    try {
      events = (webhook.verify(body, request.headers as Record<string, string>) as Received).events
    } catch {
      response.writeHead(401).end()
      return
    }
    const received = { id: request.headers['webhook-id'] as string, events, body, headers: request.headers }
    all.push(received)
    const status = await behaviour(received, response)
    if (status === undefined) return
    if (status < 300) accepted.push(received)
    response.writeHead(status).end('{"answer":"of a server"}')
  })
  server.on('clientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/api/source/events`,
    accepted,
    all,
    atOnce: () => most,
    behave: (next) => {
      behaviour = next
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
