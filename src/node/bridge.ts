import type { IncomingMessage, ServerResponse } from 'node:http'
import { PosternError } from '../core/errors.ts'

/** A Node request, with what frameworks on top of it may have added. */
export type NodeRequest = IncomingMessage & {
  /** Express: the URL before routers cut their prefix off. */
  readonly originalUrl?: string
  /** Raw bytes that a `verify` callback or a serverless platform kept. */
  readonly rawBody?: unknown
  /** What a body parser made of the body; a Buffer from `express.raw()`. */
  readonly body?: unknown
}

const consumed =
  'A body parser read the body before the endpoint could verify its signature. Mount the endpoint before ' +
  'express.json(), or put express.raw({ type: () => true }) on its route in place of the parser.'

/** A Fetch `Request` over a Node request, with the body's bytes exactly as they came. */
export function toRequest(node: NodeRequest): Request {
  const url = urlOf(node)
  const headers = headersOf(node)
  // Whatever is not POST is answered alike, and Request refuses to be made for some methods, TRACE among them.
  if (node.method !== 'POST') return new Request(url, { headers })
  return new Request(url, { method: 'POST', headers, body: bodyOf(node), duplex: 'half' })
}

/** Sends a Fetch `Response` on a Node response. */
export async function sendResponse(node: ServerResponse, response: Response): Promise<void> {
  const body = await response.text()
  node.writeHead(response.status, Object.fromEntries(response.headers))
  node.end(body)
}

/** How long a caller that was refused may go on sending before its connection is cut. */
const LINGER_MS = 2_000

/**
 * Reads off what is left of a request that was answered before its end. A socket closed at once would take the
 * answer away from a caller that is still sending; one left open would let it send for ever.
 */
export function linger(node: IncomingMessage): void {
  if (node.complete) return
  const timer = setTimeout(() => node.destroy(), LINGER_MS)
  node.once('close', () => clearTimeout(timer))
  node.resume()
}

/** The host is the caller's own word, so it is not used: the path is all that anybody should look at. */
function urlOf(node: NodeRequest): string {
  const url = `http://localhost${node.originalUrl ?? node.url}`
  return URL.canParse(url) ? url : 'http://localhost/'
}

/** From the raw list: `node.headers` drops the second of some headers, where a joined value would be refused. */
function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    // HTTP/2 lists its pseudo-headers here.
    if (!name.startsWith(':')) headers.append(name, rawHeaders[i + 1] as string)
  }
  return headers
}

function bodyOf(node: NodeRequest): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  for (const kept of [node.rawBody, node.body]) {
    if (kept instanceof Uint8Array) return kept as Uint8Array<ArrayBuffer>
  }
  return node.readableDidRead ? failingStream() : streamOf(node)
}

function failingStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.error(new PosternError('request_body_consumed', consumed))
    },
  })
}

/** Not `Readable.toWeb`: cancelling that one destroys the socket, on which the refusal is still to be sent. */
function streamOf(node: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = node.iterator({ destroyOnReturn: false })
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await chunks.return?.()
      },
    },
    // Nothing is read ahead: a request that is refused by its headers has its body never touched.
    { highWaterMark: 0 },
  )
}
