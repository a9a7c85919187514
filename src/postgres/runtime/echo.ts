import { Buffer } from 'node:buffer'
import { PosternError } from '../../core/errors.ts'
import type { Call } from './plan.ts'

/** Under which prefix the caller looks for its markers, as `@abloatai/ablo` does. */
const ECHO_PREFIX = 'ablo'
/** Bytes of a marker at most, as there. */
const MAX_BYTES = 256 * 1024

/**
 * The marker that a caller wants in the write-ahead log, when it wants one: `{ kind: 'postgres-wal', payload }`. It finds
 * it in its replication stream, between the rows of the commit, and so knows which commit they belong to.
 *
 * @throws PosternError `source_commit_echo_not_supported` for another kind, `source_commit_invalid` for a payload that
 *   is no text of 1 to 256 KiB
 */
export function echoPayload(echo: unknown): string | null {
  if (echo == null) return null
  const { kind, payload } = echo as { kind?: unknown; payload?: unknown }
  if (kind !== 'postgres-wal') throw new PosternError('source_commit_echo_not_supported')
  if (typeof payload !== 'string' || payload === '' || Buffer.byteLength(payload) > MAX_BYTES) {
    const message = 'The payload of an echo is a text of 1 byte to 256 KiB.'
    throw new PosternError('source_commit_invalid', message, { details: { pointer: '/echo/payload' } })
  }
  return payload
}

/**
 * The same call, with the marker written by the same statement, and so by the same transaction. Only for an answer that
 * is new: a refusal has nothing to confirm, and a replay was confirmed by its first commit.
 */
export function withEcho({ text, values }: Call, echo: unknown): Call {
  const payload = echoPayload(echo)
  if (payload === null) return { text, values }
  // without OFFSET the planner could run the commit twice
  return {
    text: `select c.answer, case when c.answer like 'applied %' then
  pg_logical_emit_message(true, '${ECHO_PREFIX}', $${values.length + 1}::text)::text end as echo
from (${text} offset 0) c`,
    values: [...values, payload],
  }
}
