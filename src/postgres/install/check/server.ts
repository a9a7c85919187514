import type { PostgresSession } from '../../connection.ts'
import { error, type Finding, warning } from './finding.ts'

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
    findings.push(error('server', `Postgres ${at?.name} is older than 15`, 'Upgrade the server.'))
  }
  if (at?.standby === 'true') {
    findings.push(
      error(
        'server',
        'this is a standby: it takes no commits, and its feed is not complete',
        'Connect to the primary.',
      ),
    )
  }
  if (at?.fsync === 'off' || at?.pages === 'off') {
    findings.push(
      warning(
        'server',
        'fsync or full_page_writes is off: acknowledged commits can be lost',
        'Turn both on in postgresql.conf.',
      ),
    )
  }
  if (at?.synchronous === 'off') {
    findings.push(
      warning(
        'server',
        'synchronous_commit is off: the endpoint overrules it, writes beside it can be lost in a crash',
        'Turn it on where that matters: alter role ... set synchronous_commit = on',
      ),
    )
  }
  if (at?.bypass === 'true') {
    findings.push(
      warning(
        'role',
        'the role passes by row-level security',
        'Use an ordinary role; see `grants(role)` of `postern/postgres`.',
      ),
    )
  }
  if (at?.timeout === '0') {
    findings.push(
      warning(
        'role',
        'the connection has no statement_timeout: loads and commits can wait without end behind a table lock',
        'Set it for the role, for example: alter role app set statement_timeout = 10000',
      ),
    )
  }
  if (at?.isolation !== 'read committed') {
    findings.push(
      warning(
        'role',
        `the default isolation is ${at?.isolation}: each commit takes a transaction of three round trips, not one`,
        'Set default_transaction_isolation to read committed for the role, if nothing else needs it.',
      ),
    )
  }
  return findings
}
