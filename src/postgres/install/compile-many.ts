import type { OperationType } from '../../core/schema/operation.ts'
import type { BoundModel } from '../model/bound-model.ts'
import {
  castTenant,
  entityId,
  keyColumns,
  keyCondition,
  keyValues,
  rowJson,
  rowSize,
  sameKey,
  tenantCondition,
} from '../model/bound-model.ts'
import { scalarValue } from '../model/column-values.ts'
import { setting } from '../signals.ts'
import type { Statement } from '../sql/statement.ts'
import { functionStatement } from '../sql/statement.ts'
import type { CompileOptions } from './compile-one.ts'
import { archiving } from './compile-one.ts'
import { foreignReferences } from './compile-references.ts'
import { relationFunction } from './compile-relation.ts'
import { assignments, createId, createIds, inexactInput, insertion, updateText } from './compile-write.ts'
import { closePath, inexactValue, openPath, suppressedWrite } from './fragments.ts'

const PINNED = 'language plpgsql set search_path = pg_catalog, pg_temp'

/**
 * What a commit of several operations needs of one model: `lock` its rows, tell their `size`, show a `row`, `apply` a set of operations of
 * one type on distinct rows in one statement, and `settle` what the log is told of its rows when everything was applied.
 */
export function compileMany(bound: BoundModel, options: CompileOptions): readonly Statement[] {
  if (bound.model.mutable.size === 0) return []
  return [
    lockFunction(bound, options),
    sizeFunction(bound, options),
    rowFunction(bound, options),
    applyFunction(bound, options),
    settleFunction(bound, options),
  ]
}

const owned = (bound: BoundModel, { models }: CompileOptions, alias = 't'): string => {
  const condition = tenantCondition(bound, models, alias, '_tenant')
  return condition === null ? '' : ` and ${condition}`
}

/** Whose row it is as long as nothing moved it. */
const rowTenant = (bound: BoundModel): string => (bound.model.policy.by === 'none' ? `''::text` : '_tenant')

function sizeFunction(bound: BoundModel, options: CompileOptions): Statement {
  const rows =
    bound.keys.length === 1
      ? `${bound.table} t where t.${bound.key.column.sql} = any(_ids::${bound.key.column.type}[])${owned(bound, options)}`
      : `(select distinct n.id from pg_catalog.unnest(_ids) n(id)) i join ${bound.table} t on ${keyCondition(bound, 't', 'i.id')}${owned(bound, options)}`
  return functionStatement({
    schema: options.schema,
    name: options.name(bound, 'size'),
    comment: `${bound.model.name}: about how many bytes the rows have`,
    parameters: '_tenant text, _ids text[]',
    returns: 'bigint',
    attributes: PINNED,
    body: `
#variable_conflict use_variable
begin
  return (select coalesce(sum(${rowSize(bound, 't')}), 0) from ${rows});
end `,
  })
}

function lockFunction(bound: BoundModel, options: CompileOptions): Statement {
  const key = bound.key.column
  const order = keyColumns(bound, 't').join(', ')
  const [rows, of] =
    bound.keys.length === 1
      ? [
          `select ${entityId(bound, 't')} as id from ${bound.table} t
      where t.${key.sql} = any(_ids::${key.type}[])${owned(bound, options)}
      order by ${order}`,
          '',
        ]
      : [
          `select ${entityId(bound, 't')} as id from (select distinct n.id from pg_catalog.unnest(_ids) n(id)) i
      join ${bound.table} t on ${keyCondition(bound, 't', 'i.id')}${owned(bound, options)}
      order by ${order}`,
          ' of t',
        ]
  return functionStatement({
    schema: options.schema,
    name: options.name(bound, 'lock'),
    comment: `${bound.model.name}: locks rows in key order, so that two commits cannot deadlock; answers those that exist`,
    parameters: '_tenant text, _ids text[], _delete boolean',
    returns: 'text[]',
    attributes: PINNED,
    body: `
#variable_conflict use_variable
begin
  if _delete then
    return array(select l.id from (
      ${rows} for update${of}) l);
  end if;
  return array(select l.id from (
      ${rows} for no key update${of}) l);
end `,
  })
}

