-- A commit answers with one text: a word (`applied`, `replayed`, `stale` or `refused`), a space, and the body. As a row with two columns it
-- would cost 15 microseconds more, of 350: a function in FROM keeps its result in a store of its own.
--
-- Takes the idempotency key, or tells what stands under it; null: it is this commit's now.
create or replace function {{schema}}.reserve(_tenant text, _key text, _intent text, _intent_hash text)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _entry {{schema}}.ledger; _x pg_lsn; _on text; _retention interval;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- each rule looks at what its locks have waited for; under one snapshot for all it would look at the past
    raise exception '{{schema}}: a commit must run under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- twins of one key wait here and then replay; looking without the wait would let both apply.
  -- Two keys of one hash merely wait for each other.
  -- point: reserve
  if pg_advisory_xact_lock({{lockNamespace}}, hashtext(_key || E'\x01' || _tenant)) is null then null; end if;
  select l.* into _entry from {{schema}}.ledger l where l.key = _key and l.tenant = _tenant;
  if not found then return null; end if;
  select m.ledger_retention into _retention from {{schema}}.meta m;
  if _retention is null then
    raise exception '{{schema}}: the row of {{schema}}.meta is missing; run `npx postern migrate`' using errcode = 'PN500';
  end if;
  if _entry.at < now() - _retention then
    return 'refused {"code":"idempotency_key_expired"}';
  end if;
  if _entry.intent <> _intent or _entry.intent_hash <> _intent_hash then
    return 'refused {"code":"idempotency_conflict"}';
  end if;
  -- An entry whose session ended while it waited for the standby is committed here and nowhere else. An empty message
  -- gives this transaction a commit record, and its COMMIT waits as the first did: also where the server's own setting
  -- waits for nothing, which a commit overrules.
  -- point: replay-waits
  if current_setting('synchronous_standby_names') <> '' and current_setting('synchronous_commit') <> 'local' then
    if current_setting('synchronous_commit') = 'off' then _on := set_config('synchronous_commit', 'on', true); end if;
    _x := pg_logical_emit_message(true, '{{schema}}', '');
  end if;
  return 'replayed ' || _entry.body;
end $$;

