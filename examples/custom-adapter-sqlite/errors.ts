import { type ErrorCode, type Model, PosternError } from 'postern'

/** Extended result codes of SQLite, https://www.sqlite.org/rescode.html */
const codes: Readonly<Record<number, ErrorCode>> = {
  275: 'check_violation',
  787: 'foreign_key_violation',
  1299: 'not_null_violation',
  1555: 'unique_violation',
  2067: 'unique_violation',
  2579: 'unique_violation',
  3091: 'check_violation',
}

/** SQLITE_CONSTRAINT and SQLITE_MISMATCH: the low byte of an extended code is its class. */
const CONSTRAINT = 19
const MISMATCH = 20

/**
 * An error of SQLite as the protocol tells it. Its message names columns and constraints and no values, but is not
 * passed on as it is: only the names are taken out of it.
 */
export function objectionOf(error: unknown, model: Model): unknown {
  const { errcode, message } = error as { errcode?: number; message?: string }
  if (errcode === undefined) return error
  const code = codes[errcode]
  if (code === undefined) {
    if ((errcode & 0xff) === CONSTRAINT)
      return new PosternError('constraint_violation', undefined, { cause: error })
    if ((errcode & 0xff) === MISMATCH)
      return new PosternError('source_commit_invalid', undefined, { cause: error })
    return error
  }
  const [, named] = /constraint failed: (.+)$/.exec(message ?? '') ?? []
  if (code === 'not_null_violation') {
    const field = [...model.fields.values()].find(({ column }) => named?.endsWith(`.${column}`))
    return new PosternError(code, undefined, { details: { field: field?.name }, cause: error })
  }
  return new PosternError(code, undefined, { details: { constraint: named }, cause: error })
}
