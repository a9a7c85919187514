import type { ListAllOptions, ListQuery, Page } from './caller.ts'

/** A row of a walk, and its stamp. */
interface Listed {
  readonly row: never
  readonly stamp: number
}

/**
 * Every row of a query, page after page.
 *
 * @param stuck the error for an answer that leads back to its own cursor: without it the walk would not end
 */
export async function* listAll(
  list: (query: ListQuery) => Promise<Page<never>>,
  query: ListQuery,
  { onProgress }: ListAllOptions,
  stuck: () => Error,
): AsyncGenerator<Listed, void, undefined> {
  let { cursor } = query
  let rows = 0
  let total: number | undefined
  for (let pages = 1; ; pages++) {
    const page = await list({ ...query, cursor })
    if (page.nextCursor !== undefined && page.nextCursor === cursor) throw stuck()
    cursor = page.nextCursor
    rows += page.rows.length
    total ??= page.total
    await onProgress?.({ rows, pages, total, cursor })
    for (const [index, row] of page.rows.entries()) yield { row, stamp: page.stamps[index] ?? page.stamp }
    if (cursor === undefined) return
  }
}

/** A query as it is sent. Where a page starts and how long it is narrows nothing: these two may be undefined. */
export function sentQuery({ cursor, limit, ...guards }: ListQuery): object {
  return {
    ...guards,
    ...(cursor !== undefined && { cursor }),
    ...(limit !== undefined && { limit }),
  }
}
