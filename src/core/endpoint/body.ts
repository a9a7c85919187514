import { PosternError } from '../errors.ts'

/**
 * Reads the raw bytes of a request, as they were signed: at most `bodyBytes` of them, within `bodyTimeoutMs`. Bytes,
 * because `request.text()` swallows a byte order mark and repairs what is no UTF-8, and a signature covers neither.
 *
 * @throws PosternError `request_too_large` (before the first byte where Content-Length says so), `request_timeout`,
 *   `request_truncated`, and `request_body_consumed`
 */
export async function readBody(
  request: Request,
  limits: { readonly bodyBytes: number; readonly bodyTimeoutMs: number },
): Promise<Uint8Array> {
  const announced = contentLength(request.headers)
  if (announced > limits.bodyBytes) throw tooLarge(limits.bodyBytes)
  if (request.bodyUsed || request.body?.locked) {
    throw new PosternError(
      'request_body_consumed',
      'The body was read before the endpoint could verify its signature. Hand over the request unread: ' +
        'nothing may call request.json(), request.text() or a body parser on it first.',
    )
  }
  const bytes = request.body ? await readStream(request.body, limits) : new Uint8Array()
  if (bytes.byteLength < announced) throw new PosternError('request_truncated')
  return bytes
}

/** What the header announces; 0 when it announces nothing. */
function contentLength(headers: Headers): number {
  const value = headers.get('content-length')
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : 0
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  limits: { readonly bodyBytes: number; readonly bodyTimeoutMs: number },
): Promise<Uint8Array> {
  const reader = stream.getReader()
  let late = false
  // Cancelling ends a pending read at once, so the loop needs no race between two promises.
  const timer = setTimeout(() => {
    late = true
    abandon(reader)
  }, limits.bodyTimeoutMs)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late) throw new PosternError('request_timeout')
      if (done) return join(chunks, size)
      // Texts would count as no bytes at all, and so pass every limit.
      if (!ArrayBuffer.isView(value)) throw new TypeError('a body must be a stream of bytes')
      size += value.byteLength
      if (size > limits.bodyBytes) {
        abandon(reader)
        throw tooLarge(limits.bodyBytes)
      }
      chunks.push(value)
    }
  } catch (error) {
    // A mount says what is wrong with its framework's body by failing the stream with that error.
    if (isSourceError(error)) throw error
    throw new PosternError('request_truncated', 'The body ended before it was complete.', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

const isSourceError = (error: unknown): error is PosternError => error instanceof PosternError

/** Not awaited: a source that never answers its cancellation must not hold the answer back. */
function abandon(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  reader.cancel().catch(() => {})
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks
  if (first !== undefined && chunks.length === 1) return first
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}

export function tooLarge(bytes: number): PosternError {
  return new PosternError('request_too_large', undefined, { details: { limitBytes: bytes } })
}
