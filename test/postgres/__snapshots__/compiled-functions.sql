-- tasks: a commit of one CREATE
create or replace function postern."tasks_create_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare _new public.tasks; _now public.tasks; _type text := 'CREATE'; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;
  if _read_at is not null and _on_stale <> 'overwrite' and _id is not null then
    select t.* into _new from public.tasks t where t.id = _id
      and t.organization_id = _tenant;
    _stale := postern.judge('tasks', _id, _tenant, _read_at, found);
    if _stale is not null then
      -- decided on its absence: whatever happened to it since, it was created
      if _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'; end if;
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, case when _new.id is not null then
        '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
      return 'E{"code":"stale_context","operations":[' || _x || ']}';
    end if;
  end if;
  if (_input ? 'estimate' and (((_input ->> 'estimate')::numeric)::numeric(8,2) is distinct from ((_input ->> 'estimate')::numeric))) then
    raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  insert into public.tasks as t (id, organization_id, title, status, estimate, updated_at, archived_at)
  values (
      coalesce(_id, (gen_random_uuid())::text),
      _tenant,
      case when _input ? 'title' then _input ->> 'title' else null end,
      case when _input ? 'status' then _input ->> 'status' else 'todo'::text end,
      case when _input ? 'estimate' then (_input ->> 'estimate')::numeric else null end,
      case when _input ? 'updatedAt' then (_input ->> 'updatedAt')::timestamp with time zone else now() end,
      case when _input ? 'archivedAt' then (_input ->> 'archivedAt')::timestamp with time zone else null end)
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.tasks t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'tasks', _new.id::text, _type, _tenant,
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      null,
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- tasks: a commit of one UPDATE
create or replace function postern."tasks_update_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'UPDATE'; _found boolean; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for no key update;
  _found := found;
  if _read_at is not null and _on_stale <> 'overwrite' then
    _x := case when _found then _old.id::text else _id end;
    perform 1 from postern.outbox e
    where (e.entity_id, e.model, e.position) > (_x, 'tasks', _read_at)
      and (e.entity_id, e.model, e.position) < (_x, 'tasks', 9223372036854775807)
      and e.tenant = _tenant
    order by e.entity_id, e.model, e.position limit 1;
    if found or _read_at > coalesce(pg_sequence_last_value('postern.position_seq'), 0) then
      _stale := postern.judge('tasks', _x, _tenant, _read_at, _found);
      if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array' and not _stale -> 'changed' ?| array(select jsonb_object_keys(_input))) then
        _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
        if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
        return 'E{"code":"stale_context","operations":[' || _x || ']}';
      end if;
    end if;
  end if;
  if not _found then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"tasks","id":' || to_json(_id)::text || '}]}';
  end if;
  if (_input ? 'estimate' and (((_input ->> 'estimate')::numeric)::numeric(8,2) is distinct from ((_input ->> 'estimate')::numeric))) then
    raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  update public.tasks t set
      title = case when _input ? 'title' then _input ->> 'title' else t.title end,
      status = case when _input ? 'status' then _input ->> 'status' else t.status end,
      estimate = case when _input ? 'estimate' then (_input ->> 'estimate')::numeric else t.estimate end,
      updated_at = case when _input ? 'updatedAt' then (_input ->> 'updatedAt')::timestamp with time zone else now() end,
      archived_at = case when _input ? 'archivedAt' then (_input ->> 'archivedAt')::timestamp with time zone else t.archived_at end
  where t.id = _old.id
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.tasks t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'tasks', _new.id::text, _type, _tenant,
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      array_remove(array[case when not (_old.archived_at is not distinct from _new.archived_at) then 'archivedAt' end,
      case when not ('"' || _old.estimate::text || '"' is not distinct from '"' || _new.estimate::text || '"') then 'estimate' end,
      case when not (_old.id is not distinct from _new.id) then 'id' end,
      case when not (_old.status is not distinct from _new.status) then 'status' end,
      case when not (_old.title is not distinct from _new.title) then 'title' end,
      case when not (_old.updated_at is not distinct from _new.updated_at) then 'updatedAt' end], null),
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- tasks: a commit of one DELETE
create or replace function postern."tasks_delete_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'DELETE'; _found boolean; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for update;
  _found := found;
  if _read_at is not null and _on_stale <> 'overwrite' then
    _x := case when _found then _old.id::text else _id end;
    perform 1 from postern.outbox e
    where (e.entity_id, e.model, e.position) > (_x, 'tasks', _read_at)
      and (e.entity_id, e.model, e.position) < (_x, 'tasks', 9223372036854775807)
      and e.tenant = _tenant
    order by e.entity_id, e.model, e.position limit 1;
    if found or _read_at > coalesce(pg_sequence_last_value('postern.position_seq'), 0) then
      _stale := postern.judge('tasks', _x, _tenant, _read_at, _found);
      if _stale is not null and not (false) then
        _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
        if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
        return 'E{"code":"stale_context","operations":[' || _x || ']}';
      end if;
    end if;
  end if;
  if not _found then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"tasks","id":' || to_json(_id)::text || '}]}';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  delete from public.tasks t
  where t.id = _old.id
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.tasks t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'tasks', _new.id::text, _type, _tenant,
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      null,
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- tasks: a commit of one ARCHIVE
create or replace function postern."tasks_archive_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'ARCHIVE'; _found boolean; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for no key update;
  _found := found;
  if _read_at is not null and _on_stale <> 'overwrite' then
    _x := case when _found then _old.id::text else _id end;
    perform 1 from postern.outbox e
    where (e.entity_id, e.model, e.position) > (_x, 'tasks', _read_at)
      and (e.entity_id, e.model, e.position) < (_x, 'tasks', 9223372036854775807)
      and e.tenant = _tenant
    order by e.entity_id, e.model, e.position limit 1;
    if found or _read_at > coalesce(pg_sequence_last_value('postern.position_seq'), 0) then
      _stale := postern.judge('tasks', _x, _tenant, _read_at, _found);
      if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array' and not _stale -> 'changed' ?| array['archivedAt']) then
        _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
        if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
        return 'E{"code":"stale_context","operations":[' || _x || ']}';
      end if;
    end if;
  end if;
  if not _found then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"tasks","id":' || to_json(_id)::text || '}]}';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  update public.tasks t set
      archived_at = coalesce(t.archived_at, now())
  where t.id = _old.id
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.tasks t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'tasks', _new.id::text, _type, _tenant,
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      array_remove(array[case when not (_old.archived_at is not distinct from _new.archived_at) then 'archivedAt' end,
      case when not ('"' || _old.estimate::text || '"' is not distinct from '"' || _new.estimate::text || '"') then 'estimate' end,
      case when not (_old.id is not distinct from _new.id) then 'id' end,
      case when not (_old.status is not distinct from _new.status) then 'status' end,
      case when not (_old.title is not distinct from _new.title) then 'title' end,
      case when not (_old.updated_at is not distinct from _new.updated_at) then 'updatedAt' end], null),
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- tasks: a commit of one UNARCHIVE
create or replace function postern."tasks_unarchive_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'UNARCHIVE'; _found boolean; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for no key update;
  _found := found;
  if _read_at is not null and _on_stale <> 'overwrite' then
    _x := case when _found then _old.id::text else _id end;
    perform 1 from postern.outbox e
    where (e.entity_id, e.model, e.position) > (_x, 'tasks', _read_at)
      and (e.entity_id, e.model, e.position) < (_x, 'tasks', 9223372036854775807)
      and e.tenant = _tenant
    order by e.entity_id, e.model, e.position limit 1;
    if found or _read_at > coalesce(pg_sequence_last_value('postern.position_seq'), 0) then
      _stale := postern.judge('tasks', _x, _tenant, _read_at, _found);
      if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array' and not _stale -> 'changed' ?| array['archivedAt']) then
        _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
        if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
        return 'E{"code":"stale_context","operations":[' || _x || ']}';
      end if;
    end if;
  end if;
  if not _found then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"tasks","id":' || to_json(_id)::text || '}]}';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  update public.tasks t set
      archived_at = null
  where t.id = _old.id
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.tasks t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'tasks', _new.id::text, _type, _tenant,
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      array_remove(array[case when not (_old.archived_at is not distinct from _new.archived_at) then 'archivedAt' end,
      case when not ('"' || _old.estimate::text || '"' is not distinct from '"' || _new.estimate::text || '"') then 'estimate' end,
      case when not (_old.id is not distinct from _new.id) then 'id' end,
      case when not (_old.status is not distinct from _new.status) then 'status' end,
      case when not (_old.title is not distinct from _new.title) then 'title' end,
      case when not (_old.updated_at is not distinct from _new.updated_at) then 'updatedAt' end], null),
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- tasks: locks rows in key order, so that two commits cannot deadlock; answers those that exist
create or replace function postern."tasks_lock_digest"(_tenant text, _ids text[], _delete boolean) returns text[]
language plpgsql as $postern$
#variable_conflict use_variable
begin
  if _delete then
    return array(select l.id from (
      select t.id::text as id from public.tasks t
      where t.id = any(_ids::text[]) and t.organization_id = _tenant
      order by t.id for update) l);
  end if;
  return array(select l.id from (
      select t.id::text as id from public.tasks t
      where t.id = any(_ids::text[]) and t.organization_id = _tenant
      order by t.id for no key update) l);
