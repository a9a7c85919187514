import { DETAIL_BYTES } from '../../core/rules/staleness.ts'
import { header, manyParameters } from '../parameters.ts'
import { setting, states } from '../signals.ts'
import { tooLarge } from '../sql/index.ts'
import type { Statement } from '../sql/statement.ts'
import { functionStatement } from '../sql/statement.ts'
import type { CompileOptions } from './compile-one.ts'
import { settings, wordsLiteral } from './compile-one.ts'
import { changedSince, unflushed } from './fragments.ts'

/** The operations of a set, by place. Each is read once: an array that is asked for its members by number is copied each time. */
const operationsOf = (set: string): string =>
  `rows from (jsonb_array_elements_text(${set} -> 'indexes'), jsonb_array_elements_text(${set} -> 'ids'), jsonb_array_elements(${set} -> 'inputs')) as o(i, id, input)`

/** Adds what was applied. One at a time, in place: an array that is joined to another is copied as a whole. */
const collect = (s: string): string => `foreach _one in array _some loop
          _done := _done || _one;
          _bytes := _bytes + octet_length(_one."row");
        end loop;
        if _bytes > _most then ${tooLarge(s)} end if;`

const refuseTooLarge = `when sqlstate '${states.tooLarge}' then return 'refused {"code":"commit_too_large"}';`

/**
 * The function for a commit of several operations. The caller has sorted them (plan.ts): `_locks`, what must exist
 * and be locked, by table; `_reads`, what was decided on which stamp; `_groups`, sets of operations of one type on
 * distinct rows, in an order that gives the same result as one after the other; `_own`, all rows that it writes.
 */
