import type { Answer, Exchange, WireEvent } from './answer.ts'
import { CheckFailure } from './failure.ts'

export type OperationType = 'CREATE' | 'UPDATE' | 'DELETE' | 'ARCHIVE' | 'UNARCHIVE'

/** An operation as a caller sends it. */
export interface SentOperation {
  readonly type: OperationType
  readonly model: string
  readonly id?: string | number
  readonly input?: Readonly<Record<string, unknown>>
  readonly readAt?: number
  readonly onStale?: string
  readonly transactionId?: string
}

type Input = Readonly<Record<string, unknown>>
type Judgement = Pick<SentOperation, 'readAt' | 'onStale' | 'transactionId'>

export const create = (
  model: string,
  id: string | undefined,
  input: Input,
  rest: Judgement = {},
): SentOperation => ({
  type: 'CREATE',
  model,
  ...(id !== undefined && { id }),
  input,
  ...rest,
})

export const update = (model: string, id: string, input: Input, rest: Judgement = {}): SentOperation => ({
  type: 'UPDATE',
  model,
  id,
  input,
  ...rest,
})

/** DELETE, ARCHIVE or UNARCHIVE. */
export const act = (
  type: 'DELETE' | 'ARCHIVE' | 'UNARCHIVE',
  model: string,
  id: string,
  rest: Judgement = {},
): SentOperation => ({ type, model, id, ...rest })

export interface CommitExtras {
  /** Default: a new one. */
  readonly key?: string
  readonly intentHash?: string
  /** Members of the scope beside the tenant. */
  readonly scope?: Readonly<Record<string, unknown>>
  /** Further members of the request, or others in their place. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** Sends one signed body; the drivers differ in how. */
export interface Driver {
  /** Where it sends to, for the report. */
  readonly target: string
  post(body: string | Uint8Array, options?: PostOptions): Promise<Answer>
}

export interface PostOptions {
  readonly method?: string
  /** The last word on the headers, the signature's among them; their names are lower case. */
  readonly headers?: (signed: Readonly<Record<string, string>>) => Readonly<Record<string, string>>
  /** Signed in the place of the body that is sent. */
  readonly signed?: string | Uint8Array
}

/** The endpoint as one caller sees it: requests under one scope, each with its answer. */
export class Source {
  readonly tenant: string | undefined
  readonly #driver: Driver
  readonly #newKey: () => string
  readonly #exchanges: Exchange[]

  constructor(driver: Driver, tenant: string | undefined, newKey: () => string, exchanges: Exchange[]) {
    this.#driver = driver
    this.tenant = tenant
    this.#newKey = newKey
    this.#exchanges = exchanges
  }

  /** A request as it is given, with this caller's scope where it has none. */
  send(request: Readonly<Record<string, unknown>>, options?: PostOptions): Promise<Answer> {
    const scope = this.tenant === undefined ? {} : { scope: { organizationId: this.tenant } }
    return this.post(JSON.stringify({ ...scope, ...request }), options)
  }

  async post(body: string | Uint8Array, options?: PostOptions): Promise<Answer> {
    const answer = await this.#driver.post(body, options)
    const sent = typeof body === 'string' ? body : `${body.byteLength} bytes`
    this.#exchanges.push({ sent, status: answer.status, received: answer.text })
    return answer
  }

  load(model: string, id: string | number): Promise<Answer> {
    return this.send({ type: 'load', model, id })
  }

  list(model: string, query: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    return this.send({ type: 'list', model, query })
  }

  commit(operations: SentOperation | readonly SentOperation[], extras: CommitExtras = {}): Promise<Answer> {
    const { key = this.#newKey(), intentHash, scope, members } = extras
    return this.send({
      type: 'commit',
      correlationId: key,
      ...(intentHash !== undefined && { intentHash }),
      operations: Array.isArray(operations) ? operations : [operations],
      ...(scope !== undefined && { scope: { organizationId: this.tenant, ...scope } }),
      ...members,
    })
  }

  events(
    query: { cursor?: string | undefined; limit?: unknown; acknowledgedThrough?: string | undefined } = {},
  ): Promise<Answer> {
    return this.send({ type: 'events', ...query })
  }

  /** Every event after a cursor, or all that the log has, page after page. */
  async history(cursor?: string, limit = 500): Promise<{ events: WireEvent[]; cursor: string | undefined }> {
    const events: WireEvent[] = []
    let at = cursor
    for (;;) {
      const page = await this.events({ cursor: at, limit })
      events.push(...page.events)
      const next = page.nextCursor ?? at
      if (page.events.length === 0) return { events, cursor: next }
      if (next === at || next === undefined) {
        throw new CheckFailure('a page with events must have a nextCursor behind them', {
          expected: 'a cursor that goes on',
          received: next,
        })
      }
      at = next
    }
  }

  /** This caller's events on rows of one model, or of one row. */
  async eventsOf(model: string, id?: string, cursor?: string): Promise<WireEvent[]> {
    const { events } = await this.history(cursor)
    return events.filter((event) => event.model === model && (id === undefined || event.entityId === id))
  }

  /** Every row of a query, page after page. */
  async listAll(model: string, query: Readonly<Record<string, unknown>> = {}) {
    const rows: Record<string, unknown>[] = []
    const stamps: number[] = []
    let cursor: string | undefined
    do {
      const page = await this.list(model, { ...query, ...(cursor !== undefined && { cursor }) })
      rows.push(...(page.rows as Record<string, unknown>[]))
      stamps.push(...page.stamps)
      if (page.nextCursor !== undefined && page.nextCursor === cursor) {
        throw new CheckFailure('a nextCursor must go on', { expected: 'another cursor', received: cursor })
      }
      cursor = page.nextCursor
    } while (cursor !== undefined && rows.length < 10_000)
    return { rows, stamps }
  }
}
