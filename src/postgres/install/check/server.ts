import type { PostgresConnection, PostgresSession } from '../../connection.ts'
import { settle } from '../../model/catalog.ts'
import { foreignEngine } from '../engine.ts'
import { type Finding, finding } from './finding.ts'

/** The server, the role and the settings that promises hang on. */
export async function checkServer(session: PostgresSession): Promise<Finding[]> {
  const [at] = await session.query(
    `select current_setting('server_version_num') as version, current_setting('server_version') as name,
  current_setting('fsync') as fsync, current_setting('full_page_writes') as pages,
  current_setting('synchronous_commit') as synchronous, pg_is_in_recovery()::text as standby,
  (select (r.rolsuper or r.rolbypassrls)::text from pg_roles r where r.rolname = current_user) as bypass,
  (select t.setting from pg_settings t where t.name = 'statement_timeout') as timeout,
  (select coalesce(max(t.setting), '') from pg_settings t where t.name = 'default_transaction_isolation') as isolation`,
    [],
  )
  const findings: Finding[] = []
  if (Number(at?.version) < 150000) {
    findings.push(finding('error', 'version_unsupported', { version: at?.name ?? '' }))
  }
  const engine = await foreignEngine(session)
  if (engine !== null) findings.push(finding('error', 'engine_unsupported', { engine }))
  if (at?.standby === 'true') findings.push(finding('error', 'standby', {}))
  if (at?.fsync === 'off' || at?.pages === 'off') findings.push(finding('warning', 'not_durable', {}))
  if (at?.synchronous === 'off') findings.push(finding('warning', 'commits_asynchronous', {}))
  if (at?.bypass === 'true') findings.push(finding('warning', 'role_bypasses_row_security', {}))
  if (at?.timeout === '0') findings.push(finding('warning', 'no_statement_timeout', {}))
  if (at?.isolation !== 'read committed') {
    findings.push(finding('warning', 'isolation_not_default', { isolation: at?.isolation ?? '' }))
  }
  return findings
}

/** Schemas of the search path in which others may create what unqualified names of the application's SQL would find. */
export async function checkPath(session: PostgresSession, path: readonly string[]): Promise<Finding[]> {
  const rows = await session.query(
    `select quote_ident(n.nspname) as schema, string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', ') as roles
from jsonb_array_elements_text($1::text::jsonb) p(name) join pg_namespace n on n.nspname = p.name
cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g
left join pg_roles r on r.oid = g.grantee
where g.privilege_type = 'CREATE' and n.nspname not like 'pg~_%' escape '~' and g.grantee <> n.nspowner
  and (g.grantee = 0 or not (r.rolsuper or r.rolname = current_user))
group by n.nspname`,
    [JSON.stringify(path)],
  )
  return rows.map(({ schema, roles }) =>
    finding('warning', 'path_open_to_others', { schema: schema ?? '', roles: roles ?? '' }),
  )
}

/** `checkPath` over a connection, for the doctor. */
export const lookAtPath = (connection: PostgresConnection): Promise<Finding[]> =>
  connection.transaction(async (session) => checkPath(session, await settle(session)))
