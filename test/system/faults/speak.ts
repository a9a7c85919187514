import type { Adapter, CommitAnswer } from '../../../src/core/adapter.ts'
import { defaultLimits } from '../../../src/core/endpoint/limits.ts'
import { prepareWork } from '../../../src/core/endpoint/work.ts'
import { parseRequest } from '../../../src/core/protocol/request.ts'
import type { Schema } from '../../../src/core/schema/define.ts'

/** Speaks to an adapter in the shapes of the wire, through the same parsing as the endpoint. */
export interface Speaker {
  commit(key: string, operations: readonly object[]): Promise<CommitAnswer>
  load(model: string, id: string): Promise<{ row: Record<string, unknown> | null; stamp: number }>
  events(cursor?: string, limit?: number): Promise<{ events: FeedEvent[]; nextCursor: string }>
}

export interface FeedEvent {
  readonly id: string
  readonly model: string
  readonly entityId: string
  readonly type: string
  readonly stamp: number
  readonly data: Record<string, unknown>
  readonly changed?: readonly string[]
  readonly organizationId?: string
  readonly correlationId?: string
}

export function speak(source: Adapter, schema: Schema, tenant: string): Speaker {
  const scope = { organizationId: tenant }
  const prepare = (body: object) =>
    prepareWork(
      parseRequest({ ...body, scope }),
      { tenant, scope, requestId: 'test' },
      {
        schema,
        limits: defaultLimits,
      },
    ).request as never
  return {
    commit: async (key, operations) =>
      source.commit(prepare({ type: 'commit', correlationId: key, operations })),
    load: async (model, id) => JSON.parse(await source.load(prepare({ type: 'load', model, id }))),
    events: async (cursor, limit) =>
      JSON.parse(await source.events(prepare({ type: 'events', cursor, limit }))),
  }
}
