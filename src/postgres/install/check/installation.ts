import type { Schema } from '../../../core/schema/define.ts'
import { schemaDigest } from '../../../core/schema/digest.ts'
import type { PostgresSession } from '../../connection.ts'
import { compile, readTables } from '../migrate.ts'
import type { Statement } from '../statement.ts'
import { migrations } from '../tables.ts'
import { error, type Finding, MIGRATE, warning } from './finding.ts'

/** Whether our tables are there and may be read: what every further look needs. */
export async function checkInstalled(session: PostgresSession, s: string): Promise<Finding[]> {
  // by name from the catalogue: to_regclass raises where the role may not use the schema
  const [at] = await session.query(
    `select quote_ident(current_user) as role,
  (select count(*)::text from pg_class c where c.relnamespace = n.oid and c.relname in ('migration', 'model')) as tables,
  has_schema_privilege(n.oid, 'usage')::text as usage
from (select (select oid from pg_namespace where nspname = $1::text) as oid) n`,
    [s],
  )
  if (Number(at?.tables) < 2) {
    return [error(s, `our tables and functions are not installed (schema ${s})`, MIGRATE)]
  }
  if (at?.usage === 'false') {
    return [
      error(s, `role ${at.role} lacks usage on schema ${s}`, `grant usage on schema ${s} to ${at.role}`),
    ]
  }
  return checkRights(session, s)
}

const ours: readonly [table: string, privileges: readonly string[]][] = [
  ['meta', ['select']],
  ['model', ['select']],
  ['follower', ['select']],
  ['outbox', ['select', 'insert']],
  ['ledger', ['select', 'insert']],
]

async function checkRights(session: PostgresSession, s: string): Promise<Finding[]> {
  const needed = ours.flatMap(([table, privileges]) => privileges.map((privilege) => ({ table, privilege })))
  // one privilege a question: a list of them means any
  const rows = await session.query(
    `select quote_ident(current_user) as role, x.name, x.privilege from (
  select c.relname as name, n.privilege from jsonb_to_recordset($2::text::jsonb) as n("table" text, privilege text)
  join pg_class c on c.relname = n."table" and c.relnamespace = $1::text::regnamespace
  where not has_table_privilege(c.oid, n.privilege)
  union all
  select c.relname, 'usage' from pg_class c
  where c.relname = 'position_seq' and c.relnamespace = $1::text::regnamespace and not has_sequence_privilege(c.oid, 'usage')) x`,
    [s, JSON.stringify(needed)],
  )
  return rows.map(({ role, name, privilege }) =>
    error(
      s,
      `role ${role} lacks ${privilege} on ${s}.${name}`,
      `grant ${privilege} on ${privilege === 'usage' ? 'sequence ' : ''}${s}.${name} to ${role}; all of them: \`grants(role)\` of \`postern/postgres\``,
    ),
  )
}

/** Whether what is installed is what this version would install; `changed`: for tables that are others by now. */
export async function checkInstallation(
  session: PostgresSession,
  schema: Schema,
  s: string,
  changed: boolean,
): Promise<Finding[]> {
  const [at] = await session.query(
    `select (select q.seqcache::text from pg_sequence q where q.seqrelid = to_regclass('${s}.position_seq')) as cache,
  has_table_privilege('${s}.migration', 'select')::text as readable`,
    [],
  )
  const findings: Finding[] = []
  if (at?.cache == null) findings.push(error(s, `sequence ${s}.position_seq is missing`, RESTORE))
  else if (at.cache !== '1') {
    findings.push(
      error(
        s,
        `${s}.position_seq has CACHE ${at.cache}: followers would skip events`,
        `alter sequence ${s}.position_seq cache 1`,
      ),
    )
  }
  if (at?.readable === 'true') findings.push(...(await checkVersion(session, s)))
  return [...findings, ...(await checkFunctions(session, schema, s, changed))]
}

const RESTORE =
  'It was dropped by hand: restore it from a backup; nothing makes positions of the old log again.'

async function checkVersion(session: PostgresSession, s: string): Promise<Finding[]> {
  const [row] = await session.query(
    `select coalesce(max(version), 0)::text as version from ${s}.migration`,
    [],
  )
  const version = Number(row?.version)
  const wanted = Math.max(...migrations(s).map((one) => one.version))
  if (version < wanted) {
    return [error(s, `our tables are of version ${version}, this package wants ${wanted}`, MIGRATE)]
  }
  if (version === wanted) return []
  const message = `our tables are of version ${version}, newer than this package, which knows ${wanted}`
  return [warning(s, message, 'Update the package.')]
}

/** Every function that a migration would make now, by name and body. */
async function checkFunctions(
  session: PostgresSession,
  schema: Schema,
  s: string,
  changed: boolean,
): Promise<Finding[]> {
  const [compiled] = await session.query(
    `select count(*)::text as n from ${s}.model where digest = $1::text`,
    [schemaDigest(schema)],
  )
  if (compiled?.n === '0') return []
  let statements: readonly Statement[]
  try {
    statements = compile(schema, await readTables(session, schema, s), { namespace: s })
  } catch {
    // a model that does not fit its table has a finding of its own
    return []
  }
  const rows = await session.query(
    `select p.proname as name, p.prosrc as body, quote_ident(current_user) as role,
  -- triggers run without asking
  (p.prorettype = 'trigger'::regtype or has_function_privilege(p.oid, 'execute'))::text as allowed
from pg_proc p where p.pronamespace = $1::text::regnamespace`,
    [s],
  )
  const missing: string[] = []
  const different: string[] = []
  const forbidden: string[] = []
  for (const { kind, name, body } of statements) {
    if (kind !== 'function') continue
    const there = rows.filter((row) => row.name === name)
    if (there.length === 0) missing.push(name)
    else if (there.some(({ allowed }) => allowed === 'false')) forbidden.push(name)
    else if (!changed && !there.some((row) => row.body === body)) different.push(name)
  }
  const findings: Finding[] = []
  const say = (names: string[], what: string, fix: string): void => {
    if (names.length === 0) return
    const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
    findings.push(error(s, `${what} ${names.slice(0, 3).join(', ')}${more}`, fix))
  }
  say(missing, 'functions are missing:', MIGRATE)
  say(different, 'functions are not those of this version, or were changed by hand:', MIGRATE)
  say(
    forbidden,
    'the role may not execute',
    `grant execute on all functions in schema ${s} to ${rows[0]?.role}; see \`grants(role)\` of \`postern/postgres\``,
  )
  return findings
}

/** Writers that hold the feed back. */
export async function checkFeed(session: PostgresSession, s: string): Promise<Finding[]> {
  const held = await session.query(
    `select b.pid::text as pid, round(extract(epoch from now() - b.since))::text as age from ${s}.blockers() b
where b.since < now() - interval '1 minute'`,
    [],
  )
  return held.map(({ pid, age }) =>
    warning(
      'feed',
      `the feed is held back by backend ${pid}, whose transaction is ${age} s old`,
      `select pg_terminate_backend(${pid}); and see idle_in_transaction_session_timeout`,
    ),
  )
}
