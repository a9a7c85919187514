import type { Adapter } from '../../src/core/adapter.ts'
import { defaultLimits } from '../../src/core/endpoint/limits.ts'
import { prepareWork } from '../../src/core/endpoint/work.ts'
import { parseRequest } from '../../src/core/protocol/request.ts'
import type { Schema } from '../../src/core/schema/define.ts'

export type WireScope = Readonly<Record<string, unknown>> | null

/** An operation as it stands in a request. */
export interface WireOperation {
  readonly type: 'CREATE' | 'UPDATE' | 'DELETE' | 'ARCHIVE' | 'UNARCHIVE'
  readonly model: string
  readonly id?: string | number
  readonly input?: Readonly<Record<string, unknown>>
  readonly readAt?: number
  readonly onStale?: string
  readonly transactionId?: string
}

export type WireRow = Record<string, unknown>

export interface Committed {
  readonly rows: (WireRow | null)[]
  readonly stamps: (number | null)[]
  readonly notifications?: WireRow[]
  readonly replayed: boolean
  /** The answer's own bytes. */
  readonly body: string
}

export interface Page {
  readonly rows: WireRow[]
  readonly stamps: number[]
  readonly stamp: number
  readonly nextCursor?: string
}

export interface WireEvent extends WireRow {
  readonly id: string
  readonly model: string
  readonly entityId: string
  readonly type: string
  readonly stamp: number
  readonly data: WireRow
  readonly changed?: string[]
}

/** Speaks to an adapter in the shapes of the wire, through the same parsing as the endpoint. */
export interface Caller {
  commit(
    operations: WireOperation | readonly WireOperation[],
    options?: { readonly key?: string; readonly intentHash?: string },
  ): Promise<Committed>
  load(model: string, id: string | number): Promise<{ row: WireRow | null; stamp: number }>
  list(model: string, query?: Readonly<Record<string, unknown>>): Promise<Page>
  /** All pages of a list. */
  listAll(model: string, query?: Readonly<Record<string, unknown>>): Promise<WireRow[]>
  events(
    cursor?: string,
    limit?: number,
    more?: {
      readonly models?: readonly string[]
      readonly from?: 'now'
      readonly acknowledgedThrough?: string
    },
  ): Promise<{ events: WireEvent[]; nextCursor: string; caughtUp: boolean }>
  /** The feed from the cursor (or from its beginning) until a page is empty. */
  feed(cursor?: string, limit?: number): Promise<WireEvent[]>
  /** The same source for another scope. */
  as(scope: WireScope): Caller
}

let keys = 0
/** A key that no other commit of this run has. */
export const freshKey = (): string => `key-${process.pid}-${keys++}`

export function caller(
  source: Adapter,
  schema: Schema,
  scope: WireScope = { organizationId: 'org_1' },
): Caller {
  const context = {
    tenant: (scope?.organizationId as string | undefined) ?? null,
    scope: (scope ?? {}) as object,
    requestId: 'test',
  }
  const limits = { ...defaultLimits, listMax: 100_000, operations: 10_000 }
  const prepare = (body: unknown) => prepareWork(parseRequest(body), context, { schema, limits })
  const events: Caller['events'] = async (cursor, limit = 1000, more = {}) => {
    const work = prepare({ type: 'events', cursor, limit, ...more })
    return JSON.parse(await source.events(work.request as never))
  }
  const list: Caller['list'] = async (model, query) => {
    const work = prepare({ type: 'list', model, query })
    return JSON.parse(await source.list(work.request as never))
  }
  return {
    async commit(operations, { key = freshKey(), intentHash } = {}) {
      const body = { type: 'commit', correlationId: key, intentHash, operations: [operations].flat() }
      const answer = await source.commit(prepare(body).request as never)
      return { ...JSON.parse(answer.body), replayed: answer.replayed, body: answer.body }
    },
    async load(model, id) {
      return JSON.parse(await source.load(prepare({ type: 'load', model, id }).request as never))
    },
    list,
    async listAll(model, query) {
      const rows: WireRow[] = []
      for (let cursor: string | undefined; ; ) {
        const page = await list(model, { ...query, cursor })
        rows.push(...page.rows)
        cursor = page.nextCursor
        if (cursor === undefined) return rows
      }
    },
    events,
    async feed(cursor, limit) {
      const all: WireEvent[] = []
      for (let at = cursor; ; ) {
        const page = await events(at, limit)
        if (page.events.length === 0) return all
        all.push(...page.events)
        at = page.nextCursor
      }
    },
    as: (other) => caller(source, schema, other),
  }
}
