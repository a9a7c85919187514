import { once } from 'node:events'
import net from 'node:net'
import { asksAnswer, endsAnswer, isRow, type Message, splitter, statements } from '../../support/messages.ts'

/**
 * Where on its way a statement meets its fault:
 * - `before`: nothing of it reaches the server
 * - `half sent`: a part of it does; the server waits for the rest and drops it
 * - `arrived`: all of it does; it runs, or is still to run, when the line goes
 * - `answered`: it has run and is committed; nothing of the answer comes back
 * - `half answered`: a part of the answer does
 */
export type Place = 'before' | 'half sent' | 'arrived' | 'answered' | 'half answered'
export const places: readonly Place[] = ['before', 'half sent', 'arrived', 'answered', 'half answered']

export interface Fault {
  readonly place: Place
  /** `cut`: the connection is reset. `stall`: it stays, and nothing more comes. Default `cut`. */
  readonly how?: 'cut' | 'stall'
  /** Which statement. Default: any. */
  readonly when?: RegExp
}

/** Stands between a client and Postgres, passes everything on, and breaks what it is told to break. */
export interface FaultProxy extends AsyncDisposable {
  /** The database behind it, by way of the proxy. */
  readonly url: string
  /** Connections that are open through it. */
  readonly open: number
  /** Faults are used up one by one, in this order, each by the first statement that fits. Resolves when this one was. */
  fault(fault: Fault): Promise<void>
  /** Faults that no statement has met yet. */
  readonly pending: number
  /** Forgets faults that nothing has met. */
  clear(): void
  /** Resets every open connection. */
  cut(): void
  /** Nothing passes any more on the connections that are open, in either direction, and none is closed. */
  freeze(): void
  /** Until `accept`, new connections are refused by the operating system. Open ones go on. */
  refuse(): Promise<void>
  accept(): Promise<void>
}

interface Armed extends Fault {
  readonly met: () => void
}

export async function startProxy(databaseUrl: string): Promise<FaultProxy> {
  const target = new URL(databaseUrl)
  const lines = new Set<Line>()
  const waiting: Armed[] = []

  /** Takes the next fault when this statement is the one it is meant for. */
  const take = (statement: string): Armed | undefined => {
    const next = waiting[0]
    return next !== undefined && (next.when ?? /^/).test(statement) ? waiting.shift() : undefined
  }
  const listen = (): net.Server =>
    net.createServer((client) => {
      const upstream = net.connect(Number(target.port), target.hostname)
      const line = new Line(client, upstream, take)
      lines.add(line)
      client.on('close', () => lines.delete(line))
    })

  let server = listen().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  const cut = (): void => {
    for (const line of lines) line.cut()
  }
  const refuse = async (): Promise<void> => {
    if (!server.listening) return
    // resolves only once open connections are gone, and those are to go on
    server.close()
  }
  return {
    url: url.href,
    get open() {
      return lines.size
    },
    fault: (fault) => new Promise((met) => waiting.push({ ...fault, met })),
    get pending() {
      return waiting.length
    },
    clear: () => void waiting.splice(0),
    cut,
    freeze() {
      for (const line of lines) line.freeze()
    },
    refuse,
    async accept() {
      if (server.listening) return
      server = listen().listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    async [Symbol.asyncDispose]() {
      await refuse()
      cut()
    },
  }
}

/** One connection through the proxy. */
class Line {
  readonly #client: net.Socket
  readonly #upstream: net.Socket
  readonly #take: (statement: string) => Armed | undefined
  readonly #statementOf = statements()
  /** The fault that this connection has met. */
  #fault: Armed | undefined
  /** The whole request with the faulty statement is with the server; what comes now answers it. */
  #asked = false
  /** The fault has happened: nothing passes any more, in neither direction. */
  #struck = false

  constructor(client: net.Socket, upstream: net.Socket, take: (statement: string) => Armed | undefined) {
    this.#client = client
    this.#upstream = upstream
    this.#take = take
    const fromClient = splitter('client')
    const fromServer = splitter('server')
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', () => {})
    client.on('data', (chunk) => {
      for (const message of fromClient(chunk)) this.#request(message)
    })
    upstream.on('data', (chunk) => {
      for (const message of fromServer(chunk)) this.#answer(message)
    })
    client.on('close', () => upstream.end())
    upstream.on('close', () => client.end())
  }

  cut(): void {
    this.#struck = true
    this.#client.resetAndDestroy()
    // not reset: what was sent is still to reach the server, which runs it for nobody
    this.#upstream.end()
  }

  freeze(): void {
    this.#struck = true
  }

  #request(message: Message): void {
    if (this.#struck) return
    const statement = this.#statementOf(message)
    if (this.#fault === undefined && statement !== undefined) this.#fault = this.#take(statement)
    const place = this.#fault?.place
    if (place === 'half sent') this.#upstream.write(half(message))
    if (place === 'before' || place === 'half sent') {
      this.#strike()
      return
    }
    this.#upstream.write(message.bytes)
    this.#asked ||= place !== undefined && asksAnswer(message)
    if (place === 'arrived' && this.#asked) this.#strike()
  }

  #answer(message: Message): void {
    if (this.#struck) return
    const place = this.#asked ? this.#fault?.place : undefined
    if (place === 'answered') {
      if (endsAnswer(message)) this.#strike()
      return
    }
    if (place !== 'half answered' || !(isRow(message) || endsAnswer(message))) {
      this.#client.write(message.bytes)
      return
    }
    this.#struck = true
    this.#client.write(half(message), () => this.#strike())
  }

  #strike(): void {
    const { how = 'cut', met } = this.#fault as Armed
    this.#struck = true
    if (how === 'cut') this.cut()
    met()
  }
}

const half = ({ bytes }: Message): Buffer => bytes.subarray(0, bytes.length >> 1)
