import { PosternError } from '../../core/errors.ts'
import type { FeedPosition } from '../../core/protocol/cursor.ts'
import { canonicalKey } from '../../core/schema/key.ts'
import type { OperationType } from '../../core/schema/operation.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../connection.ts'
import { readCommitted } from '../connection.ts'
import type { BoundModel } from '../model/bound-model.ts'

/** What an operator looks at: how far the feed is, and what holds it. */
export interface FeedStatus {
  /** The last position given to a writer. */
  readonly position: number
  /** The position up to which followers can read: below `position` while writers are in flight. */
  readonly horizon: number
  /** Superseded events up to here may be gone. */
  readonly prunedThrough: number
  /** Writers that have taken positions and not ended, oldest position first. */
  readonly blockers: readonly Blocker[]
  /** Named cursors and how far behind `horizon` each is, in positions. */
  readonly followers: readonly {
    readonly name: string
    readonly position: number
    readonly behind: number
    readonly seenAt: string
  }[]
  /** Sizes on disk in bytes, indexes included. */
  readonly bytes: { readonly log: number; readonly ledger: number }
}

/** A writer in flight that the feed waits behind. */
export interface Blocker {
  /** The feed ends here while this writer is in flight. */
  readonly position: number
  readonly pid: number | null
  /** Names of prepared transactions, when it is one of them. */
  readonly prepared: string | null
  /** Seconds since its transaction began. */
  readonly ageSeconds: number | null
  readonly state: string | null
  readonly application: string | null
}

export async function feedStatus(session: PostgresSession, s: string): Promise<FeedStatus> {
  const [row] = await session.query(
    `select jsonb_build_object(
  'position', coalesce(pg_sequence_last_value('${s}.position_seq'), 0),
  'horizon', h.horizon,
  'prunedThrough', (select m.pruned_through from ${s}.meta m),
  'blockers', (select coalesce(jsonb_agg(jsonb_build_object('position', b.at_position, 'pid', b.pid, 'prepared', b.prepared,
    'ageSeconds', round(extract(epoch from clock_timestamp() - b.since)), 'state', b.state, 'application', b.application)
    order by b.at_position), '[]') from ${s}.blockers() b),
  'followers', (select coalesce(jsonb_agg(jsonb_build_object('name', f.name, 'position', f.position,
    'behind', greatest(h.horizon - f.position, 0), 'seenAt', f.seen_at) order by f.name), '[]') from ${s}.follower f),
  'bytes', jsonb_build_object('log', pg_total_relation_size('${s}.log'), 'ledger', pg_total_relation_size('${s}.ledger'))
)::text as status from ${s}.horizon() as h(horizon)`,
    [],
  )
  return JSON.parse(row?.status as string) as FeedStatus
}

/** How much one call of `prune` does. */
export interface PruneOptions {
  /** Positions looked at in one step, each step its own transaction. From 1; default 10,000. */
  window?: number
  /** Steps at most; undefined: until nothing is left to do. */
  steps?: number
}

/** What `prune` did: how many events and keys went, and up to which position the log is now pruned. */
export interface PruneReport {
  readonly events: number
  readonly keys: number
  readonly prunedThrough: number
}

/**
 * Compacts the log and drops keys past twice their retention, in small transactions.
 *
 * @throws PosternError `source_adapter_misconfigured` when window or steps are no such numbers; nothing is pruned then.
 */