end $postern$;

-- tasks: a row as it is now, as JSON text
create or replace function postern."tasks_row_digest"(_tenant text, _id text) returns text language plpgsql as $postern$
#variable_conflict use_variable
begin
  return (select '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}'
    from public.tasks t where t.id = _id and t.organization_id = _tenant);
end $postern$;

-- tasks: applies operations of one type on distinct rows
create or replace function postern."tasks_apply_digest"(
  _type text, _tenant text, _index int[], _ids text[], _inputs jsonb[]
) returns postern.applied[] language plpgsql as $postern$
#variable_conflict use_variable
declare _done postern.applied[];
begin
  case _type
  when 'CREATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where (op.d ? 'estimate' and (((op.d ->> 'estimate')::numeric)::numeric(8,2) is distinct from ((op.d ->> 'estimate')::numeric)))) then
      raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
    end if;
    with op as materialized (
      select op.i, coalesce(op.id, (gen_random_uuid())::text) as id, op.d
      from unnest(_index, _ids, _inputs) as op(i, id, d)),
    written as (
      insert into public.tasks as t (id, organization_id, title, status, estimate, updated_at, archived_at)
      select op.id,
      _tenant,
      case when op.d ? 'title' then op.d ->> 'title' else null end,
      case when op.d ? 'status' then op.d ->> 'status' else 'todo'::text end,
      case when op.d ? 'estimate' then (op.d ->> 'estimate')::numeric else null end,
      case when op.d ? 'updatedAt' then (op.d ->> 'updatedAt')::timestamp with time zone else now() end,
      case when op.d ? 'archivedAt' then (op.d ->> 'archivedAt')::timestamp with time zone else null end
      from op order by op.i
      returning t.id as id, t.id::text as entity_id, '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' as data)
    select array_agg(row(op.i, 'tasks', w.entity_id, 'CREATE', _tenant, w.data, null)::postern.applied)
    into _done from written w join op on op.id = w.id;
  when 'UPDATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where (op.d ? 'estimate' and (((op.d ->> 'estimate')::numeric)::numeric(8,2) is distinct from ((op.d ->> 'estimate')::numeric)))) then
      raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
    end if;
    with written as (
      update public.tasks t set
      title = case when op.d ? 'title' then op.d ->> 'title' else t.title end,
      status = case when op.d ? 'status' then op.d ->> 'status' else t.status end,
      estimate = case when op.d ? 'estimate' then (op.d ->> 'estimate')::numeric else t.estimate end,
      updated_at = case when op.d ? 'updatedAt' then (op.d ->> 'updatedAt')::timestamp with time zone else now() end,
      archived_at = case when op.d ? 'archivedAt' then (op.d ->> 'archivedAt')::timestamp with time zone else t.archived_at end
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.tasks o on o.id = op.id
      where t.id = o.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', t.id::text, 'UPDATE', _tenant,
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        array_remove(array[case when not (o.archived_at is not distinct from t.archived_at) then 'archivedAt' end,
      case when not ('"' || o.estimate::text || '"' is not distinct from '"' || t.estimate::text || '"') then 'estimate' end,
      case when not (o.id is not distinct from t.id) then 'id' end,
      case when not (o.status is not distinct from t.status) then 'status' end,
      case when not (o.title is not distinct from t.title) then 'title' end,
      case when not (o.updated_at is not distinct from t.updated_at) then 'updatedAt' end], null))::postern.applied as a)
    select array_agg(w.a) into _done from written w;
  when 'DELETE' then
    with written as (
      delete from public.tasks t using unnest(_index, _ids, _inputs) as op(i, id, d)
      where t.id = op.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', t.id::text, 'DELETE', _tenant,
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        null::text[])::postern.applied as a)
    select array_agg(w.a) into _done from written w;
  when 'ARCHIVE' then
    with written as (
      update public.tasks t set archived_at = coalesce(t.archived_at, now())
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.tasks o on o.id = op.id
      where t.id = o.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', t.id::text, 'ARCHIVE', _tenant,
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        array_remove(array[case when not (o.archived_at is not distinct from t.archived_at) then 'archivedAt' end,
      case when not ('"' || o.estimate::text || '"' is not distinct from '"' || t.estimate::text || '"') then 'estimate' end,
      case when not (o.id is not distinct from t.id) then 'id' end,
      case when not (o.status is not distinct from t.status) then 'status' end,
      case when not (o.title is not distinct from t.title) then 'title' end,
      case when not (o.updated_at is not distinct from t.updated_at) then 'updatedAt' end], null))::postern.applied as a)
    select array_agg(w.a) into _done from written w;
  when 'UNARCHIVE' then
    with written as (
      update public.tasks t set archived_at = null
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.tasks o on o.id = op.id
      where t.id = o.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', t.id::text, 'UNARCHIVE', _tenant,
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        array_remove(array[case when not (o.archived_at is not distinct from t.archived_at) then 'archivedAt' end,
      case when not ('"' || o.estimate::text || '"' is not distinct from '"' || t.estimate::text || '"') then 'estimate' end,
      case when not (o.id is not distinct from t.id) then 'id' end,
      case when not (o.status is not distinct from t.status) then 'status' end,
      case when not (o.title is not distinct from t.title) then 'title' end,
      case when not (o.updated_at is not distinct from t.updated_at) then 'updatedAt' end], null))::postern.applied as a)
    select array_agg(w.a) into _done from written w;
  end case;
  if cardinality(_done) is distinct from cardinality(_index) then
    -- fewer than were asked: gone through an earlier operation of this commit, or kept from us by a trigger
    if _type = 'CREATE' or exists (
      select from public.tasks t where t.id = any(_ids::text[]) and t.organization_id = _tenant) then
      raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
    end if;
    raise exception 'postern: no such row' using errcode = 'PN404';
  end if;
  return _done;
