import type {
  CommitAnswer,
  CommitRequest,
  LedgerEntry,
  LogEntry,
  Operation,
  RowValue,
  StoreTransaction,
  Target,
} from '../adapter.ts'
import { PosternError } from '../errors.ts'
import type { Model } from '../schema/define.ts'
import { compareText } from '../schema/exact.ts'
import { rowId } from '../schema/key.ts'
import { traitsOf } from '../schema/operation.ts'
import { rowAddress, tableOf } from '../schema/table.ts'
import { commitAnswer, rowOf } from './answer.ts'
import { changedFields } from './compare.ts'
import { timestampText } from './event.ts'
import { keyScope } from './participant.ts'
import { referredBy } from './references.ts'
import type { StaleReport } from './staleness.ts'
import { isJudged, judge, staleDetails } from './staleness.ts'

/** Rows in the words of a model, by `viewOf`: as they are now, null for "there is none", absent for "not looked at". */
type Rows = Map<string, RowValue | null>

/** Operations held back, by index, with what their caller is told. */
type Held = ReadonlyMap<number, StaleReport>

interface Applied {
  readonly operation: Operation
  readonly row: RowValue
  readonly changed: readonly string[] | null
}

/**
 * The rules of a commit, within one transaction of a store: reserve the key, lock the rows, judge staleness, refuse
 * what is missing, apply, append events, record the answer. `docs/commit-protocol.md` says why in this order; the
 * functions that the Postgres migration compiles follow the same rules, and a differential test holds them to it.
 *
 * @throws PosternError `idempotency_conflict`, `idempotency_key_expired`, `stale_context`, `entity_not_found`,
 *   `commit_too_large`, and the constraint violations of the store; then the transaction must be undone, the reserved key included.
 */
export async function commit(
  transaction: StoreTransaction,
  request: CommitRequest,
  models: ReadonlyMap<string, Model>,
  now: () => Date,
): Promise<CommitAnswer> {
  const recorded = await transaction.reserve(request.tenant, request.idempotencyKey)
  if (recorded !== null) return { body: replay(recorded, request), replayed: true }

  const rows = await lockRows(transaction, request)
  const held = await judgeAll(transaction, request, rows)
  refuseMissing(request.operations, rows, held)
  const applied = await applyAll(transaction, request, models, rows, held)

  const occurredAt = timestampText(now())
  const entries = applied.map((one) => entryOf(request, one, occurredAt))
  const positions = entries.length === 0 ? [] : await transaction.append(entries)
  const body = answerText(request, applied, positions, held)
  const { tenant, idempotencyKey: key, intent, intentHash } = request
  await transaction.complete({ tenant, key, intent, intentHash, body })
  return { body, replayed: false }
}

function replay(recorded: LedgerEntry, { intent, intentHash }: CommitRequest): string {
  if (recorded.expired) throw new PosternError('idempotency_key_expired')
  const bothSent = recorded.intentHash !== null && intentHash !== null
  if (recorded.intent !== intent || (bothSent && recorded.intentHash !== intentHash)) {
    throw new PosternError('idempotency_conflict')
  }
  return recorded.body
}

/** A row as a model shows it; `rowAddress` is the same for every model of its table. Model names hold no slash. */
const viewOf = (model: Model, id: string): string => `${model.name}/${id}`

/**
 * Locks, in one order for all commits, the rows that must be there before it and those whose history is judged. A
 * row that an earlier operation of the commit creates need not be there; a CREATE that says nothing about the past
 * has no row to wait for.
 */