function rowFunction(bound: BoundModel, options: CompileOptions): Statement {
  return functionStatement({
    schema: options.schema,
    name: options.name(bound, 'row'),
    comment: `${bound.model.name}: a row as it is in the caller's snapshot, as JSON text`,
    parameters: '_tenant text, _id text',
    returns: 'text',
    attributes: PINNED.replace('plpgsql', 'plpgsql stable'),
    body: `
#variable_conflict use_variable
begin
  return (select ${rowJson(bound, 't')}
    from ${bound.table} t where ${keyCondition(bound, 't', '_id')}${owned(bound, options)});
end `,
  })
}

function applyFunction(bound: BoundModel, options: CompileOptions): Statement {
  const { schema: s } = options
  const branches = [...bound.model.mutable].map(
    (type) => `  when '${type}' then\n${applyType(bound, options, type)}`,
  )
  const isThere =
    bound.keys.length === 1
      ? `select from ${bound.table} t where t.${bound.key.column.sql} = any(_ids::${bound.key.column.type}[])${owned(bound, options)}`
      : `select from pg_catalog.unnest(_ids) i(id) join ${bound.table} t on ${keyCondition(bound, 't', 'i.id')}${owned(bound, options)}`
  return functionStatement({
    schema: s,
    name: options.name(bound, 'apply'),
    comment: `${bound.model.name}: applies operations of one type on distinct rows`,
    parameters: '_type text, _tenant text, _path text, _index int[], _ids text[], _inputs jsonb[]',
    returns: `${s}.applied[]`,
    attributes: PINNED,
    body: `
#variable_conflict use_variable
declare
  _done ${s}.applied[]; _x text; _old ${bound.table}; _new ${bound.table}; _input jsonb; _fields text; _rows int;
begin
  ${openPath}
  ${alone(bound, s)}
  case _type
${branches.join('\n')}
  end case;
  ${closePath}
  if cardinality(_done) is distinct from cardinality(_index) then
    -- fewer than were asked: gone through an earlier operation of this commit, or kept from us by a trigger
    if _type = 'CREATE' or exists (
      ${isThere}) then
      ${suppressedWrite(s)}
    end if;
    raise exception '${s}: no such row' using errcode = 'PN404';
  end if;
  return _done;
end `,
  })
}

/** From each operation of the set: its place, id and input. With several arrays `unnest` is syntax, and not found by the path. `unnest` of arrays, because a set made of JSON is planned as a scan of the table. */
const OPERATIONS = 'unnest(_index, _ids, _inputs) as op(i, id, d)'

function applied(
  bound: BoundModel,
  { schema: s }: CompileOptions,
  index: string,
  row: string,
  more: {
    type: string
    changed: string
  },
): string {
  const { type, changed } = more
  return `row(${index}, '${bound.model.name}', ${bound.rel}, ${entityId(bound, row)}, '${type}', ${rowTenant(bound)}, ${rowTenant(bound)}, null,
        ${relationFunction(s, bound.rel, 'data')}(${row === 't' ? 't.*' : row}),
        ${rowJson(bound, row)},
        ${changed})::${s}.applied`
}

function applyType(bound: BoundModel, options: CompileOptions, type: OperationType): string {
  const checks =
    (type === 'CREATE' || type === 'UPDATE' ? inputChecks(bound, options, type === 'CREATE') : '') +
    (type === 'CREATE' ? settledIds(bound, options) : '')
  // rules rewrite a statement, and one within WITH, or several rows of one, they do not take
  if (bound.rules || (bound.columnTriggers && type === 'UPDATE')) {
    return `${checks}${eachAlone(bound, options, type)}`
  }
  const set = setOf(bound, options, type)
  // Postgres plans a set again at each call, since the plan depends on its size. For one operation that costs more than the
  // operation itself
  return `${checks}    if cardinality(_index) = 1 then
${eachAlone(bound, options, type)}
    else
${set}
    end if;`
}

