import { once } from 'node:events'
import net from 'node:net'

/** A line between a standby and its primary that can be made to lose whatever the primary still sends. */
export interface Link extends AsyncDisposable {
  readonly port: number
  /** From now on nothing of the primary arrives, and the connection stays open. */
  lose(): void
}

export async function link(primaryPort: number): Promise<Link> {
  let losing = false
  const sockets = new Set<net.Socket>()
  const server = net.createServer((standby) => {
    const primary = net.connect(primaryPort, '127.0.0.1')
    for (const socket of [standby, primary]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    standby.pipe(primary)
    primary.on('data', (bytes) => {
      if (!losing) standby.write(bytes)
    })
    primary.on('close', () => standby.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    lose: () => {
      losing = true
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
