import type { Endpoint } from '../core/endpoint/endpoint.ts'
import { checkEndpoint } from '../core/options.ts'
import { type NodeListener, toNode } from '../node/index.ts'

/** An Express request handler that answers every request itself and never calls `next`. */
export type ExpressListener = NodeListener

/**
 * Mounts an endpoint on an Express route. The signature covers the raw bytes of the body, so mount it before
 * `express.json()`. Where a parser must come first, put `express.raw({ type: () => true })` on this route, or keep
 * the bytes as `request.rawBody` with the parser's `verify` option. After a parser that kept no bytes, each request
 * is answered with `source_adapter_misconfigured`.
 *
 * @param endpoint what `createEndpoint` returned
 * @throws TypeError for anything else
 * @example
 * import express from 'express'
 *
 * const app = express()
 * app.post('/source', toExpress(endpoint))
 * app.use(express.json())
 */
export function toExpress(endpoint: Pick<Endpoint, 'fetch'>): ExpressListener {
  checkEndpoint('toExpress', endpoint)
  return toNode(endpoint)
}
