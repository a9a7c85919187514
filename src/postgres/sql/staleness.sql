-- The last entry of a row: its position is the row's stamp; null where the log knows none.
create or replace function {{schema}}.last_entry(_rel int, _key text) returns {{schema}}.entry
language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare _entry {{schema}}.entry;
begin
  select l.position, l.type, l.tenant into _entry from {{schema}}.log l where (l.key, l.rel) = (_key, _rel)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  return _entry;
end $$;

create or replace function {{schema}}.last_tenant(_rel int, _key text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare _entry {{schema}}.entry := {{schema}}.last_entry(_rel, _key);
begin
  return _entry.tenant;
end $$;

-- Is a decision made at _read_at on this row out of date? Null: no. Call it under the row's lock, with a fresh snapshot;
-- without the lock a no may be out of date, a yes stays true. Whose row it was does not matter where the tenant sees it
-- now; where it does not, only what the tenant was told does, or a foreign row could be told from a missing one.
create or replace function {{schema}}.judge(_rel int, _key text, _tenant text, _read_at bigint, _exists boolean)
returns jsonb language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare _e {{schema}}.log; _stamp bigint := 0; _came boolean := false; _created boolean := false; _changed int2[] := '{}';
begin
  -- all of them: with a limit, or ordered by the bare position, the primary key might be walked
  for _e in
    select e.* from {{schema}}.log e
    where e.key = _key and e.rel = _rel and e.position > _read_at and (_exists or e.tenant in (_tenant, ''))
      -- point: judge
      and e.type <> 'BASE'
    order by e.position + 0
  loop
    _stamp := _e.position;
    _created := _created or _e.type = 'CREATE';
    _came := _came or _e.changed is null;
    _changed := _changed || coalesce(_e.changed, '{}');
  end loop;
  if _stamp = 0 then
    if {{schema}}.known(_read_at) then return null; end if;
    -- nothing after it, and yet no position of this log: the log was restored, or the caller errs
    return jsonb_build_object('reason', 'unknown_position', 'changed', null,
      'stamp', {{schema}}.stamp_for(_rel, _key, _tenant, _exists));
  end if;
  -- compaction keeps the last change of a row, not all of them: below it the fields are not known
  _came := _came or _read_at < coalesce((select m.pruned_through from {{schema}}.meta m), 9223372036854775807);
  -- point: participant
  -- who of another tenant wrote a row that both see is not told, as in events
  if _e.commit_key is null or not coalesce(_e.tenant in (_tenant, ''), false)
    or _e.key_scope is distinct from {{schema}}.key_scope(_tenant, _e.tenant) then
    _e.participant_id := null;
    _e.participant_kind := null;
  end if;
  return jsonb_strip_nulls(jsonb_build_object('participantId', _e.participant_id, 'participantKind', _e.participant_kind))
    || jsonb_build_object(
      'stamp', _stamp,
      'reason', case when not _exists then 'deleted' when _created then 'created' else 'changed' end,
      'changed', case when _came then null else to_jsonb(_changed) end);
end $$;

-- The stamp of a row that is there; of one that is not, the last that this tenant was told of it. 0 when there is none.
create or replace function {{schema}}.stamp_for(_rel int, _key text, _tenant text, _exists boolean) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce((select l.position from {{schema}}.log l
    where (l.key, l.rel) = (_key, _rel) and (_exists or l.tenant in (_tenant, ''))
    order by l.key desc, l.rel desc, l.position desc limit 1), 0);
end $$;

-- The words of one schema version for columns that the log names by number, sorted; null stays null.
create or replace function {{schema}}.named(_words jsonb, _changed jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(_changed) <> 'array' then return null; end if;
  return (select coalesce(jsonb_agg(distinct (_words ->> c) collate "C"), '[]')
    from jsonb_array_elements_text(_changed) c where _words ? c);
end $$;

-- One entry of stale_context and of a notification; without the row where that is larger than may be told.
create or replace function {{schema}}.stale_entry(
  _index int, _model text, _id text, _read_at bigint, _stale jsonb, _words jsonb, _current text
) returns text language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return '{"index":' || _index || ',"model":"' || _model || '","id":' || to_json(_id)::text
    || ',"readAt":' || _read_at || ',"stamp":' || (_stale ->> 'stamp') || ',"reason":"' || (_stale ->> 'reason')
    || '","changed":' || replace(coalesce({{schema}}.named(_words, _stale -> 'changed')::text, 'null'), '", "', '","')
    || case when octet_length(_current) > {{currentBytes}} then '' else ',"current":' || coalesce(_current, 'null') end
    || coalesce(',"participantId":' || (_stale -> 'participantId')::text, '')
    || coalesce(',"participantKind":' || (_stale -> 'participantKind')::text, '') || '}';
end $$;
