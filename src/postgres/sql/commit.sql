-- Takes the idempotency key, or tells what stands under it: null (ours now), R<body> (replay), E<verdict>.
create or replace function {{schema}}.reserve(_tenant text, _key text, _intent text, _intent_hash text) returns text
language plpgsql as $$
declare _entry {{schema}}.ledger; _x text;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- each rule looks at what its locks have waited for; under one snapshot for all it would look at the past
    raise exception '{{schema}}: a commit must run under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- a commit lost in a crash would reuse positions that followers have seen
  if current_setting('synchronous_commit') = 'off' then
    _x := set_config('synchronous_commit', 'on', true);
  end if;
  -- twins of one key wait here and then replay; looking without the wait would let both apply.
  -- Two keys of one hash merely wait for each other.
  if pg_advisory_xact_lock({{lockNamespace}}, hashtext(_key)) is null then null; end if;
  select l.* into _entry from {{schema}}.ledger l where l.key = _key and l.tenant = _tenant;
  if not found then return null; end if;
  if _entry.at < now() - (select m.ledger_retention from {{schema}}.meta m) then
    return 'E{"code":"idempotency_key_expired"}';
  end if;
  if _entry.intent <> _intent or _entry.intent_hash <> _intent_hash then
    return 'E{"code":"idempotency_conflict"}';
  end if;
  return 'R' || _entry.body;
end $$;

-- Is a decision made at _read_at on this row out of date? Null: no. Call it under the row's lock, with a fresh snapshot.
create or replace function {{schema}}.judge(_model text, _entity_id text, _tenant text, _read_at bigint, _exists boolean)
returns jsonb language plpgsql as $$
declare _e {{schema}}.outbox; _stamp bigint := 0; _came boolean := false; _created boolean := false; _changed text[] := '{}';
begin
  -- two-sided row comparisons and the order keep the planner on outbox_entity: with position > x alone it walks the
  -- primary key over everything that came since
  perform 1 from {{schema}}.outbox e
  where (e.entity_id, e.model, e.position) > (_entity_id, _model, _read_at)
    and (e.entity_id, e.model, e.position) < (_entity_id, _model, 9223372036854775807)
    and e.tenant = _tenant
  order by e.entity_id, e.model, e.position limit 1;
  if not found and _read_at <= coalesce(pg_sequence_last_value('{{schema}}.position_seq'), 0) then return null; end if;

  -- all of them: without a limit, the row comparisons above are taken for a ninth of the log, which is then read whole;
  -- and ordered by the bare position, the primary key might be walked
  for _e in
    select e.* from {{schema}}.outbox e
    where e.entity_id = _entity_id and e.model = _model and e.position > _read_at and e.tenant = _tenant
    order by e.position + 0
  loop
    _stamp := _e.position;
    _created := _created or _e.type = 'CREATE';
    _came := _came or _e.changed is null;
    _changed := _changed || coalesce(_e.changed, '{}');
  end loop;
  if _stamp = 0 then
    -- nothing after it, and yet beyond the end: the log was restored, or the caller errs
    return jsonb_build_object('reason', 'unknown_position', 'changed', null,
      'stamp', {{schema}}.stamp_of(_model, _entity_id, _tenant));
  end if;
  -- compaction keeps the last change of a row, not all of them: below it the fields are not known
  _came := _came or _read_at < (select m.pruned_through from {{schema}}.meta m);
  return jsonb_strip_nulls(jsonb_build_object('participantId', _e.participant_id, 'participantKind', _e.participant_kind))
    || jsonb_build_object(
      'stamp', _stamp,
      'reason', case when not _exists then 'deleted' when _created then 'created' else 'changed' end,
      'changed', case when _came then null else (
        select coalesce(jsonb_agg(distinct c collate "C"), '[]') from unnest(_changed) c) end);
end $$;

-- The position of a row's last change; 0 when the log knows none.
create or replace function {{schema}}.stamp_of(_model text, _entity_id text, _tenant text) returns bigint
language sql stable as $$
  select coalesce((
    select e.position from {{schema}}.outbox e
    where (e.entity_id, e.model) = (_entity_id, _model) and e.tenant = _tenant
    order by e.entity_id desc, e.model desc, e.position desc limit 1), 0)
$$;

-- One entry of stale_context and of a notification.
create or replace function {{schema}}.stale_entry(
  _index int, _model text, _id text, _read_at bigint, _stale jsonb, _current text
) returns text language sql stable as $$
  select '{"index":' || _index || ',"model":"' || _model || '","id":' || to_json(_id)::text
    || ',"readAt":' || _read_at || ',"stamp":' || (_stale ->> 'stamp') || ',"reason":"' || (_stale ->> 'reason')
    || '","changed":' || replace((_stale -> 'changed')::text, '", "', '","') || ',"current":' || coalesce(_current, 'null')
    || coalesce(',"participantId":' || (_stale -> 'participantId')::text, '')
    || coalesce(',"participantKind":' || (_stale -> 'participantKind')::text, '') || '}'
