import type { Model, Schema } from '../../../core/schema/define.ts'
import { schemaDigest } from '../../../core/schema/digest.ts'
import type { OperationType } from '../../../core/schema/operation.ts'
import { referencesOf } from '../../../core/schema/references.ts'
import type { PostgresSession } from '../../connection.ts'
import { bindTable } from '../../model/bind.ts'
import type { BoundModel, Definition } from '../../model/bound-model.ts'
import { definitionOf } from '../../model/bound-model.ts'
import { isMade, type Table } from '../../model/catalog.ts'
import { MisfitError } from '../../model/fault.ts'
import { referenceFaults } from '../../model/references.ts'
import { captureTriggers } from '../compile-relation.ts'
import { readTables } from '../migrate.ts'
import { type Finding, finding, misfit } from './finding.ts'
import { rights } from './rights.ts'

/** What the database says of a model's table beside its columns. */
interface Guarded {
  readonly rowSecurity: boolean
  /** Policies do not hold for this role: it owns the table, or passes by all of them. */
  readonly passesBy: boolean
  readonly fillsIn: boolean
  /** A view cannot tell what its tables are told. */
  readonly takesTriggers: boolean
  /** Our capture triggers that are there and switched on. */
  readonly captures: readonly string[]
}

/** Each model against its table, and what was compiled against what the table is by now. */
export async function checkModels(
  session: PostgresSession,
  schema: Schema,
  s: string,
  path: readonly string[],
  installed: boolean,
): Promise<Finding[]> {
  const digest = schemaDigest(schema)
  const kept = installed
    ? await session.query(
        `select name, definition::text as definition from ${s}.model where digest = $1::text`,
        [digest],
      )
    : []
  const findings: Finding[] = []
  // a schema without models has nothing to compile
  if (installed && kept.length === 0 && schema.models.size > 0) {
    findings.push(finding('error', 'schema_not_compiled', { schema: s, digest }))
  }
  const tables = await readTables(session, schema, path)
  const fitting = new Map<string, { bound: BoundModel; table: Table }>()
  for (const model of schema.models.values()) {
    const bound = bindOrTell(model, tables.get(model.name), findings)
    if (bound === undefined) continue
    fitting.set(model.name, { bound, table: tables.get(model.name) as Table })
    const definition = kept.find(({ name }) => name === model.name)?.definition
    if (definition != null && !(await isSame(session, definition, bound))) {
      findings.push(finding('error', 'table_changed', { model: model.name }))
    }
    findings.push(...(await checkGuards(session, bound, s)), ...(await rights(session, bound)))
    findings.push(
      ...(await checkView(session, bound, tables.get(model.name))),
      ...(await checkTimeZone(session, bound)),
    )
  }
  for (const { bound, table } of fitting.values()) {
    findings.push(
      ...referenceFaults(bound, table, fitting).map(misfit),
      ...undeclared(bound, table, [...fitting.values()]),
    )
  }
  return findings
}

/** Foreign keys to rows of tenants that callers can set, and that the schema does not confine. */
function undeclared(
  bound: BoundModel,
  table: Table,
  others: readonly { readonly bound: BoundModel; readonly table: Table }[],
): Finding[] {
  const { model, tenant } = bound
  if (!['CREATE', 'UPDATE'].some((type) => model.mutable.has(type as OperationType))) return []
  const declared = new Set(
    referencesOf(model).map(({ field, model: other }) => `${field.column} ${tableOf(other, others)}`),
  )
  return table.foreignKeys.flatMap(({ name, columns, keys, table: to }) => {
    const scoped = others.filter((one) => one.table.sql === to && one.bound.model.policy.by !== 'none')
    const [other] = scoped
    if (other === undefined || columns.some((column) => declared.has(`${column} ${to}`))) return []
    // with the tenant in it the database itself confines it
    const confines = scoped.some(({ bound: { tenant: theirs } }) =>
      columns.some((column, place) => column === tenant?.name && keys[place] === theirs?.name),
    )
    const sent = bound.fields.find(
      ({ field, column }) =>
        columns.includes(column.name) &&
        (field.writable || (model.key.includes(field) && field !== model.tenantField)),
    )
    if (confines || sent === undefined) return []
    const of = { model: model.name, table: table.sql, constraint: name }
    return [
      finding('warning', 'reference_not_declared', {
        ...of,
        field: sent.field.name,
        other: other.bound.model.name,
      }),
    ]
  })
}

const tableOf = (
  name: string,
  others: readonly { readonly bound: BoundModel; readonly table: Table }[],
): string | undefined => others.find(({ bound }) => bound.model.name === name)?.table.sql

/** The model bound to its table; undefined when it does not fit, which is told. */
function bindOrTell(model: Model, table: Table | undefined, findings: Finding[]): BoundModel | undefined {
  try {
    return bindTable(model, table)
  } catch (fault) {
    if (!(fault instanceof MisfitError)) throw fault
    findings.push(...fault.faults.map(misfit))
    return undefined
  }
}

