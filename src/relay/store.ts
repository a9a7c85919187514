import { PosternError } from '../core/errors.ts'
import type { TextRow } from '../postgres/connection.ts'
import { readCommitted } from '../postgres/connection.ts'
import { installSchema } from '../postgres/naming.ts'
import type { ModelWords } from '../postgres/runtime/entry.ts'
import { dictionaryOf, eventsCall, pageOf } from '../postgres/runtime/entry.ts'
import type { AdapterParts } from '../postgres/runtime/parts.ts'
import { partsOf } from '../postgres/runtime/parts.ts'
import { toPosternError } from '../postgres/sqlstate.ts'
import type { Failing } from './state.ts'

/** Where a relay stands in the log; see `FeedPosition`. */
export interface RelayCursor {
  /** The incarnation of the log; null before the first page. */
  readonly epoch: string | null
  readonly position: number
  readonly base: number
  readonly mark: string
}

/** What a relay was told when it became the one that delivers. */
export interface RelayLease {
  /** Outdates every holder before: each write of a holder names it, and none of an older one counts. */
  readonly fence: string
  readonly cursor: RelayCursor
  /** Names this walk over the log; see `RelayBatch.run`. */
  readonly run: string
  /** The batch that fails; null when none does. */
  readonly failing: Failing | null
  /** How long that batch has to wait still, in milliseconds. */
  readonly waitMs: number
  /** Another process had the lease before, and ended without giving it back: it may have died of the batch. */
  readonly orphaned: boolean
}

/** What a holder is told with each heartbeat. */
export interface RelayNews {
  /** How often the head of the line has failed. 0, after a failure: an operator asked to try again at once. */
  readonly attempt: number
  /** How long it has to wait still, in milliseconds. */
  readonly waitMs: number
  /** Dead letters wait for being sent again, and are due. */
  readonly queued: boolean
}

export interface RelayEvent {
  /** The event as it travels, JSON text. */
  readonly text: string
  readonly id: string
  readonly position: number
  readonly model: string
  readonly entityId: string
  /** Its row has a dead letter: it may not be sent before that one. */
  readonly parked: boolean
}

/** An event of a page. */
export interface PageEvent extends RelayEvent {
  /** The fingerprint of its entry, for a cursor that stands behind it. */
  mark(): string
}

export interface RelayPage {
  readonly verdict: 'cursor_expired' | null
  readonly epoch: string
  /** The log was read up to here, where an entry of this fingerprint stands. */
  readonly through: number
  readonly mark: string
  /** Superseded events up to here may be gone. */
  readonly pruned: number
  readonly events: readonly PageEvent[]
  /** Dead letters wait for being sent again, and are due. */
  readonly queued: boolean
}

/** An event that becomes a dead letter. */
export interface Buried extends RelayEvent {
  /** How often it was sent; 0: it stands behind a dead letter of its row. */
  readonly attempts: number
  readonly error: string
}

/** A dead letter on its way again. */
export interface QueuedLetter extends RelayEvent {
  readonly letter: string
  /** The incarnation of the log that it is from. */
  readonly epoch: string
  /** How often it was sent before it was asked for. */
  readonly attempts: number
  /** How often it was sent since, each time by a process that ended before it could say how that went. */
  readonly tries: number
}

/** Runs one statement under read committed, whatever the database's default: a fence is looked at afresh. */
export type Run = (text: string, values: readonly (string | null)[]) => Promise<readonly TextRow[]>

/** The database behind the adapter of a relay: how statements are run, and our own schema there. */
export interface RelayDatabase {
  readonly run: Run
  readonly s: string
}

/** @throws PosternError `source_adapter_misconfigured` for an adapter that is not on Postgres. */
export function relayDatabase(adapter: object): RelayDatabase {
  const parts = typeof adapter === 'object' && adapter !== null ? partsOf(adapter) : undefined
  if (parts === undefined)
    throw new PosternError('source_adapter_misconfigured', 'A relay needs an adapter on Postgres.')
  return { run: runner(parts), s: installSchema(parts.options) }
}

const runner = ({ connection }: AdapterParts): Run => {
  const session = readCommitted(connection, true)
  return (text, values) =>
    session.query(text, values).catch((error: unknown) => {
      throw toPosternError(error, false)
    })
}

/** For a batch of which an older version wrote down no number of events. */
const ANY = 10_000

/** The name under which a relay's cursor holds pruning back. */
export const followerOf = (name: string): string => `relay:${name}`

/** How long a relay's batch has to wait still, in milliseconds; the database's clock and no other decides. */
const waitMs = (relay: string): string =>
  `coalesce(greatest(ceil(extract(epoch from ${relay}.retry_at - clock_timestamp()) * 1000), 0), 0)::bigint::text`

const milliseconds = (parameter: string): string => `${parameter}::text::bigint * interval '1 millisecond'`

