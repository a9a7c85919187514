import { traitsOf } from '../../../core/schema/operation.ts'
import type { PostgresSession } from '../../connection.ts'
import type { BoundModel } from '../../model/bound-model.ts'
import { changedColumns } from '../grants.ts'
import { type Finding, finding } from './finding.ts'

/** What the role lacks on a model's table; the statements that give it are those of `grants(role, { tables })`. */
export async function rights(session: PostgresSession, bound: BoundModel): Promise<Finding[]> {
  const needed = needs(bound)
  const [row] = await session.query(
    `select quote_ident(current_user) as role, coalesce(jsonb_agg(jsonb_build_array(n.privilege, quote_ident(n.name)))
    filter (where not case n.privilege when 'delete' then has_table_privilege(c.oid, 'delete')
      else has_column_privilege(c.oid, a.attnum, n.privilege) end), '[]')::text as missing
from pg_class c join pg_namespace s on s.oid = c.relnamespace
cross join jsonb_to_recordset($2::text::jsonb) as n(privilege text, name text)
left join pg_attribute a on a.attrelid = c.oid and a.attname = n.name
where format('%I.%I', s.nspname, c.relname) = $1::text`,
    [bound.table, JSON.stringify(needed)],
  )
  const byPrivilege = new Map<string, string[]>()
  for (const [privilege, column] of JSON.parse(row?.missing ?? '[]') as [string, string][]) {
    byPrivilege.set(privilege, [...(byPrivilege.get(privilege) ?? []), column])
  }
  if (byPrivilege.size === 0) return []
  const list = [...byPrivilege]
    .map(([privilege, columns]) =>
      privilege === 'delete' ? privilege : `${privilege} (${columns.join(', ')})`,
    )
    .join(', ')
  const of = { model: bound.model.name, role: row?.role ?? '', table: bound.table, privileges: list }
  return [finding('error', 'table_privilege_missing', of)]
}

interface Need {
  readonly privilege: string
  readonly name: string
}

function needs({ model, fields, hidden, keys, tenant, columns }: BoundModel): Need[] {
  const written = [...fields, ...hidden]
    .filter(({ field }) => field.writable)
    .map(({ column }) => column.name)
  const on = (privilege: string, names: readonly string[]): Need[] =>
    [...new Set(names)].map((name) => ({ privilege, name }))
  const names = keys.map(({ column }) => column.name)
  const own = tenant === null ? [] : [tenant.name]
  const privileges = new Set([...model.mutable].map((type) => traitsOf(type).privilege))
  const all = on('select', [...names, ...own, ...fields.map(({ column }) => column.name)])
  if (privileges.has('insert')) all.push(...on('insert', [...names, ...own, ...written]))
  // every change locks its row first, which asks for the right to update some column of it
  if ([...model.mutable].some((type) => traitsOf(type).needsRow)) {
    const changed = changedColumns(model)
    all.push(...on('update', changed.length === 0 ? names.slice(0, 1) : changed))
  }
  if (privileges.has('delete')) all.push({ privilege: 'delete', name: columns[0]?.name ?? '' })
  return all
}
