import { SourceError } from '../../core/errors.ts'
import type { PostgresConnection, PostgresSession } from './connection.ts'
import { lockNamespace } from './functions.ts'
import { type InstallOptions, installSchema } from './migrate.ts'
import { migrations } from './tables.ts'

/** What goes when our schema goes. */
export interface Remains {
  readonly schema: string
  /** Answers that callers could still ask for again under their keys. */
  readonly keys: number
  /** Changes that followers could still read, and that stamps are judged by. */
  readonly events: number
  readonly followers: number
  /** Deliveries that somebody still has to look at. */
  readonly deadLetters: number
  /** Tables of the application whose capture triggers go with it. */
  readonly captured: readonly string[]
}

/** What is in our schema. @throws SourceError when there is none, or when somebody else's tables are in it. */
export function remains(connection: PostgresConnection, options: InstallOptions = {}): Promise<Remains> {
  return connection.transaction((session) => look(session, installSchema(options)))
}

/**
 * The way down: drops our schema with everything in it, in one transaction, under the lock that migrations take. Tables
 * of the application stay as they are, less our capture triggers.
 *
 * @returns what is gone.
 * @throws SourceError as `remains`.
 */
export function uninstall(connection: PostgresConnection, options: InstallOptions = {}): Promise<Remains> {
  const s = installSchema(options)
  return connection.transaction(async (session) => {
    await session.query(`select pg_advisory_xact_lock(${lockNamespace(s)}, 0)::text`, [])
    const gone = await look(session, s)
    // a commit under way ends first; whoever comes later finds nothing
    await session.query(`lock table ${s}.ledger, ${s}.outbox in access exclusive mode`, [])
    await session.query(`drop schema ${s} cascade`, [])
    return gone
  })
}

async function look(session: PostgresSession, s: string): Promise<Remains> {
  const ours = new Set(
    migrations(s).flatMap(({ statements }) =>
      statements.flatMap((one) => new RegExp(`^create table ${s}\\.(\\w+)`).exec(one)?.[1] ?? []),
    ),
  )
  const rows = await session.query(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1::text and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
    [s],
  )
  const names = rows.map(({ name }) => name as string)
  const refuse = (why: string): never => {
    throw new SourceError('source_adapter_misconfigured', why)
  }
  if (!names.includes('migration') || !names.includes('ledger')) refuse(`Nothing of ours is in schema ${s}.`)
  const others = names.filter((name) => name !== 'migration' && !ours.has(name))
  if (others.length > 0)
    refuse(`Schema ${s} is not ours alone: ${others.join(', ')}. Move them out of it first.`)
  const [at] = await session.query(
    `select (select count(*) from ${s}.ledger)::text as keys, (select count(*) from ${s}.outbox)::text as events,
  (select count(*) from ${s}.follower)::text as followers,
  (select coalesce(jsonb_agg(distinct g.tgrelid::regclass::text), '[]') from pg_trigger g join pg_proc p on p.oid = g.tgfoid
    where p.pronamespace = $1::text::regnamespace and not g.tgisinternal)::text as captured`,
    [s],
  )
  // tables of a later version than what is installed
  const [dead] = names.includes('dead_letter')
    ? await session.query(`select count(*)::text as n from ${s}.dead_letter`, [])
    : []
  return {
    schema: s,
    deadLetters: Number(dead?.n ?? 0),
    keys: Number(at?.keys),
    events: Number(at?.events),
    followers: Number(at?.followers),
    captured: JSON.parse(at?.captured ?? '[]'),
  }
}
