import { once } from 'node:events'
import net from 'node:net'

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
  /** Texts of statements sent since the last call, oldest first. */
  take(): { readonly statements: string[]; readonly roundTrips: number }
  fault(fault: Fault): void
}

/** Ends of a request that the server answers: Sync of the extended protocol, and a simple Query. */
const asksAnswer = (type: string): boolean => type === 'S' || type === 'Q'

export async function wire(databaseUrl: string): Promise<Wire> {
  const target = new URL(databaseUrl)
  const sockets = new Set<net.Socket>()
  let statements: string[] = []
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
    const read = frontend((type, text) => {
      if (asksAnswer(type)) roundTrips += 1
      if (text === undefined) return
      statements.push(text)
      if (fault?.when.test(text)) {
        const { lose, times = 1 } = fault
        if (times <= 1) fault = undefined
        else fault.times = times - 1
        if (lose === 'request') cut()
        else losing = true
      }
    })
    client.on('data', (chunk) => {
      read(chunk)
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
      const taken = { statements, roundTrips }
      statements = []
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

/** Splits a client's bytes into messages: a startup packet without a type, then type, length, payload. */
function frontend(seen: (type: string, statement: string | undefined) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0)
  let started = false
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const head = started ? 1 : 0
      if (rest.length < head + 4) return
      const length = head + rest.readInt32BE(head)
      if (rest.length < length) return
      const type = started ? String.fromCharCode(rest[0] as number) : 'startup'
      const payload = rest.subarray(head + 4, length)
      rest = rest.subarray(length)
      started = true
      // Parse carries the statement's name before its text, Query the text alone
      const parts = payload.toString('utf8').split('\0')
      seen(type, type === 'P' ? parts[1] : type === 'Q' ? parts[0] : undefined)
    }
  }
}