end $postern$;

-- tasks: logs a change that the application made by itself; answers its stamp, null when there is no such row
create or replace function postern."tasks_record_digest"(_type text, _id text, _changed text[]) returns bigint
language plpgsql as $postern$
#variable_conflict use_variable
begin
  -- the lock makes the order of positions the order of changes, also for a caller who did not just write the row
  perform 1 from public.tasks t where t.id = _id::text for no key update;
  return (select postern.append('tasks', t.id::text, _type, t.organization_id::text,
      '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}', _changed)
    from public.tasks t where t.id = _id::text);
end $postern$;

-- comments: a commit of one CREATE
create or replace function postern."comments_create_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare _new public.comments; _now public.comments; _type text := 'CREATE'; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;
  if _read_at is not null and _on_stale <> 'overwrite' and _id is not null then
    select t.* into _new from public.comments t where t.id = (_id)::uuid
      and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant);
    _stale := postern.judge('comments', _id, _tenant, _read_at, found);
    if _stale is not null then
      -- decided on its absence: whatever happened to it since, it was created
      if _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'; end if;
      _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, case when _new.id is not null then
        '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
      return 'E{"code":"stale_context","operations":[' || _x || ']}';
    end if;
  end if;
  if not exists (select from public.tasks p where p.id = _input ->> 'taskId' and p.organization_id = _tenant) then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"tasks"}]}';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  insert into public.comments as t (id, task_id, body)
  values (
      coalesce((_id)::uuid, gen_random_uuid()),
      case when _input ? 'taskId' then _input ->> 'taskId' else null end,
      case when _input ? 'body' then _input ->> 'body' else null end)
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.comments t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'comments', _new.id::text, _type, _tenant,
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}',
      null,
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- comments: a commit of one UPDATE
create or replace function postern."comments_update_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.comments; _new public.comments; _now public.comments;
  _type text := 'UPDATE'; _found boolean; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  select t.* into _old from public.comments t
  where t.id = (_id)::uuid
    and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
  for no key update;
  _found := found;
  if _read_at is not null and _on_stale <> 'overwrite' then
    _x := case when _found then _old.id::text else _id end;
    perform 1 from postern.outbox e
    where (e.entity_id, e.model, e.position) > (_x, 'comments', _read_at)
      and (e.entity_id, e.model, e.position) < (_x, 'comments', 9223372036854775807)
      and e.tenant = _tenant
    order by e.entity_id, e.model, e.position limit 1;
    if found or _read_at > coalesce(pg_sequence_last_value('postern.position_seq'), 0) then
      _stale := postern.judge('comments', _x, _tenant, _read_at, _found);
      if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array' and not _stale -> 'changed' ?| array(select jsonb_object_keys(_input))) then
        _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, case when _found then
        '{"id":' || '"' || _old.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_old.task_id)::text
      || ',"body":' || pg_catalog.to_json(_old.body)::text || '}' end);
        if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
        return 'E{"code":"stale_context","operations":[' || _x || ']}';
      end if;
    end if;
  end if;
  if not _found then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"comments","id":' || to_json(_id)::text || '}]}';
  end if;
  if _input ? 'taskId' and not exists (select from public.tasks p where p.id = _input ->> 'taskId' and p.organization_id = _tenant) then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"tasks"}]}';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  update public.comments t set
      task_id = case when _input ? 'taskId' then _input ->> 'taskId' else t.task_id end,
      body = case when _input ? 'body' then _input ->> 'body' else t.body end
  where t.id = _old.id
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.comments t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'comments', _new.id::text, _type, _tenant,
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}',
      array_remove(array[case when not (_old.body is not distinct from _new.body) then 'body' end,
      case when not (_old.id is not distinct from _new.id) then 'id' end,
      case when not (_old.task_id is not distinct from _new.task_id) then 'taskId' end], null),
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- comments: a commit of one DELETE
create or replace function postern."comments_delete_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.comments; _new public.comments; _now public.comments;
  _type text := 'DELETE'; _found boolean; _answer text; _stale jsonb; _x text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  select t.* into _old from public.comments t
  where t.id = (_id)::uuid
    and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
  for update;
  _found := found;
  if _read_at is not null and _on_stale <> 'overwrite' then
    _x := case when _found then _old.id::text else _id end;
    perform 1 from postern.outbox e
    where (e.entity_id, e.model, e.position) > (_x, 'comments', _read_at)
      and (e.entity_id, e.model, e.position) < (_x, 'comments', 9223372036854775807)
      and e.tenant = _tenant
    order by e.entity_id, e.model, e.position limit 1;
    if found or _read_at > coalesce(pg_sequence_last_value('postern.position_seq'), 0) then
      _stale := postern.judge('comments', _x, _tenant, _read_at, _found);
      if _stale is not null and not (false) then
        _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, case when _found then
        '{"id":' || '"' || _old.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_old.task_id)::text
      || ',"body":' || pg_catalog.to_json(_old.body)::text || '}' end);
        if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
        return 'E{"code":"stale_context","operations":[' || _x || ']}';
      end if;
    end if;
  end if;
  if not _found then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"comments","id":' || to_json(_id)::text || '}]}';
  end if;

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
  delete from public.comments t
  where t.id = _old.id
  returning t.* into _new;
  if not found then
    raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    select t.* into _now from public.comments t where t.id = _new.id;
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 'comments', _new.id::text, _type, _tenant,
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}',
      null,
      _transaction_id, _participant_id, _participant_kind);
