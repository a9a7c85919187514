import type { CommitAnswer, CommitRequest } from '../../core/adapter.ts'
import { PosternError } from '../../core/errors.ts'
import type { BoundModels } from '../model/bound-model.ts'
import { codeOf } from '../sqlstate.ts'

interface Verdict {
  code?: 'stale_context' | 'entity_not_found' | 'idempotency_conflict' | 'idempotency_key_expired'
  operations?: unknown[]
  sqlstate?: string
  index?: number | null
  model?: string
  constraint?: string | null
  column?: string | null
  table?: string | null
  message?: string
}

/**
 * Reads what a commit function answers: `A` and the body of a commit that was applied, `R` and the body of one that
 * was applied before, `E` and a verdict. Verdicts are values and not database errors, because client libraries
 * disagree about what they keep of an error.
 */
export function readAnswer(answer: string, request: CommitRequest, models: BoundModels): CommitAnswer {
  const body = answer.slice(1)
  if (answer[0] === 'E') throw refused(body, request, models)
  return { body, replayed: answer[0] === 'R' }
}

function refused(text: string, request: CommitRequest, models: BoundModels): PosternError {
  const verdict = JSON.parse(text) as Verdict
  if (verdict.code === 'stale_context') {
    // its current rows travel as the database wrote them
    return new PosternError(verdict.code, undefined, {
      detailsJson: `{${text.slice('{"code":"stale_context",'.length)}`,
    })
  }
  if (verdict.code !== undefined) {
    const { operations } = verdict
    return new PosternError(verdict.code, undefined, {
      details: operations === undefined ? undefined : { operations },
    })
  }
  return objection(verdict, request, models)
}

/** A constraint, a trigger or a type said no: which operation, which constraint, which field; never a value. */
function objection(verdict: Verdict, request: CommitRequest, models: BoundModels): PosternError {
  const state = verdict.sqlstate ?? ''
  const code = codeOf(state)
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
  return new PosternError(
    code,
    state === 'PN409' ? 'A trigger of the database suppressed the write.' : undefined,
    {
      details: {
        ...(operation === undefined ? {} : { index: operation.index, model: operation.model.name }),
        ...(operation?.id == null ? {} : { id: operation.id }),
        ...(verdict.constraint == null ? {} : { constraint: verdict.constraint }),
        ...(field === undefined ? {} : { field }),
      },
    },
  )
}
