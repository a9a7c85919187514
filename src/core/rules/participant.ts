import { createHash } from 'node:crypto'
import type { LogEntry } from '../adapter.ts'

interface Participant {
  readonly participantId?: string
  readonly participantKind?: string
}

/** A tenant is not told who of another one wrote a row that both read, or that moved away from it. */
export function participantOf({
  idempotencyKey: key,
  keyScope,
  participantId,
  participantKind,
}: Pick<LogEntry, 'idempotencyKey' | 'keyScope' | 'participantId' | 'participantKind'>): Participant {
  if (key === null || keyScope !== null) return {}
  return {
    ...(participantId !== null && { participantId }),
    ...(participantKind !== null && { participantKind }),
  }
}

/** The same, for a tenant that asks by itself: what it wrote itself, it is told of rows of all tenants too. */
export function participantFor(tenant: string | null, entry: LogEntry): Participant {
  const isOwn = entry.tenant === null || entry.tenant === tenant
  if (!isOwn || entry.keyScope !== keyScope(tenant, entry.tenant)) return {}
  return participantOf({ ...entry, keyScope: null })
}

/**
 * Global rows are written under keys of tenants: a hash of the tenant tells those keys apart, because
 * every tenant reads the event. Null where the row's own tenant does.
 */
export function keyScope(tenant: string | null, rowTenant: string | null): string | null {
  if (tenant === null || rowTenant !== null) return null
  return `~${createHash('sha256').update(tenant).digest('hex').slice(0, 16)}`
}
