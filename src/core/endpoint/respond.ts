import { errors } from '../errors.ts'
import type { Failure } from './failure.ts'

/** The adapter's text as it is: a replay must give back the same bytes. */
export function respond(body: string, replayed: boolean): Response {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (replayed) headers['idempotent-replayed'] = 'true'
  return new Response(body, { headers })
}

/** An error, in the form that the caller asked for: ours, or RFC 9457 with the same members. */
export function respondFailure(request: Request, failure: Failure, requestId: string): Response {
  const problem = request.headers.get('accept')?.includes('application/problem+json') ?? false
  const { code, status, message, retryable, detailsJson, retryAfter } = failure
  const own = { error: code, message, retryable, requestId }
  const title = Object.hasOwn(errors, code) ? errors[code as keyof typeof errors].meaning : message
  const body = problem ? { type: `urn:postern:error:${code}`, title, status, detail: message, ...own } : own
  const headers: Record<string, string> = {
    'content-type': problem ? 'application/problem+json' : 'application/json',
    'cache-control': 'no-store',
  }
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(retryAfter))
  if (code === 'method_not_allowed') headers.allow = 'POST'
  const text = JSON.stringify(body)
  const details = detailsJson === undefined ? '' : `,"details":${detailsJson}`
  return new Response(`${text.slice(0, -1)}${details}}`, { status, headers })
}
