import type { Fault } from '../../model/fault.ts'
import { worded } from '../../model/fault.ts'
import { UNSUPPORTED_ENGINE } from '../engine.ts'

/** Something that is not as it should be. */
export interface Finding {
  /** An error keeps the endpoint from working or breaks a promise; a warning is for somebody to judge. */
  readonly level: 'error' | 'warning'
  /** What it is, for programs: the message may be worded anew. */
  readonly code: FindingCode
  /** A model's name, or what else it is about: `server`, `role`, `feed`, `storage`, our own schema. */
  readonly subject: string
  /** The field that it is about, where it is about one. */
  readonly field?: string
  readonly message: string
  /** What to do about it. */
  readonly fix: string
}

const MIGRATE = 'Run `npx postern migrate` with this schema.'
const GRANTS = '`npx postern grants <role>` prints all of them'

/** What is said of an observation. */
interface Words {
  readonly subject: string
  readonly message: string
  readonly fix: string
}

/** The one place that puts what a check observed into words, with the remedy. */
const observations = {
  not_installed: ({ schema }: { schema: string }): Words => ({
    subject: schema,
    message: `postern's tables and functions are not installed (schema ${schema})`,
    fix: MIGRATE,
  }),
  usage_missing: ({ schema, role }: { schema: string; role: string }): Words => ({
    subject: schema,
    message: `role ${role} lacks usage on schema ${schema}`,
    fix: `grant usage on schema ${schema} to ${role}; ${GRANTS}`,
  }),
  privilege_missing: (of: { schema: string; role: string; name: string; privilege: string }): Words => ({
    subject: of.schema,
    message: `role ${of.role} lacks ${of.privilege} on ${of.schema}.${of.name}`,
    fix: `grant ${of.privilege} on ${of.privilege === 'usage' ? 'sequence ' : ''}${of.schema}.${of.name} to ${of.role}; ${GRANTS}`,
  }),
  execute_missing: (of: { schema: string; role: string; names: readonly string[] }): Words => ({
    subject: of.schema,
    message: `role ${of.role} may not execute ${some(of.names)}`,
    fix: `grant execute on all functions in schema ${of.schema} to ${of.role}; ${GRANTS}`,
  }),
  sequence_missing: ({ schema }: { schema: string }): Words => ({
    subject: schema,
    message: `sequence ${schema}.position_seq is missing`,
    fix: 'It was dropped by hand: restore it from a backup; positions of the old log cannot be made again.',
  }),
  sequence_cached: ({ schema, cache }: { schema: string; cache: string }): Words => ({
    subject: schema,
    message: `${schema}.position_seq has CACHE ${cache}: followers would skip events`,
    fix: `alter sequence ${schema}.position_seq cache 1`,
  }),
  sequence_behind: (of: { schema: string; position: string; entry: string }): Words => ({
    subject: of.schema,
    message: `${of.schema}.position_seq is at ${of.position}, behind the log, whose last entry is ${of.entry}: commits are refused`,
    fix: 'Run `npx postern renew-log`.',
  }),
  positions_half_used: (of: { schema: string; position: string }): Words => ({
    subject: of.schema,
    message: `${of.schema}.position_seq is at ${of.position}: half of the positions are used`,
    fix: 'Plan a new log.',
  }),
  tables_older: (of: { schema: string; version: number; wanted: number }): Words => ({
    subject: of.schema,
    message: `postern's tables are of version ${of.version}, this package needs ${of.wanted}`,
    fix: MIGRATE,
  }),
  tables_newer: (of: { schema: string; version: number; wanted: number }): Words => ({
    subject: of.schema,
    message: `postern's tables are of version ${of.version}, newer than this package, which knows ${of.wanted}`,
    fix: 'Update the package.',
  }),
  schema_not_compiled: ({ schema, digest }: { schema: string; digest: string }): Words => ({
    subject: schema,
    message: `functions for this schema (digest ${digest}) are not in the database`,
    fix: MIGRATE,
  }),
  functions_missing: ({ schema, names }: { schema: string; names: readonly string[] }): Words => ({
    subject: schema,
    message: `functions are missing: ${some(names)}`,
    fix: MIGRATE,
  }),
  functions_differ: ({ schema, names }: { schema: string; names: readonly string[] }): Words => ({
    subject: schema,
    message: `functions are not those of this version, or were changed by hand: ${some(names)}`,
    fix: MIGRATE,
  }),
  table_changed: ({ model }: { model: string }): Words => ({
    subject: model,
    message: 'the table changed since its functions were compiled',
    fix: MIGRATE,
  }),
  row_security_bypassed: ({ model, table }: { model: string; table: string }): Words => ({
    subject: model,
    message: `${table} has row-level security, and this role bypasses its policies`,
    fix: `Connect as a role that owns nothing and has no bypassrls, or: alter table ${table} force row level security`,
  }),
  capture_off: (of: { model: string; table: string; trigger: string }): Words => ({
    subject: of.model,
    message: `capture is on, but ${of.table} lacks postern's triggers, or they are disabled: writes that bypass the endpoint are not in the log`,
    fix: `${MIGRATE} If they are disabled: alter table ${of.table} enable trigger ${of.trigger}`,
  }),
  capture_undecided: ({ model, table }: { model: string; table: string }): Words => ({
    subject: model,
    message: `writes to ${table} that bypass the endpoint are not in the log: \`readAt\` does not see them, and followers miss them`,
    fix: 'Set `capture: true` in the model and run `npx postern migrate`, or `capture: false` where nothing else writes.',
  }),
  column_cannot_be_filled: (of: {
    model: string
    table: string
    column: string
    byTrigger: boolean
  }): Words => ({
    subject: of.model,
    message: `column ${of.column} of ${of.table} is NOT NULL and has no default, and the model cannot write it: ${of.byTrigger ? 'creates fail unless a trigger fills it' : 'every create fails'}`,
    fix: `Add a field for it, or: alter table ${of.table} alter column ${of.column} set default ...; or take CREATE out of the model's \`mutable\`.`,
  }),
  optional_over_required: (of: { model: string; table: string; column: string; field: string }): Words => ({
    subject: of.model,
    message: `field ${of.field} may be left out, but column ${of.column} is NOT NULL and has no default`,
    fix: `Make the field required, or: alter table ${of.table} alter column ${of.column} set default ...`,
  }),
  reference_not_declared: (of: {
    model: string
    table: string
    constraint: string
    field: string
    other: string
  }): Words => ({
    subject: of.model,
    message: `foreign key ${of.constraint} of ${of.table} refers to rows of tenants, and the schema does not declare it: callers can set ${of.field} to another tenant's row`,
    fix: `Declare it: { relations: { ...: relation.belongsTo('${of.other}', '${of.field}') } }`,
  }),
  view_key_not_unique: (of: { model: string; table: string; columns: readonly string[] }): Words => ({
    subject: of.model,
    message: `rows of ${of.table} share a key (${of.columns.join(', ')}), or have none: pages would repeat rows or skip some`,
    fix: 'Name fields that are unique in the view and never null: { primaryKey: ... }',
  }),
  table_privilege_missing: (of: {
    model: string
    role: string
    table: string
    privileges: string
  }): Words => ({
    subject: of.model,
    message: `role ${of.role} lacks ${of.privileges} on ${of.table}`,
    fix: `grant ${of.privileges} on ${of.table} to ${of.role}`,
  }),
  time_zone_not_utc: (of: { model: string; table: string; column: string; zone: string }): Words => ({
    subject: of.model,
    message: `column ${of.column} of ${of.table} is a timestamp without time zone whose default is the local time of the session, and the time zone here is ${of.zone}: such values are read as UTC and are hours off`,
    fix: `alter table ${of.table} alter column ${of.column} set default (now() at time zone 'utc'); or use timestamptz`,
  }),
  version_unsupported: ({ version }: { version: string }): Words => ({
    subject: 'server',
    message: `Postgres ${version} is older than 15`,
    fix: 'Upgrade the server.',
  }),
  engine_unsupported: ({ engine }: { engine: string }): Words => ({
    subject: 'server',
    message: `${engine} is not supported: ${UNSUPPORTED_ENGINE}`,
    fix: 'Use PostgreSQL, or a service that runs it unchanged.',
  }),
  standby: (_: object): Words => ({
    subject: 'server',
    message: 'this is a standby: it accepts no commits, and its feed is not complete',
    fix: 'Connect to the primary.',
  }),
  not_durable: (_: object): Words => ({
    subject: 'server',
    message: 'fsync or full_page_writes is off: acknowledged commits can be lost',
    fix: 'Turn both on in postgresql.conf.',
  }),
  commits_asynchronous: (_: object): Words => ({
    subject: 'server',
    message: 'synchronous_commit is off: the endpoint overrules it, other writes can be lost in a crash',
    fix: 'Turn it on where that matters: alter role ... set synchronous_commit = on',
  }),
  role_bypasses_row_security: (_: object): Words => ({
    subject: 'role',
    message: 'the role bypasses row-level security',
    fix: `Use an ordinary role; ${GRANTS}`,
  }),
  no_statement_timeout: (_: object): Words => ({
    subject: 'role',
    message:
      'the connection has no statement_timeout: loads and commits can wait without end behind a table lock',
    fix: 'Set it for the role, for example: alter role app set statement_timeout = 10000',
  }),
  isolation_not_default: ({ isolation }: { isolation: string }): Words => ({
    subject: 'role',
    message: `the default isolation is ${isolation}: each commit takes a transaction of three round trips, not one`,
    fix: 'Set default_transaction_isolation to read committed for the role, if nothing else needs it.',
  }),
  path_open_to_others: ({ schema, roles }: { schema: string; roles: string }): Words => ({
    subject: 'role',
    message: `schema ${schema} of the search_path is open: ${roles} may create objects in it, which unqualified names in your own SQL would find`,
    fix: `revoke create on schema ${schema} from ${roles}`,
  }),
  feed_held_back: ({ pid, age }: { pid: string; age: string }): Words => ({
    subject: 'feed',
    message: `the feed is held back by backend ${pid}, whose transaction is ${age} s old`,
    fix: `select pg_terminate_backend(${pid}); and see idle_in_transaction_session_timeout`,
  }),
  cannot_be_read: ({ subject, message }: { subject: string; message: string }): Words => ({
    subject,
    message: `cannot be read: ${message}`,
    fix: `Grant what is missing; ${GRANTS}`,
  }),
}

const some = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`

type ObservationCode = keyof typeof observations

/** What a finding can be: an observation, or a model that does not fit its table. */
export type FindingCode = ObservationCode | Fault['code']

/** A finding about an observation; the words are found by its code. */
export function finding<const C extends ObservationCode>(
  level: Finding['level'],
  code: C,
  data: Parameters<(typeof observations)[C]>[0],
): Finding {
  const { field } = data as { field?: string }
  const words = (observations[code] as (data: unknown) => Words)(data)
  return { level, code, ...words, ...(field !== undefined && { field }) }
}

/** A model that does not fit its table, as a finding. */
export function misfit(fault: Fault): Finding {
  const { message, remedy } = worded(fault)
  const field = 'field' in fault ? { field: fault.field } : {}
  return { level: 'error', code: fault.code, subject: fault.model, ...field, message, fix: remedy }
}
