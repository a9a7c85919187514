import type { Model, Schema } from '../../../core/schema/define.ts'
import { schemaDigest } from '../../../core/schema/digest.ts'
import type { PostgresSession } from '../../connection.ts'
import type { BoundModel } from '../../model/bound-model.ts'
import { isMade, type Table } from '../../model/catalog.ts'
import { bindTable } from '../../model/column-types.ts'
import { readTables } from '../migrate.ts'
import { error, type Finding, MIGRATE, warning } from './finding.ts'
import { rights } from './rights.ts'

/** What the database says of a model's table beside its columns. */
interface Guarded {
  readonly rowSecurity: boolean
  /** Policies do not hold for this role: it owns the table, or passes by all of them. */
  readonly passesBy: boolean
  readonly fillsIn: boolean
  /** Our capture triggers that are there and switched on. */
  readonly captures: readonly string[]
}

export const CHANGED = 'the table changed since its functions were compiled'

/** Each model against its table, and what was compiled against what the table is by now. */
export async function checkModels(
  session: PostgresSession,
  schema: Schema,
  s: string,
  installed: boolean,
): Promise<Finding[]> {
  const kept = installed
    ? await session.query(
        `select name, definition::text as definition from ${s}.model where digest = $1::text`,
        [schemaDigest(schema)],
      )
    : []
  const findings: Finding[] = []
  if (installed && kept.length === 0) {
    findings.push(
      error(s, `Functions of this schema (digest ${schemaDigest(schema)}) were never compiled.`, MIGRATE),
    )
  }
  const tables = await readTables(session, schema, s)
  for (const model of schema.models.values()) {
    const { bound, faults } = bindAll(model, tables.get(model.name))
    findings.push(...faults)
    if (bound === undefined || faults.length > 0) continue
    const definition = kept.find(({ name }) => name === model.name)?.definition
    if (definition != null && !(await isSame(session, definition, bound))) {
      findings.push(error(model.name, CHANGED, MIGRATE))
    }
    findings.push(...(await checkGuards(session, bound, s)), ...(await rights(session, bound)))
  }
  return findings
}

/** Binds a model; a field that does not fit is told and left out, so that all of them are told at once. */
function bindAll(model: Model, table: Table | undefined): { bound?: BoundModel; faults: Finding[] } {
  const faults: Finding[] = []
  for (let rest = model; ; ) {
    try {
      return { bound: bindTable(rest, table), faults }
    } catch (fault) {
      const { message } = fault as Error
      faults.push(
        error(model.name, message.replace(`${model.name}: `, ''), remedy(message, model, table?.sql)),
      )
      const name = /\bfield (\w+)/.exec(message)?.[1] ?? ''
      if (!rest.fields.has(name) || name === model.primaryKey.name) return { faults }
      rest = { ...rest, fields: new Map([...rest.fields].filter(([one]) => one !== name)) }
    }
  }
}

async function isSame(session: PostgresSession, definition: string, bound: BoundModel): Promise<boolean> {
  const { table, columns, triggers } = bound
  const [same] = await session.query(`select ($1::text::jsonb = $2::text::jsonb)::text as same`, [
    definition,
    JSON.stringify({ table, columns, triggers }),
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
  -- bits of tgtype: 2 before, 4 insert
  'fillsIn', exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 6 = 6),
  'captures', (select coalesce(jsonb_agg(g.tgname), '[]') from pg_trigger g
    where g.tgrelid = c.oid and g.tgname in ($2::text, $2::text || '_truncate') and g.tgenabled in ('O', 'A')))::text as guarded
from pg_class c join pg_namespace n on n.oid = c.relnamespace where format('%I.%I', n.nspname, c.relname) = $1::text`,
    [table, `${s}_capture`],
  )
  const at = JSON.parse(row?.guarded as string) as Guarded
  const findings = checkColumns(bound, at.fillsIn)
  if (at.rowSecurity && at.passesBy) {
    findings.push(
      error(
        model.name,
        `${table} has row-level security, and this role passes by its policies`,
        `Connect as a role that owns nothing and has no bypassrls, or: alter table ${table} force row level security`,
      ),
    )
  }
  if (model.capture && at.captures.length < 2) {
    findings.push(
      error(
        model.name,
        `capture is on, and ${table} lacks our triggers, or they are switched off: writes around the endpoint are not in the log`,
        `${MIGRATE} Switched off: alter table ${table} enable trigger ${s}_capture`,
      ),
    )
  }
  return findings
}

/** Columns that no create could fill, and fields that promise more than their column holds. */
function checkColumns(
  { model, table, columns, fields, tenant, hidden }: BoundModel,
  fillsIn: boolean,
): Finding[] {
  if (!model.mutable.has('CREATE')) return []
  const filled = new Set([tenant?.name, ...hidden.map(({ column }) => column.name)])
  for (const { field, column } of fields) {
    if (field.writable || field.touch || field === model.primaryKey) filled.add(column.name)
  }
  const findings: Finding[] = []
  for (const column of columns) {
    if (!column.notNull || column.default !== null || isMade(column) || filled.has(column.name)) continue
    const said = fillsIn ? warning : error
    findings.push(
      said(
        model.name,
        `column ${column.name} of ${table} takes no null and has no default, and the model cannot write it: ${fillsIn ? 'creates fail unless a trigger fills it' : 'every create fails'}`,
        `Add a field for it, or: alter table ${table} alter column ${column.sql} set default ...; or take CREATE out of the model's \`mutable\`.`,
      ),
    )
  }
  for (const { field, column } of fields) {
    if (!field.writable || !field.optional || field.default !== undefined || field.touch || fillsIn) continue
    if (!column.notNull || column.default !== null || hidden.some((one) => one.column === column)) continue
    findings.push(
      warning(
        model.name,
        `field ${field.name} may be left out, but column ${column.name} takes no null and has no default`,
        `Make the field required, or: alter table ${table} alter column ${column.sql} set default ...`,
      ),
    )
  }
  return findings
}

/** What to do about a model that does not fit its table, by what does not. */
function remedy(message: string, model: Model, table = model.table.name): string {
  if (message.includes('there is no table')) {
    return `Create it, or name the right one in the model's options: { table: 'schema.name' }; \`npx postern pull\` lists what is there.`
  }
  const column = /has no column (\S+)/.exec(message)?.[1]
  if (column !== undefined && message.includes('(the tenant)')) {
    return `alter table ${table} add column ${column} text not null; or name the one that holds the tenant: { policy: { by: 'column', column: '...' } }; or say that there is none: { policy: { by: 'none' } }`
  }
  if (column !== undefined) {
    return `alter table ${table} add column ${column} ...; or name the right one in the model's options: { columns: { ... } }; or take the field out.`
  }
  if (message.includes('is not the primary key')) {
    return `alter table ${table} add primary key (${model.primaryKey.column}); or name the field that is: { primaryKey: '...' }; or make the model read only: { mutable: false }`
  }
  if (message.includes('cannot hold')) {
    return `Change the field's type; \`npx postern pull --table ${model.table.name}\` shows the one that fits.`
  }
  return 'Change the schema or the table.'
}
