import type { CommitRequest, Operation } from '../../core/adapter.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { PosternError } from '../../core/errors.ts'
import type { PostgresSession } from '../connection.ts'
import type { BoundModel, BoundModels } from '../model/bound-model.ts'
import type { Column } from '../model/catalog.ts'
import { outputText } from '../model/column-types.ts'
import { decode, inexact } from '../model/column-values.ts'

/** Refusals that a single value can be the cause of. */
const byValue: ReadonlySet<ErrorCode> = new Set([
  'source_commit_invalid',
  'check_violation',
  'not_null_violation',
])

/**
 * The error with the field that caused it. Postgres names a column for some constraints; for a value that it cannot
 * read, that it would round, or that a domain refuses, it names none: then each value of the operation is tried alone.
 * It costs a round trip, on the way of a refusal only.
 */
export async function located(
  error: unknown,
  session: PostgresSession,
  request: CommitRequest,
  models: BoundModels,
  s: string,
): Promise<unknown> {
  if (!(error instanceof PosternError) || !byValue.has(error.code)) return error
  const { index, field, issues } = (error.details ?? {}) as {
    index?: number
    field?: string
    issues?: unknown
  }
  const operation = index === undefined ? undefined : request.operations[index]
  const bound = operation && models.get(operation.model.name)
  if (operation === undefined || bound === undefined || issues !== undefined) return error
  // what cannot be found out is no reason to lose the answer that is there
  const name = field ?? (await refusedField(session, bound, operation, s).catch(() => undefined))
  if (name === undefined) return error
  const pointer = `/operations/${operation.index}/input/${name}`
  const message = `${pointer}: ${why[error.code] ?? 'is refused by the database'}`
  const details = { ...error.details, field: name, issues: [{ pointer, message: why[error.code] }] }
  return new PosternError(error.code, message, { details, cause: error.cause })
}

const why: Partial<Record<ErrorCode, string>> = {
  source_commit_invalid: 'the column cannot keep this value exactly as it was sent',
  check_violation: 'a check of the database refused this value',
  not_null_violation: 'a value is required',
}

async function refusedField(
  session: PostgresSession,
  bound: BoundModel,
  operation: Operation,
  s: string,
): Promise<string | undefined> {
  const sent = bound.fields.filter(({ field }) => operation.input[field.name] != null)
  if (sent.length === 0) return undefined
  const [row] = await session.query(
    `select ${s}.first_refused($1::text::jsonb, array(select jsonb_array_elements_text($2::text::jsonb)), array(select jsonb_array_elements_text($3::text::jsonb))) as field`,
    [
      JSON.stringify(operation.input),
      JSON.stringify(sent.map(({ field }) => field.name)),
      JSON.stringify(sent.map(({ field, column }) => check(column, field.name))),
    ],
  )
  return row?.field ?? undefined
}

/** True when the column would keep another value; it raises when the column, or its domain, cannot take the value. */
function check(column: Column, name: string): string {
  const lost = inexact(column, '$1', name) ?? 'false'
  // written out, or the cast would be skipped as not needed
  return `${lost} or ${outputText(`(${decode(column, '$1', name)})::${column.declared}`)} is null`
}
