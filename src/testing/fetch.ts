import { SESSION_HEADER } from './token.ts'

const LOCAL = /^(?:localhost|127(?:\.\d+){3}|\[::1\]|.+\.localhost)$/
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
const MAX_REDIRECTS = 20

/** Of `fetch`: a session's token is nobody else's business than the application's. */
export interface SessionFetch {
  readonly token: string
  /** Where the application listens; without it, any port of this host. */
  readonly appUrl: string | URL | undefined
}

/**
 * `fetch` with the session's header, for the application and for nobody else. Redirects are followed here: the platform
 * would take the header along to wherever the application sends a browser, a payment page for example.
 */
export async function sessionFetch(
  { token, appUrl }: SessionFetch,
  input: string | URL,
  init: RequestInit = {},
): Promise<Response> {
  const ours = (url: URL): boolean =>
    appUrl === undefined ? LOCAL.test(url.hostname) : url.origin === new URL(appUrl).origin
  let next = new Request(new URL(input, appUrl), init)
  const follow = next.redirect === 'follow'
  for (let hops = 0; ; hops++) {
    if (ours(new URL(next.url))) next.headers.set(SESSION_HEADER, token)
    else next.headers.delete(SESSION_HEADER)
    const again = next.clone()
    const response = await fetch(follow ? new Request(next, { redirect: 'manual' }) : next)
    const location = response.headers.get('location')
    if (!follow || location === null || !REDIRECTS.includes(response.status)) return response
    if (hops === MAX_REDIRECTS) throw new TypeError(`More than ${MAX_REDIRECTS} redirects.`)
    await response.body?.cancel()
    next = redirected(again, new URL(location, next.url), response.status)
  }
}

/** As Fetch has it: 303, and a POST under 301 and 302, become a GET without a body. */
function redirected(request: Request, url: URL, status: number): Request {
  const headers = new Headers(request.headers)
  if (url.origin !== new URL(request.url).origin) {
    for (const name of ['authorization', 'cookie', 'proxy-authorization']) headers.delete(name)
  }
  const get = status === 303 || (status < 303 && request.method === 'POST')
  if (!get || request.method === 'HEAD') return new Request(new Request(url, request), { headers })
  for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language']) {
    headers.delete(name)
  }
  return new Request(url, { headers, signal: request.signal })
}
