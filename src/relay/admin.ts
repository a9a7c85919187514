import { PosternError } from '../core/errors.ts'
import type { PostgresAdapter } from '../postgres/adapter.ts'
import type { RelayDatabase } from './store.ts'
import { followerOf, relayDatabase } from './store.ts'

/** How a relay is doing, as the database knows it. Times are RFC 3339. */
export interface RelayStatus {
  readonly name: string
  /**
   * `running`: a process delivers. `retrying`: it waits, a batch failed. `stopped`: no process does. `disabled`: the
   * sink said that it is gone; see `resume`.
   */
  readonly state: 'running' | 'retrying' | 'stopped' | 'disabled'
  /** Everything up to here was delivered, or is a dead letter. */
  readonly position: number
  /** Positions between that and the end of what can be read: at least as many as there are events to deliver. */
  readonly behind: number
  /** Age of the oldest change that is not delivered, in seconds; 0 when there is none. */
  readonly lagSeconds: number
  /** How often the batch at the head of the line has failed. */
  readonly attempt: number
  readonly retryAt: string | null
  /** The last failure, also when all is well by now. */
  readonly lastError: string | null
  readonly lastErrorAt: string | null
  /** Events delivered since the relay was made, counted once each time. */
  readonly delivered: number
  readonly deliveredAt: string | null
  readonly deadLetters: number
  /** Dead letters that wait for being sent again. */
  readonly queued: number
}

/** An event that could not be delivered, or that stands behind one of its row. */
export interface DeadLetter {
  readonly id: string
  readonly relay: string
  readonly model: string
  readonly entityId: string
  /** Position in the log; the event's `stamp`. */
  readonly position: number
  /** How often it was sent. 0: it stands behind a dead letter of its row. */
  readonly attempts: number
  readonly error: string
  readonly at: string
  readonly queued: boolean
  /** The event as it would have been sent, JSON text. */
  readonly event: string
}

/** Which dead letters of a relay. Neither: all of them. */
export interface Letters {
  /** Ids of dead letters: they and all others of the same rows, whose order would be lost otherwise. */
  readonly ids?: readonly string[]
  /** Those of one model. */
  readonly model?: string
}

/** What an operator does with the relays of a database. */
export interface Relays {
  status(): Promise<RelayStatus[]>
  /** Dead letters, oldest first. @param options.after the id after which to go on; `limit`: 100 by default, 10,000 at most. */
  deadLetters(name: string, options?: { limit?: number; after?: string }): Promise<DeadLetter[]>
  /**
   * Has dead letters sent again by the running relay, once, row by row. One that its process dies of is tried again by
   * the schedule, and holds back no other row.
   *
   * @returns how many
   */
  redrive(name: string, which?: Letters): Promise<number>
  /** Forgets dead letters for good; the events after them on their rows go on. @returns how many. */
  discard(name: string, which: Letters): Promise<number>
  /** Tries again at once: a batch that waits for its next attempt, or a sink that was gone. */
  resume(name: string): Promise<void>
  /**
   * Has the relay go on from the beginning of the log (everything that is there is sent again, dead letters included)
   * or from now on (what lies between is never sent). For a relay whose cursor has expired.
   */
  reset(name: string, from: 'beginning' | 'now'): Promise<void>
  /**
   * Forgets a relay, its cursor and its dead letters. Pruning no longer waits for it. A process that delivers is
   * disabled first, and its lease is waited for.
   */
  forget(name: string): Promise<void>
}

/**
 * The relays of a database, for operators and monitoring.
 *
 * @param adapter of `postern/pg` or any other adapter on Postgres
 * @throws PosternError `source_adapter_misconfigured` for an adapter that is not on Postgres
 * @example
 * for (const { name, state, behind, lastError } of await relaysOf(adapter).status()) console.log(name, state, behind, lastError)
 */
export function relaysOf(adapter: PostgresAdapter): Relays {
  return relays(relayDatabase(adapter))
}

/** Dead letters of one answer. */
const MOST_LETTERS = 10_000

const time = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

