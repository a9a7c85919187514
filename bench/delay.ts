// A proxy before a server that holds every chunk back for half a round trip, in both directions. Run as a process of
// its own: `node bench/delay.ts <port of the server> <ms per round trip>`; it sends its own port to its parent.
import net from 'node:net'

const [target, roundTripMs] = process.argv.slice(2).map(Number) as [number, number]

interface Chunk {
  readonly due: number
  readonly to: net.Socket
  /** null: the end of the stream. */
  readonly data: Buffer | null
}

const queue: Chunk[] = []
const cell = new Int32Array(new SharedArrayBuffer(4))
let running = false

/** A timer of Node's is a whole millisecond or more: short waits, with a look at the sockets after each. */
function run(): void {
  for (;;) {
    const [first] = queue
    if (first === undefined) {
      running = false
      return
    }
    const wait = first.due - performance.now()
    if (wait > 0) {
      Atomics.wait(cell, 0, 0, Math.min(wait, 0.05))
      if (first.due > performance.now()) break
    }
    queue.shift()
    if (first.data === null) first.to.end()
    else if (first.to.writable) first.to.write(first.data)
  }
  setImmediate(run)
}

function hold(from: net.Socket, to: net.Socket): void {
  const push = (data: Buffer | null): void => {
    queue.push({ due: performance.now() + roundTripMs / 2, to, data })
    if (!running) {
      running = true
      setImmediate(run)
    }
  }
  from.on('data', push)
  from.on('end', () => push(null))
  from.on('error', () => to.destroy())
}

const server = net.createServer({ allowHalfOpen: true }, (client) => {
  const upstream = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true })
  for (const socket of [client, upstream]) socket.setNoDelay(true)
  hold(client, upstream)
  hold(upstream, client)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') process.send?.(address?.port)
})
process.on('disconnect', () => process.exit())