export function compileCommit(options: CompileOptions, name: string): Statement {
  const { schema: s } = options
  const mutable = [...options.models.values()].filter((bound) => bound.model.mutable.size > 0)
  const byModel = (verb: string, statement: (name: string) => string): string =>
    mutable.length === 0
      ? 'null;'
      : `case _model
${mutable.map((bound) => `      when '${bound.model.name}' then ${statement(`${s}."${options.name(bound, verb)}"`)};`).join('\n')}
      end case;`
  const dispatch = (target: string, verb: string, args: string): string =>
    byModel(verb, (name) => `${target} := ${name}(${args})`)
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
  const judge = (there: string): string =>
    `${s}.judge(_op.rel, _op.id, _tenant, _op.read_at, ${there} is not null)`
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
  _stale jsonb; _current text; _entry text; _held int[] := '{}'; _notes text[] := '{}'; _noted bigint := 0;
  _rejected text[] := '{}'; _listed bigint := 0; _more int := 0; _ids text[]; _size bigint; _weight bigint := 0; _bytes bigint := 0;
  _some ${s}.applied[]; _one ${s}.applied; _done ${s}.applied[]; _told ${s}.applied[] := '{}'; _failed int; _explain boolean := _strict;
begin
  _answer := ${s}.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- lock, tables by number and rows by key
  -- point: lock
  for _g in select g from jsonb_array_elements(_locks) g loop
    _model := _g ->> 'model';
    _ids := array(select jsonb_array_elements_text(_g -> 'ids'));
    ${dispatch('_present', 'lock', `_tenant, _ids, (_g -> 'delete')::boolean`)}
    ${dispatch('_size', 'size', '_tenant, _ids')}
    _weight := _weight + _size;
    if cardinality(_present) < (_g -> 'count')::int then
      -- a row that is locked for its judgement alone has no operation here, and may be missing
      select nullif(concat_ws(',', _missing, string_agg('{"index":' || r.i || ',"id":' || to_json(r.id)::text || '}', ',')), '')
      into _missing
      from rows from (jsonb_array_elements_text(_g -> 'ids'), jsonb_array_elements_text(_g -> 'operations')) as r(id, i)
      where r.i is not null and not exists (select from unnest(_present) p(id) where p.id = r.id);
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
    if _more = 0 and _noted <= _most then
      -- in one snapshot: a row that came since the locks is not held, and its stamp could be of what came after it
      ${byModel('row', (name) => `select ${judge('n.r')}, n.r into _stale, _current from (select ${name}(_tenant, _op.id) offset 0) n(r)`)}
    else
      -- no more is told: whether the row is there is all that is asked, for rows cost more than what was sent
      ${dispatch('_present', 'lock', '_tenant, array[_op.id], false')}
      _current := case when _present <> '{}' then '' end;
      _stale := ${judge('_current')};
    end if;
    continue when _stale is null;
    continue when _op.mode = 'merge' and _op.fields is not null and _current is not null
      and jsonb_typeof(_stale -> 'changed') = 'array'
      and not ${s}.named(${wordsOfModel}, _stale -> 'changed') ?| array(select jsonb_array_elements_text(_op.fields));
    if _op.type = 'CREATE' and _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'::jsonb; end if;
    _entry := ${s}.stale_entry(_op.index, _op.model, _op.id, _op.read_at, _stale, ${wordsOfModel}, _current);
    if _op.mode = 'notify' then
      _held := _held || _op.index;
      if _noted <= _most then
        _notes := _notes || _entry;
        _noted := _noted + octet_length(_entry) + 1;
      end if;
    elsif _more = 0 and (_rejected = '{}' or _listed + octet_length(_entry) < ${DETAIL_BYTES}) then
      _rejected := _rejected || _entry;
      _listed := _listed + octet_length(_entry) + 1;
    else
      _more := _more + 1;
    end if;
  end loop;
  if _rejected <> '{}' then
    ${unflushed}
    return 'stale {"operations":[' || array_to_string(_rejected, ',') || ']' || case when _more > 0 then ',"more":' || _more else '' end || '}';
  end if;
  if _missing is not null then
    select string_agg('{"index":' || (m ->> 'index') || ',"id":' || (m -> 'id')::text || '}', ',' order by (m ->> 'index')::int)
    into _missing
    from jsonb_array_elements(('[' || _missing || ']')::jsonb) m
    where not exists (select from unnest(_held) h(index) where h.index = (m ->> 'index')::int);
    if _missing is not null then
      ${unflushed}
      return 'refused {"code":"entity_not_found","operations":[' || _missing || ']}';
    end if;
  end if;

  if _noted > _most then
    ${unflushed}
    return 'refused {"code":"commit_too_large"}';
  end if;
  if _held <> '{}' then
    -- what is held back leaves its set
    select coalesce(jsonb_agg(jsonb_build_object('model', g -> 'model', 'type', g -> 'type', 'indexes', s.indexes, 'ids', s.ids,
      'inputs', s.inputs) order by n), '[]')
    into _groups
    from jsonb_array_elements(_groups) with ordinality x(g, n),
    lateral (select jsonb_agg(o.i::int) as indexes, jsonb_agg(o.id) as ids, jsonb_agg(o.input) as inputs
      from ${operationsOf('g')} where o.i::int not in (select unnest(_held))) s
    where s.indexes is not null;
  end if;
  -- a set is written as a whole: where its rows may be too many bytes, one operation after the other, and up to the bound.
  -- Where each set is one operation, sets gain nothing, and what refuses one would be tried twice
  _strict := _strict or _weight > _most or jsonb_array_length(_groups) = _count;

  -- point: own
  _x := set_config(${setting(s, 'own_rows')}, _own, true);
  _x := set_config(${setting(s, 'own')}, '*', true);
  if not _strict then
    begin
      for _g in select g from jsonb_array_elements(_groups) g loop
        _model := _g ->> 'model';
        _index := array(select x::int from jsonb_array_elements_text(_g -> 'indexes') x);
        ${dispatch(
          '_some',
          'apply',
          `_g ->> 'type', _tenant, _path, _index, array(select jsonb_array_elements_text(_g -> 'ids')),
          array(select jsonb_array_elements(_g -> 'inputs'))`,
        )}
        ${collect(s)}
      end loop;
    exception
      when serialization_failure or deadlock_detected or lock_not_available then raise;
      ${refuseTooLarge}
      -- something objected to the order by sets, or to an operation: once more in the order given, which also says which
      when others then _strict := true;
    end;
  end if;
  if _strict then
    _done := null;
    _bytes := 0;
    begin
      for _op in
        select o.i::int as index, g ->> 'model' as model, g ->> 'type' as type, o.id, o.input
        from jsonb_array_elements(_groups) g, ${operationsOf('g')}
        order by 1
      loop
        _model := _op.model;
        _failed := _op.index;
        ${dispatch('_some', 'apply', '_op.type, _tenant, _path, array[_op.index], array[_op.id], array[_op.input]')}
        ${collect(s)}
      end loop;
      -- what is checked at COMMIT only: no error of COMMIT could say more than that it failed
      if _explain then
        _failed := case when _count = 1 then 0 end;
        set constraints all immediate;
      end if;
    exception
      when serialization_failure or deadlock_detected or lock_not_available then raise;
      ${refuseTooLarge}
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
  return ${s}.record_many(_tenant, _key, _intent, _intent_hash, _told, _count, nullif(array_to_string(_notes, ','), ''), _transactions,
    _participant_id, _participant_kind, _most);
end `,
  })
}
