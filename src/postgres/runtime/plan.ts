import type { CommitRequest, Operation } from '../../core/adapter.ts'
import { isJudged } from '../../core/rules/staleness.ts'
import type { BoundModels } from '../model/bound-model.ts'
import { call, manyParameters, oneParameters, reserveParameters } from '../parameters.ts'

/** A statement and its parameters. */
export interface Call {
  readonly text: string
  readonly values: readonly (string | null)[]
}

/** The functions compiled for one schema, by model and verb; `null` is the commit of several operations. */
export type FunctionName = (model: string | null, verb: string) => string

/** The log's spelling of the tenant: '' for none, because a key column takes no null. */
const tenantText = (tenant: string | null): string => tenant ?? ''

/**
 * The call that takes the idempotency key, or gives the answer that stands under it. Whoever holds the key may hang
 * (in a hook, or behind a line that nobody has noticed is dead): the compiled functions bound their waits themselves,
 * this statement and the transaction that it opens do it here.
 */
export function reserveCall(request: CommitRequest, schema: string, lockTimeoutMs: number): Call {
  const { text, values } = call(`${schema}.reserve`, reserveParameters, keyOf(request))
  return {
    // the wait is bounded before the function is called: without OFFSET the planner may do it after
    text: `select ${text} as answer from (select set_config('lock_timeout', $${values.length + 1}::text, true) offset 0) b`,
    values: [...values, `${lockTimeoutMs}ms`],
  }
}

const keyOf = (request: CommitRequest) => ({
  tenant: tenantText(request.tenant),
  key: request.idempotencyKey,
  intent: request.intent,
  intent_hash: request.intentHash,
})

/** @param alone whether the transaction is the endpoint's own. */
const commitOf = (request: CommitRequest, alone: boolean) => ({
  ...keyOf(request),
  participant_id: request.scope.participantId ?? null,
  participant_kind: request.scope.participantKind ?? null,
  most: String(request.answerBytes),
  alone: String(alone),
})

const answerOf = ({ text, values }: Call): Call => ({ text: `select ${text} as answer`, values })

/** The call for a commit of one operation. */
export function callOne(
  request: CommitRequest,
  operation: Operation,
  functionName: FunctionName,
  alone: boolean,
): Call {
  const { id, input, readAt, onStale, transactionId } = operation
  return answerOf(
    call(functionName(operation.model.name, operation.type.toLowerCase()), oneParameters, {
      ...commitOf(request, alone),
      id,
      input: JSON.stringify(input),
      read_at: readAt === null ? null : String(readAt),
      on_stale: onStale,
      transaction_id: transactionId,
    }),
  )
}

/**
 * Rows of one table. `ids` and `operations` run parallel, a row once for each operation on it; behind them in `ids`
 * alone stand rows that need not be there. `count` counts each row once.
 */
interface Lock {
  model: string
  rel: number
  delete: boolean
  count: number
  ids: string[]
  operations: number[]
}

/** What was decided on which stamp, by all that such operations can have in common; the arrays run parallel. */
interface Reads {
  model: string
  rel: number
  mode: string
  type: string
  /** The fields that a merge compares; none where a merge is not possible. */
  fields: readonly (string | undefined)[] | undefined
  indexes: number[]
  ids: string[]
  stamps: number[]
}

interface Group {
  model: string
  type: string
  indexes: number[]
  ids: (string | null)[]
  inputs: unknown[]
}

/**
 * The call for a commit of several operations: what to lock, what to judge, and sets of operations that one
 * statement can apply. `strict` applies one after the other instead and says which operation was refused.
 */
export function callMany(
  request: CommitRequest,
  models: BoundModels,
  functionName: FunctionName,
  strict: boolean,
  alone: boolean,
): Call {
  const { operations } = request
  const rels = (operation: Operation): number => models.get(operation.model.name)?.rel ?? 0
  return answerOf(
    call(functionName(null, 'commit'), manyParameters, {
      ...commitOf(request, alone),
      locks: JSON.stringify(locks(operations, rels)),
      reads: JSON.stringify(reads(operations, rels)),
      groups: JSON.stringify(groups(operations, rels)),
      own: own(operations, rels),
      count: String(operations.length),
      transactions: operations.some(({ transactionId }) => transactionId !== null)
        ? JSON.stringify(operations.map(({ transactionId }) => transactionId))
        : null,
      strict: String(strict),
    }),
  )
}

type Rels = (operation: Operation) => number

/** The rows that the commit writes: it tells them itself. See `own_rows` in signals.ts. */
function own(operations: readonly Operation[], rels: Rels): string {
  const named = operations.filter(({ id }) => id !== null)
  const rows = new Set(named.map((operation) => JSON.stringify(`${rels(operation)}:${operation.id}`)))
  return [...rows].map((row) => `,${row}`).join('')
}

/** Whether rows of one model may refer to rows of the other, as far as the schema says. */
function areRelated(one: Operation['model'], other: Operation['model']): boolean {
  if (one === other) return false
  const refers = (from: Operation['model'], to: Operation['model']): boolean =>
    (from.policy.by === 'parent' && from.policy.parent === to.name) ||
    [...from.relations.values()].some(({ model }) => model === to.name)
  return refers(one, other) || refers(other, one)
}

