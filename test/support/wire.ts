import { once } from 'node:events'
import net from 'node:net'
import { asksAnswer, type Message, splitter, statements } from './messages.ts'

/** What happens to the next statement that passes and matches `when`. */
interface Fault {
  /** `request`: it never reaches the server. `answer`: the server runs it, and its answer never comes back. */
  readonly lose: 'request' | 'answer'
  readonly when: RegExp
  /** How many statements it hits. Default 1. */
  times?: number
}

/** A proxy between a client and Postgres that counts what the driver really sends, and can cut the line. */
export interface Wire extends AsyncDisposable {
  /** The database behind it, by way of the proxy. */
  readonly url: string
  /** Texts that the server was given to parse since the last call, oldest first. */
  take(): { readonly statements: string[]; readonly roundTrips: number }
  fault(fault: Fault): void
}

export async function wire(databaseUrl: string): Promise<Wire> {
  const target = new URL(databaseUrl)
  const sockets = new Set<net.Socket>()
  let parsed: string[] = []
  let roundTrips = 0
  let fault: Fault | undefined

  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
      socket.setNoDelay(true)
    }
    const cut = (): void => {
      client.destroy()
      upstream.destroy()
    }
    let losing = false
    const messages = splitter('client')
    const statementOf = statements()
    const read = (message: Message): void => {
      if (asksAnswer(message)) roundTrips += 1
      const text = statementOf(message)
      if (text === undefined) return
      if (message.type !== 'B') parsed.push(text)
      if (fault?.when.test(text)) {
        const { lose, times = 1 } = fault
        if (times <= 1) fault = undefined
        else fault.times = times - 1
        if (lose === 'request') cut()
        else losing = true
      }
    }
    client.on('data', (chunk) => {
      for (const message of messages(chunk)) read(message)
      if (!client.destroyed) upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      // ReadyForQuery ends an answer: by then the statement has run and, outside a transaction, is committed
      if (losing && chunk.includes('Z')) cut()
      else if (!losing) client.write(chunk)
    })
    client.on('end', () => upstream.end())
    upstream.on('end', () => client.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as net.AddressInfo).port)
  return {
    url: url.href,
    take() {
      const taken = { statements: parsed, roundTrips }
      parsed = []
      roundTrips = 0
      return taken
    },
    fault(next) {
      fault = next
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
