import type { Schema } from '../../../core/schema/define.ts'
import { schemaDigest } from '../../../core/schema/digest.ts'
import type { PostgresSession } from '../../connection.ts'
import type { Statement } from '../../sql/statement.ts'
import { compile, readTables } from '../migrate.ts'
import { readInstalled } from '../relation.ts'
import { migrations } from '../tables.ts'
import { type Finding, finding } from './finding.ts'

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
    return [finding('error', 'not_installed', { schema: s })]
  }
  if (at?.usage === 'false') {
    return [finding('error', 'usage_missing', { schema: s, role: at.role ?? '' })]
  }
  return checkRights(session, s)
}

const ours: readonly [table: string, privileges: readonly string[]][] = [
  ['meta', ['select']],
  ['model', ['select']],
  ['follower', ['select']],
  ['relation', ['select']],
  ['log', ['select', 'insert']],
  ['ledger', ['select', 'insert']],
]

async function checkRights(session: PostgresSession, s: string): Promise<Finding[]> {
  const needed = ours.flatMap(([table, privileges]) => privileges.map((privilege) => ({ table, privilege })))
  // one privilege a question: a list of them means any
  const rows = await session.query(
    `select quote_ident(current_user) as role, x.name, x.privilege from (
  select c.relname::text as name, n.privilege from jsonb_to_recordset($2::text::jsonb) as n("table" text, privilege text)
  join pg_class c on c.relname = n."table" and c.relnamespace = $1::text::regnamespace
  where not has_table_privilege(c.oid, n.privilege)
  union all
  select c.relname, 'usage' from pg_class c
  where c.relname = 'position_seq' and c.relnamespace = $1::text::regnamespace and not has_sequence_privilege(c.oid, 'usage')) x`,
    [s, JSON.stringify(needed)],
  )
  return rows.map(({ role, name, privilege }) =>
    finding('error', 'privilege_missing', {
      schema: s,
      role: role ?? '',
      name: name ?? '',
      privilege: privilege ?? '',
    }),
  )
}

/** Whether what is installed is what this version would install; `changed`: for tables that are others by now. */
export async function checkInstallation(
  session: PostgresSession,
  schema: Schema,
  s: string,
  path: readonly string[],
  changed: boolean,
): Promise<Finding[]> {
  const [at] = await session.query(
    `select (select q.seqcache::text from pg_sequence q where q.seqrelid = to_regclass('${s}.position_seq')) as cache,
  has_table_privilege('${s}.migration', 'select')::text as readable,
  coalesce(pg_sequence_last_value(to_regclass('${s}.position_seq')), 0)::text as position,
  (select coalesce(max(l.position), 0)::text from ${s}.log l) as entry`,
    [],
  )
  const findings: Finding[] = []
  if (at?.cache == null) findings.push(finding('error', 'sequence_missing', { schema: s }))
  else if (at.cache !== '1') {
    findings.push(finding('error', 'sequence_cached', { schema: s, cache: at.cache }))
  }
  if (at?.cache != null && BigInt(at.entry ?? 0) > BigInt(at.position ?? 0)) {
    findings.push(
      finding('error', 'sequence_behind', { schema: s, position: at.position ?? '', entry: at.entry ?? '' }),
    )
  }
  if (BigInt(at?.position ?? 0) > 2n ** 47n) {
    findings.push(finding('warning', 'positions_half_used', { schema: s, position: at?.position ?? '' }))
  }
  if (at?.readable === 'true') findings.push(...(await checkVersion(session, s)))
  return [...findings, ...(await checkFunctions(session, schema, s, path, changed))]
}

async function checkVersion(session: PostgresSession, s: string): Promise<Finding[]> {
  const [row] = await session.query(
    `select coalesce(max(version), 0)::text as version from ${s}.migration`,
    [],
  )
  const version = Number(row?.version)
  const wanted = Math.max(...migrations(s).map((one) => one.version))
  if (version < wanted) {
    return [finding('error', 'tables_older', { schema: s, version, wanted })]
  }
  if (version === wanted) return []
  return [finding('warning', 'tables_newer', { schema: s, version, wanted })]
}

/** Every function that a migration would make now, by name and body. */
async function checkFunctions(
  session: PostgresSession,
  schema: Schema,
  s: string,
  path: readonly string[],
  changed: boolean,
): Promise<Finding[]> {
  const [compiled] = await session.query(
    `select count(*)::text as n from ${s}.model where digest = $1::text`,
    [schemaDigest(schema)],
  )
  if (compiled?.n === '0') return []
  let statements: readonly Statement[]
  try {
    statements = compile(
      schema,
      await readTables(session, schema, path),
      { namespace: s },
      await readInstalled(session, s, schemaDigest(schema)),
    )
  } catch {
    // a model that does not fit its table has a finding of its own
    return []
  }
  const rows = await session.query(
    `select p.proname::text as name, p.prosrc as body, quote_ident(current_user) as role,
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
  const role = rows[0]?.role ?? ''
  return [
    ...(missing.length === 0 ? [] : [finding('error', 'functions_missing', { schema: s, names: missing })]),
    ...(different.length === 0
      ? []
      : [finding('error', 'functions_differ', { schema: s, names: different })]),
    ...(forbidden.length === 0
      ? []
      : [finding('error', 'execute_missing', { schema: s, role, names: forbidden })]),
  ]
}

/** Writers that hold the feed back. */
export async function checkFeed(session: PostgresSession, s: string): Promise<Finding[]> {
  const held = await session.query(
    `select b.pid::text as pid, round(extract(epoch from now() - b.since))::text as age from ${s}.blockers() b
where b.since < now() - interval '1 minute'`,
    [],
  )
  return held.map(({ pid, age }) => finding('warning', 'feed_held_back', { pid: pid ?? '', age: age ?? '' }))
}