async function lockRows(transaction: StoreTransaction, { tenant, operations }: CommitRequest): Promise<Rows> {
  const targets = new Map<string, Target>()
  const created = new Set<string>()
  for (const operation of operations) {
    const { model, id, type } = operation
    if (id === null) continue
    const address = rowAddress(model, id)
    if (isJudged(operation) || (traitsOf(type).needsRow && !created.has(address)))
      targets.set(viewOf(model, id), { model, id })
    if (!traitsOf(type).needsRow) created.add(address)
  }
  if (targets.size === 0) return new Map()
  const ordered = [...targets.values()].sort(
    (a, b) => compareText(tableOf(a.model), tableOf(b.model)) || compareText(a.id, b.id),
  )
  const found = await transaction.lock(tenant, ordered)
  return new Map(
    ordered.map(({ model, id }, at) => {
      const row = found[at] ?? null
      return [viewOf(model, id), row === null ? null : rowOf(model, row)]
    }),
  )
}

/** Judges every operation that carries a readAt, against the log as it was before this commit. */
async function judgeAll(transaction: StoreTransaction, request: CommitRequest, rows: Rows): Promise<Held> {
  const judged = request.operations.filter(isJudged)
  if (judged.length === 0) return new Map()
  const lastPosition = await transaction.lastPosition()
  const histories: (readonly LogEntry[])[] = []
  for (const { model, id, readAt } of judged) {
    // a readAt from another world says nothing about this log; the row's stamp is still to be told
    const since = readAt > lastPosition ? 0 : readAt
    histories.push(await transaction.changesSince(request.tenant, { model, id }, since))
  }
  // after the changes: what a pruning between the two reads took away must not pass for "nothing else changed"
  const prunedThrough = await transaction.prunedThrough()

  const held = new Map<number, StaleReport>()
  const rejected: StaleReport[] = []
  for (const [at, operation] of judged.entries()) {
    const changes = histories[at] ?? []
    const row = rows.get(viewOf(operation.model, operation.id)) ?? null
    const stamp = changes.at(-1)?.position ?? 0
    const verdict = judge(operation, {
      tenant: request.tenant,
      row,
      changes,
      stamp,
      lastPosition,
      prunedThrough,
    })
    if (verdict.does === 'hold') held.set(operation.index, verdict.report)
    if (verdict.does === 'reject') rejected.push(verdict.report)
  }
  if (rejected.length > 0)
    throw new PosternError('stale_context', undefined, { details: staleDetails(rejected) })
  return held
}

/** All that is missing is told at once; what an earlier operation was to create is only known once that was applied. */
function refuseMissing(operations: readonly Operation[], rows: Rows, held: Held): void {
  const created = new Set<string>()
  const missing: Operation[] = []
  for (const operation of operations) {
    const { index, type, model, id } = operation
    if (id === null) continue
    const address = rowAddress(model, id)
    if (!traitsOf(type).needsRow) created.add(address)
    else if (!held.has(index) && !created.has(address) && rows.get(viewOf(model, id)) === null)
      missing.push(operation)
  }
  if (missing.length > 0) throw notFound(missing)
}

function notFound(operations: readonly Operation[]): PosternError {
  const places = operations.map(({ index, model, id }) => ({ index, model: model.name, id }))
  return new PosternError('entity_not_found', undefined, { details: { operations: places } })
}

async function applyAll(
  transaction: StoreTransaction,
  { tenant, operations }: CommitRequest,
  models: ReadonlyMap<string, Model>,
  rows: Rows,
  held: Held,
): Promise<Applied[]> {
  const applied: Applied[] = []
  const writtenBy = new Map<string, Model>()
  for (const operation of operations) {
    if (held.has(operation.index)) continue
    const { model, id, type } = operation
    await refuseForeign(transaction, tenant, operation, models)
    const writer = id === null ? undefined : writtenBy.get(rowAddress(model, id))
    // what another model of the table wrote is not in this model's words
    if (writer !== undefined && writer !== model) await lookAgain(transaction, tenant, operation, rows)
    const result = await applyOne(transaction, tenant, operation)
    const row = rowOf(model, result)
    const view = viewOf(model, rowId(model, row))
    const before = rows.get(view) ?? null
    const { needsRow, removes } = traitsOf(type)
    const cameOrWent = !needsRow || removes || before === null
    applied.push({ operation, row, changed: cameOrWent ? null : changedFields(model, before, row) })
    rows.set(view, removes ? null : row)
    writtenBy.set(rowAddress(model, rowId(model, row)), model)
  }
  return applied
}

