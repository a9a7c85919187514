import net from 'node:net'
import { neonConfig } from '@neondatabase/serverless'

/**
 * In place of the WebSocket that carries Neon's driver to Neon's proxy: the same bytes over TCP, straight to a
 * Postgres. Driver, pool and protocol stay Neon's own.
 */
class TcpWebSocket extends EventTarget {
  readonly #socket: net.Socket
  binaryType = 'arraybuffer'
  readyState = 0

  constructor(url: string) {
    super()
    const { hostname, port } = new URL(url)
    this.#socket = net.connect(Number(port), hostname)
    this.#socket.on('connect', () => {
      this.readyState = 1
      this.dispatchEvent(new Event('open'))
    })
    this.#socket.on('data', (data) => this.dispatchEvent(new MessageEvent('message', { data })))
    // the event's own error stands where the WebSocket API has one too
    this.#socket.on('error', (error) => this.dispatchEvent(Object.assign(new Event('error'), { error })))
    this.#socket.on('close', () => {
      this.readyState = 3
      this.dispatchEvent(new Event('close'))
    })
  }

  send(data: Uint8Array): void {
    this.#socket.write(data)
  }

  close(): void {
    this.#socket.end()
  }
}

neonConfig.webSocketConstructor = TcpWebSocket as unknown as typeof WebSocket
neonConfig.wsProxy = (host, port) => `${host}:${port}`
neonConfig.useSecureWebSocket = false
neonConfig.pipelineConnect = false

export { Pool as NeonPool } from '@neondatabase/serverless'
