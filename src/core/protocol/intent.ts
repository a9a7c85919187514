import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'

/** What `commitIntent` reads of an operation; anything else on it is no part of the intent. */
export interface IntentOperation {
  readonly type: string
  readonly model: string
  readonly id?: string | null | undefined
  readonly input?: Readonly<Record<string, unknown>> | null | undefined
  readonly readAt?: number | null | undefined
  readonly onStale?: string | null | undefined
}

/** The two vocabularies for one rule: a retry through another version of the caller is still the same intent. */
const STALE_RULES: Readonly<Record<string, string>> = { force: 'overwrite', flag: 'notify' }

/**
 * The hash that tells whether two commits under one idempotency key ask for the same thing: SHA-256 in base64url
 * over the canonical JSON (RFC 8785) of tenant and operations. The order of members does not count, the order of
 * operations does.
 *
 * Of each operation type, model, id, input, readAt and onStale count. What changes nothing that is asked for does
 * not: `transactionId`, members this version does not know, `null` for an absent member, `onStale` where there is
 * no `readAt` to be stale against, `reject` spelled out where it is the default, and an alias for its rule.
 *
 * @param tenant the organization id, or `null` where there is none
 * @throws Error when a value has no JSON form (a number that is not finite, a lone surrogate); nothing that came
 *   through `decodeJson` has one
 * @example
 * commitIntent('org_1', [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { status: 'done' }, readAt: 17 }])
 */
export function commitIntent(
  tenant: string | null | undefined,
  operations: readonly IntentOperation[],
): string {
  const meaning = [tenant ?? null, operations.map(meaningOf)]
  return createHash('sha256')
    .update(canonicalize(meaning) ?? '')
    .digest('base64url')
}

function meaningOf({ type, model, id, input, readAt, onStale }: IntentOperation): object {
  const rule = readAt === undefined || readAt === null ? undefined : (STALE_RULES[onStale ?? ''] ?? onStale)
  return {
    type,
    model,
    id: id ?? undefined,
    input: input ?? undefined,
    readAt: readAt ?? undefined,
    onStale: rule === 'reject' ? undefined : (rule ?? undefined),
  }
}