-- What tells two tenants' equal keys apart in the ids of events of rows that belong to nobody. A hash, because every
-- tenant reads them.
create or replace function {{schema}}.key_scope(_tenant text, _row_tenant text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return case when _row_tenant = '' and _tenant <> '' then '~' || left(encode(sha256(convert_to(_tenant, 'UTF8')), 'hex'), 16) end;
end $$;

-- Ends a commit of one applied operation: position, event, ledger. The row's lock is held since before it was judged,
-- so the order of positions is the order of the row's changes. Registering comes last: a commit that still waits for
-- somebody's unique or foreign key must not hold the feed back.
-- _was and _row_tenant: who was told of the row, and who sees it now; a row that was moved is gone for the one and comes
-- for the other. What is told to another tenant does not carry this one's key.
create or replace function {{schema}}.record_one(
  _tenant text, _key text, _intent text, _intent_hash text, _rel int, _row_key text, _type text, _was text, _row_tenant text,
  _gone text, _data text, _row text, _changed int2[], _transaction_id text, _participant_id text, _participant_kind text, _most bigint
) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  _last bigint; _x text; _position bigint; _body text; _mine boolean := _row_tenant in (_tenant, '');
begin
  -- without a look whether the transaction has registered, and without a note that it has: another shared lock costs
  -- less than the call and the settings, and the first one counts
  {{enter}}
  if _was is distinct from _row_tenant then
    insert into {{schema}}.log (position, rel, key, tenant, type, data, commit_key, index, transaction_id, participant_id, participant_kind)
    select nextval('{{schema}}.position_seq'), _rel, _row_key, _was, 'DELETE', _gone, k.key, k.index, _transaction_id, _participant_id, _participant_kind
    from (select case when _was = _tenant then _key end as key, case when _was = _tenant then 0 end as index) k;
    _type := 'CREATE';
    _changed := null;
  end if;
  _position := nextval('{{schema}}.position_seq');
  if _position <= _last then
    raise exception '{{schema}}: position % was given out of order; {{schema}}.position_seq must have CACHE 1', _position
      using errcode = 'PN500';
  end if;
  _body := '{"rows":[' || _row || '],"stamps":[' || _position || ']}';
  if octet_length(_body) > _most then
    {{tooLarge}}
  end if;
  with event as (
    insert into {{schema}}.log (position, rel, key, tenant, type, data, changed, commit_key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    values (_position, _rel, _row_key, _row_tenant, _type, _data, _changed, case when _mine then _key end, case when _mine then 0 end,
      _transaction_id, _participant_id, _participant_kind, case when _row_tenant = '' then {{schema}}.key_scope(_tenant, '') end))
  insert into {{schema}}.ledger (tenant, key, intent, intent_hash, body)
  values (_tenant, _key, _intent, _intent_hash, _body);
  return 'applied ' || _body;
end $$;

-- Ends a commit whose one operation was held back: the answer is kept, nothing else happened.
create or replace function {{schema}}.record_held(
  _tenant text, _key text, _intent text, _intent_hash text, _entry text, _most bigint
) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _body text := '{"rows":[null],"stamps":[null],"notifications":[' || _entry || ']}';
begin
  if octet_length(_body) > _most then
    {{tooLarge}}
  end if;
  insert into {{schema}}.ledger (tenant, key, intent, intent_hash, body) values (_tenant, _key, _intent, _intent_hash, _body);
  return 'applied ' || _body;
end $$;

-- Ends a commit of several operations: positions under the locks, events, ledger.
create or replace function {{schema}}.record_many(
  _tenant text, _key text, _intent text, _intent_hash text, _done {{schema}}.applied[], _count int, _notes text,
  _transactions jsonb, _participant_id text, _participant_kind text, _most bigint
) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  _x bigint := {{schema}}.register(); _last bigint := pg_sequence_last_value('{{schema}}.position_seq');
  _low bigint; _body text; _scope text := {{schema}}.key_scope(_tenant, '');
begin
  with told as (
    select d.index, d.rel, d.key, t.tenant, t.type, t.data, t.changed, t.last, d.row
    from unnest(_done) d cross join lateral (
      select d.was as tenant, 'DELETE' as type, d.gone as data, null::int2[] as changed, false as last
      where d.was is distinct from d.tenant
      union all
      select d.tenant, case when d.was is distinct from d.tenant then 'CREATE' else d.type end, d.data,
        case when d.was is not distinct from d.tenant then d.changed end, true) t
    order by d.index, t.last),
  event as (
    insert into {{schema}}.log (position, rel, key, tenant, type, data, changed, commit_key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    select nextval('{{schema}}.position_seq'), t.rel, t.key, t.tenant, t.type, t.data, t.changed,
      case when t.tenant in (_tenant, '') then _key end, case when t.tenant in (_tenant, '') then t.index end,
      _transactions ->> t.index, _participant_id, _participant_kind, case when t.tenant = '' then _scope end
    from told t
    returning position, rel, key, type, index),
  stamped as (
    select row_number() over (order by e.position) as n, e.position from event e),
  placed as (
    select row_number() over (order by t.index, t.last) as n, t.index, t.last, t.row from told t),
  answer as (
    select (select min(e.position) from event e) as low,
      '{"rows":[' || string_agg(coalesce(p.row, 'null'), ',' order by n.n) || '],"stamps":['
      || string_agg(coalesce(p.position::text, 'null'), ',' order by n.n) || ']'
      || coalesce(',"notifications":[' || _notes || ']', '') || '}' as body
    from generate_series(0, _count - 1) n(n)
    left join (select p.index, p.row, s.position from placed p join stamped s on s.n = p.n where p.last) p on p.index = n.n),
  kept as (
    insert into {{schema}}.ledger (tenant, key, intent, intent_hash, body)
    select _tenant, _key, _intent, _intent_hash, a.body from answer a)
  select a.low, a.body into _low, _body from answer a;
  if octet_length(_body) > _most then
    {{tooLarge}}
  end if;
  if _low <= _last then
    raise exception '{{schema}}: position % was given out of order; {{schema}}.position_seq must have CACHE 1', _low
      using errcode = 'PN500';
  end if;
  return 'applied ' || _body;
end $$;