/** All operations of a set in one statement. */
function setOf(bound: BoundModel, options: CompileOptions, type: OperationType): string {
  const found = keyCondition(bound, 'o', 'op.id')
  const joined = sameKey(bound, 't', 'o')
  const collect = (write: string): string => `    with written as (
      ${write})
    select pg_catalog.array_agg(w.a) into _done from written w;`
  const changed = `${relationFunction(options.schema, bound.rel, 'changed')}(o.*, t.*)`
  switch (type) {
    case 'CREATE':
      return createMany(bound, options)
    case 'UPDATE':
      return collect(`update ${bound.table} t set
      ${assignments(bound, 'op.d', 't')}
      from ${OPERATIONS} join ${bound.table} o on ${found}
      where ${joined}${owned(bound, options)}
      returning ${applied(bound, options, 'op.i', 't', { type, changed })} as a`)
    case 'DELETE':
      return collect(`delete from ${bound.table} t using ${OPERATIONS}
      where ${keyCondition(bound, 't', 'op.id')}${owned(bound, options)}
      returning ${applied(bound, options, 'op.i', 't', { type, changed: 'null::int2[]' })} as a`)
    default:
      return collect(`update ${bound.table} t set ${archiving(bound, type)}
      from ${OPERATIONS} join ${bound.table} o on ${found}
      where ${joined}${owned(bound, options)}
      returning ${applied(bound, options, 'op.i', 't', { type, changed })} as a`)
  }
}

/** The operations of a set one after the other, each a plain statement. */
function eachAlone(bound: BoundModel, options: CompileOptions, type: OperationType): string {
  const { schema: s } = options
  const at = `where ${sameKey(bound, 't', '_old')} returning t.* into _new;`
  const tenant = bound.tenant === null ? '' : castTenant(bound.tenant, '_tenant')
  const insert = insertion(bound, '_input', createIds(bound, '_ids[_i]'), tenant)
  const write =
    type === 'CREATE'
      ? `insert into ${bound.table} as t (${insert.columns})${insert.overriding} values (
        ${insert.values}) returning t.* into _new;`
      : type === 'DELETE'
        ? `delete from ${bound.table} t ${at}`
        : type === 'UPDATE'
          ? bound.columnTriggers
            ? updateText(bound, '_input', '_old', '_new')
            : `update ${bound.table} t set ${assignments(bound, '_input', 't')} ${at}`
          : `update ${bound.table} t set ${archiving(bound, type)} ${at}`
  const changed =
    type === 'CREATE' || type === 'DELETE'
      ? 'null::int2[]'
      : `${relationFunction(s, bound.rel, 'changed')}(_old, _new)`
  const find =
    type === 'CREATE'
      ? ''
      : `
      select t.* into _old from ${bound.table} t where ${keyCondition(bound, 't', '_ids[_i]')}${owned(bound, options)};
      continue when not found;`
  return `    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];${find}
      ${write}
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || ${applied(bound, options, '_index[_i]', type === 'DELETE' ? '_old' : '_new', { type, changed })};
    end loop;`
}

/** Ids that the database makes are settled before the write: they are the commit's own rows, too. */
function settledIds(bound: BoundModel, { schema: s }: CompileOptions): string {
  if (bound.keys.length > 1 || bound.key.column.default === null) return ''
  return `    if array_position(_ids, null) is not null then
      _ids := array(select coalesce(op.id, (${createId(bound, 'null')})::text) from ${OPERATIONS} order by op.i);
      _x := set_config(${setting(s, 'own_rows')}, current_setting(${setting(s, 'own_rows')})
        || (select string_agg(',' || to_json('${bound.rel}:' || i.id)::text, '') from unnest(_ids) i(id)), true);
      ${alone(bound, s)}
    end if;
`
}

/** See `own_row` in signals.ts. */
const alone = (bound: BoundModel, s: string): string =>
  `_x := set_config(${setting(s, 'own_row')}, case when cardinality(_ids) = 1 then '${bound.rel}:' || _ids[1] end, true);`

