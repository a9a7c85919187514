import type { CompileOptions } from './compile-one.ts'
import { mark, settings } from './compile-one.ts'

/**
 * The function for a commit of several operations. The caller has sorted them (plan.ts): `_locks`, what must exist
 * and be locked, by model; `_reads`, what was decided on which stamp; `_groups`, sets of operations of one type on
 * distinct rows, in an order that gives the same result as one after the other.
 */
export function compileCommit(options: CompileOptions, name: string): string {
  const { schema: s } = options
  const mutable = [...options.models.values()].filter((bound) => bound.model.mutable.size > 0)
  const dispatch = (target: string, verb: string, args: string): string =>
    mutable.length === 0
      ? 'null;'
      : `case _model
${mutable.map((bound) => `      when '${bound.model.name}' then ${target} := ${options.name(bound, verb)}(${args});`).join('\n')}
      end case;`
  // rows of nobody, whose events must tell whose key it was
  const free = mutable.some(({ model }) => model.policy.by === 'none')
  const triggered = mutable.filter((bound) => bound.triggers).map((bound) => `'${bound.model.name}'`)
  const watched =
    triggered.length === 0
      ? ''
      : `\n    or exists (select from jsonb_array_elements(_groups) g where g ->> 'm' in (${triggered.join(', ')}))`
  // a policy of the customer's refused the row; without the grants the same SQLSTATE is the operator's fault
  const policies = mutable.map(({ model, table }) => {
    const name = `'${table.replaceAll("'", "''")}'`
    const granted = ['insert', 'update'].map((right) => `has_any_column_privilege(${name}, '${right}')`)
    return ` when '${model.name}' then row_security_active(${name}) and ${granted.join(' and ')}`
  })
  const policed = policies.length === 0 ? 'false' : `(case _model${policies.join('')} else false end)`
  return `-- A commit of several operations, or of one whose refusal is to be explained (_strict)
create or replace function ${name}(
  _tenant text, _key text, _intent text, _intent_hash text, _locks jsonb, _reads jsonb, _groups jsonb, _count int,
  _transactions jsonb, _participant_id text, _participant_kind text, _strict boolean
) returns text language plpgsql ${settings(options)} as $postern$
#variable_conflict use_variable
declare
  _answer text; _x text; _state text; _constraint text; _column text; _table text; _message text; _context text; _hint text;
  _g jsonb; _op record; _model text; _present text[]; _index int[]; _missing text;
  _stale jsonb; _current text; _entry text; _held int[] := '{}'; _notes text; _rejected text;
  _some ${s}.applied[]; _done ${s}.applied[]; _last bigint; _low bigint; _failed int; _explain boolean := _strict;
  _event ${s}.applied; _scope text;
begin
  _answer := ${s}.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- lock, models by name and rows by key
  for _g in select g from jsonb_array_elements(_locks) g loop
    _model := _g ->> 'm';
    ${dispatch('_present', 'lock', `_tenant, array(select jsonb_array_elements_text(_g -> 'id')), (_g -> 'del')::boolean`)}
    if cardinality(_present) < (_g -> 'n')::int then
      -- a row that is locked for its judgement alone has no operation here, and may be missing
      select nullif(concat_ws(',', _missing, string_agg('{"i":' || r.i || ',"m":"' || _model || '","id":' || to_json(r.id)::text || '}', ',')), '')
      into _missing
      from rows from (jsonb_array_elements_text(_g -> 'id'), jsonb_array_elements_text(_g -> 'op')) as r(id, i)
      where r.id <> all(_present);
    end if;
  end loop;

  -- judge, in a fresh snapshot: one statement finds the stale ones, only they are looked at closer
  _last := coalesce(pg_sequence_last_value('${s}.position_seq'), 0);
  for _op in
    select o.i::int as index, g.m as model, o.id, o.r::bigint as read_at, g.s as mode, g.t as type, g.w as tenant, g.f as fields
    from (
      select x ->> 'm' as m, x ->> 's' as s, x ->> 't' as t, x ->> 'w' as w, x -> 'f' as f, x -> 'i' as i, x -> 'id' as id, x -> 'r' as r
      from jsonb_array_elements(_reads) x offset 0) g,
      rows from (jsonb_array_elements_text(g.i), jsonb_array_elements_text(g.id), jsonb_array_elements_text(g.r)) as o(i, id, r)
    where o.r::bigint > _last
      or (select true from ${s}.outbox e
        where (e.entity_id, e.model, e.position) > (o.id, g.m, o.r::bigint)
          and (e.entity_id, e.model, e.position) < (o.id, g.m, 9223372036854775807)
          and e.tenant = g.w
        order by e.entity_id, e.model, e.position limit 1)
    order by 1
  loop
    _model := _op.model;
    ${dispatch('_current', 'row', '_tenant, _op.id')}
    _stale := ${s}.judge(_op.model, _op.id, _op.tenant, _op.read_at, _current is not null);
    continue when _stale is null;
    continue when _op.mode = 'merge' and _op.fields is not null and _current is not null
      and jsonb_typeof(_stale -> 'changed') = 'array'
      and not _stale -> 'changed' ?| array(select jsonb_array_elements_text(_op.fields));
    if _op.type = 'CREATE' and _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'; end if;
    _entry := ${s}.stale_entry(_op.index, _op.model, _op.id, _op.read_at, _stale, _current);
    if _op.mode = 'notify' then
      _held := _held || _op.index;
      _notes := concat_ws(',', _notes, _entry);
    else
      _rejected := concat_ws(',', _rejected, _entry);
    end if;
  end loop;
  if _rejected is not null then return 'E{"code":"stale_context","operations":[' || _rejected || ']}'; end if;
  if _missing is not null then
    select string_agg('{"index":' || (m ->> 'i') || ',"model":"' || (m ->> 'm') || '","id":' || (m -> 'id')::text || '}', ',' order by (m ->> 'i')::int)
    into _missing
    from jsonb_array_elements(('[' || _missing || ']')::jsonb) m where (m ->> 'i')::int <> all(_held);
    if _missing is not null then return 'E{"code":"entity_not_found","operations":[' || _missing || ']}'; end if;
  end if;

  ${mark(options)}
  if not _strict then
    begin
      for _g in select g from jsonb_array_elements(_groups) g loop
        _model := _g ->> 'm';
        if _held <> '{}' then
          -- what is held back leaves its set
          select jsonb_build_object('m', _model, 't', _g -> 't', 'i', coalesce(jsonb_agg(i.x order by i.n), '[]'),
            'id', coalesce(jsonb_agg(_g -> 'id' -> (i.n - 1)::int order by i.n), '[]'),
            'd', coalesce(jsonb_agg(_g -> 'd' -> (i.n - 1)::int order by i.n), '[]'))
          into _g from jsonb_array_elements(_g -> 'i') with ordinality i(x, n) where (i.x)::int <> all(_held);
        end if;
        continue when jsonb_array_length(_g -> 'i') = 0;
        _index := array(select x::int from jsonb_array_elements_text(_g -> 'i') x);
        ${dispatch(
          '_some',
          'apply',
          `_g ->> 't', _tenant, _index, array(select jsonb_array_elements_text(_g -> 'id')),
          array(select jsonb_array_elements(_g -> 'd'))`,
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
        select (i.x)::int as index, g ->> 'm' as model, g ->> 't' as type, g -> 'id' ->> (i.n - 1)::int as id, g -> 'd' -> (i.n - 1)::int as input
        from jsonb_array_elements(_groups) g, jsonb_array_elements(g -> 'i') with ordinality i(x, n)
        where (i.x)::int <> all(_held) order by 1
      loop
        _model := _op.model;
        _failed := _op.index;
        ${dispatch('_some', 'apply', '_op.type, _tenant, array[_op.index], array[_op.id], array[_op.input]')}
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
        return 'E' || json_build_object('sqlstate', _state, 'index', _failed, 'model', _model,
          'constraint', nullif(_constraint, ''), 'column', nullif(_column, ''), 'table', nullif(_table, ''),
          'message', _message, 'context', _context, 'hint', nullif(_hint, ''));
    end;
  end if;
  _x := set_config('${s}.commit', '', true);
  if current_setting('${s}.side', true) = '1'${watched} then
    -- a trigger of the customer may have written these rows meanwhile: tell them as they are by now
    for _i in 1 .. coalesce(cardinality(_done), 0) loop
      _event := _done[_i];
      _model := _event.model;
      ${dispatch('_current', 'row', '_tenant, _event.entity_id')}
      if _current is null then
        _event.type := 'DELETE';
        _event.changed := null;
      else
        if _event.changed is not null and _current <> _event.data then
          _event.changed := array(
            select n.key collate "C" from jsonb_each(_current::jsonb) n
            where n.value is distinct from _event.data::jsonb -> n.key or n.key = any(_event.changed) order by 1);
        end if;
        _event.data := _current;
        if _event.type = 'DELETE' then _event.type := 'UPDATE'; end if;
      end if;
      _done[_i] := _event;
    end loop;
  end if;

  -- positions under the locks, events, answer: registering comes last, see ${s}.record_one
${free ? `  _scope := ${s}.key_scope(_tenant, '');\n` : ''}  _last := coalesce(pg_sequence_last_value('${s}.position_seq'), 0);
  if pg_advisory_xact_lock_shared((${options.namespace}::bigint << 48) | _last) is null then null; end if;
  with event as (
    insert into ${s}.outbox (position, tenant, model, entity_id, type, data, changed, key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    select nextval('${s}.position_seq'), u.tenant, u.model, u.entity_id, u.type, u.data, u.changed, _key, u.index,
      _transactions ->> u.index, _participant_id, _participant_kind, ${free ? `case when u.tenant = '' then _scope end` : 'null'}
    from (select d.* from unnest(_done) d order by d.index) u
    returning position, index, data),
  answer as (
    select min(e.position) as low,
      '{"rows":[' || string_agg(coalesce(e.data, 'null'), ',' order by n) || '],"stamps":['
      || string_agg(coalesce(e.position::text, 'null'), ',' order by n) || ']'
      || coalesce(',"notifications":[' || _notes || ']', '') || '}' as body
    from generate_series(0, _count - 1) n left join event e on e.index = n),
  kept as (
    insert into ${s}.ledger (tenant, key, intent, intent_hash, body)
    select _tenant, _key, _intent, _intent_hash, a.body from answer a)
  select a.low, a.body into _low, _answer from answer a;
  if _low <= _last then
    raise exception '${s}: position % was given out of order; ${s}.position_seq must have CACHE 1', _low
      using errcode = 'PN500';
  end if;
  return 'A' || _answer;
end $postern$`
}