export async function prune(
  connection: PostgresConnection,
  s: string,
  options: PruneOptions = {},
): Promise<PruneReport> {
  const { window = 10_000, steps = Number.POSITIVE_INFINITY } = options
  if (!Number.isInteger(window) || window < 1 || window > 2_147_483_647) {
    throw new PosternError(
      'source_adapter_misconfigured',
      `prune: window ${window}: use a whole number from 1 on`,
    )
  }
  if (!(steps >= 0)) {
    throw new PosternError('source_adapter_misconfigured', `prune: steps ${steps}: use a number from 0 on`)
  }
  const session = readCommitted(connection)
  const call = async (text: string): Promise<TextRow> =>
    (await session.query(text, [String(window)]))[0] ?? {}
  let events = 0
  let keys = 0
  for (let left = steps, more = true; more && left > 0; left -= 1) {
    const row = await call(`select p.pruned::text, p.more::text from ${s}.prune_log($1::text::int) p`)
    events += Number(row.pruned)
    more = row.more === 'true'
  }
  for (let batch = -1; batch !== 0; ) {
    batch = Number((await call(`select ${s}.prune_ledger($1::text::int)::text as n`)).n)
    keys += batch
  }
  // a step that found another at work does not say it
  const [mark] = await connection.query(`select m.pruned_through::text as through from ${s}.meta m`, [])
  return { events, keys, prunedThrough: Number(mark?.through) }
}

/** A change that the application made by itself. */
export interface Change {
  readonly model: string
  readonly id: string | number
  /** What happened to the row. For DELETE, say it before the row is deleted, in the same transaction. */
  readonly type: OperationType
  /** Fields that changed, for `merge`; leave it out when not known, and merging counts every field as changed. */
  readonly changed?: readonly string[]
}

/**
 * Logs a change inside the application's own transaction `tx`, so that feed and staleness know it. Not for models
 * with `capture: true`, whose triggers have logged it already.
 *
 * @returns the row's new stamp.
 */
export async function recordChange(
  session: PostgresSession,
  change: Change,
  bound: BoundModel | undefined,
  s: string,
): Promise<number> {
  if (bound === undefined)
    throw new PosternError('source_model_not_configured', `There is no model ${change.model}.`)
  const { model } = bound
  if (model.capture)
    throw new PosternError(
      'source_adapter_misconfigured',
      `${model.name} is captured by triggers: the change is logged already.`,
    )
  const id = canonicalKey(bound.model, change.id)
  const changed =
    change.changed === undefined || change.type === 'CREATE' || change.type === 'DELETE'
      ? null
      : `{${bound.fields
          .filter(({ field }) => change.changed?.includes(field.name))
          .map(({ column }) => column.attnum)
          .join(',')}}`
  const [row] = await session.query(
    `select ${s}."r${bound.rel}_record"($1::text, $2::text, $3::text::int2[])::text as stamp`,
    [change.type, id, changed],
  )
  if (row?.stamp == null)
    throw new PosternError('entity_not_found', undefined, { details: { model: model.name, id: change.id } })
  return Number(row.stamp)
}

/**
 * Remembers how far a named follower has read: pruning keeps everything after it. `at` null forgets the name.
 *
 * @throws PosternError `cursor_expired` for the cursor of another log: the name would let go of events that it has not
 *   read.
 */
export async function acknowledge(
  connection: PostgresConnection,
  s: string,
  name: string,
  tenant: string | null,
  at: FeedPosition | null,
): Promise<void> {
  // two that acknowledge, or one beside a writer, must not fail to serialize where that is the database's default
  const session = readCommitted(connection, true)
  if (at === null) {
    await session.query(`delete from ${s}.follower where name = $1::text`, [name])
    return
  }
  const [log] = await session.query(
    `select ${s}.cursor_verdict($1::text, $2::text::bigint, $3::text::bigint, $4::text) as verdict`,
    [at.epoch, String(at.position), String(at.base), at.mark],
  )
  if (log?.verdict != null) throw new PosternError('cursor_expired')
  await session.query(
    `insert into ${s}.follower as f (name, tenant, position) values ($1::text, $2::text, $3::text::bigint)
on conflict (name) do update set position = greatest(f.position, excluded.position), tenant = excluded.tenant, seen_at = now()`,
    [name, tenant ?? '', String(at.position)],
  )
}

/**
 * Gives the log a new name, so that every cursor ends with 410, and lets the next writer leave a gap, so that stamps of
 * a lost time are stale. For after a restore of any kind.
 *
 * @returns the new name.
 */
export async function renewLog(session: PostgresSession, s: string): Promise<string> {
  const [row] = await session.query(`select ${s}.renew_log() as name`, [])
  return row?.name as string
}