/** Whether the operation may point a row at another of its own model, as far as the schema says. */
function pointsAtOwn({ model, input }: Operation): boolean {
  const fields = [...model.relations.values()].filter((to) => to.model === model.name).map((to) => to.field)
  if (model.policy.by === 'parent' && model.policy.parent === model.name) fields.push(model.policy.fk)
  return fields.some((field) => input[field] != null)
}

/** A row's address: two models may stand on one table. */
const rowOf = (operation: Operation, rels: Rels): string => `${rels(operation)}/${operation.id}`

/**
 * Rows that must be there when the commit starts, which is what is not created earlier in it, and rows that are judged:
 * a CREATE that is held back leaves those behind it to the row that is there. Tables by number, for the lock order.
 */
function locks(operations: readonly Operation[], rels: Rels): Lock[] {
  const created = new Set<string>()
  const named = new Set<string>()
  const byTable = new Map<number, Lock & { beside: string[] }>()
  for (const operation of operations) {
    const { type, model, id, index } = operation
    if (id === null) continue
    const row = rowOf(operation, rels)
    const needed = type !== 'CREATE' && !created.has(row)
    if (type === 'CREATE') created.add(row)
    if (!needed && !isJudged(operation)) continue
    const rel = rels(operation)
    const lock = byTable.get(rel) ?? {
      model: model.name,
      rel,
      delete: false,
      count: 0,
      ids: [],
      operations: [],
      beside: [],
    }
    byTable.set(rel, lock)
    lock.delete ||= type === 'DELETE'
    if (needed) {
      lock.ids.push(id)
      lock.operations.push(index)
    } else lock.beside.push(id)
    if (!named.has(row)) lock.count += 1
    named.add(row)
  }
  return [...byTable.values()]
    .sort((a, b) => a.rel - b.rel)
    .map(({ beside, ids, ...lock }) => ({ ...lock, ids: [...ids, ...beside] }))
}

function reads(operations: readonly Operation[], rels: Rels): Reads[] {
  const sets = new Map<string, Reads>()
  for (const operation of operations) {
    if (!isJudged(operation)) continue
    const { index, model, id, readAt, onStale, type, input } = operation
    const fields =
      type === 'UPDATE'
        ? Object.keys(input)
        : type === 'DELETE' || type === 'CREATE'
          ? undefined
          : [model.archive?.name]
    const name = JSON.stringify([model.name, onStale, type, onStale === 'merge' ? fields : null])
    const set = sets.get(name) ?? {
      model: model.name,
      rel: rels(operation),
      mode: onStale,
      type,
      fields,
      indexes: [],
      ids: [],
      stamps: [],
    }
    sets.set(name, set)
    set.indexes.push(index)
    set.ids.push(id)
    set.stamps.push(readAt)
  }
  return [...sets.values()]
}

/**
 * Sets of operations of one model and type on distinct rows, in an order with the same result as the one given.
 * Operations on different rows may change places, those on one row may not; and nothing moves across an operation on
 * a related model, whose foreign key it may be, across one that points at a row of its own model, or across a DELETE,
 * whose cascades reach rows that the commit does not name.
 */
function groups(operations: readonly Operation[], rels: Rels): Group[] {
  const sets = new Map<string, Group>()
  let turns = new Map<string, number>()
  let seen = new Set<Operation['model']>()
  let section = 0
  let deleting = false
  let pointed = new Set<Operation['model']>()
  for (const operation of operations) {
    const { model } = operation
    const points = pointsAtOwn(operation)
    const meets = (other: Operation['model']): boolean =>
      other === model ? points || pointed.has(model) : areRelated(model, other)
    if ((operation.type === 'DELETE') !== deleting || [...seen].some(meets)) {
      deleting = operation.type === 'DELETE'
      pointed = new Set()
      section += 1
      turns = new Map()
      seen = new Set()
    }
    seen.add(model)
    if (points) pointed.add(model)
    const row = rowOf(operation, rels)
    const turn = turns.get(row) ?? 0
    if (operation.id !== null) turns.set(row, turn + 1)
    const name = `${section} ${turn} ${operation.model.name} ${operation.type}`
    const set = sets.get(name) ?? {
      model: operation.model.name,
      type: operation.type,
      indexes: [],
      ids: [],
      inputs: [],
    }
    sets.set(name, set)
    set.indexes.push(operation.index)
    set.ids.push(operation.id)
    set.inputs.push(operation.input)
  }
  const order = (name: string): number[] => name.split(' ', 2).map(Number)
  // later turns of a row after earlier ones, whatever other rows did; Map and sort keep first appearance within a turn
  return [...sets.entries()]
    .sort(([a], [b]) => {
      const [sectionA = 0, turnA = 0] = order(a)
      const [sectionB = 0, turnB = 0] = order(b)
      return sectionA - sectionB || turnA - turnB
    })
    .map(([, set]) => set)
}