/** RETURNING knows the new row but not which operation made it: the id, settled beforehand, joins them. */
function createMany(bound: BoundModel, options: CompileOptions): string {
  const { schema: s } = options
  const key = bound.key.column
  const tenant = bound.tenant === null ? '' : castTenant(bound.tenant, '_tenant')
  const only = bound.keys.length === 1
  const insert = insertion(bound, 'op.d', only ? ['op.id'] : keyValues(bound, 'op.id'), tenant)
  return `    with op as materialized (
      select op.i, ${only ? scalarValue(key.base, key.type, 'op.id') : 'op.id'} as id, op.d
      from ${OPERATIONS}),
    written as (
      insert into ${bound.table} as t (${insert.columns})${insert.overriding}
      select ${insert.values}
      from op order by op.i
      returning ${only ? `t.${key.sql}` : entityId(bound, 't')} as id, ${applied(bound, options, '0', 't', { type: 'CREATE', changed: 'null::int2[]' })} as a)
    select pg_catalog.array_agg(row(op.i, (w.a).model, (w.a).rel, (w.a).key, (w.a).type, (w.a).was, (w.a).tenant, (w.a).gone, (w.a).data, (w.a)."row", (w.a).changed)::${s}.applied)
    into _done from written w join op on op.id = w.id;`
}

function inputChecks(bound: BoundModel, options: CompileOptions, creating: boolean): string {
  const { schema: s } = options
  const rounded = inexactInput(bound, 'op.d')
  const exact =
    rounded === null
      ? ''
      : `    if exists (select from ${OPERATIONS} where ${rounded}) then
      ${inexactValue(s)}
    end if;
`
  const foreign = foreignReferences(bound, options, { input: 'op.d', id: 'op.id' }, creating).map(
    ({ condition, model }) => `    if exists (select from ${OPERATIONS} where ${condition}) then
      raise exception '${s}: no such row to refer to' using errcode = 'PN405', table = '${model}';
    end if;
`,
  )
  return `${exact}${foreign.join('')}`
}

/**
 * What is told of the model's rows at the end. Several operations on one row leave an event each, with the state that
 * each had; the last of them has the row as it is now, whatever triggers, rules and cascades did to it meanwhile.
 */
function settleFunction(bound: BoundModel, options: CompileOptions): Statement {
  const { schema: s } = options
  const f = (verb: string): string => relationFunction(s, bound.rel, verb)
  const { sql: key } = bound.key.column
  return functionStatement({
    schema: s,
    name: options.name(bound, 'settle'),
    comment: `${bound.model.name}: what is told of its rows when everything was applied`,
    parameters: `_done ${s}.applied[], _tenant text`,
    returns: `${s}.applied[]`,
    attributes: PINNED,
    body: `
#variable_conflict use_column
begin
  return array(
    select row(d.index, d.model, d.rel, d.key, e.type, e.was, e.tenant, case when e.was is distinct from e.tenant then d.data end,
      e.data, e."row",
      case when e.type in ('CREATE', 'DELETE') then null when e.data = d.data then d.changed else array(
        select n.key::int2 from jsonb_each(e.data::jsonb) n
        where n.value is distinct from d.data::jsonb -> n.key or n.key::int2 = any(d.changed) order by 1) end)::${s}.applied
    from (
      select u.*, row_number() over (partition by u.rel, u.key order by u.index) = 1 as first,
        row_number() over (partition by u.rel, u.key order by u.index desc) = 1 as last
      from unnest(_done) u) d
    left join lateral (
      select l.tenant, l.type <> 'DELETE' as told from ${s}.log l where d.first and (l.key, l.rel) = (d.key, ${bound.rel})
      order by l.key desc, l.rel desc, l.position desc limit 1) l on true
    left join lateral (select "the row" as r from ${bound.table} "the row" where d.last and ${keyCondition(bound, '"the row"', 'd.key')} limit 1) t on true
    cross join lateral (
      select case when l.told then l.tenant else d.was end as was,
        case when not d.last then d.tenant when (t.r).${key} is not null then ${f('tenant')}(t.r)
          when l.told then l.tenant else d.was end as tenant,
        case when not d.last then d.type when (t.r).${key} is null then 'DELETE'::text
          when d.type = 'DELETE' then 'UPDATE'::text else d.type end as type,
        case when d.last and (t.r).${key} is not null then ${f('data')}(t.r) else d.data end as data,
        case when d.last and (t.r).${key} is not null then ${rowJson(bound, '(t.r)')} else d."row" end as "row"
      offset 0) e
    where d.model = '${bound.model.name}'
    order by d.index);
end `,
  })
}
