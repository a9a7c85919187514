import type { Adapter } from '../core/adapter.ts'
import { createEndpoint } from '../core/endpoint/endpoint.ts'
import { createSigner, type SigningInput } from '../core/signature/sign.ts'
import { Answer } from './answer.ts'
import { CheckFailure } from './failure.ts'
import type { Driver, PostOptions } from './source.ts'

/** Milliseconds after which an answer is given up for lost. */
const ANSWER_MS = 30_000

/** Longest part of a page that is no answer of an endpoint, for a report. */
const EXCERPT = 500

type Exchange = (request: Request) => Promise<Response>

/** Runs the checks on an adapter in this process, through the real endpoint: signature, parsing and all. */
export function inProcess(adapter: Adapter): Driver {
  const key = `sk_conformance_${crypto.randomUUID()}`
  const endpoint = createEndpoint({ keys: [{ secret: key, allTenants: true }], adapter })
  return signing('in process', 'http://conformance.invalid/source', key, endpoint.fetch)
}

/** Runs the checks on an endpoint that is running somewhere, in whatever language. */
export function overHttp(url: string | URL, key: SigningInput): Driver {
  const { href } = new URL(url)
  return signing(href, href, key, fetch)
}

/** A driver over anything that answers a Request. */
export function signing(target: string, url: string, key: SigningInput, exchange: Exchange): Driver {
  const sign = createSigner(key)
  return {
    target,
    async post(body, { method = 'POST', headers = (given) => given, signed = body }: PostOptions = {}) {
      const signature = await sign(signed)
      const given = headers({ 'content-type': 'application/json', accept: 'application/json', ...signature })
      const sendsBody = method !== 'GET' && method !== 'HEAD'
      const request = new Request(url, {
        method,
        headers: given,
        ...(sendsBody && { body: body as string | Uint8Array<ArrayBuffer> }),
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_MS),
      })
      const response = await within(exchange(request))
      const text = await response.text()
      if (!response.headers.get('content-type')?.includes('json')) {
        throw new CheckFailure('an answer must be JSON and say so in its content type', {
          expected: 'application/json',
          received: `${response.status} ${response.headers.get('content-type')} ${text.slice(0, EXCERPT)}`,
        })
      }
      return new Answer(response.status, text, response.headers)
    },
  }
}

/** An adapter in this process heeds no signal of the request. */
async function within(answer: Promise<Response>): Promise<Response> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    const failure = new CheckFailure('a request must be answered', {
      expected: `an answer within ${ANSWER_MS} ms`,
    })
    timer = setTimeout(() => reject(failure), ANSWER_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
