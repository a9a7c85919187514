import { Buffer } from 'node:buffer'
import type { ListRequest, RowValue } from '../adapter.ts'
import { PosternError } from '../errors.ts'
import type { Field, Model } from '../schema/define.ts'
import { rowId } from '../schema/key.ts'
import type { StaleReport } from './staleness.ts'

/**
 * The JSON texts of the answers (protocol, "Responses"), for stores whose rows are JavaScript values. One writer
 * for all of them: a replay gives back bytes, so the order of members is part of what was promised.
 */

/**
 * A row with exactly the model's fields, or those that were chosen, in schema order; what a store leaves out is null,
 * what it adds is dropped.
 */
export function rowOf(
  model: Pick<Model, 'fields'>,
  row: RowValue,
  select: Iterable<Field> = model.fields.values(),
): RowValue {
  return Object.fromEntries([...select].map(({ name }) => [name, row[name] ?? null]))
}

/** `{ row, stamp }` */
export function loadAnswer(model: Model, found: { row: RowValue | null; stamp: number }): string {
  return JSON.stringify({ row: found.row === null ? null : rowOf(model, found.row), stamp: found.stamp })
}

/** A page, of rows or of events, ends with the one that reaches this many bytes; the next page goes on from there. */
export const PAGE_BYTES = 16 * 1024 * 1024

/** The texts of as many as a page may have. */
export function pageOf<T>(all: readonly T[], textOf: (one: T) => string): string[] {
  const texts: string[] = []
  let bytes = 0
  for (const one of all) {
    if (bytes >= PAGE_BYTES) break
    const text = textOf(one)
    bytes += Buffer.byteLength(text)
    texts.push(text)
  }
  return texts
}

/** `{ rows, stamps, stamp, total?, nextCursor? }`; takes the one row too many that tells of a next page. */
export function listAnswer(
  request: ListRequest,
  found: { rows: readonly RowValue[]; stamps: readonly number[]; stamp: number },
  total?: number,
): string {
  const { model, limit, orderBy, select } = request
  const rows = pageOf(found.rows.slice(0, limit), (row) =>
    JSON.stringify({ ...rowOf(model, row, select), ...embedded(request, row) }),
  )
  const last = found.rows[rows.length - 1]
  const rest = JSON.stringify({
    stamps: found.stamps.slice(0, rows.length),
    stamp: found.stamp,
    ...(total !== undefined && { total }),
    ...(found.rows.length > rows.length &&
      last !== undefined && {
        nextCursor: request.cursorAfter(last[orderBy.name] ?? null, rowId(model, last)),
      }),
  })
  return `{"rows":[${rows.join(',')}],${rest.slice(1)}`
}

function embedded({ related }: ListRequest, row: RowValue): RowValue {
  return Object.fromEntries(
    related.map(({ name, model }) => {
      const value = row[name] ?? null
      if (Array.isArray(value)) return [name, value.map((member) => rowOf(model, member as RowValue))]
      return [name, value === null ? null : rowOf(model, value as RowValue)]
    }),
  )
}

/**
 * `{ rows, stamps, notifications? }`
 *
 * @throws PosternError `commit_too_large` for more bytes than `most`, before all of them are put together
 */
export function commitAnswer(
  rows: readonly (RowValue | null)[],
  stamps: readonly (number | null)[],
  notifications: readonly StaleReport[],
  most: number,
): string {
  let bytes = 0
  const text = (value: unknown): string => {
    const json = JSON.stringify(value)
    bytes += Buffer.byteLength(json)
    if (bytes > most) throw new PosternError('commit_too_large')
    return json
  }
  const told = notifications.length > 0 ? `,"notifications":[${notifications.map(text).join(',')}]` : ''
  const body = `{"rows":[${rows.map(text).join(',')}],"stamps":${text(stamps)}${told}}`
  if (Buffer.byteLength(body) > most) throw new PosternError('commit_too_large')
  return body
}