/** The words of the schema version that was installed last, one model of each table: a position is one delivery. */
async function words(run: Run, s: string): Promise<readonly ModelWords[]> {
  const rows = await run(
    `select distinct on (m.rel) (m.words || jsonb_build_object('name', m.name, 'rel', m.rel))::text as words
from ${s}.model m order by m.rel, m.compiled_at desc, m.name`,
    [],
  )
  return rows.map((row) => JSON.parse(row.words as string) as ModelWords)
}

/** What a relay asks of the database and writes there. Whoever has a lease writes; an older fence writes nothing. */
export interface RelayStore {
  /** Makes the relay known, from the log's beginning or from now on, and holds pruning for it; leaves a known one. */
  open(from: 'beginning' | 'now'): Promise<void>
  /** Becomes the one that delivers, unless somebody else is. */
  acquire(holder: string, leaseMs: number): Promise<RelayLease | { readonly disabled: string } | null>
  /** Goes on being that. Null: somebody else is. */
  renew(fence: string, leaseMs: number): Promise<RelayNews | null>
  release(fence: string): Promise<void>
  page(cursor: RelayCursor, limit: number): Promise<RelayPage>
  /**
   * Moves the cursor. False, here and below: somebody else delivers by now, and nothing was written. `again`: nothing was
   * either, since the dead letters that an event would have been buried behind are gone; read the page once more.
   */
  advance(
    fence: string,
    leaseMs: number,
    cursor: RelayCursor,
    passed: { delivered: number; buried: readonly Buried[] },
  ): Promise<boolean | 'again'>
  /** @returns when the batch is due, by the database's clock; null as false elsewhere */
  postpone(fence: string, retry: Failing & { waitMs: number; error: string }): Promise<Date | null>
  disable(fence: string, error: string): Promise<boolean>
  /**
   * Dead letters that somebody asked to send again and that are due, each row's in order: so many, and so many bytes.
   * Rows whose letters were tried come last.
   */
  queued(limit: number, bytes: number): Promise<readonly QueuedLetter[]>
  /** Dead letters are about to be sent, for the so manieth time since they were asked for. */
  trying(
    fence: string,
    attempt: { letters: readonly string[]; tries: number; waitMs: number },
  ): Promise<boolean>
  /** Dead letters that arrived after all. */
  resolve(fence: string, letters: readonly string[]): Promise<boolean>
  /** Dead letters that failed again: those of a row are no longer queued, or of all rows, where it is the sink's fault. */
  unqueue(
    fence: string,
    failed: { letters: readonly string[]; row: Pick<RelayEvent, 'model' | 'entityId'> | null; error: string },
  ): Promise<boolean>
}

