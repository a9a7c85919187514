import type { Endpoint } from '../core/endpoint/endpoint.ts'
import { checkEndpoint } from '../core/options.ts'

/**
 * Mounts an endpoint as a route handler of the Next.js App Router. Next answers other methods than POST itself.
 *
 * Behind a `proxy.ts` Next silently cuts bodies of more than 10 MB; such a request is answered `request_truncated`.
 *
 * @param endpoint what `createEndpoint` returned
 * @returns the route's exports
 * @throws TypeError for anything else
 * @example
 * // app/api/source/route.ts
 * export const { POST } = toNextRoute(endpoint)
 */
export function toNextRoute(endpoint: Pick<Endpoint, 'fetch'>): {
  POST: (request: Request) => Promise<Response>
} {
  checkEndpoint('toNextRoute', endpoint)
  return { POST: (request) => endpoint.fetch(request) }
}
