import { PosternError } from '../errors.ts'
import { readEnvelope } from '../signature/envelope.ts'
import { readBody } from './body.ts'
import type { Received } from './context.ts'
import type { Limits } from './limits.ts'

/**
 * Everything that can be judged before the signature: method, encoding, the shape of the signature headers, and the
 * body up to its limit. Nothing is decoded.
 */
export async function receive(request: Request, requestId: string, limits: Limits): Promise<Received> {
  if (request.method !== 'POST') throw new PosternError('method_not_allowed')
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity') throw new PosternError('unsupported_encoding')
  readEnvelope(request.headers)
  return { request, requestId, bytes: await readBody(request, limits) }
}
