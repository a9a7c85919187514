import type { Adapter } from '../adapter.ts'
import { PosternError } from '../errors.ts'
import { digestOf } from '../protocol/cursor.ts'
import type { Work } from './work.ts'

/**
 * Looks up where a page starts, when the value at which the one before ended was too long for its cursor.
 *
 * @throws PosternError `cursor_expired` when that row is gone or has another value by now
 */
export async function startOfPage(adapter: Adapter, work: Work): Promise<Work> {
  if (work.type !== 'list' || work.request.afterRow === undefined) return work
  const { afterRow, model, orderBy, tenant, scope, requestId, keyId, auth } = work.request
  const { id, sha256 } = afterRow
  // as the caller of the list: an adapter may go by what `authorize` answered
  const asked = { model, id, tenant, scope, requestId, keyId, auth }
  const { row } = JSON.parse(await adapter.load(asked)) as {
    row: Record<string, unknown> | null
  }
  const value = row?.[orderBy.name]
  if (typeof value !== 'string' || digestOf(value) !== sha256) {
    throw new PosternError(
      'cursor_expired',
      'The row at which the page before ended has changed: start again.',
    )
  }
  return { ...work, request: { ...work.request, after: { value, id }, afterRow: undefined } }
}