function relays({ run, s }: RelayDatabase): Relays {
  const changed = async (name: string, text: string, values: readonly (string | null)[]): Promise<number> => {
    const [row] = await run(text, [name, ...values])
    if (row?.known !== 'true')
      throw new PosternError('source_adapter_misconfigured', `There is no relay ${name}.`)
    return Number(row.n)
  }
  const known = `exists (select from ${s}.relay r where r.name = $1::text)::text as known`
  const chosen = `d.relay = $1::text and ($3::text is null or d.model = $3::text)
    and ($2::text is null or (d.entity_id, d.model) in (select x.entity_id, x.model from ${s}.dead_letter x
      where x.relay = $1::text and x.id = any($2::text::bigint[])))`
  const which = ({ ids, model }: Letters): (string | null)[] => [
    ids === undefined ? null : `{${ids.map(letterId).join(',')}}`,
    model ?? null,
  ]

  return {
    async status() {
      const [row] = await run(
        `select coalesce(json_agg(json_build_object(
  'name', r.name,
  'state', case when r.disabled_at is not null then 'disabled' when coalesce(r.lease_until < clock_timestamp(), true) then 'stopped'
    when r.attempt > 0 then 'retrying' else 'running' end,
  'position', r.position, 'behind', greatest(h.horizon - r.position, 0),
  'lagSeconds', coalesce((select greatest(round(extract(epoch from clock_timestamp() - o.at)), 0) from ${s}.log o
    where o.position > r.position order by o.position limit 1), 0),
  'attempt', r.attempt, 'retryAt', ${time('r.retry_at')},
  'lastError', r.last_error, 'lastErrorAt', ${time('r.last_error_at')},
  'delivered', r.delivered, 'deliveredAt', ${time('r.delivered_at')},
  'deadLetters', (select count(*) from ${s}.dead_letter d where d.relay = r.name),
  'queued', (select count(*) from ${s}.dead_letter d where d.relay = r.name and d.queued_at is not null)
) order by r.name), '[]')::text as status
from ${s}.relay r, ${s}.horizon() as h(horizon)`,
        [],
      )
      return JSON.parse(row?.status as string) as RelayStatus[]
    },

    async deadLetters(name, { limit = 100, after } = {}) {
      if (!(Number.isSafeInteger(limit) && limit >= 1 && limit <= MOST_LETTERS))
        throw new PosternError('invalid_query', `limit must be a whole number from 1 to ${MOST_LETTERS}.`)
      const rows = await run(
        `select d.id::text, d.relay, d.model, d.entity_id, d.position::text, d.attempts::text, d.error, ${time('d.at')} as at,
  (d.queued_at is not null)::text as queued, d.event
from ${s}.dead_letter d where d.relay = $1::text and d.id > $2::text::bigint order by d.id limit $3::text::int`,
        [name, after === undefined ? '0' : letterId(after), String(limit)],
      )
      return rows.map((row) => ({
        id: row.id as string,
        relay: row.relay as string,
        model: row.model as string,
        entityId: row.entity_id as string,
        position: Number(row.position),
        attempts: Number(row.attempts),
        error: row.error as string,
        at: row.at as string,
        queued: row.queued === 'true',
        event: row.event as string,
      }))
    },

    async redrive(name, letters = {}) {
      return changed(
        name,
        `with queued as (update ${s}.dead_letter d set queued_at = clock_timestamp(), tries = 0, retry_at = null where ${chosen} returning 1)
select ${known}, (select count(*) from queued)::text as n`,
        which(letters),
      )
    },

    async discard(name, letters) {
      return changed(
        name,
        `with gone as (delete from ${s}.dead_letter d where ${chosen} returning 1)
select ${known}, (select count(*) from gone)::text as n`,
        which(letters),
      )
    },

    async resume(name) {
      await changed(
        name,
        `with resumed as (
  update ${s}.relay r set attempt = 0, retry_at = null, disabled_at = null where r.name = $1::text returning 1),
due as (update ${s}.dead_letter d set retry_at = null where d.relay = $1::text and d.retry_at is not null)
select ${known}, '0' as n`,
        [],
      )
    },

    async reset(name, from) {
      if (from !== 'beginning' && from !== 'now')
        throw new PosternError('invalid_query', 'A relay is reset to `beginning` or to `now`.')
      // a new fence: whoever delivers from the old place must not move the cursor back there. Its lease stays: what it
      // is sending may still arrive, and nobody else sends before that is over
      await changed(
        name,
        `with moved as (
  update ${s}.relay r set epoch = case when $2::text = 'now' then ${s}.epoch() end,
    position = h.position, base = 0, mark = ${s}.fingerprint(h.position), through = null, batch_events = null,
    run = gen_random_uuid()::text, attempt = 0,
    retry_at = null, disabled_at = null, fence = r.fence + 1
  from (select case when $2::text = 'now' then ${s}.horizon() else 0 end as position offset 0) h
  where r.name = $1::text returning r.position),
dropped as (
  delete from ${s}.dead_letter d using moved where d.relay = $1::text and $2::text = 'beginning'),
held as (
  insert into ${s}.follower (name, position) select $3::text, m.position from moved m
  on conflict (name) do update set position = excluded.position, seen_at = now())
select ${known}, '0' as n`,
        [from, followerOf(name)],
      )
    },

    async forget(name) {
      const stop = `with stopped as (
  update ${s}.relay r set fence = r.fence + 1, disabled_at = clock_timestamp(), last_error = 'It was forgotten.'
  where r.name = $1::text returning 1)
select ${known}, '0' as n`
      await changed(name, stop, [])
      // what its process is sending may still arrive: a relay of this name that begins anew must not begin before
      const gone = `with gone as (
  delete from ${s}.relay r where r.name = $1::text and coalesce(r.lease_until < clock_timestamp(), true) returning 1),
free as (delete from ${s}.follower f where f.name = $2::text and exists (select from gone))
select ${known}, (select count(*) from gone)::text as n`
      while ((await changed(name, gone, [followerOf(name)])) === 0)
        await new Promise((resolve) => setTimeout(resolve, 100))
    },
  }
}

function letterId(id: string): string {
  if (!/^[1-9][0-9]{0,17}$/.test(id))
    throw new PosternError(
      'invalid_query',
      'The id of a dead letter is a whole number, as `deadLetters` gives it.',
    )
  return id
}
