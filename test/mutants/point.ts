/** A fault in the text of a statement, on its way to the database. */
export interface Edit {
  /** Only what stands behind the comment `-- point: <name>` in the statement is searched. */
  readonly point?: string
  /** Only statements that have this in them. */
  readonly where?: string
  /** Text, replaced everywhere behind the point, or an expression. */
  readonly find: string | RegExp
  readonly put: string
}

/** The statement with the edit in it; the same text where the edit does not fit. */
export function withEdit(statement: string, { point, where, find, put }: Edit): string {
  if (where !== undefined && !statement.includes(where)) return statement
  const mark = point === undefined ? undefined : `-- point: ${point}\n`
  const at = mark === undefined ? 0 : statement.indexOf(mark)
  if (at < 0) return statement
  const behind = statement.slice(at)
  const changed = typeof find === 'string' ? behind.replaceAll(find, () => put) : behind.replace(find, put)
  return statement.slice(0, at) + changed
}

/** What an edit is called when it fits nowhere. */
export const nameOf = ({ point, find }: Edit): string =>
  point === undefined ? String(find) : `${find} behind the point “${point}”`
