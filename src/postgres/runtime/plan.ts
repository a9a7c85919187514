import type { CommitRequest, Operation } from '../../core/adapter.ts'
import { isJudged } from '../../core/rules/staleness.ts'
import type { BoundModels } from '../model/bound-model.ts'

/** A statement and its parameters. */
export interface Call {
  readonly text: string
  readonly values: readonly (string | null)[]
}

/** The functions compiled for one schema, by model and verb; `null` is the commit of several operations. */
export type FunctionName = (model: string | null, verb: string) => string

const ONE =
  '($1::text, $2::text, $3::text, $4::text, $5::text, $6::text::jsonb, $7::text::bigint, $8::text, $9::text, $10::text, $11::text)'
const MANY =
  '($1::text, $2::text, $3::text, $4::text, $5::text::jsonb, $6::text::jsonb, $7::text::jsonb, $8::text::int, $9::text::jsonb, $10::text, $11::text, $12::text::boolean)'

/** The log's spelling of the tenant: '' for none, because a key column takes no null. */
const tenantText = (tenant: string | null): string => tenant ?? ''

/**
 * The call that takes the idempotency key, or gives the answer that stands under it. Whoever holds the key may hang
 * (in a hook, or behind a line that nobody has noticed is dead): the compiled functions bound their waits themselves,
 * this statement and the transaction that it opens do it here.
 */
export function reserveCall(request: CommitRequest, schema: string, lockTimeoutMs: number): Call {
  return {
    text: `select set_config('lock_timeout', $5::text, true) as bounded,
  ${schema}.reserve($1::text, $2::text, $3::text, $4::text) as answer`,
    values: [
      tenantText(request.tenant),
      request.idempotencyKey,
      request.intent,
      request.intentHash,
      `${lockTimeoutMs}ms`,
    ],
  }
}

/** The call for a commit of one operation. */
export function callOne(request: CommitRequest, operation: Operation, functionName: FunctionName): Call {
  return {
    text: `select ${functionName(operation.model.name, operation.type.toLowerCase())}${ONE} as answer`,
    values: [
      tenantText(request.tenant),
      request.idempotencyKey,
      request.intent,
      request.intentHash,
      operation.id,
      JSON.stringify(operation.input),
      operation.readAt === null ? null : String(operation.readAt),
      operation.onStale,
      operation.transactionId,
      request.scope.participantId ?? null,
      request.scope.participantKind ?? null,
    ],
  }
}

/**
 * Rows of one model. `id` and `op` run parallel, a row once for each operation on it; behind them in `id` alone stand
 * rows that need not be there. `n` counts each row once.
 */
interface Lock {
  m: string
  del: boolean
  n: number
  id: string[]
  op: number[]
}

/** What was decided on which stamp, by all that such operations can have in common: `i`, `id` and `r` run parallel. */
interface Reads {
  m: string
  s: string
  t: string
  w: string
  /** The fields that a merge compares; none where a merge is not possible. */
  f: readonly (string | undefined)[] | undefined
  i: number[]
  id: string[]
  r: number[]
}

interface Group {
  m: string
  t: string
  i: number[]
  id: (string | null)[]
  d: unknown[]
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
): Call {
  const { operations } = request
  const transactions = operations.some(({ transactionId }) => transactionId !== null)
    ? JSON.stringify(operations.map(({ transactionId }) => transactionId))
    : null
  return {
    text: `select ${functionName(null, 'commit')}${MANY} as answer`,
    values: [
      tenantText(request.tenant),
      request.idempotencyKey,
      request.intent,
      request.intentHash,
      JSON.stringify(locks(operations)),
      JSON.stringify(reads(operations, request.tenant, models)),
      JSON.stringify(groups(operations)),
      String(operations.length),
      transactions,
      request.scope.participantId ?? null,
      request.scope.participantKind ?? null,
      String(strict),
    ],
  }
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

const rowOf = ({ model, id }: Operation): string => `${model.name}/${id}`

/**
 * Rows that must be there when the commit starts, which is what is not created earlier in it, and rows that are judged:
 * a CREATE that is held back leaves those behind it to the row that is there. Models by name, for the lock order.
 */
function locks(operations: readonly Operation[]): Lock[] {
  const created = new Set<string>()
  const named = new Set<string>()
  const byModel = new Map<string, Lock & { beside: string[] }>()
  for (const operation of operations) {
    const { type, model, id, index } = operation
    if (id === null) continue
    const row = rowOf(operation)
    const needed = type !== 'CREATE' && !created.has(row)
    if (type === 'CREATE') created.add(row)
    if (!needed && !isJudged(operation)) continue
    const lock = byModel.get(model.name) ?? { m: model.name, del: false, n: 0, id: [], op: [], beside: [] }
    byModel.set(model.name, lock)
    lock.del ||= type === 'DELETE'
    if (needed) {
      lock.id.push(id)
      lock.op.push(index)
    } else lock.beside.push(id)
    if (!named.has(row)) lock.n += 1
    named.add(row)
  }
  return [...byModel.values()]
    .sort((a, b) => (a.m < b.m ? -1 : 1))
    .map(({ beside, id, ...lock }) => ({ ...lock, id: [...id, ...beside] }))
}

function reads(operations: readonly Operation[], tenant: string | null, models: BoundModels): Reads[] {
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
      m: model.name,
      s: onStale,
      t: type,
      w: models.get(model.name)?.model.policy.by === 'none' ? '' : tenantText(tenant),
      f: fields,
      i: [],
      id: [],
      r: [],
    }
    sets.set(name, set)
    set.i.push(index)
    set.id.push(id)
    set.r.push(readAt)
  }
  return [...sets.values()]
}

/**
 * Sets of operations of one model and type on distinct rows, in an order with the same result as the one given.
 * Operations on different rows may change places, those on one row may not; and nothing moves across an operation on
 * a related model, whose foreign key it may be, across one that points at a row of its own model, or across a DELETE,
 * whose cascades reach rows that the commit does not name.
 */
function groups(operations: readonly Operation[]): Group[] {
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
    const row = rowOf(operation)
    const turn = turns.get(row) ?? 0
    if (operation.id !== null) turns.set(row, turn + 1)
    const name = `${section} ${turn} ${operation.model.name} ${operation.type}`
    const set = sets.get(name) ?? { m: operation.model.name, t: operation.type, i: [], id: [], d: [] }
    sets.set(name, set)
    set.i.push(operation.index)
    set.id.push(operation.id)
    set.d.push(operation.input)
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
