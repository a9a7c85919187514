import pg from 'pg'
import type { Adapter, EndpointOptions } from '../../../src/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { signedRequest, signingKey } from '../../support/source.ts'

/** An answer as its bytes, and read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a body, member by member
  readonly body: any
}

/** An endpoint with everything written down that leaves it: what is not meant for strangers must be in none of it. */
export interface OpenEndpoint {
  /** Signs and sends a request; `null` for a scope sends none. */
  ask(request: object, scope?: object | null): Promise<Answer>
  send(request: Request): Promise<Answer>
  /** Every answer and log line so far. */
  readonly said: string[]
  /** What `onError` got: the whole truth, for the operator alone. */
  readonly faults: unknown[]
  forget(): void
}

/** A pool whose connections may be ended by whoever drops the database: `end` does not wait for them to close. */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
  return pool
}

export const org = (organizationId: string): object => ({ organizationId })

export function openEndpoint(adapter: Adapter, options: Partial<EndpointOptions> = {}): OpenEndpoint {
  const said: string[] = []
  const faults: unknown[] = []
  const line = (fields: object, message: string): void => {
    said.push(`${JSON.stringify(fields)} ${message}`)
  }
  const endpoint = createEndpoint({
    signingKey,
    adapter,
    logger: { info: line, warn: line, error: line },
    onError: (error) => faults.push(error),
    ...options,
  })
  const send = async (request: Request): Promise<Answer> => {
    const response = await endpoint.fetch(request)
    const text = await response.text()
    said.push(`${JSON.stringify([...response.headers])} ${text}`)
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
  }
  return {
    ask: async (request, scope = org('org_1')) =>
      send(await signedRequest(scope === null ? request : { ...request, scope })),
    send,
    said,
    faults,
    forget() {
      said.length = 0
      faults.length = 0
    },
  }
}

/** The answer without what differs between any two answers. */
export const sameBut = (answer: Answer, ...words: string[]): string =>
  words.reduce(
    (text, word) => text.replaceAll(word, '<>'),
    `${answer.status} ${JSON.stringify([...answer.headers])} ${answer.text.replace(/"requestId":"[^"]*"/, '"requestId":""')}`,
  )

let keys = 0
export const key = (): string => `sec-${process.pid}-${keys++}`

export const commit = (operations: object | readonly object[], correlationId = key()): object => ({
  type: 'commit',
  correlationId,
  operations: [operations].flat(),
})
