import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Endpoint } from '../core/endpoint/endpoint.ts'
import { checkEndpoint } from '../core/options.ts'
import { linger, sendResponse, toRequest } from './bridge.ts'

/** A listener for `node:http`. It never throws. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Mounts an endpoint on `node:http`. It answers every path: route before it.
 *
 * @param endpoint what `createEndpoint` returned
 * @throws TypeError for anything else
 * @example
 * import { createServer } from 'node:http'
 *
 * createServer(toNode(endpoint)).listen(3000)
 */
export function toNode(endpoint: Pick<Endpoint, 'fetch'>): NodeListener {
  checkEndpoint('toNode', endpoint)
  const listen = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await sendResponse(response, await endpoint.fetch(toRequest(request)))
      linger(request)
    } catch {
      // The connection is closed or was never valid, so an answer cannot be sent.
      response.destroy()
    }
  }
  return (request, response) => void listen(request, response)
}