$$;

-- Enters the in-flight registry and answers the position below which this transaction writes nothing: a shared
-- advisory lock whose key carries the sequence's last value, held until the transaction ends, taken BEFORE nextval.
-- A reader that finds it does not go past it. Once a transaction is enough, and needed: a lock for each row would
-- fill the lock table.
create or replace function {{schema}}.register() returns bigint language plpgsql as $$
declare _last bigint := nullif(current_setting('{{schema}}.registered', true), '')::bigint; _x text;
begin
  if current_setting('{{schema}}.registrant', true) = pg_current_xact_id()::text then return _last; end if;
  if current_setting('synchronous_commit') = 'off' then _x := set_config('synchronous_commit', 'on', true); end if;
  _last := coalesce(pg_sequence_last_value('{{schema}}.position_seq'), 0);
  if pg_advisory_xact_lock_shared(({{lockNamespace}}::bigint << 48) | _last) is null then null; end if;
  _x := set_config('{{schema}}.registered', _last::text, true);
  _x := set_config('{{schema}}.registrant', pg_current_xact_id()::text, true);
  return _last;
end $$;

-- Whose row it was when the log last heard of it.
create or replace function {{schema}}.last_tenant(_model text, _entity_id text) returns text language sql stable as $$
  select e.tenant from {{schema}}.outbox e
  where (e.entity_id, e.model) = (_entity_id, _model)
  order by e.entity_id desc, e.model desc, e.position desc limit 1
$$;

-- Appends one event of a write that came without an idempotency key, in the writer's own transaction.
create or replace function {{schema}}.append(
  _model text, _entity_id text, _type text, _tenant text, _data text, _changed text[]
) returns bigint language plpgsql as $$
declare _last bigint := {{schema}}.register(); _position bigint := nextval('{{schema}}.position_seq');
begin
  if _position <= _last then
    raise exception '{{schema}}: position % was given out of order; {{schema}}.position_seq must have CACHE 1', _position
      using errcode = 'PN500';
  end if;
  insert into {{schema}}.outbox (position, tenant, model, entity_id, type, data, changed)
  values (_position, _tenant, _model, _entity_id, _type, _data, _changed);
  return _position;
end $$;

-- What tells two tenants' equal keys apart in the ids of events of rows that belong to nobody. A hash, because every
-- tenant reads them.
create or replace function {{schema}}.key_scope(_tenant text, _row_tenant text) returns text language sql immutable as $$
  select case when _row_tenant = '' and _tenant <> '' then '~' || left(encode(sha256(convert_to(_tenant, 'UTF8')), 'hex'), 16) end
$$;

-- Ends a commit of one applied operation: position, event, ledger. The row's lock is held since before it was judged,
-- so the order of positions is the order of the row's changes. Registering comes last: a commit that still waits for
-- somebody's unique or foreign key must not hold the feed back.
create or replace function {{schema}}.record_one(
  _tenant text, _key text, _intent text, _intent_hash text, _model text, _entity_id text, _type text, _row_tenant text,
  _data text, _changed text[], _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql as $$
declare _last bigint; _position bigint; _body text;
begin
  _last := coalesce(pg_sequence_last_value('{{schema}}.position_seq'), 0);
  if pg_advisory_xact_lock_shared(({{lockNamespace}}::bigint << 48) | _last) is null then null; end if;
  _position := nextval('{{schema}}.position_seq');
  if _position <= _last then
    raise exception '{{schema}}: position % was given out of order; {{schema}}.position_seq must have CACHE 1', _position
      using errcode = 'PN500';
  end if;
  _body := '{"rows":[' || _data || '],"stamps":[' || _position || ']}';
  with event as (
    insert into {{schema}}.outbox (position, tenant, model, entity_id, type, data, changed, key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    values (_position, _row_tenant, _model, _entity_id, _type, _data, _changed, _key, 0, _transaction_id,
      _participant_id, _participant_kind, case when _row_tenant = '' then {{schema}}.key_scope(_tenant, '') end))
  insert into {{schema}}.ledger (tenant, key, intent, intent_hash, body)
  values (_tenant, _key, _intent, _intent_hash, _body);
  return 'A' || _body;
end $$;

-- Ends a commit whose one operation was held back: the answer is kept, nothing else happened.
create or replace function {{schema}}.record_held(
  _tenant text, _key text, _intent text, _intent_hash text, _entry text
) returns text language plpgsql as $$
declare _body text := '{"rows":[null],"stamps":[null],"notifications":[' || _entry || ']}';
begin
  insert into {{schema}}.ledger (tenant, key, intent, intent_hash, body) values (_tenant, _key, _intent, _intent_hash, _body);
  return 'A' || _body;
end $$;
