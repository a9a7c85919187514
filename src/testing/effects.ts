import type { Adapter } from '../core/adapter.ts'
import type { ChangeEvent } from '../core/rules/event.ts'
import { oneByOne } from '../postgres/runtime/turns.ts'
import type { OpenDatabase } from './store.ts'

/** What becomes of pushes out of a test session: they are sent, written down, or answered by a function of yours. */
export type EffectsPolicy = 'real' | 'log' | 'mock'

/** Where events are pushed to: a function of one batch. It has arrived when the promise resolves. */
export type EffectSink = (events: readonly ChangeEvent[]) => Promise<unknown>

/** What becomes of pushes during a session. */
export interface EffectsOptions {
  /** Default `log`. */
  readonly effects?: EffectsPolicy | undefined
  /** Where `real` sends to. */
  readonly send?: EffectSink | undefined
  /** What answers in place of the receiver under `mock`; its answer, or its error, is that of the push. */
  readonly mock?: EffectSink | undefined
}

/** A relay's sink, as far as effects look at it: a function of one batch and what else the relay says. */
export type BatchSink<Batch extends { readonly events: readonly ChangeEvent[] }, Context> = (
  batch: Batch,
  context: Context,
) => unknown

/** Puts the policy of a session around the sink of a relay: `real` lets batches through, the others keep them. */
export type AroundSink = <Batch extends { readonly events: readonly ChangeEvent[] }, Context>(
  real: BatchSink<Batch, Context>,
) => BatchSink<Batch, Context>

/** A push that was not sent. */
export interface CapturedPush {
  /** RFC 3339. */
  readonly at: string
  readonly events: readonly ChangeEvent[]
  /** What the mock answered; null under `log`. */
  readonly answer: unknown
  /** The message with which the mock refused. */
  readonly error: string | null
}

/** The pushes of one session. */
export interface SessionEffects {
  readonly policy: EffectsPolicy
  /** Pushes one batch, as the policy says. */
  readonly sink: EffectSink
  /** For a relay: `createRelay({ adapter: session.source, sink: session.effects.around(sink), from: 'now', ... })`. */
  readonly around: AroundSink
  /** Pushes what the outbox holds and this call has not pushed yet; gives the events. Nothing of the base is among them. */
  deliver(): Promise<readonly ChangeEvent[]>
  /** Every push that was captured in this session, whichever process made it, oldest first. */
  captured(): Promise<readonly CapturedPush[]>
}

/** See `AroundSink`. */
export const around =
  (policy: EffectsPolicy, sink: EffectSink): AroundSink =>
  (real) =>
  (batch, context) =>
    policy === 'real' ? real(batch, context) : sink(batch.events)

/** Where captures are kept: in the session's database, so that the test reads what the application pushed. */
export const effectTables = [
  'create schema postern_testing',
  `create table postern_testing.effect (
  id bigint primary key generated always as identity,
  at timestamptz not null default clock_timestamp(),
  events jsonb not null,
  answer jsonb,
  error text
)`,
]

const PAGE = 500

/** @throws TypeError for `real` without `send`, `mock` without `mock` */
export function checkEffects({ effects = 'log', send, mock }: EffectsOptions): EffectsPolicy {
  if (!['real', 'log', 'mock'].includes(effects)) throw new TypeError('`effects` is real, log or mock.')
  if (effects === 'real' && send === undefined) throw new TypeError("effects: 'real' needs `send`.")
  if (effects === 'mock' && mock === undefined) throw new TypeError("effects: 'mock' needs `mock`.")
  return effects
}

/** The sink of a session. */
export function effectSink(
  database: Pick<OpenDatabase, 'connection'>,
  { effects, send, mock }: EffectsOptions,
): EffectSink {
  const policy = checkEffects({ effects, send, mock })
  if (policy === 'real') return send as EffectSink
  const keep = async (events: readonly ChangeEvent[], answer: unknown, error: string | null) => {
    await database.connection.query(
      `insert into postern_testing.effect (events, answer, error) values ($1::text::jsonb, $2::text::jsonb, $3::text)`,
      [JSON.stringify(events), JSON.stringify(answer) ?? null, error],
    )
  }
  return async (events) => {
    if (policy === 'log') return keep(events, null, null)
    try {
      const answer = await mock?.(events)
      await keep(events, answer, null)
      return answer
    } catch (error) {
      await keep(events, null, error instanceof Error ? error.message : String(error))
      throw error
    }
  }
}

async function capturedPushes(database: Pick<OpenDatabase, 'connection'>): Promise<CapturedPush[]> {
  const rows = await database.connection.query(
    `select jsonb_build_object('at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'events', events, 'answer', answer, 'error', error)::text as push from postern_testing.effect order by id`,
    [],
  )
  return rows.map(({ push }) => JSON.parse(push as string) as CapturedPush)
}

export function sessionEffects(
  database: Pick<OpenDatabase, 'connection'>,
  adapter: Adapter,
  /** The end of the base's log. */
  start: number,
  options: EffectsOptions,
): SessionEffects {
  const sink = effectSink(database, options)
  const turn = oneByOne()
  let cursor: string | undefined

  const page = async (at: string | undefined, limit: number) => {
    const request = { tenant: null, scope: {}, requestId: 'effects', cursor: at, limit }
    return JSON.parse(await adapter.events(request)) as { events: ChangeEvent[]; nextCursor: string }
  }
  const policy = options.effects ?? 'log'
  return {
    policy,
    sink,
    around: around(policy, sink),
    captured: () => capturedPushes(database),
    deliver: () =>
      turn(async () => {
        const delivered: ChangeEvent[] = []
        for (;;) {
          const { events: found, nextCursor } = await page(cursor, PAGE)
          if (found.length === 0) return delivered
          // the base's own events stand in the copy's log, too
          const events = found.filter(({ stamp }) => stamp > start)
          if (events.length === 0) {
            cursor = nextCursor
            continue
          }
          await sink(events)
          cursor = nextCursor
          delivered.push(...events)
        }
      }),
  }
}
