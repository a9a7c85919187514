import type { Change, ModelName, Sent, Values } from './world.ts'

/**
 * The rules of a commit, said once more and as shortly as they can be: a map of rows, a list of changes, a map of
 * keys. Nothing of the library is used. Pure: the state goes in, the verdict comes out.
 */
export interface State {
  /** By `model/id`; the tenant is '' for rows of nobody. */
  readonly rows: Map<string, { tenant: string; values: Values }>
  readonly changes: Change[]
  /** By `tenant key`. */
  readonly ledger: Map<string, { intent: string; answer: Answer }>
  /** Positions up to which changes may have been compacted away. */
  prunedThrough: number
}

export const emptyState = (): State => ({
  rows: new Map(),
  changes: [],
  ledger: new Map(),
  prunedThrough: 0,
})

/** What a caller of a commit learns. Without positions: those are the log's to give. */
export type Verdict = Answer | Refusal

export interface Answer {
  readonly code: 'ok'
  /** One an operation; null where it was held back. */
  readonly rows: readonly (Values | null)[]
  readonly notes: readonly Stale[]
  readonly replayed: boolean
}

export interface Refusal {
  readonly code: 'stale_context' | 'entity_not_found' | 'unique_violation' | 'idempotency_conflict'
  /** Which operations. */
  readonly stale?: readonly Stale[]
  readonly indexes?: readonly number[]
}

export interface Stale {
  readonly index: number
  readonly stamp: number
  readonly reason: string
  readonly changed: readonly string[] | null
  readonly current: Values | null
}

export interface Commit {
  readonly tenant: string
  readonly key: string
  readonly operations: readonly Sent[]
}

/** A change that the commit makes, before it has its position. */
export type Effect = Omit<Change, 'position' | 'key' | 'key_scope'>

export const ownerOf = (model: ModelName, tenant: string): string => (model === 'shared' ? '' : tenant)
const at = ({ model, id }: { model: string; id: string }): string => `${model}/${id}`
const intentOf = ({ operations }: Commit): string => JSON.stringify(operations)

/** Judges a commit against a state, and says what it would change. The state stays as it is. */
export function judge(state: State, commit: Commit): { verdict: Verdict; effects: readonly Effect[] } {
  const refuse = (verdict: Refusal) => ({ verdict, effects: [] })
  const known = state.ledger.get(`${commit.tenant} ${commit.key}`)
  if (known !== undefined) {
    if (known.intent !== intentOf(commit)) return refuse({ code: 'idempotency_conflict' })
    return { verdict: { ...known.answer, replayed: true }, effects: [] }
  }

  const rows = new Map([...state.rows])
  const visible = (operation: Sent): Values | null => {
    const row = rows.get(at(operation))
    return row?.tenant === ownerOf(operation.model, commit.tenant) ? row.values : null
  }

  const notes: Stale[] = []
  const rejected: Stale[] = []
  for (const [index, operation] of commit.operations.entries()) {
    const stale = staleness(state, commit.tenant, operation, visible(operation))
    if (stale !== null) (operation.onStale === 'notify' ? notes : rejected).push({ index, ...stale })
  }
  if (rejected.length > 0) return refuse({ code: 'stale_context', stale: rejected })
  const held = new Set(notes.map(({ index }) => index))

  const created = new Set<string>()
  const missing: number[] = []
  for (const [index, operation] of commit.operations.entries()) {
    if (operation.type === 'CREATE') created.add(at(operation))
    else if (!held.has(index) && !created.has(at(operation)) && visible(operation) === null)
      missing.push(index)
  }
  if (missing.length > 0) return refuse({ code: 'entity_not_found', indexes: missing })

  const effects: Effect[] = []
  for (const [index, operation] of commit.operations.entries()) {
    if (held.has(index)) continue
    const before = visible(operation)
    if (operation.type === 'CREATE' && rows.has(at(operation)))
      return refuse({ code: 'unique_violation', indexes: [index] })
    if (operation.type !== 'CREATE' && before === null)
      return refuse({ code: 'entity_not_found', indexes: [index] })
    const values = { ...before, id: operation.id, ...operation.input }
    const tenant = ownerOf(operation.model, commit.tenant)
    if (operation.type === 'DELETE') rows.delete(at(operation))
    else rows.set(at(operation), { tenant, values })
    effects.push({
      tenant,
      model: operation.model,
      id: operation.id,
      type: operation.type,
      data: values,
      changed: operation.type === 'UPDATE' ? differing(before as Values, values) : null,
      index,
    })
  }
  const answer: Answer = {
    code: 'ok',
    rows: commit.operations.map((_, index) => effects.find((effect) => effect.index === index)?.data ?? null),
    notes,
    replayed: false,
  }
  return { verdict: answer, effects }
}

/** Makes an accepted commit part of the state, under the positions that the log gave to its effects. */
export function accept(
  state: State,
  commit: Commit,
  answer: Answer,
  effects: readonly Effect[],
  positions: readonly number[],
): void {
  for (const [n, effect] of effects.entries())
    record(state, { ...effect, position: positions[n] as number, key: commit.key, key_scope: null })
  state.ledger.set(`${commit.tenant} ${commit.key}`, { intent: intentOf(commit), answer })
}

/** A change that is a fact, whoever made it. */
export function record(state: State, change: Change): void {
  state.changes.push(change)
  if (change.type === 'DELETE') state.rows.delete(at(change))
  else state.rows.set(at(change), { tenant: change.tenant, values: change.data })
}

function staleness(
  state: State,
  tenant: string,
  operation: Sent,
  current: Values | null,
): Omit<Stale, 'index'> | null {
  const { readAt, onStale, type } = operation
  if (readAt === undefined || onStale === 'overwrite') return null
  const owner = ownerOf(operation.model, tenant)
  const own = state.changes.filter((change) => at(change) === at(operation) && change.tenant === owner)
  const stamp = own.at(-1)?.position ?? 0
  // beyond every position that any log of these tests comes to
  if (readAt >= BEYOND) return { stamp, reason: 'unknown_position', changed: null, current }
  const missed = own.filter(({ position }) => position > readAt)
  if (missed.length === 0) return null
  const reason =
    current === null
      ? 'deleted'
      : type === 'CREATE' || missed.some((change) => change.type === 'CREATE')
        ? 'created'
        : 'changed'
  const whole = missed.some(({ changed }) => changed === null) || readAt < state.prunedThrough
  const changed = whole ? null : [...new Set(missed.flatMap((change) => change.changed ?? []))].sort()
  const meets =
    changed === null || type !== 'UPDATE' || changed.some((name) => name in (operation.input ?? {}))
  if (onStale === 'merge' && reason === 'changed' && !meets) return null
  return { stamp, reason, changed, current }
}

const differing = (before: Values, after: Values): string[] =>
  Object.keys(after)
    .filter((name) => before[name] !== after[name])
    .sort()

/** A readAt that no log of these tests reaches. */
export const BEYOND = 2 ** 40