export function relayStore({ run, s }: RelayDatabase, name: string): RelayStore {
  const first = async (text: string, values: readonly (string | null)[]) => (await run(text, values))[0]
  const wrote = async (text: string, values: readonly (string | null)[]) =>
    (await first(text, values))?.n !== '0'
  const mine = `r.name = $1::text and r.fence = $2::text::bigint`
  /** A letter that may have ended its process waits, and its row with it. */
  const due = `d.relay = $1::text and d.queued_at is not null and not exists (select from ${s}.dead_letter x
    where x.relay = d.relay and x.entity_id = d.entity_id and x.model = d.model and x.retry_at > clock_timestamp())`
  const anyDue = `exists (select from ${s}.dead_letter d where ${due})`

  return {
    async open(from) {
      await run(
        `with opened as (
  -- fences begin anywhere: a name that was forgotten and comes back must not give those of before out again
  insert into ${s}.relay (name, run, epoch, position, mark, fence)
  select $1::text, gen_random_uuid()::text, case when $3::text = 'now' then ${s}.epoch() end, h.position, ${s}.fingerprint(h.position),
    (random() * 4e18)::bigint
  from (select case when $3::text = 'now' then ${s}.horizon() else 0 end as position offset 0) h
  on conflict (name) do nothing
  returning position)
insert into ${s}.follower (name, position) select $2::text, o.position from opened o
on conflict (name) do update set position = excluded.position`,
        [name, followerOf(name), from],
      )
    },

    async acquire(holder, leaseMs) {
      const row = await first(
        `with free as materialized (
  select r.name, coalesce(r.holder <> $2::text, false) as orphaned from ${s}.relay r
  where r.name = $1::text and r.disabled_at is null
    and (r.holder is null or r.holder = $2::text or r.lease_until < clock_timestamp())
  for update),
taken as (
  update ${s}.relay r set holder = $2::text, fence = r.fence + 1, lease_until = clock_timestamp() + ${milliseconds('$3')}
  from free f where r.name = f.name
  returning r.*, f.orphaned)
select t.fence::text, t.run, t.epoch, t.position::text, t.base::text, t.mark, t.through::text, t.attempt::text,
  t.batch_events::text as events, ${waitMs('t')} as wait_ms, t.orphaned::text,
  case when r.disabled_at is not null then coalesce(r.last_error, '') end as disabled
from ${s}.relay r left join taken t on true where r.name = $1::text`,
        [name, holder, String(leaseMs)],
      )
      if (row === undefined)
        throw new PosternError('source_adapter_misconfigured', `There is no relay ${name}.`)
      if (row.disabled != null) return { disabled: row.disabled }
      if (row.fence == null) return null
      return {
        fence: row.fence,
        cursor: {
          epoch: row.epoch ?? null,
          position: Number(row.position),
          base: Number(row.base),
          mark: row.mark ?? '',
        },
        run: row.run as string,
        failing:
          row.through == null
            ? null
            : {
                through: Number(row.through),
                events: Number(row.events ?? ANY),
                attempt: Number(row.attempt),
              },
        waitMs: Number(row.wait_ms),
        orphaned: row.orphaned === 'true',
      }
    },

    async renew(fence, leaseMs) {
      const row = await first(
        `update ${s}.relay r set lease_until = clock_timestamp() + ${milliseconds('$3')} where ${mine}
returning r.attempt::text, ${waitMs('r')} as wait_ms, ${anyDue}::text as queued`,
        [name, fence, String(leaseMs)],
      )
      return row === undefined
        ? null
        : { attempt: Number(row.attempt), waitMs: Number(row.wait_ms), queued: row.queued === 'true' }
    },

    async release(fence) {
      await run(`update ${s}.relay r set holder = null, lease_until = null where ${mine}`, [name, fence])
    },

    async page(cursor, limit) {
      // In the words of the version that was installed last: all tables that the database knows, for an older version of
      // the application must not pass over the events of a newer one.
      const dictionary = dictionaryOf(await words(run, s))
      const start = cursor.epoch === null ? null : { ...cursor, epoch: cursor.epoch }
      const call = eventsCall(s, null, dictionary, start, limit)
      const page = pageOf(await run(call.text, call.values), dictionary)
      const [news] = await run(
        `select m.pruned_through::text as pruned,
  ${anyDue}::text as queued,
  (select coalesce(jsonb_agg(distinct jsonb_build_array(d.model, d.entity_id)), '[]') from ${s}.dead_letter d
    where d.relay = $1::text and (d.model, d.entity_id) in (
      select x ->> 0, x ->> 1 from jsonb_array_elements($2::text::jsonb) x))::text as parked
from ${s}.meta m`,
        [name, JSON.stringify(page.events.map(({ model, entityId }) => [model, entityId]))],
      )
      const parked = new Set(
        (JSON.parse(news?.parked ?? '[]') as string[][]).map((row) => JSON.stringify(row)),
      )
      return {
        verdict: page.verdict,
        epoch: page.epoch,
        through: page.position,
        mark: page.mark,
        pruned: Number(news?.pruned),
        events: page.events.map((event) => ({
          ...event,
          parked: parked.has(JSON.stringify([event.model, event.entityId])),
        })),
        queued: news?.queued === 'true',
      }
    },

    async advance(fence, leaseMs, cursor, { delivered, buried }) {
      const row = await first(
        `with event as materialized (
  select n, e.value ->> 'model' as model, e.value ->> 'entityId' as entity_id, e.value ->> 'text' as event,
    (e.value ->> 'position')::bigint as position, (e.value ->> 'attempts')::int as attempts, e.value ->> 'error' as error
  from json_array_elements($8::text::json) with ordinality e(value, n)),
-- locked: a discard that is under way is waited for, and then seen
letter as materialized (
  select d.entity_id, d.model, d.queued_at from ${s}.dead_letter d where d.relay = $1::text
    and (d.entity_id, d.model) in (select e.entity_id, e.model from event e where e.attempts = 0)
  for share),
loose as materialized (
  select 1 from event e where e.attempts = 0
    and not exists (select from letter l where l.entity_id = e.entity_id and l.model = e.model) limit 1),
moved as (
  update ${s}.relay r set epoch = $4::text, position = $5::text::bigint, base = $6::text::bigint, mark = $10::text,
    through = null, batch_events = null, attempt = 0, retry_at = null, delivered = r.delivered + $7::text::bigint,
    delivered_at = case when $7::text = '0' then r.delivered_at else clock_timestamp() end,
    lease_until = clock_timestamp() + ${milliseconds('$3')}
  where ${mine} and not exists (select from loose)
  returning r.name),
buried as (
  insert into ${s}.dead_letter (relay, epoch, position, model, entity_id, event, attempts, error, queued_at)
  select m.name, $4::text, e.position, e.model, e.entity_id, e.event, e.attempts, e.error,
    (select max(l.queued_at) from letter l where l.entity_id = e.entity_id and l.model = e.model)
  from moved m, event e
  order by e.n
  on conflict (relay, epoch, position) do nothing),
held as (
  insert into ${s}.follower (name, position) select $9::text, $5::text::bigint from moved
  on conflict (name) do update set position = excluded.position, seen_at = now())
select (select count(*) from moved)::text as n, exists (select from loose)::text as loose`,
        [
          name,
          fence,
          String(leaseMs),
          cursor.epoch,
          String(cursor.position),
          String(cursor.base),
          String(delivered),
          JSON.stringify(buried),
          followerOf(name),
          cursor.mark,
        ],
      )
      return row?.loose === 'true' ? 'again' : row?.n !== '0'
    },

    async postpone(fence, { through, events, attempt, waitMs, error }) {
      const row = await first(
        `update ${s}.relay r set through = $3::text::bigint, batch_events = $4::text::int, attempt = $5::text::int,
    retry_at = clock_timestamp() + ${milliseconds('$6')}, last_error = $7::text, last_error_at = clock_timestamp()
  where ${mine} returning (extract(epoch from r.retry_at) * 1000)::bigint::text as retry_at`,
        [name, fence, String(through), String(events), String(attempt), String(waitMs), error],
      )
      return row === undefined ? null : new Date(Number(row.retry_at))
    },

    disable(fence, error) {
      return wrote(
        `with gone as (
  update ${s}.relay r set disabled_at = clock_timestamp(), last_error = $3::text, last_error_at = clock_timestamp(),
    holder = null, lease_until = null
  where ${mine} returning r.name)
select count(*)::text as n from gone`,
        [name, fence, error],
      )
    },

    async queued(limit, bytes) {
      const rows = await run(
        `with due as materialized (
  select d.id, max(d.tries) over (partition by d.model, d.entity_id) as row_tries from ${s}.dead_letter d where ${due}),
few as materialized (select * from due order by row_tries, id limit $2::text::int),
sized as (
  select f.id, f.row_tries,
    sum(octet_length(d.event)) over (order by f.row_tries, f.id) - octet_length(d.event) as before
  from few f join ${s}.dead_letter d on d.id = f.id)
select d.id::text as letter, d.epoch, d.event, d.event::json ->> 'id' as id, d.position::text, d.model, d.entity_id,
  d.attempts::text, d.tries::text
from sized z join ${s}.dead_letter d on d.id = z.id where z.before < $3::text::bigint order by z.row_tries, z.id`,
        [name, String(limit), String(bytes)],
      )
      return rows.map((row) => ({
        ...eventOf(row),
        letter: row.letter as string,
        epoch: row.epoch as string,
        attempts: Number(row.attempts),
        tries: Number(row.tries),
      }))
    },

    trying(fence, { letters, tries, waitMs }) {
      return wrote(
        `with mine as (select r.name from ${s}.relay r where ${mine} for update),
sent as (
  update ${s}.dead_letter d set tries = $4::text::int, retry_at = clock_timestamp() + ${milliseconds('$5')}
  from mine where d.relay = mine.name and d.id = any($3::text::bigint[]))
select count(*)::text as n from mine`,
        [name, fence, `{${letters.join(',')}}`, String(tries), String(waitMs)],
      )
    },

    resolve(fence, letters) {
      return wrote(
        `with mine as (
  update ${s}.relay r set delivered = r.delivered + $3::text::bigint, delivered_at = clock_timestamp()
  where ${mine} returning r.name),
sent as (
  delete from ${s}.dead_letter d using mine where d.relay = mine.name and d.id = any($4::text::bigint[]))
select count(*)::text as n from mine`,
        [name, fence, String(letters.length), `{${letters.join(',')}}`],
      )
    },

    unqueue(fence, { letters, row, error }) {
      return wrote(
        `with mine as (
  update ${s}.relay r set last_error = $3::text, last_error_at = clock_timestamp() where ${mine} returning r.name),
back as (
  update ${s}.dead_letter d set queued_at = null, tries = 0, retry_at = null, error = $3::text, at = clock_timestamp(),
    attempts = d.attempts + case when d.id = any($4::text::bigint[]) then d.tries else 0 end
  from mine where d.relay = mine.name and d.queued_at is not null
    and ($5::text is null or (d.entity_id = $5::text and d.model = $6::text)))
select count(*)::text as n from mine`,
        [name, fence, error, `{${letters.join(',')}}`, row?.entityId ?? null, row?.model ?? null],
      )
    },
  }
}

const eventOf = (row: TextRow): RelayEvent => ({
  text: row.event as string,
  id: row.id as string,
  position: Number(row.position),
  model: row.model as string,
  entityId: row.entity_id as string,
  parked: row.parked === 'true',
})
