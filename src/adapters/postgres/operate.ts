import { SourceError } from '../../core/errors.ts'
import type { Model } from '../../core/schema/define.ts'
import { canonicalId } from '../../core/schema/kind.ts'
import type { OperationType } from '../../core/schema/model.ts'
import type { PostgresConnection, PostgresSession } from './connection.ts'
import type { FunctionName } from './plan.ts'

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
  readonly bytes: { readonly outbox: number; readonly ledger: number }
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
  'bytes', jsonb_build_object('outbox', pg_total_relation_size('${s}.outbox'), 'ledger', pg_total_relation_size('${s}.ledger'))
)::text as status from ${s}.horizon() as h(horizon)`,
    [],
  )
  return JSON.parse(row?.status as string) as FeedStatus
}

/** How much one call of `prune` does. */
export interface PruneOptions {
  /** Positions looked at in one step, each step its own transaction. Default 10,000. */
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

/** Compacts the outbox and drops keys past twice their retention, in small transactions. */
export async function prune(
  session: PostgresSession,
  s: string,
  options: PruneOptions = {},
): Promise<PruneReport> {
  const window = String(options.window ?? 10_000)
  let steps = options.steps ?? Number.POSITIVE_INFINITY
  let events = 0
  let keys = 0
  let prunedThrough = 0
  for (let more = true; more && steps > 0; steps -= 1) {
    const [row] = await session.query(
      `select p.pruned::text, coalesce(p.through, 0)::text as through, p.more::text from ${s}.prune_outbox($1::text::int) p`,
      [window],
    )
    events += Number(row?.pruned ?? 0)
    prunedThrough = Number(row?.through ?? 0)
    more = row?.more === 'true'
  }
  for (let batch = -1; batch !== 0; ) {
    const [row] = await session.query(`select ${s}.prune_ledger($1::text::int)::text as n`, [window])
    batch = Number(row?.n ?? 0)
    keys += batch
  }
  return { events, keys, prunedThrough }
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
export async function recordChange<Tx>(
  connection: PostgresConnection<Tx>,
  tx: Tx,
  change: Change,
  model: Model | undefined,
  functionName: FunctionName,
): Promise<number> {
  if (model === undefined)
    throw new SourceError('source_model_not_configured', `There is no model ${change.model}.`)
  if (model.capture)
    throw new SourceError(
      'source_adapter_misconfigured',
      `${model.name} is captured by triggers: the change is logged already.`,
    )
  if (connection.within === undefined)
    throw new SourceError('source_adapter_misconfigured', 'This adapter cannot join a transaction.')
  const id = canonicalId(model.primaryKey.kind, change.id)
  const changed =
    change.changed === undefined || change.type === 'CREATE' || change.type === 'DELETE'
      ? null
      : `{${change.changed
          .filter((name) => model.fields.has(name))
          .sort()
          .join(',')}}`
  const [row] = await connection
    .within(tx)
    .query(
      `select ${functionName(model.name, 'record')}($1::text, $2::text, $3::text::text[])::text as stamp`,
      [change.type, id, changed],
    )
  if (row?.stamp == null)
    throw new SourceError('entity_not_found', undefined, { details: { model: model.name, id: change.id } })
  return Number(row.stamp)
}

/** Remembers how far a named follower has read: pruning keeps everything after it. `position` null forgets the name. */
export async function acknowledge(
  session: PostgresSession,
  s: string,
  name: string,
  tenant: string | null,
  position: number | null,
): Promise<void> {
  if (position === null) await session.query(`delete from ${s}.follower where name = $1::text`, [name])
  else {
    await session.query(
      `insert into ${s}.follower as f (name, tenant, position) values ($1::text, $2::text, $3::text::bigint)
on conflict (name) do update set position = greatest(f.position, excluded.position), tenant = excluded.tenant, seen_at = now()`,
      [name, tenant ?? '', String(position)],
    )
  }
}
