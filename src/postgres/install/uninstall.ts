import { PosternError } from '../../core/errors.ts'
import type { PostgresConnection, PostgresSession } from '../connection.ts'
import { type InstallOptions, installSchema } from '../naming.ts'
import { locks } from '../signals.ts'
import { sharedFunctions } from '../sql/index.ts'
import type { StatementKind } from '../sql/statement.ts'
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
  /** What is not ours and would be dropped too: in our schema, or built on something in it. `uninstall` refuses then. */
  readonly foreign: readonly string[]
}

/** What is in our schema. @throws PosternError when there is none. */
export function remains(connection: PostgresConnection, options: InstallOptions = {}): Promise<Remains> {
  return connection.transaction((session) => look(session, installSchema(options)))
}

/**
 * The way down: drops our schema with everything in it, in one transaction, under the lock that migrations take. Tables
 * of the application stay as they are, less our capture triggers.
 *
 * @returns what is gone.
 * @throws PosternError as `remains`, and when something that is not ours would go too.
 */
export function uninstall(connection: PostgresConnection, options: InstallOptions = {}): Promise<Remains> {
  const s = installSchema(options)
  return connection.transaction(async (session) => {
    await session.query(`select pg_advisory_xact_lock(${locks.install(s)})::text`, [])
    await mustBeThere(session, s)
    // a commit under way ends first; whoever comes later finds nothing
    await session.query(`lock table ${s}.ledger, ${s}.log in access exclusive mode`, [])
    const gone = await look(session, s)
    if (gone.foreign.length > 0) {
      throw misconfigured(
        `Schema ${s} is not ours alone; this would be dropped too: ${gone.foreign.join(', ')}. Move or drop it first.`,
      )
    }
    await session.query(`drop schema ${s} cascade`, [])
    return gone
  })
}

/**
 * A query for the names of what is not ours and what `drop schema ... cascade` would take along: objects that somebody
 * put into our schema, and columns, views, functions and the like elsewhere that are built on something in it.
 */
export function foreignObjects(s: string): string {
  const statements = [...migrations(s).flatMap((one) => one.statements), ...sharedFunctions(s)]
  const made = (...kinds: readonly StatementKind[]): string =>
    statements.flatMap(({ kind, name }) => (kinds.includes(kind) ? `'${name}'` : [])).join(', ')
  return `with recursive member as (
  select d.classid, d.objid from pg_depend d
  where d.refclassid = 'pg_namespace'::regclass and d.refobjid = '${s}'::regnamespace and d.deptype = 'n'),
inside as (
  select classid, objid from member
  union
  select d.classid, d.objid from pg_depend d join inside i on (d.refclassid, d.refobjid) = (i.classid, i.objid)
  where d.deptype in ('i', 'a')),
foreigner as (
  select m.classid, m.objid, 0 as objsubid from member m
  where not exists (select from pg_class c where m.classid = 'pg_class'::regclass and c.oid = m.objid
      and c.relname in ('migration', ${made('table', 'sequence', 'view')}))
    and not exists (select from pg_type t where m.classid = 'pg_type'::regclass and t.oid = m.objid
      and t.typname in (${made('type')}))
    -- what is compiled has the digest of its schema behind its name
    and not exists (select from pg_proc p where m.classid = 'pg_proc'::regclass and p.oid = m.objid
      and (p.proname ~ '_[0-9a-f]{8}$' or p.proname ~ '^r[0-9]+_[a-z]+$' or p.proname in (${made('function')})))
    and not exists (select from pg_depend d join inside i on (d.refclassid, d.refobjid) = (i.classid, i.objid)
      where (d.classid, d.objid) = (m.classid, m.objid) and d.deptype in ('i', 'a'))
  union
  select d.classid, d.objid, d.objsubid from pg_depend d join inside i on (d.refclassid, d.refobjid) = (i.classid, i.objid)
  where d.deptype = 'n' and (d.classid, d.objid) not in (select classid, objid from inside)
    and not exists (select from pg_trigger g join pg_proc p on p.oid = g.tgfoid
      where d.classid = 'pg_trigger'::regclass and g.oid = d.objid and p.pronamespace = '${s}'::regnamespace))
select distinct replace(pg_describe_object(classid, objid, objsubid), 'rule _RETURN on ', '') as name
from foreigner order by 1`
}

const misconfigured = (why: string): PosternError => new PosternError('source_adapter_misconfigured', why)

/** @returns the names of the tables there. */
async function mustBeThere(session: PostgresSession, s: string): Promise<string[]> {
  const rows = await session.query(
    `select c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1::text and c.relkind in ('r', 'p')`,
    [s],
  )
  const names = rows.map(({ name }) => name as string)
  if (!names.includes('migration') || !names.includes('ledger'))
    throw misconfigured(`Nothing of ours is in schema ${s}.`)
  return names
}

async function look(session: PostgresSession, s: string): Promise<Remains> {
  const names = await mustBeThere(session, s)
  const foreign = await session.query(foreignObjects(s), [])
  const [at] = await session.query(
    `select (select count(*) from ${s}.ledger)::text as keys, (select count(*) from ${s}.log)::text as events,
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
    foreign: foreign.map(({ name }) => name as string),
  }
}