end $postern$;

-- comments: locks rows in key order, so that two commits cannot deadlock; answers those that exist
create or replace function postern."comments_lock_digest"(_tenant text, _ids text[], _delete boolean) returns text[]
language plpgsql as $postern$
#variable_conflict use_variable
begin
  if _delete then
    return array(select l.id from (
      select t.id::text as id from public.comments t
      where t.id = any(_ids::uuid[]) and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
      order by t.id for update) l);
  end if;
  return array(select l.id from (
      select t.id::text as id from public.comments t
      where t.id = any(_ids::uuid[]) and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
      order by t.id for no key update) l);
end $postern$;

-- comments: a row as it is now, as JSON text
create or replace function postern."comments_row_digest"(_tenant text, _id text) returns text language plpgsql as $postern$
#variable_conflict use_variable
begin
  return (select '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}'
    from public.comments t where t.id = (_id)::uuid and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant));
end $postern$;

-- comments: applies operations of one type on distinct rows
create or replace function postern."comments_apply_digest"(
  _type text, _tenant text, _index int[], _ids text[], _inputs jsonb[]
) returns postern.applied[] language plpgsql as $postern$
#variable_conflict use_variable
declare _done postern.applied[];
begin
  case _type
  when 'CREATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where not exists (select from public.tasks p where p.id = op.d ->> 'taskId' and p.organization_id = _tenant)) then
      raise exception 'postern: no such parent' using errcode = 'PN405', table = 'tasks';
    end if;
    with op as materialized (
      select op.i, coalesce((op.id)::uuid, gen_random_uuid()) as id, op.d
      from unnest(_index, _ids, _inputs) as op(i, id, d)),
    written as (
      insert into public.comments as t (id, task_id, body)
      select op.id,
      case when op.d ? 'taskId' then op.d ->> 'taskId' else null end,
      case when op.d ? 'body' then op.d ->> 'body' else null end
      from op order by op.i
      returning t.id as id, t.id::text as entity_id, '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}' as data)
    select array_agg(row(op.i, 'comments', w.entity_id, 'CREATE', _tenant, w.data, null)::postern.applied)
    into _done from written w join op on op.id = w.id;
  when 'UPDATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where op.d ? 'taskId' and not exists (select from public.tasks p where p.id = op.d ->> 'taskId' and p.organization_id = _tenant)) then
      raise exception 'postern: no such parent' using errcode = 'PN405', table = 'tasks';
    end if;
    with written as (
      update public.comments t set
      task_id = case when op.d ? 'taskId' then op.d ->> 'taskId' else t.task_id end,
      body = case when op.d ? 'body' then op.d ->> 'body' else t.body end
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.comments o on o.id = (op.id)::uuid
      where t.id = o.id and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
      returning row(op.i, 'comments', t.id::text, 'UPDATE', _tenant,
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}',
        array_remove(array[case when not (o.body is not distinct from t.body) then 'body' end,
      case when not (o.id is not distinct from t.id) then 'id' end,
      case when not (o.task_id is not distinct from t.task_id) then 'taskId' end], null))::postern.applied as a)
    select array_agg(w.a) into _done from written w;
  when 'DELETE' then
    with written as (
      delete from public.comments t using unnest(_index, _ids, _inputs) as op(i, id, d)
      where t.id = (op.id)::uuid and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
      returning row(op.i, 'comments', t.id::text, 'DELETE', _tenant,
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}',
        null::text[])::postern.applied as a)
    select array_agg(w.a) into _done from written w;
  end case;
  if cardinality(_done) is distinct from cardinality(_index) then
    -- fewer than were asked: gone through an earlier operation of this commit, or kept from us by a trigger
    if _type = 'CREATE' or exists (
      select from public.comments t where t.id = any(_ids::uuid[]) and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)) then
      raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';
    end if;
    raise exception 'postern: no such row' using errcode = 'PN404';
  end if;
  return _done;
