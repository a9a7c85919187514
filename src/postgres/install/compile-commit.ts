import { header, manyParameters } from '../parameters.ts'
import { setting } from '../signals.ts'
import type { Statement } from '../sql/statement.ts'
import { functionStatement } from '../sql/statement.ts'
import type { CompileOptions } from './compile-one.ts'
import { settings, wordsLiteral } from './compile-one.ts'
import { changedSince, unflushed } from './fragments.ts'

/**
 * The function for a commit of several operations. The caller has sorted them (plan.ts): `_locks`, what must exist
 * and be locked, by table; `_reads`, what was decided on which stamp; `_groups`, sets of operations of one type on
 * distinct rows, in an order that gives the same result as one after the other; `_own`, all rows that it writes.
 */
export function compileCommit(options: CompileOptions, name: string): Statement {
  const { schema: s } = options
  const mutable = [...options.models.values()].filter((bound) => bound.model.mutable.size > 0)
  const dispatch = (target: string, verb: string, args: string): string =>
    mutable.length === 0
      ? 'null;'
      : `case _model
${mutable.map((bound) => `      when '${bound.model.name}' then ${target} := ${s}."${options.name(bound, verb)}"(${args});`).join('\n')}
      end case;`
  const words = mutable.map((bound) => `when '${bound.model.name}' then ${wordsLiteral(bound)}`)
  const wordsOfModel = words.length === 0 ? 'null::jsonb' : `case _model ${words.join(' ')} end`
  // a policy of the customer's refused the row; without the grants the same SQLSTATE is the operator's fault
  const policies = mutable.map(({ model, table }) => {
    const name = `'${table.replaceAll("'", "''")}'`
    const granted = ['insert', 'update'].map((right) => `has_any_column_privilege(${name}, '${right}')`)
    return ` when '${model.name}' then row_security_active(${name}) and ${granted.join(' and ')}`
  })
  const policed = policies.length === 0 ? 'false' : `(case _model${policies.join('')} else false end)`
  const settle = mutable
    .map(
      (bound) =>
        `  if exists (select from unnest(_done) d where d.model = '${bound.model.name}') then _told := _told || ${s}."${options.name(bound, 'settle')}"(_done, _tenant); end if;`,
    )
    .join('\n')
  const stale = `_stale := ${s}.judge(_op.rel, _op.id, _tenant, _op.read_at, _current is not null);`
  return functionStatement({
    schema: s,
    name,
    comment: 'A commit of several operations, or of one whose refusal is to be explained (_strict)',
    parameters: header(manyParameters),
    returns: 'text',
    attributes: `language plpgsql ${settings(options)}`,
    body: `
#variable_conflict use_variable
declare
  _answer text; _x text; _state text; _constraint text; _column text; _table text; _message text; _context text; _hint text;
  _g jsonb; _op record; _model text; _present text[]; _index int[]; _missing text;
  _stale jsonb; _current text; _entry text; _held int[] := '{}'; _notes text; _rejected text;
  _some ${s}.applied[]; _done ${s}.applied[]; _told ${s}.applied[] := '{}'; _failed int; _explain boolean := _strict;
begin
  _answer := ${s}.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- lock, tables by number and rows by key
  -- point: lock
  for _g in select g from jsonb_array_elements(_locks) g loop
    _model := _g ->> 'model';
    ${dispatch('_present', 'lock', `_tenant, array(select jsonb_array_elements_text(_g -> 'ids')), (_g -> 'delete')::boolean`)}
    if cardinality(_present) < (_g -> 'count')::int then
      -- a row that is locked for its judgement alone has no operation here, and may be missing
      select nullif(concat_ws(',', _missing, string_agg('{"index":' || r.i || ',"id":' || to_json(r.id)::text || '}', ',')), '')
      into _missing
      from rows from (jsonb_array_elements_text(_g -> 'ids'), jsonb_array_elements_text(_g -> 'operations')) as r(id, i)
      where r.i is not null and r.id <> all(_present);
    end if;
  end loop;

  -- judge, in a fresh snapshot: one statement finds those with a later entry or a stamp of no entry, only they are looked at closer
  -- point: judge-many
  for _op in
    select o.i::int as index, g.model, g.rel::int as rel, o.id, o.r::bigint as read_at, g.mode, g.type, g.fields
    from (
      select x ->> 'model' as model, x ->> 'rel' as rel, x ->> 'mode' as mode, x ->> 'type' as type, x -> 'fields' as fields,
        x -> 'indexes' as i, x -> 'ids' as id, x -> 'stamps' as r
      from jsonb_array_elements(_reads) x offset 0) g,
      rows from (jsonb_array_elements_text(g.i), jsonb_array_elements_text(g.id), jsonb_array_elements_text(g.r)) as o(i, id, r)
    where exists (${changedSince(s, 'g.rel::int', 'o.id', 'o.r::bigint')} offset 0)
      or not (o.r = '0' or exists (select from ${s}.log l where l.position = o.r::bigint))
    order by 1
  loop
    _model := _op.model;
    ${dispatch('_current', 'row', '_tenant, _op.id')}
    ${stale}
    continue when _stale is null;
    continue when _op.mode = 'merge' and _op.fields is not null and _current is not null
      and jsonb_typeof(_stale -> 'changed') = 'array'
      and not ${s}.named(${wordsOfModel}, _stale -> 'changed') ?| array(select jsonb_array_elements_text(_op.fields));
    if _op.type = 'CREATE' and _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'::jsonb; end if;
    _entry := ${s}.stale_entry(_op.index, _op.model, _op.id, _op.read_at, _stale, ${wordsOfModel}, _current);
    if _op.mode = 'notify' then
      _held := _held || _op.index;
      _notes := concat_ws(',', _notes, _entry);
    else
      _rejected := concat_ws(',', _rejected, _entry);
    end if;
  end loop;
  if _rejected is not null then
    ${unflushed}
    return 'stale {"operations":[' || _rejected || ']}';
  end if;
  if _missing is not null then
    select string_agg('{"index":' || (m ->> 'index') || ',"id":' || (m -> 'id')::text || '}', ',' order by (m ->> 'index')::int)
    into _missing
    from jsonb_array_elements(('[' || _missing || ']')::jsonb) m where (m ->> 'index')::int <> all(_held);
    if _missing is not null then
      ${unflushed}
      return 'refused {"code":"entity_not_found","operations":[' || _missing || ']}';
    end if;
  end if;

  -- point: own
  _x := set_config(${setting(s, 'own_rows')}, _own, true);
  _x := set_config(${setting(s, 'own')}, '*', true);
  if not _strict then
    begin
      for _g in select g from jsonb_array_elements(_groups) g loop
        _model := _g ->> 'model';
        if _held <> '{}' then
          -- what is held back leaves its set
          select jsonb_build_object('model', _model, 'type', _g -> 'type', 'indexes', coalesce(jsonb_agg(i.x order by i.n), '[]'),
            'ids', coalesce(jsonb_agg(_g -> 'ids' -> (i.n - 1)::int order by i.n), '[]'),
            'inputs', coalesce(jsonb_agg(_g -> 'inputs' -> (i.n - 1)::int order by i.n), '[]'))
          into _g from jsonb_array_elements(_g -> 'indexes') with ordinality i(x, n) where (i.x)::int <> all(_held);
        end if;
        continue when jsonb_array_length(_g -> 'indexes') = 0;
        _index := array(select x::int from jsonb_array_elements_text(_g -> 'indexes') x);
        ${dispatch(
          '_some',
          'apply',
          `_g ->> 'type', _tenant, _path, _index, array(select jsonb_array_elements_text(_g -> 'ids')),
          array(select jsonb_array_elements(_g -> 'inputs'))`,
        )}
        _done := _done || _some;
      end loop;
    exception
      when serialization_failure or deadlock_detected or lock_not_available then raise;
      -- something objected to the order by sets, or to an operation: once more in the order given, which also says which
      when others then _strict := true;
    end;
  end if;
  if _strict then
    _done := null;
    begin
      for _op in
        select (i.x)::int as index, g ->> 'model' as model, g ->> 'type' as type, g -> 'ids' ->> (i.n - 1)::int as id, g -> 'inputs' -> (i.n - 1)::int as input
        from jsonb_array_elements(_groups) g, jsonb_array_elements(g -> 'indexes') with ordinality i(x, n)
        where (i.x)::int <> all(_held) order by 1
      loop
        _model := _op.model;
        _failed := _op.index;
        ${dispatch('_some', 'apply', '_op.type, _tenant, _path, array[_op.index], array[_op.id], array[_op.input]')}
        _done := _done || _some;
      end loop;
      -- what is checked at COMMIT only: no error of COMMIT could say more than that it failed
      if _explain then
        _failed := case when _count = 1 then 0 end;
        set constraints all immediate;
      end if;
    exception
      when serialization_failure or deadlock_detected or lock_not_available then raise;
      when others then
        -- a verdict is a value: some client libraries drop everything of an error but its text
        get stacked diagnostics _state = returned_sqlstate, _constraint = constraint_name, _column = column_name,
          _table = table_name, _message = message_text, _context = pg_exception_context, _hint = pg_exception_hint;
        if _state = '42501' and ${policed} then _state := 'PN403'; end if;
        return 'refused ' || json_build_object('sqlstate', _state, 'index', _failed, 'model', _model,
          'constraint', nullif(_constraint, ''), 'column', nullif(_column, ''), 'table', nullif(_table, ''),
          'message', _message, 'context', _context, 'hint', nullif(_hint, ''))::text;
    end;
  end if;
  _x := set_config(${setting(s, 'own')}, '', true);
  -- point: settle
${settle}
  return ${s}.record_many(_tenant, _key, _intent, _intent_hash, _told, _count, _notes, _transactions, _participant_id, _participant_kind);
end `,
  })
}
