import { CheckFailure } from './failure.ts'

/** A row as it travels. */
export type WireRow = Readonly<Record<string, unknown>>

/** An entry of `stale_context`, or a notification. */
export interface StaleEntry {
  readonly index: number
  readonly model: string
  readonly id: string
  readonly readAt: number
  readonly stamp: number
  readonly reason: string
  readonly changed: readonly string[] | null
  readonly current: WireRow | null
  readonly participantId?: string
  readonly participantKind?: string
}

export interface WireEvent {
  readonly id: string
  readonly model: string
  readonly entityId: string
  readonly type: string
  readonly data: WireRow
  readonly organizationId?: string
  readonly clientTxId?: string
  readonly correlationId?: string
  readonly transactionId?: string
  readonly participantId?: string
  readonly occurredAt: number
  readonly at: string
  readonly stamp: number
  readonly changed?: readonly string[]
}

/** One request and what came back, as the report shows it. */
export interface Exchange {
  readonly sent: string
  readonly status: number
  readonly received: string
}

/**
 * An answer of the endpoint. Its members are the protocol's; asking for one that a proper answer has and this one
 * has not is a failure of the check, so that checks need not look at the status first.
 */
export class Answer {
  readonly status: number
  /** The body, as it came. */
  readonly text: string
  readonly headers: Headers
  readonly #body: Record<string, unknown>

  constructor(status: number, text: string, headers: Headers) {
    this.status = status
    this.text = text
    this.headers = headers
    this.#body = parse(text)
  }

  /** The error's code; undefined when the request succeeded. */
  get code(): string | undefined {
    return this.status === 200 ? undefined : String(this.#body.error)
  }

  /** In a few words, for a report. */
  get summary(): string {
    return this.code === undefined ? `${this.status}` : `${this.status} ${this.code}`
  }

  get body(): Record<string, unknown> {
    return this.#body
  }

  get details(): Record<string, unknown> {
    return (this.#body.details ?? {}) as Record<string, unknown>
  }

  /** The stale operations of a `stale_context`, and the missing ones of an `entity_not_found`. */
  get operations(): readonly StaleEntry[] {
    const { operations } = this.details
    if (!Array.isArray(operations)) {
      const received = this.#body.details
      throw new CheckFailure('the details of a refusal must list its operations', {
        expected: '{ operations: [...] }',
        received,
      })
    }
    return operations as StaleEntry[]
  }

  get row(): WireRow | null {
    return this.#member('row', (value) => typeof value === 'object') as WireRow | null
  }

  get rows(): readonly (WireRow | null)[] {
    return this.#member('rows', Array.isArray) as (WireRow | null)[]
  }

  /** The only row of an answer that must have one. */
  get only(): WireRow {
    const [row] = this.rows
    if (this.rows.length === 1 && row != null) return row
    throw new CheckFailure('the answer must have exactly one row', { expected: 1, received: this.rows })
  }

  get stamp(): number {
    return this.#member('stamp', Number.isSafeInteger) as number
  }

  get stamps(): readonly number[] {
    return this.#member('stamps', Array.isArray) as number[]
  }

  /** The stamp of the only operation, or of the last. */
  get lastStamp(): number {
    const stamp = this.stamps.at(-1)
    if (Number.isSafeInteger(stamp)) return stamp as number
    throw new CheckFailure('an applied operation must be answered with its stamp', {
      expected: 'a whole number',
      received: this.stamps,
    })
  }

  get notifications(): readonly StaleEntry[] {
    this.ok()
    return (this.#body.notifications ?? []) as StaleEntry[]
  }

  get events(): readonly WireEvent[] {
    return this.#member('events', Array.isArray) as WireEvent[]
  }

  get nextCursor(): string | undefined {
    this.ok()
    return (this.#body.nextCursor ?? undefined) as string | undefined
  }

  /** Whether the answer says that it is an earlier one again. */
  get replayed(): boolean {
    return this.headers.get('idempotent-replayed') === 'true'
  }

  /** The answer, which must not be a refusal. */
  ok(): this {
    if (this.status === 200) return this
    throw new CheckFailure('a proper request must succeed', { expected: '200', received: this.summary })
  }

  #member(name: string, fits: (value: unknown) => boolean): unknown {
    this.ok()
    const value = this.#body[name]
    if (value !== undefined && fits(value)) return value
    throw new CheckFailure(`the answer must have \`${name}\``, { expected: name, received: this.#body })
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body))
      return body as Record<string, unknown>
  } catch {
    // said below
  }
  throw new CheckFailure('an answer must be a JSON object', { expected: 'a JSON object', received: text })
}
