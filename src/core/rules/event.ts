import type { LogEntry, RowValue } from '../adapter.ts'
import type { Model } from '../schema/define.ts'
import type { OperationType } from '../schema/operation.ts'
import { rowOf } from './answer.ts'
import { participantOf } from './participant.ts'

/** A change as followers of the feed get it (protocol, "Responses"). */
export interface ChangeEvent {
  /** The same for every delivery of this change, and of no other; see `eventId`. */
  readonly id: string
  /** Of the shape of an event. */
  readonly version: 1
  readonly model: string
  readonly entityId: string
  readonly type: OperationType
  /** The row after the change; for a DELETE the row as it was. */
  readonly data: RowValue
  /** The tenant of the row; absent for models of policy `none`. */
  readonly organizationId?: string
  /** The idempotency key of the commit, under both of its names; absent for a write that bypassed the endpoint. */
  readonly clientTxId?: string
  readonly correlationId?: string
  readonly transactionId?: string
  /** Who sent the commit, where it said so; absent where the key is, and on rows that all tenants read. */
  readonly participantId?: string
  readonly participantKind?: string
  /** Milliseconds since 1970. For people: order is `stamp`. */
  readonly occurredAt: number
  /** The same time as RFC 3339 in UTC, with microseconds. */
  readonly at: string
  /** The position of the change, which is the row's stamp from then on. */
  readonly stamp: number
  /** Names of the fields whose value changed; absent when the row came or went. */
  readonly changed?: readonly string[]
}

/**
 * The wire form of a log entry. `model` puts the row's fields in schema order.
 *
 * @param first whether it is the first model of its table: one change is told under each, and each is an event of its own.
 */
export function eventOf(model: Model, entry: LogEntry, first: boolean): ChangeEvent {
  const { tenant, idempotencyKey: key, transactionId, changed, occurredAt } = entry
  return {
    id: first ? eventId(entry) : `${eventId(entry)}~${model.name}`,
    version: 1,
    model: entry.model,
    entityId: entry.entityId,
    type: entry.type,
    data: rowOf(model, entry.data),
    ...(tenant !== null && { organizationId: tenant }),
    ...(key !== null && { clientTxId: key, correlationId: key }),
    ...(transactionId !== null && { transactionId }),
    ...participantOf(entry),
    occurredAt: Date.parse(occurredAt),
    at: occurredAt,
    stamp: entry.position,
    ...(changed !== null && { changed }),
  }
}

/**
 * `key:index`, so that the caller of a commit knows the ids of its events beforehand; behind it the tenant whose key
 * it is, because two tenants may use one key: `@org_1` on that tenant's rows, a hash of it on rows of nobody. A
 * write that bypassed the endpoint has no key: its position names it, `@17`.
 */
export function eventId({
  idempotencyKey: key,
  index,
  keyScope,
  tenant,
  position,
}: Pick<LogEntry, 'idempotencyKey' | 'index' | 'keyScope' | 'tenant' | 'position'>): string {
  if (key === null) return `@${position}`
  if (keyScope !== null) return `${key}:${index}@${keyScope}`
  return tenant === null ? `${key}:${index}` : `${key}:${index}@${quoted(tenant)}`
}

/** Keeps the separators of an id out of the tenant's name. */
const quoted = (tenant: string): string =>
  tenant.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll('@', '%40').replaceAll('~', '%7E')

/** `{ events, nextCursor, caughtUp }` */
export function eventsAnswer(events: readonly string[], nextCursor: string, caughtUp: boolean): string {
  return `{"events":[${events.join(',')}],"nextCursor":${JSON.stringify(nextCursor)},"caughtUp":${caughtUp}}`
}

/** A point in time as it travels: RFC 3339 in UTC with six digits of a second. */
export const timestampText = (time: Date): string => `${time.toISOString().slice(0, -1)}000Z`
