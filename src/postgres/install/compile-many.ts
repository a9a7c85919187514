import type { OperationType } from '../../core/schema/operation.ts'
import type { BoundModel } from '../model/bound-model.ts'
import {
  boundField,
  castTenant,
  entityId,
  parentCondition,
  rowJson,
  tenantCondition,
} from '../model/bound-model.ts'
import { decode, scalarValue } from '../model/column-values.ts'
import type { CompileOptions } from './compile-one.ts'
import { archiving } from './compile-one.ts'
import { assignments, changedFields, createId, inexactInput, insertion } from './compile-write.ts'

/**
 * What a commit of several operations needs of one model: `lock` its rows, show a `row`, and `apply` a set of
 * operations of one type on distinct rows in one statement.
 */
export function compileMany(bound: BoundModel, options: CompileOptions): readonly string[] {
  if (bound.model.mutable.size === 0) return []
  return [lockFunction(bound, options), rowFunction(bound, options), applyFunction(bound, options)]
}

const owned = (bound: BoundModel, { models }: CompileOptions, alias = 't'): string => {
  const condition = tenantCondition(bound, models, alias, '_tenant')
  return condition === null ? '' : ` and ${condition}`
}

function lockFunction(bound: BoundModel, options: CompileOptions): string {
  const key = bound.key.column
  const rows = `select ${entityId(bound, 't')} as id from ${bound.table} t
      where t.${key.sql} = any(_ids::${key.type}[])${owned(bound, options)}
      order by t.${key.sql}`
  return `-- ${bound.model.name}: locks rows in key order, so that two commits cannot deadlock; answers those that exist
create or replace function ${options.name(bound, 'lock')}(_tenant text, _ids text[], _delete boolean) returns text[]
language plpgsql as $postern$
#variable_conflict use_variable
begin
  if _delete then
    return array(select l.id from (
      ${rows} for update) l);
  end if;
  return array(select l.id from (
      ${rows} for no key update) l);
end $postern$`
}

function rowFunction(bound: BoundModel, options: CompileOptions): string {
  const key = bound.key.column
  return `-- ${bound.model.name}: a row as it is now, as JSON text
create or replace function ${options.name(bound, 'row')}(_tenant text, _id text) returns text language plpgsql as $postern$
#variable_conflict use_variable
begin
  return (select ${rowJson(bound, 't')}
    from ${bound.table} t where t.${key.sql} = ${scalarValue(key.base, key.type, '_id')}${owned(bound, options)});
end $postern$`
}

function applyFunction(bound: BoundModel, options: CompileOptions): string {
  const { schema: s } = options
  const branches = [...bound.model.mutable].map(
    (type) => `  when '${type}' then\n${applyType(bound, options, type)}`,
  )
  return `-- ${bound.model.name}: applies operations of one type on distinct rows
create or replace function ${options.name(bound, 'apply')}(
  _type text, _tenant text, _index int[], _ids text[], _inputs jsonb[]
) returns ${s}.applied[] language plpgsql as $postern$
#variable_conflict use_variable
declare _done ${s}.applied[];
begin
  case _type
${branches.join('\n')}
  end case;
  if cardinality(_done) is distinct from cardinality(_index) then
    -- fewer than were asked: gone through an earlier operation of this commit, or kept from us by a trigger
    if _type = 'CREATE' or exists (
      select from ${bound.table} t where t.${bound.key.column.sql} = any(_ids::${bound.key.column.type}[])${owned(bound, options)}) then
      raise exception '${s}: a trigger suppressed the write' using errcode = 'PN409';
    end if;
    raise exception '${s}: no such row' using errcode = 'PN404';
  end if;
  return _done;
end $postern$`
}

/** From each operation of the set: its place, id and input. `unnest` of arrays, because a set made of JSON is planned as a scan of the table. */
const OPERATIONS = 'unnest(_index, _ids, _inputs) as op(i, id, d)'

function applyType(bound: BoundModel, options: CompileOptions, type: OperationType): string {
  const { schema: s } = options
  const key = bound.key.column
  const id = scalarValue(key.base, key.type, 'op.id')
  const rowTenant = bound.model.policy.by === 'none' ? `''` : '_tenant'
  const applied = (index: string, changed: string): string =>
    `row(${index}, '${bound.model.name}', ${entityId(bound, 't')}, '${type}', ${rowTenant},
        ${rowJson(bound, 't')},
        ${changed})::${s}.applied as a`
  const collect = (write: string): string => `    with written as (
      ${write})
    select array_agg(w.a) into _done from written w;`

  switch (type) {
    case 'CREATE':
      return `${checks(bound, options, true)}${createMany(bound, options)}`
    case 'UPDATE':
      return `${checks(bound, options, false)}${collect(`update ${bound.table} t set
      ${assignments(bound, 'op.d', 't')}
      from ${OPERATIONS} join ${bound.table} o on o.${key.sql} = ${id}
      where t.${key.sql} = o.${key.sql}${owned(bound, options)}
      returning ${applied('op.i', changedFields(bound, 'o', 't'))}`)}`
    case 'DELETE':
      return collect(`delete from ${bound.table} t using ${OPERATIONS}
      where t.${key.sql} = ${id}${owned(bound, options)}
      returning ${applied('op.i', 'null::text[]')}`)
    default:
      return collect(`update ${bound.table} t set ${archiving(bound, type)}
      from ${OPERATIONS} join ${bound.table} o on o.${key.sql} = ${id}
      where t.${key.sql} = o.${key.sql}${owned(bound, options)}
      returning ${applied('op.i', changedFields(bound, 'o', 't'))}`)
  }
}

/** RETURNING knows the new row but not which operation made it: the id, settled beforehand, joins them. */
function createMany(bound: BoundModel, { schema: s }: CompileOptions): string {
  const key = bound.key.column
  const tenant = bound.tenant === null ? '' : castTenant(bound.tenant, '_tenant')
  const rowTenant = bound.model.policy.by === 'none' ? `''` : '_tenant'
  const insert = insertion(bound, 'op.d', 'op.id', tenant)
  return `    with op as materialized (
      select op.i, ${createId(bound, scalarValue(key.base, key.type, 'op.id'))} as id, op.d
      from ${OPERATIONS}),
    written as (
      insert into ${bound.table} as t (${insert.columns})${insert.overriding}
      select ${insert.values}
      from op order by op.i
      returning t.${key.sql} as id, ${entityId(bound, 't')} as entity_id, ${rowJson(bound, 't')} as data)
    select array_agg(row(op.i, '${bound.model.name}', w.entity_id, 'CREATE', ${rowTenant}, w.data, null)::${s}.applied)
    into _done from written w join op on op.id = w.id;`
}

function checks(bound: BoundModel, options: CompileOptions, creating: boolean): string {
  const { schema: s } = options
  const rounded = inexactInput(bound, 'op.d')
  const exact =
    rounded === null
      ? ''
      : `    if exists (select from ${OPERATIONS} where ${rounded}) then
      raise exception '${s}: a value has more digits than its column keeps' using errcode = '22003';
    end if;
`
  const { policy } = bound.model
  if (policy.by !== 'parent') return exact
  const parent = options.models.get(policy.parent) as BoundModel
  const reference = decode(boundField(bound, policy.fk).column, 'op.d', policy.fk)
  const condition = parentCondition(parent, options.models, reference, '_tenant')
  return `${exact}    if exists (select from ${OPERATIONS} where ${creating ? '' : `op.d ? '${policy.fk}' and `}not ${condition}) then
      raise exception '${s}: no such parent' using errcode = 'PN405', table = '${policy.parent}';
    end if;
`
}