async function lookAgain(
  transaction: StoreTransaction,
  tenant: string | null,
  { model, id }: Operation,
  rows: Rows,
): Promise<void> {
  if (id === null) return
  const [row = null] = await transaction.lock(tenant, [{ model, id }])
  rows.set(viewOf(model, id), row === null ? null : rowOf(model, row))
}

/** A row of another tenant is no row to refer to, and the answer must not tell it from one that is missing. */
async function refuseForeign(
  transaction: StoreTransaction,
  tenant: string | null,
  operation: Operation,
  models: ReadonlyMap<string, Model>,
): Promise<void> {
  const referred = referredBy(operation, models)
  const targets = referred.flatMap(({ target }) => target ?? [])
  const kept = targets.length === 0 ? [] : await transaction.keep(tenant, targets)
  const missing = referred.find(({ target }) => target === null || kept[targets.indexOf(target)] !== true)
  if (missing === undefined) return
  const details = { operations: [{ index: operation.index, model: missing.model.name }] }
  throw new PosternError('entity_not_found', undefined, { details })
}

async function applyOne(
  transaction: StoreTransaction,
  tenant: string | null,
  operation: Operation,
): Promise<RowValue> {
  let row: RowValue | null
  try {
    row = await transaction.apply(tenant, operation)
  } catch (error) {
    throw error instanceof PosternError ? placed(error, operation) : error
  }
  if (row !== null) return row
  if (traitsOf(operation.type).needsRow) throw notFound([operation])
  throw placed(new PosternError('constraint_violation', 'The store suppressed the write.'), operation)
}

const constraintCodes: ReadonlySet<string> = new Set([
  'unique_violation',
  'foreign_key_violation',
  'not_null_violation',
  'check_violation',
  'constraint_violation',
])

/** A store's objection with the operation that met it, and with names only: its own details may carry values. */
function placed(error: PosternError, { index, model, id }: Operation): PosternError {
  const given = error.details ?? {}
  if (!constraintCodes.has(error.code)) return error
  const details = {
    index,
    model: model.name,
    ...(id !== null && { id }),
    ...(given.constraint !== undefined && { constraint: given.constraint }),
    ...(given.field !== undefined && { field: given.field }),
  }
  return new PosternError(error.code, error.message, { details, cause: error.cause })
}

function entryOf(request: CommitRequest, { operation, row, changed }: Applied, occurredAt: string): LogEntry {
  const { model, type, index, transactionId } = operation
  // what a tenant writes is the tenant's, unless it is nobody's
  const tenant = model.policy.by === 'none' ? null : request.tenant
  return {
    position: 0,
    model: model.name,
    entityId: rowId(model, row),
    type,
    tenant,
    keyScope: keyScope(request.tenant, tenant),
    data: row,
    changed,
    idempotencyKey: request.idempotencyKey,
    index,
    transactionId,
    participantId: request.scope.participantId ?? null,
    participantKind: request.scope.participantKind ?? null,
    occurredAt,
  }
}

/** Rows and stamps run parallel to the operations; a held operation is null in both. */
function answerText(
  { operations, answerBytes }: CommitRequest,
  applied: readonly Applied[],
  positions: readonly number[],
  held: Held,
): string {
  const rows: (RowValue | null)[] = operations.map(() => null)
  const stamps: (number | null)[] = operations.map(() => null)
  for (const [at, { operation, row }] of applied.entries()) {
    rows[operation.index] = row
    stamps[operation.index] = positions[at] ?? null
  }
  return commitAnswer(rows, stamps, [...held.values()], answerBytes)
}