end $postern$;

-- comments: logs a change that the application made by itself; answers its stamp, null when there is no such row
create or replace function postern."comments_record_digest"(_type text, _id text, _changed text[]) returns bigint
language plpgsql as $postern$
#variable_conflict use_variable
begin
  -- the lock makes the order of positions the order of changes, also for a caller who did not just write the row
  perform 1 from public.comments t where t.id = _id::uuid for no key update;
  return (select postern.append('comments', t.id::text, _type, coalesce((select tp.organization_id::text from public.tasks tp where tp.id = t.task_id),
      postern.last_tenant('comments', t.id::text),
      postern.last_tenant('tasks', t.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}', _changed)
    from public.comments t where t.id = _id::uuid);
end $postern$;

-- comments: logs what was written around the endpoint
create or replace function postern."comments_capture"() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_variable
declare _new public.comments; _side boolean; _x text;
begin
  -- a write beneath a trigger may overtake the one that fired it: from here on, events tell the row as it is by now
  if pg_trigger_depth() > 1 and current_setting('postern.side', true) is distinct from '1' then
    _x := set_config('postern.side', '1', true);
  end if;
  _side := current_setting('postern.side', true) = '1';
  if tg_op = 'DELETE' then
    _new := old;
    if _side then
      select t.* into _new from public.comments t where t.id = old.id;
      if found then
        perform postern.append('comments', _new.id::text, 'UPDATE', coalesce((select _newp.organization_id::text from public.tasks _newp where _newp.id = _new.task_id),
      postern.last_tenant('comments', _new.id::text),
      postern.last_tenant('tasks', _new.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}', array_remove(array[case when not (old.body is not distinct from _new.body) then 'body' end,
      case when not (old.id is not distinct from _new.id) then 'id' end,
      case when not (old.task_id is not distinct from _new.task_id) then 'taskId' end], null));
        return null;
      end if;
      _new := old;
    end if;
    perform postern.append('comments', _new.id::text, 'DELETE', coalesce((select _newp.organization_id::text from public.tasks _newp where _newp.id = _new.task_id),
      postern.last_tenant('comments', _new.id::text),
      postern.last_tenant('tasks', _new.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}', null);
    return null;
  end if;

  _new := new;
  if _side then
    select t.* into _new from public.comments t where t.id = new.id;
    if not found then
      _new := new;
      perform postern.append('comments', _new.id::text, 'DELETE', coalesce((select _newp.organization_id::text from public.tasks _newp where _newp.id = _new.task_id),
      postern.last_tenant('comments', _new.id::text),
      postern.last_tenant('tasks', _new.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}', null);
      return null;
    end if;
  end if;
  if tg_op = 'UPDATE' and (old.id is distinct from new.id or old.task_id is distinct from new.task_id
    and coalesce((select oldp.organization_id::text from public.tasks oldp where oldp.id = old.task_id),
      postern.last_tenant('comments', old.id::text),
      postern.last_tenant('tasks', old.task_id::text),
      nullif(current_setting('postern.tenant', true), '')) is distinct from coalesce((select newp.organization_id::text from public.tasks newp where newp.id = new.task_id),
      postern.last_tenant('comments', new.id::text),
      postern.last_tenant('tasks', new.task_id::text),
      nullif(current_setting('postern.tenant', true), ''))) then
    -- another id, or another tenant's by now: to those who followed the row it is gone
    perform postern.append('comments', old.id::text, 'DELETE', coalesce((select oldp.organization_id::text from public.tasks oldp where oldp.id = old.task_id),
      postern.last_tenant('comments', old.id::text),
      postern.last_tenant('tasks', old.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || old.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(old.task_id)::text
      || ',"body":' || pg_catalog.to_json(old.body)::text || '}', null);
    perform postern.append('comments', _new.id::text, 'CREATE', coalesce((select _newp.organization_id::text from public.tasks _newp where _newp.id = _new.task_id),
      postern.last_tenant('comments', _new.id::text),
      postern.last_tenant('tasks', _new.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}', null);
    return null;
  end if;
  if tg_op = 'INSERT' then
    perform postern.append('comments', _new.id::text, 'CREATE', coalesce((select _newp.organization_id::text from public.tasks _newp where _newp.id = _new.task_id),
      postern.last_tenant('comments', _new.id::text),
      postern.last_tenant('tasks', _new.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}', null);
  else
    perform postern.append('comments', _new.id::text, 'UPDATE', coalesce((select _newp.organization_id::text from public.tasks _newp where _newp.id = _new.task_id),
      postern.last_tenant('comments', _new.id::text),
      postern.last_tenant('tasks', _new.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}', array_remove(array[case when not (old.body is not distinct from _new.body) then 'body' end,
      case when not (old.id is not distinct from _new.id) then 'id' end,
      case when not (old.task_id is not distinct from _new.task_id) then 'taskId' end], null));
  end if;
  return null;
end $postern$;

create or replace trigger postern_capture after insert or update or delete on public.comments for each row
  when (current_setting('postern.commit', true) is distinct from pg_trigger_depth()::text)
  execute function postern."comments_capture"();

-- comments: a TRUNCATE deletes every row
create or replace function postern."comments_capture_truncate"() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_variable
begin
  perform postern.append('comments', t.id::text, 'DELETE', coalesce((select tp.organization_id::text from public.tasks tp where tp.id = t.task_id),
      postern.last_tenant('comments', t.id::text),
      postern.last_tenant('tasks', t.task_id::text),
      nullif(current_setting('postern.tenant', true), '')),
    '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}', null)
  from public.comments t order by t.id;
  return null;
end $postern$;

create or replace trigger postern_capture_truncate before truncate on public.comments for each statement
  execute function postern."comments_capture_truncate"();

-- A commit of several operations, or of one whose refusal is to be explained (_strict)
create or replace function postern."commit_digest"(
  _tenant text, _key text, _intent text, _intent_hash text, _locks jsonb, _reads jsonb, _groups jsonb, _count int,
  _transactions jsonb, _participant_id text, _participant_kind text, _strict boolean
) returns text language plpgsql set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _answer text; _x text; _state text; _constraint text; _column text; _table text; _message text;
  _g jsonb; _op record; _model text; _present text[]; _index int[]; _missing text;
  _stale jsonb; _current text; _entry text; _held int[] := '{}'; _notes text; _rejected text;
  _some postern.applied[]; _done postern.applied[]; _last bigint; _low bigint; _failed int; _explain boolean := _strict;
  _event postern.applied; _scope text;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- lock, models by name and rows by key
  for _g in select g from jsonb_array_elements(_locks) g loop
    _model := _g ->> 'm';
    case _model
      when 'tasks' then _present := postern."tasks_lock_digest"(_tenant, array(select jsonb_array_elements_text(_g -> 'id')), (_g -> 'del')::boolean);
      when 'comments' then _present := postern."comments_lock_digest"(_tenant, array(select jsonb_array_elements_text(_g -> 'id')), (_g -> 'del')::boolean);
      end case;
    if cardinality(_present) < (_g -> 'n')::int then
      -- a row that is locked for its judgement alone has no operation here, and may be missing
      select nullif(concat_ws(',', _missing, string_agg('{"i":' || r.i || ',"m":"' || _model || '","id":' || to_json(r.id)::text || '}', ',')), '')
      into _missing
      from rows from (jsonb_array_elements_text(_g -> 'id'), jsonb_array_elements_text(_g -> 'op')) as r(id, i)
      where r.id <> all(_present);
    end if;
  end loop;

  -- judge, in a fresh snapshot: one statement finds the stale ones, only they are looked at closer
  _last := coalesce(pg_sequence_last_value('postern.position_seq'), 0);
  for _op in
    select o.i::int as index, g.m as model, o.id, o.r::bigint as read_at, g.s as mode, g.t as type, g.w as tenant, g.f as fields
    from (
      select x ->> 'm' as m, x ->> 's' as s, x ->> 't' as t, x ->> 'w' as w, x -> 'f' as f, x -> 'i' as i, x -> 'id' as id, x -> 'r' as r
      from jsonb_array_elements(_reads) x offset 0) g,
      rows from (jsonb_array_elements_text(g.i), jsonb_array_elements_text(g.id), jsonb_array_elements_text(g.r)) as o(i, id, r)
    where o.r::bigint > _last
      or (select true from postern.outbox e
        where (e.entity_id, e.model, e.position) > (o.id, g.m, o.r::bigint)
          and (e.entity_id, e.model, e.position) < (o.id, g.m, 9223372036854775807)
          and e.tenant = g.w
        order by e.entity_id, e.model, e.position limit 1)
    order by 1
  loop
    _model := _op.model;
    case _model
      when 'tasks' then _current := postern."tasks_row_digest"(_tenant, _op.id);
      when 'comments' then _current := postern."comments_row_digest"(_tenant, _op.id);
      end case;
    _stale := postern.judge(_op.model, _op.id, _op.tenant, _op.read_at, _current is not null);
    continue when _stale is null;
    continue when _op.mode = 'merge' and _op.fields is not null and _current is not null
      and jsonb_typeof(_stale -> 'changed') = 'array'
      and not _stale -> 'changed' ?| array(select jsonb_array_elements_text(_op.fields));
    if _op.type = 'CREATE' and _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'; end if;
    _entry := postern.stale_entry(_op.index, _op.model, _op.id, _op.read_at, _stale, _current);
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

  _x := set_config('postern.commit', pg_trigger_depth()::text, true);
  _x := set_config('postern.tenant', _tenant, true);
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
        case _model
      when 'tasks' then _some := postern."tasks_apply_digest"(_g ->> 't', _tenant, _index, array(select jsonb_array_elements_text(_g -> 'id')),
          array(select jsonb_array_elements(_g -> 'd')));
      when 'comments' then _some := postern."comments_apply_digest"(_g ->> 't', _tenant, _index, array(select jsonb_array_elements_text(_g -> 'id')),
          array(select jsonb_array_elements(_g -> 'd')));
      end case;
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
        case _model
      when 'tasks' then _some := postern."tasks_apply_digest"(_op.type, _tenant, array[_op.index], array[_op.id], array[_op.input]);
      when 'comments' then _some := postern."comments_apply_digest"(_op.type, _tenant, array[_op.index], array[_op.id], array[_op.input]);
      end case;
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
          _table = table_name, _message = message_text;
        if _state = '42501' and (case _model when 'tasks' then row_security_active('public.tasks') and has_any_column_privilege('public.tasks', 'insert') and has_any_column_privilege('public.tasks', 'update') when 'comments' then row_security_active('public.comments') and has_any_column_privilege('public.comments', 'insert') and has_any_column_privilege('public.comments', 'update') else false end) then _state := 'PN403'; end if;
        return 'E' || json_build_object('sqlstate', _state, 'index', _failed, 'model', _model,
          'constraint', nullif(_constraint, ''), 'column', nullif(_column, ''), 'table', nullif(_table, ''),
          'message', _message);
    end;
  end if;
  _x := set_config('postern.commit', '', true);
  if current_setting('postern.side', true) = '1' then
    -- a trigger of the customer may have written these rows meanwhile: tell them as they are by now
    for _i in 1 .. coalesce(cardinality(_done), 0) loop
      _event := _done[_i];
      _model := _event.model;
      case _model
      when 'tasks' then _current := postern."tasks_row_digest"(_tenant, _event.entity_id);
      when 'comments' then _current := postern."comments_row_digest"(_tenant, _event.entity_id);
      end case;
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

  -- positions under the locks, events, answer: registering comes last, see postern.record_one
  _last := coalesce(pg_sequence_last_value('postern.position_seq'), 0);
  if pg_advisory_xact_lock_shared((26330::bigint << 48) | _last) is null then null; end if;
  with event as (
    insert into postern.outbox (position, tenant, model, entity_id, type, data, changed, key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    select nextval('postern.position_seq'), u.tenant, u.model, u.entity_id, u.type, u.data, u.changed, _key, u.index,
      _transactions ->> u.index, _participant_id, _participant_kind, null
    from (select d.* from unnest(_done) d order by d.index) u
    returning position, index, data),
  answer as (
    select min(e.position) as low,
      '{"rows":[' || string_agg(coalesce(e.data, 'null'), ',' order by n) || '],"stamps":['
      || string_agg(coalesce(e.position::text, 'null'), ',' order by n) || ']'
      || coalesce(',"notifications":[' || _notes || ']', '') || '}' as body
    from generate_series(0, _count - 1) n left join event e on e.index = n),
  kept as (
    insert into postern.ledger (tenant, key, intent, intent_hash, body)
    select _tenant, _key, _intent, _intent_hash, a.body from answer a)
  select a.low, a.body into _low, _answer from answer a;
  if _low <= _last then
    raise exception 'postern: position % was given out of order; postern.position_seq must have CACHE 1', _low
      using errcode = 'PN500';
  end if;
  return 'A' || _answer;
end $postern$;

delete from postern.model where digest = 'digest';

insert into postern.model (digest, name, definition) values ('digest', 'tasks', '{"table":"public.tasks","columns":[{"sql":"id","base":"text","name":"id","type":"text","isEnum":false,"default":"(gen_random_uuid())::text","isArray":false,"isLoose":false,"notNull":true,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"organization_id","base":"text","name":"organization_id","type":"text","isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"title","base":"text","name":"title","type":"text","isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"status","base":"text","name":"status","type":"text","isEnum":false,"default":"''todo''::text","isArray":false,"isLoose":false,"notNull":true,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"estimate","base":"numeric","name":"estimate","type":"numeric","isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":false,"declared":"numeric(8,2)","fullType":"numeric(8,2)","generated":false,"dimensions":1,"elementType":"numeric","identityAlways":false},{"sql":"updated_at","base":"timestamptz","name":"updated_at","type":"timestamp with time zone","isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":false,"declared":"timestamp with time zone","fullType":"timestamp with time zone","generated":false,"dimensions":1,"elementType":"timestamp with time zone","identityAlways":false},{"sql":"archived_at","base":"timestamptz","name":"archived_at","type":"timestamp with time zone","isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":false,"declared":"timestamp with time zone","fullType":"timestamp with time zone","generated":false,"dimensions":1,"elementType":"timestamp with time zone","identityAlways":false}],"triggers":false}');

insert into postern.model (digest, name, definition) values ('digest', 'comments', '{"table":"public.comments","columns":[{"sql":"id","base":"uuid","name":"id","type":"uuid","isEnum":false,"default":"gen_random_uuid()","isArray":false,"isLoose":false,"notNull":true,"declared":"uuid","fullType":"uuid","generated":false,"dimensions":1,"elementType":"uuid","identityAlways":false},{"sql":"task_id","base":"text","name":"task_id","type":"text","isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"body","base":"text","name":"body","type":"text","isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false}],"triggers":false}');
