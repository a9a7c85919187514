import type { CommitAnswer, CommitRequest } from '../../core/adapter.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { PosternError } from '../../core/errors.ts'
import type { TextRow } from '../connection.ts'
import type { BoundModels } from '../model/bound-model.ts'
import type { Frame } from '../sqlstate.ts'
import { codeWithin, DatabaseError, frameOf } from '../sqlstate.ts'

/** The body of a refusal other than `stale`. */
interface Verdict {
  code?: 'entity_not_found' | 'commit_too_large' | 'idempotency_conflict' | 'idempotency_key_expired'
  operations?: { index: number; model?: string; id?: string }[]
  sqlstate?: string
  index?: number | null
  model?: string
  constraint?: string | null
  column?: string | null
  table?: string | null
  message?: string
  context?: string | null
  hint?: string | null
}

/**
 * Reads what a commit function answers: a word, a space, and the body. Verdicts are values and not database errors,
 * because client libraries disagree about what they keep of an error.
 *
 * @throws PosternError for what was refused
 */
export function readAnswer(
  row: TextRow | undefined,
  request: CommitRequest,
  models: BoundModels,
  s: string,
): CommitAnswer {
  const { answer } = row as { answer: string }
  const space = answer.indexOf(' ')
  const body = answer.slice(space + 1)
  switch (answer.slice(0, space)) {
    case 'applied':
      return { body, replayed: false }
    case 'replayed':
      return { body, replayed: true }
    case 'stale':
      // the current rows travel as the database wrote them
      throw new PosternError('stale_context', undefined, { detailsJson: body })
    default:
      throw refused(body, request, models, s)
  }
}

function refused(text: string, request: CommitRequest, models: BoundModels, s: string): PosternError {
  const verdict = JSON.parse(text) as Verdict
  if (verdict.code !== undefined) {
    const operations = verdict.operations?.map(({ index, model, ...rest }) => ({
      index,
      model: model ?? request.operations[index]?.model.name,
      ...rest,
    }))
    return new PosternError(verdict.code, undefined, {
      details: operations === undefined ? undefined : { operations },
    })
  }
  return objection(verdict, request, models, s)
}

/** A constraint, a trigger or a type said no: which operation, which constraint, which field; never a value. */
function objection(verdict: Verdict, request: CommitRequest, models: BoundModels, s: string): PosternError {
  const state = verdict.sqlstate ?? ''
  const frame = frameOf(verdict.context ?? undefined, s)
  const code = codeWithin(state, frame)
  // what is checked at COMMIT may be nobody's fault in particular
  const operation = verdict.index == null ? undefined : request.operations[verdict.index]
  if (code === 'entity_not_found') {
    const model = state === 'PN405' ? (verdict.table ?? undefined) : operation?.model.name
    const id = state === 'PN405' ? {} : { id: operation?.id }
    return new PosternError(code, undefined, {
      details: { operations: [{ index: verdict.index, model, ...id }] },
    })
  }
  const bound = operation && models.get(operation.model.name)
  const field = bound?.fields.find(({ column }) => column.name === verdict.column)?.field.name
  return new PosternError(code, messageOf(state, code, frame), {
    cause: new DatabaseError(verdict.message ?? state, {
      code: state,
      constraint: verdict.constraint ?? undefined,
      table: verdict.table ?? undefined,
      column: verdict.column ?? undefined,
      hint: verdict.hint ?? undefined,
      function: frame?.function,
    }),
    details: {
      ...(operation === undefined ? {} : { index: operation.index, model: operation.model.name }),
      ...(operation?.id == null ? {} : { id: operation.id }),
      ...(verdict.constraint == null ? {} : { constraint: verdict.constraint }),
      ...(field === undefined ? {} : { field }),
    },
  })
}

function messageOf(state: string, code: ErrorCode, frame: Frame | undefined): string | undefined {
  // Postgres itself says 0A000 of a statement that a rule turned into something else
  if (state === 'PN409' || (state === '0A000' && frame?.raised !== true))
    return 'A trigger or rule of the database suppressed the write.'
  if (frame === undefined || code !== 'source_adapter_misconfigured') return undefined
  return `The application's function ${frame.function} failed (SQLSTATE ${state}). The function is to be mended: postern and its tables are in order.`
}
