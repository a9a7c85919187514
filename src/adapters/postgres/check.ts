import type { Schema } from '../../core/schema/define.ts'
import { schemaDigest } from '../../core/schema/digest.ts'
import type { PostgresConnection, PostgresSession } from './connection.ts'
import type { InstallOptions } from './migrate.ts'
import { installSchema, readTables } from './migrate.ts'
import { bindTable } from './suits.ts'

/** Something that is not as it should be. */
export interface Finding {
  /** An error keeps the endpoint from working or breaks a promise; a warning is for somebody to judge. */
  readonly level: 'error' | 'warning'
  readonly message: string
  /** What to do about it. */
  readonly fix: string
}

const MIGRATE = 'Run `npx postern migrate` with this schema.'

/**
 * Looks whether database and schema fit each other. Reads the catalogue and settings, writes nothing.
 *
 * @returns findings, errors first; empty when all is well.
 * @example
 * for (const { level, message, fix } of await check(connection, schema)) console.log(level, message, fix)
 */
export function check(
  connection: PostgresConnection,
  schema: Schema,
  options: InstallOptions = {},
): Promise<Finding[]> {
  const s = installSchema(options)
  return connection.transaction(
    async (session) => {
      const findings = [
        ...(await checkModels(session, schema, s)),
        ...(await checkServer(session)),
        ...(await checkInstallation(session, s)),
      ]
      return findings.sort((a, b) => a.level.localeCompare(b.level))
    },
    { isolation: 'read committed' },
  )
}

const error = (message: string, fix: string): Finding => ({ level: 'error', message, fix })
const warning = (message: string, fix: string): Finding => ({ level: 'warning', message, fix })

/** Each model against its table, and what was compiled against what the table is by now. */
async function checkModels(session: PostgresSession, schema: Schema, s: string): Promise<Finding[]> {
  const [installed] = await session.query(`select to_regclass('${s}.model')::text as name`, [])
  const kept =
    installed?.name == null
      ? undefined
      : await session.query(
          `select name, definition::text as definition from ${s}.model where digest = $1::text`,
          [schemaDigest(schema)],
        )
  const findings: Finding[] = []
  if (kept === undefined)
    findings.push(error(`The tables and functions of schema ${s} are not installed.`, MIGRATE))
  else if (kept.length === 0) findings.push(error('The functions of this schema are not installed.', MIGRATE))
  const tables = await readTables(session, schema, s)
  for (const model of schema.models.values()) {
    try {
      const { table, columns, triggers } = bindTable(model, tables.get(model.name))
      const definition = kept?.find(({ name }) => name === model.name)?.definition
      if (definition == null) continue
      const [same] = await session.query(`select ($1::text::jsonb = $2::text::jsonb)::text as same`, [
        definition,
        JSON.stringify({ table, columns, triggers }),
      ])
      if (same?.same === 'false') {
        findings.push(error(`${model.name}: the table changed since its functions were compiled.`, MIGRATE))
      }
    } catch (fault) {
      findings.push(error((fault as Error).message, 'Change the schema or the table.'))
    }
  }
  return findings
}

async function checkServer(session: PostgresSession): Promise<Finding[]> {
  const [at] = await session.query(
    `select current_setting('server_version_num') as version, current_setting('server_version') as name,
  current_setting('fsync') as fsync, current_setting('full_page_writes') as pages,
  pg_is_in_recovery()::text as standby,
  (select (r.rolsuper or r.rolbypassrls)::text from pg_roles r where r.rolname = current_user) as bypass,
  (select t.setting from pg_settings t where t.name = 'statement_timeout') as timeout,
  (select coalesce(max(t.setting), '') from pg_settings t where t.name = 'default_transaction_isolation') as isolation`,
    [],
  )
  const findings: Finding[] = []
  if (Number(at?.version) < 150000) {
    findings.push(error(`Postgres ${at?.name} is older than 15.`, 'Upgrade the server.'))
  }
  if (at?.standby === 'true') {
    findings.push(
      error(
        'This is a standby: it takes no commits, and its feed is not complete.',
        'Connect to the primary.',
      ),
    )
  }
  if (at?.fsync === 'off' || at?.pages === 'off') {
    findings.push(
      warning('fsync or full_page_writes is off: acknowledged commits can be lost.', 'Turn both on.'),
    )
  }
  if (at?.bypass === 'true') {
    findings.push(
      warning(
        'The role passes by row-level security.',
        'Use an ordinary role; see `grants(role)` of `postern/postgres`.',
      ),
    )
  }
  if (at?.timeout === '0') {
    findings.push(
      warning(
        'The connection has no statement_timeout: loads and commits can wait without end behind a table lock.',
        'Set it for the role, for example `alter role app set statement_timeout = 10000`.',
      ),
    )
  }
  if (at?.isolation !== 'read committed') {
    findings.push(
      warning(
        `The default isolation is ${at?.isolation}: each commit takes a transaction of three round trips, not one.`,
        'Set default_transaction_isolation to read committed for the role, if nothing else needs it.',
      ),
    )
  }
  return findings
}

async function checkInstallation(session: PostgresSession, s: string): Promise<Finding[]> {
  const [sequence] = await session.query(
    `select q.seqcache::text as cache from pg_sequence q where q.seqrelid = to_regclass('${s}.position_seq')`,
    [],
  )
  if (sequence === undefined) return []
  const findings: Finding[] = []
  if (sequence.cache !== '1') {
    findings.push(
      error(
        `${s}.position_seq has CACHE ${sequence.cache}: followers would skip events.`,
        `alter sequence ${s}.position_seq cache 1`,
      ),
    )
  }
  const [rights] = await session.query(
    `select concat_ws(', ',
  case when not has_schema_privilege('${s}', 'usage') then 'usage on schema ${s}' end,
  case when not has_table_privilege('${s}.outbox', 'select, insert') then 'select and insert on ${s}.outbox' end,
  case when not has_table_privilege('${s}.ledger', 'select, insert') then 'select and insert on ${s}.ledger' end,
  case when not has_sequence_privilege('${s}.position_seq', 'usage') then 'usage on ${s}.position_seq' end) as missing`,
    [],
  )
  if (rights?.missing) {
    findings.push(
      error(
        `The role lacks: ${rights.missing}.`,
        'Run the statements of `grants(role)` of `postern/postgres`.',
      ),
    )
  }
  const held = await session.query(
    `select b.pid::text as pid, round(extract(epoch from now() - b.since))::text as age from ${s}.blockers() b
where b.since < now() - interval '1 minute'`,
    [],
  )
  for (const { pid, age } of held) {
    findings.push(
      warning(
        `The feed is held back by backend ${pid}, whose transaction is ${age} s old.`,
        'End that transaction; see idle_in_transaction_session_timeout.',
      ),
    )
  }
  return findings
}