/** A view has no index: whether its key names one row, only its rows tell. */
async function checkView(
  session: PostgresSession,
  { model, table, keys }: BoundModel,
  at: Table | undefined,
): Promise<Finding[]> {
  if (at === undefined || ['r', 'p'].includes(at.kind)) return []
  const columns = keys.map(({ column }) => column.sql)
  const nulls = columns.map((name) => `t.${name} is null`).join(' or ')
  const [row] = await session.query(
    `select (exists (select from ${table} t where ${nulls})
  or exists (select from ${table} t group by ${columns.map((name) => `t.${name}`).join(', ')} having count(*) > 1))::text as shared`,
    [],
  )
  if (row?.shared !== 'true') return []
  return [finding('error', 'view_key_not_unique', { model: model.name, table, columns })]
}

/** `timestamp default now()` keeps the session's local time, which is read as UTC. */
async function checkTimeZone(
  session: PostgresSession,
  { model, table, fields }: BoundModel,
): Promise<Finding[]> {
  const local = fields.filter(
    ({ column }) => column.base === 'timestamp' && !column.isArray && isLocalTime(column.default),
  )
  if (local.length === 0) return []
  const [at] = await session.query(
    `select current_setting('timezone') as zone,
  (extract(timezone from now()) = 0 and extract(timezone from now() - interval '6 months') = 0)::text as utc`,
    [],
  )
  if (at?.utc === 'true') return []
  return local.map(({ column }) =>
    finding('warning', 'time_zone_not_utc', {
      model: model.name,
      table,
      column: column.name,
      zone: at?.zone ?? '',
    }),
  )
}

/** Defaults as the catalog prints them. */
const localTimes = new Set([
  'now()',
  'CURRENT_TIMESTAMP',
  'LOCALTIMESTAMP',
  'clock_timestamp()',
  'statement_timestamp()',
  'transaction_timestamp()',
])
const isLocalTime = (sql: string | null): boolean =>
  sql !== null && localTimes.has(sql.replace(/\(\d\)$/, ''))

async function isSame(session: PostgresSession, definition: string, bound: BoundModel): Promise<boolean> {
  const [same] = await session.query(`select ($1::text::jsonb = $2::text::jsonb)::text as same`, [
    definition,
    // the number is what the log calls the table, and no part of how it looks
    JSON.stringify({ ...definitionOf(bound), rel: (JSON.parse(definition) as Definition).rel }),
  ])
  return same?.same === 'true'
}

async function checkGuards(session: PostgresSession, bound: BoundModel, s: string): Promise<Finding[]> {
  const { model, table } = bound
  const [row] = await session.query(
    `select jsonb_build_object(
  'rowSecurity', c.relrowsecurity,
  'passesBy', (select r.rolsuper or r.rolbypassrls from pg_roles r where r.rolname = current_user)
    or (not c.relforcerowsecurity and pg_has_role(c.relowner, 'usage')),
  'takesTriggers', c.relkind in ('r', 'p'),
  -- bits of tgtype: 2 before, 4 insert
  'fillsIn', exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 6 = 6),
  'captures', (select coalesce(jsonb_agg(g.tgname), '[]') from pg_trigger g
    where g.tgrelid = c.oid and g.tgname = any($2::text::text[]) and g.tgenabled in ('O', 'A')))::text as guarded
from pg_class c join pg_namespace n on n.oid = c.relnamespace where format('%I.%I', n.nspname, c.relname) = $1::text`,
    [table, `{${captureTriggers(s).join(',')}}`],
  )
  const at = JSON.parse(row?.guarded as string) as Guarded
  const findings = checkColumns(bound, at.fillsIn)
  if (at.rowSecurity && at.passesBy) {
    findings.push(finding('error', 'row_security_bypassed', { model: model.name, table }))
  }
  const off = captureTriggers(s).find((name) => !at.captures.includes(name))
  if (model.capture && off !== undefined) {
    findings.push(finding('error', 'capture_off', { model: model.name, table, trigger: off }))
  }
  if (model.capture === undefined && off !== undefined && at.takesTriggers && model.mutable.size > 0) {
    findings.push(finding('warning', 'capture_undecided', { model: model.name, table }))
  }
  return findings
}

/** Columns that no create could fill, and fields that promise more than their column holds. */
function checkColumns(
  { model, table, columns, fields, keys, tenant, hidden }: BoundModel,
  fillsIn: boolean,
): Finding[] {
  if (!model.mutable.has('CREATE')) return []
  const filled = new Set([tenant?.name, ...hidden.map(({ column }) => column.name)])
  for (const { field, column } of [...fields, ...keys]) {
    if (field.writable || field.touch || keys.some((key) => key.field === field)) filled.add(column.name)
  }
  const at = { model: model.name, table }
  const findings: Finding[] = []
  for (const column of columns) {
    if (!column.notNull || column.default !== null || isMade(column) || filled.has(column.name)) continue
    const level = fillsIn ? 'warning' : 'error'
    findings.push(
      finding(level, 'column_cannot_be_filled', { ...at, column: column.sql, byTrigger: fillsIn }),
    )
  }
  for (const { field, column } of fields) {
    if (!field.writable || !field.optional || field.default !== undefined || field.touch || fillsIn) continue
    // any JSON may be undefined, as far as zod knows; a create that sends none keeps JSON null in such a column
    if (field.kind === 'json') continue
    if (!column.notNull || column.default !== null || hidden.some((one) => one.column.name === column.name))
      continue
    findings.push(
      finding('warning', 'optional_over_required', { ...at, column: column.sql, field: field.name }),
    )
  }
  return findings
}
