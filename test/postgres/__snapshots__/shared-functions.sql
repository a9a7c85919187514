-- Enters the in-flight registry and answers the position below which this transaction writes nothing: a shared
-- advisory lock whose key carries the sequence's last value, held until the transaction ends, taken BEFORE nextval.
-- A reader that finds it does not go past it. Once a transaction is enough, and needed: a lock for each row would
-- fill the lock table. The first writer of a run of the server leaves a gap, see postern.open_run.
create or replace function postern.register() returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _last bigint; _x text;
begin
  if current_setting('postern.registrant', true) = pg_current_xact_id()::text then
    return current_setting('postern.registered', true)::bigint;
  end if;
  -- a commit lost in a crash would reuse positions that followers have seen
  if current_setting('synchronous_commit') = 'off' then _x := set_config('synchronous_commit', 'on', true); end if;
  _last := pg_sequence_last_value('postern.position_seq');
  -- point: open-run
  if _last is null or pg_sequence_last_value('postern.run_seq') is distinct from hashint8extended((extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
    hashtextextended(left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_relation_filenode('postern.log')::bigint)) then
    perform postern.open_run();
    _last := coalesce(pg_sequence_last_value('postern.position_seq'), 0);
  end if;
  -- point: enter-registry
  if pg_advisory_xact_lock_shared((26330::bigint << 48) | _last) is null then null; end if;
  _x := set_config('postern.registered', _last::text, true);
  _x := set_config('postern.registrant', pg_current_xact_id()::text, true);
  return _last;
end $$;

-- The first writer after a server start, a promotion or a replacement of the log's file leaves a gap: what a lost time told
-- lies in it. Where the gap ends must differ between any two runs. One of a fixed size does not: a run that is lost, and
-- the run that a copy from before it begins, would both give the positions behind the same gap. So a run begins at 65,536
-- positions for each second since 2026, which no earlier run has reached. Only a log that is ahead of the clock (which is
-- wrong then, or a run gave more than 65,536 positions a second) goes on 2^24 positions further, and up to as many again
-- by chance. Never the farther of the two: that would leave the log ahead of the clock for minutes after each start.
-- Neither step waits for a commit or is undone by a rollback; the jump comes first, so that whoever sees the run noted
-- takes positions behind the gap. One at a time: a setval computed before another's jump would go back.
-- No jump in the run that the installation noted: nothing was told before it.
create or replace function postern.open_run() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare _last bigint; _noted bigint; _top bigint; _begin bigint;
begin
  perform pg_advisory_lock(26330, 1);
  begin
    _last := pg_sequence_last_value('postern.position_seq');
    _noted := pg_sequence_last_value('postern.run_seq');
    _top := greatest(coalesce(_last, 0), coalesce((select max(l.position) from postern.log l), 0));
    -- entries that came without their sequence, by logical replication, need the jump too
    if _noted is distinct from hashint8extended((extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
    hashtextextended(left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_relation_filenode('postern.log')::bigint)) or (_last is null and _top > 0) then
      if _top + (1 << 25) > 281474976710655 then
        raise exception 'postern: the positions of postern.log are at their end' using errcode = 'PN500';
      end if;
      -- point: gap
      if _top > 0 or _noted is not null then
        _begin := postern.clock_position();
        if _begin <= _top then _begin := _top + (1 << 24) + floor(random() * (1 << 24))::bigint; end if;
        perform setval('postern.position_seq', _begin);
      end if;
      perform setval('postern.run_seq', hashint8extended((extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
    hashtextextended(left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_relation_filenode('postern.log')::bigint)));
    end if;
  exception when query_canceled or others then
    perform pg_advisory_unlock(26330, 1);
    raise;
  end;
  perform pg_advisory_unlock(26330, 1);
end $$;

-- Where the positions of a run begin that starts now. Half of all positions at most, whatever the clock says.
create or replace function postern.clock_position() returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select least(greatest(extract(epoch from clock_timestamp() - timestamptz '2026-01-01 00:00:00+00') * 65536, 0), 140737488355328)::bigint
$$;

-- A new installation notes its run, so that a copy of it which becomes a server of its own (a standby that is promoted
-- before it has heard of the first commit) is seen to be another run.
create or replace function postern.note_run() returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if pg_sequence_last_value('postern.run_seq') is null and pg_sequence_last_value('postern.position_seq') is null
    and not exists (select from postern.log) then
    perform setval('postern.run_seq', hashint8extended((extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
    hashtextextended(left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_relation_filenode('postern.log')::bigint)));
    return true;
  end if;
  return false;
end $$;

-- After a restore: the log gets another name, so that every cursor ends, and the next writer jumps, so that stamps of the
-- lost time lie in a gap.
create or replace function postern.renew_log() returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _name uuid;
begin
  insert into postern.meta (pruned_through) select coalesce(max(l.position), 0) from postern.log l
  on conflict (one) do update set incarnation = gen_random_uuid()
  returning incarnation into _name;
  perform setval('postern.run_seq', 0);
  return left(md5(_name::text), 16);
end $$;

-- The position up to which the log is complete and may be told: the last visible entry at or below which nothing can
-- still appear. Never the sequence's own value: the log of a transaction that aborted need not be on disk, and the
-- position may be given again.
-- First the end of the sequence, then who is in flight: a writer registers before it takes a position, so one that is
-- not seen here takes positions above the end that was read. In one statement the two reads could come the other way.
create or replace function postern.horizon() returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _end bigint; _oldest bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'postern: the feed must be read on the primary, where the writers in flight are known' using errcode = 'PN500';
  end if;
  if (select q.seqcache from pg_sequence q where q.seqrelid = 'postern.position_seq'::regclass) <> 1 then
    raise exception 'postern: postern.position_seq must have CACHE 1' using errcode = 'PN500';
  end if;
  _end := pg_sequence_last_value('postern.position_seq');
  if _end is null then
    if not has_sequence_privilege('postern.position_seq', 'USAGE, SELECT') then
      raise exception 'postern: no privilege on postern.position_seq' using errcode = '42501';
    end if;
    -- nobody has taken a position here; entries may have come by logical replication
    return coalesce((select max(l.position) from postern.log l), 0);
  end if;
  select min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) into _oldest from pg_locks l where l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = 26330
      and l.database = (select d.oid from pg_database d where d.datname = current_database());
  -- point: horizon
  return coalesce((select max(l.position) from postern.log l where l.position <= least(_end, _oldest)), 0);
end $$;

-- The stamp of a set of rows that are read afterwards. A standby does not know who is in flight: 0, every change is later.
create or replace function postern.set_stamp() returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if pg_is_in_recovery() then return 0; end if;
  return postern.horizon();
end $$;

-- Names this log. Positions of another one say nothing here.
create or replace function postern.epoch() returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _name uuid;
begin
  select m.incarnation into _name from postern.meta m;
  if _name is null then
    raise exception 'postern: the row of postern.meta is missing; run `npx postern migrate`' using errcode = 'PN500';
  end if;
  return left(md5(_name::text), 16);
end $$;

-- Was this position told by this log? Whatever is told is the position of an entry. One that is neither there nor pruned
-- was told by a log that is lost, also one below the end: a backup may lack an entry that was in flight while a later
-- one was committed.
create or replace function postern.known(_position bigint) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return _position = 0 or exists (select from postern.log l where l.position = _position)
    or coalesce(_position <= (select m.pruned_through from postern.meta m), false);
end $$;

-- What a cursor carries beside its position: '' where there is no such entry.
create or replace function postern.fingerprint(_position bigint) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce((select left(md5(concat_ws(' ', l.rel, l.key, l.type,
      to_char(l.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), md5(l.data))), 12)
    from postern.log l where l.position = _position), '');
end $$;

-- Who holds the feed back: transactions that have taken positions and not ended.
create or replace function postern.blockers() returns table (
  at_position bigint, pid int, prepared text, since timestamptz, state text, application text
) language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return query
  select ((l.classid::bigint & 65535) << 32) | l.objid::bigint, l.pid,
    case when l.pid is null then (select string_agg(p.gid, ', ') from pg_prepared_xacts p where p.database = current_database()) end,
    a.xact_start, a.state, a.application_name
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = 26330
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
  order by 1;
end $$;

-- The last entry of a row: its position is the row's stamp; null where the log knows none.
create or replace function postern.last_entry(_rel int, _key text) returns postern.entry
language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare _entry postern.entry;
begin
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_key, _rel)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  return _entry;
end $$;

create or replace function postern.last_tenant(_rel int, _key text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare _entry postern.entry := postern.last_entry(_rel, _key);
begin
  return _entry.tenant;
end $$;

-- Is a decision made at _read_at on this row out of date? Null: no. Call it under the row's lock, with a fresh snapshot;
-- without the lock a no may be out of date, a yes stays true. Whose row it was does not matter where the tenant sees it
-- now; where it does not, only what the tenant was told does, or a foreign row could be told from a missing one.
create or replace function postern.judge(_rel int, _key text, _tenant text, _read_at bigint, _exists boolean)
returns jsonb language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare _e postern.log; _stamp bigint := 0; _came boolean := false; _created boolean := false; _changed int2[] := '{}';
begin
  -- all of them: with a limit, or ordered by the bare position, the primary key might be walked
  for _e in
    select e.* from postern.log e
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
    if postern.known(_read_at) then return null; end if;
    -- nothing after it, and yet no position of this log: the log was restored, or the caller errs
    return jsonb_build_object('reason', 'unknown_position', 'changed', null,
      'stamp', postern.stamp_for(_rel, _key, _tenant, _exists));
  end if;
  -- compaction keeps the last change of a row, not all of them: below it the fields are not known
  _came := _came or _read_at < coalesce((select m.pruned_through from postern.meta m), 9223372036854775807);
  -- point: participant
  -- who of another tenant wrote a row that both see is not told, as in events
  if _e.commit_key is null or not coalesce(_e.tenant in (_tenant, ''), false)
    or _e.key_scope is distinct from postern.key_scope(_tenant, _e.tenant) then
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
create or replace function postern.stamp_for(_rel int, _key text, _tenant text, _exists boolean) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce((select l.position from postern.log l
    where (l.key, l.rel) = (_key, _rel) and (_exists or l.tenant in (_tenant, ''))
    order by l.key desc, l.rel desc, l.position desc limit 1), 0);
end $$;

-- The words of one schema version for columns that the log names by number, sorted; null stays null.
create or replace function postern.named(_words jsonb, _changed jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(_changed) <> 'array' then return null; end if;
  return (select coalesce(jsonb_agg(distinct (_words ->> c) collate "C"), '[]')
    from jsonb_array_elements_text(_changed) c where _words ? c);
end $$;

-- One entry of stale_context and of a notification; without the row where that is larger than may be told.
create or replace function postern.stale_entry(
  _index int, _model text, _id text, _read_at bigint, _stale jsonb, _words jsonb, _current text
) returns text language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return '{"index":' || _index || ',"model":"' || _model || '","id":' || to_json(_id)::text
    || ',"readAt":' || _read_at || ',"stamp":' || (_stale ->> 'stamp') || ',"reason":"' || (_stale ->> 'reason')
    || '","changed":' || replace(coalesce(postern.named(_words, _stale -> 'changed')::text, 'null'), '", "', '","')
    || case when octet_length(_current) > 1000000 then '' else ',"current":' || coalesce(_current, 'null') end
    || coalesce(',"participantId":' || (_stale -> 'participantId')::text, '')
    || coalesce(',"participantKind":' || (_stale -> 'participantKind')::text, '') || '}';
end $$;

-- A commit answers with one text: a word (`applied`, `replayed`, `stale` or `refused`), a space, and the body. As a row with two columns it
-- would cost 15 microseconds more, of 350: a function in FROM keeps its result in a store of its own.
--
-- Takes the idempotency key, or tells what stands under it; null: it is this commit's now.
create or replace function postern.reserve(_tenant text, _key text, _intent text, _intent_hash text)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _entry postern.ledger; _x pg_lsn; _on text; _retention interval;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- each rule looks at what its locks have waited for; under one snapshot for all it would look at the past
    raise exception 'postern: a commit must run under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- twins of one key wait here and then replay; looking without the wait would let both apply.
  -- Two keys of one hash merely wait for each other.
  -- point: reserve
  if pg_advisory_xact_lock(26330, hashtext(_key || E'\x01' || _tenant)) is null then null; end if;
  select l.* into _entry from postern.ledger l where l.key = _key and l.tenant = _tenant;
  if not found then return null; end if;
  select m.ledger_retention into _retention from postern.meta m;
  if _retention is null then
    raise exception 'postern: the row of postern.meta is missing; run `npx postern migrate`' using errcode = 'PN500';
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
    _x := pg_logical_emit_message(true, 'postern', '');
  end if;
  return 'replayed ' || _entry.body;
end $$;

-- What tells two tenants' equal keys apart in the ids of events of rows that belong to nobody. A hash, because every
-- tenant reads them.
create or replace function postern.key_scope(_tenant text, _row_tenant text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return case when _row_tenant = '' and _tenant <> '' then '~' || left(encode(sha256(convert_to(_tenant, 'UTF8')), 'hex'), 16) end;
end $$;

-- Ends a commit of one applied operation: position, event, ledger. The row's lock is held since before it was judged,
-- so the order of positions is the order of the row's changes. Registering comes last: a commit that still waits for
-- somebody's unique or foreign key must not hold the feed back.
-- _was and _row_tenant: who was told of the row, and who sees it now; a row that was moved is gone for the one and comes
-- for the other. What is told to another tenant does not carry this one's key.
create or replace function postern.record_one(
  _tenant text, _key text, _intent text, _intent_hash text, _rel int, _row_key text, _type text, _was text, _row_tenant text,
  _gone text, _data text, _row text, _changed int2[], _transaction_id text, _participant_id text, _participant_kind text, _most bigint
) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  _last bigint; _x text; _position bigint; _body text; _mine boolean := _row_tenant in (_tenant, '');
begin
  -- without a look whether the transaction has registered, and without a note that it has: another shared lock costs
  -- less than the call and the settings, and the first one counts
  -- a commit lost in a crash would reuse positions that followers have seen
  if current_setting('synchronous_commit') = 'off' then _x := set_config('synchronous_commit', 'on', true); end if;
  _last := pg_sequence_last_value('postern.position_seq');
  -- point: open-run
  if _last is null or pg_sequence_last_value('postern.run_seq') is distinct from hashint8extended((extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
    hashtextextended(left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_relation_filenode('postern.log')::bigint)) then
    perform postern.open_run();
    _last := coalesce(pg_sequence_last_value('postern.position_seq'), 0);
  end if;
  -- point: enter-registry
  if pg_advisory_xact_lock_shared((26330::bigint << 48) | _last) is null then null; end if;
  if _was is distinct from _row_tenant then
    insert into postern.log (position, rel, key, tenant, type, data, commit_key, index, transaction_id, participant_id, participant_kind)
    select nextval('postern.position_seq'), _rel, _row_key, _was, 'DELETE', _gone, k.key, k.index, _transaction_id, _participant_id, _participant_kind
    from (select case when _was = _tenant then _key end as key, case when _was = _tenant then 0 end as index) k;
    _type := 'CREATE';
    _changed := null;
  end if;
  _position := nextval('postern.position_seq');
  if _position <= _last then
    raise exception 'postern: position % was given out of order; postern.position_seq must have CACHE 1', _position
      using errcode = 'PN500';
  end if;
  _body := '{"rows":[' || _row || '],"stamps":[' || _position || ']}';
  if octet_length(_body) > _most then
    raise exception 'postern: the answer has more than % bytes', _most using errcode = 'PN413';
  end if;
  with event as (
    insert into postern.log (position, rel, key, tenant, type, data, changed, commit_key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    values (_position, _rel, _row_key, _row_tenant, _type, _data, _changed, case when _mine then _key end, case when _mine then 0 end,
      _transaction_id, _participant_id, _participant_kind, case when _row_tenant = '' then postern.key_scope(_tenant, '') end))
  insert into postern.ledger (tenant, key, intent, intent_hash, body)
  values (_tenant, _key, _intent, _intent_hash, _body);
  return 'applied ' || _body;
end $$;

-- Ends a commit whose one operation was held back: the answer is kept, nothing else happened.
create or replace function postern.record_held(
  _tenant text, _key text, _intent text, _intent_hash text, _entry text, _most bigint
) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _body text := '{"rows":[null],"stamps":[null],"notifications":[' || _entry || ']}';
begin
  if octet_length(_body) > _most then
    raise exception 'postern: the answer has more than % bytes', _most using errcode = 'PN413';
  end if;
  insert into postern.ledger (tenant, key, intent, intent_hash, body) values (_tenant, _key, _intent, _intent_hash, _body);
  return 'applied ' || _body;
end $$;

-- Ends a commit of several operations: positions under the locks, events, ledger.
create or replace function postern.record_many(
  _tenant text, _key text, _intent text, _intent_hash text, _done postern.applied[], _count int, _notes text,
  _transactions jsonb, _participant_id text, _participant_kind text, _most bigint
) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  _x bigint := postern.register(); _last bigint := pg_sequence_last_value('postern.position_seq');
  _low bigint; _body text; _scope text := postern.key_scope(_tenant, '');
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
    insert into postern.log (position, rel, key, tenant, type, data, changed, commit_key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    select nextval('postern.position_seq'), t.rel, t.key, t.tenant, t.type, t.data, t.changed,
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
    insert into postern.ledger (tenant, key, intent, intent_hash, body)
    select _tenant, _key, _intent, _intent_hash, a.body from answer a)
  select a.low, a.body into _low, _body from answer a;
  if octet_length(_body) > _most then
    raise exception 'postern: the answer has more than % bytes', _most using errcode = 'PN413';
  end if;
  if _low <= _last then
    raise exception 'postern: position % was given out of order; postern.position_seq must have CACHE 1', _low
      using errcode = 'PN500';
  end if;
  return 'applied ' || _body;
end $$;

-- Slow, and whatever the table looks like by now: for tables that were changed since anybody migrated.
create or replace function postern.encode_row(_table regclass, _row jsonb, _kept int2[]) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (select '{' || coalesce(string_agg('"' || a.attnum || '":' || (_row -> a.attname)::text, ',' order by a.attnum), '') || '}'
    from pg_attribute a where a.attrelid = _table and a.attnum = any(_kept) and not a.attisdropped and _row ? a.attname);
end $$;

-- May a follower go on from here? Null: yes. The cursor of a log that was put back, emptied, restored or lost its end
-- stands behind an entry that is not there, or is another one. _base is the pruning mark that a walk from the beginning
-- started under: it may read on below the mark as long as nothing more is pruned.
create or replace function postern.cursor_verdict(_epoch text, _position bigint, _base bigint, _mark text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _pruned bigint; _found text;
begin
  if _epoch is null then return null; end if;
  -- point: epoch
  if postern.epoch() <> _epoch then return 'cursor_expired'; end if;
  select m.pruned_through into _pruned from postern.meta m;
  if _position < _pruned and _base is distinct from _pruned then return 'cursor_expired'; end if;
  _found := postern.fingerprint(_position);
  -- point: fingerprint
  if _position > 0 and (_found = '' or _found <> _mark) and not (_found = '' and _position = _pruned) then
    return 'cursor_expired';
  end if;
  return null;
end $$;

-- A page of the log after _position, of the tables that the caller's schema knows: _rels names each once for every model
-- on it, for an entry is an event of each. _tenant null: all tenants; else that tenant and the rows of nobody. Each row begins with what is told of the page; one without an entry where there is none.
create or replace function postern.events(
  _tenant text, _rels int[], _epoch text, _position bigint, _base bigint, _mark text, _limit int
) returns setof postern.told language plpgsql volatile
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  _pruned bigint; _now bigint; _horizon bigint; _n bigint; _whole boolean; _full boolean; _page postern.log[]; _verdict text; _through bigint;
  _name text; _told postern.told;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- the page must be read in a snapshot that is taken after the horizon
    raise exception 'postern: the feed must be read under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- first, for it is what refuses on a standby
  _horizon := postern.horizon();
  _name := postern.epoch();
  loop
    select m.pruned_through into _pruned from postern.meta m;
    if _epoch is null then _base := _pruned; end if;
    _verdict := postern.cursor_verdict(_epoch, _position, _base, _mark);
    if _verdict is not null then
      _told.verdict := _verdict;
      _told.epoch := _name;
      return next _told;
      return;
    end if;
    -- a page ends early rather than hold more bytes than a process can, or than _limit events; it always has one entry,
    -- and all the events of it: no cursor could go on between them
    select array_agg(p.entry order by p.position) filter (where p.kept), count(*), bool_and(p.kept)
    into _page, _n, _whole
    from (
      select o as entry, o.position,
        sum(octet_length(o.data)) over w - octet_length(o.data) < 16777216
          and (row_number() over w = 1 or sum(cardinality(array_positions(_rels, o.rel))) over w <= _limit) as kept
      from (
        -- each by the index that has its rows in order; under one condition for all three, the log would be walked for them
        (select l.* from postern.log l
        where _tenant is null and l.position > _position and l.position <= _horizon and l.rel = any(_rels) and l.type <> 'BASE'
        order by l.position limit _limit)
        union all
        (select l.* from postern.log l
        where l.tenant || '' = _tenant and l.position > _position and l.position <= _horizon and l.rel = any(_rels) and l.type <> 'BASE'
        order by l.position limit _limit)
        union all
        (select l.* from postern.log l
        where _tenant <> '' and l.tenant || '' = '' and l.position > _position and l.position <= _horizon and l.rel = any(_rels) and l.type <> 'BASE'
        order by l.position limit _limit)
        order by position limit _limit) o
      window w as (order by o.position)) p;
    -- what was pruned meanwhile, the page may lack: the mark counts as it is once the page was read
    select m.pruned_through into _now from postern.meta m;
    exit when _now = _pruned or _now <= _position;
  end loop;
  -- a page that is not full has seen everything up to the horizon
  -- no limit: from the end on
  _full := _limit > 0 and (_n >= _limit or not coalesce(_whole, true));
  _through := case when _full then _page[cardinality(_page)].position else greatest(_horizon, _position) end;
  return query
  select null::text, _name, _through, case when _through < _pruned then _pruned else 0 end, postern.fingerprint(_through),
    e.position, e.rel, e.key, e.type, e.tenant, e.data, e.changed, e.commit_key, e.index, e.key_scope, e.transaction_id,
    e.participant_id, e.participant_kind, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), not _full
  from (select) one left join unnest(_page) e on true
  order by e.position;
end $$;

-- The log in the words of the schema version that was installed last, for people and for tools; the feed is `events`.
create or replace view postern.changes as
select l.position, l.tenant, m.name as model, l.key as entity_id, l.type,
  (select coalesce(jsonb_object_agg(f ->> 0, l.data::jsonb -> (f ->> 1)), '{}') from jsonb_array_elements(m.words -> 'fields') f) as data,
  case when l.changed is not null then array(
    select f ->> 0 from jsonb_array_elements(m.words -> 'fields') f where (f ->> 1)::int2 = any(l.changed) order by 1) end as changed,
  l.commit_key as key, l.index, l.transaction_id, l.participant_id, l.participant_kind, l.key_scope, l.at
from postern.log l
join (select distinct on (x.rel) x.rel, x.name, x.words from postern.model x order by x.rel, x.compiled_at desc, x.name) m on m.rel = l.rel
where l.type <> 'BASE';

-- A page of rows in one call. The first row of the answer has the set's stamp, and how many rows match in all where that
-- was asked; the rows of the page follow.
-- This function and `kept` run the text that the caller gives: SECURITY INVOKER, always. Nor have they a search_path of
-- their own: views and policies of the application see the connection's.
create or replace function postern.page(_limit postern.time_limit, _text text, _values json, _count text, _count_values json)
returns table ("row" text, "id" text, "value" text, "stamp" text, "found" text)
language plpgsql volatile as $$
begin
  if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'read committed' then
    raise exception 'postern: the rows must be read in a snapshot of their own' using errcode = 'PN501';
  end if;
  -- a horizon from before the rows: one from with or after them vouches for rows that were not seen
  -- point: set-stamp
  "stamp" := postern.set_stamp()::text;
  if _count is not null then
    select c."value" into "value" from postern.kept(_count, _count_values) c;
  end if;
  return next;
  return query select k.* from postern.kept(_text, _values) k;
end $$;

-- Runs a statement that the session keeps prepared. A client library would do the same under a name of its own; this one is
-- known to the server alone, so that it holds behind a pooler too.
create or replace function postern.kept(_text text, _values json)
returns table ("row" text, "id" text, "value" text, "stamp" text, "found" text)
language plpgsql volatile as $$
declare _call text := postern.kept_call(_text, _values);
begin
  begin
    return query execute _call;
    return;
  exception when invalid_sql_statement_name or syntax_error then
    -- a statement that is not there is said not to return rows
    if postern.is_kept(_text) then raise; end if;
  end;
  execute postern.kept_statement(_text, _values);
  return query execute _call;
end $$;

-- The name under which the session keeps a statement.
create or replace function postern.kept_name(_text text) returns text
language sql immutable as $$
  select 'postern_kept_' operator(pg_catalog.||) pg_catalog.md5(_text)
$$;

create or replace function postern.kept_call(_text text, _values json) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return 'execute ' || postern.kept_name(_text)
    || coalesce((select '(' || string_agg(quote_nullable(v.value), ', ' order by v.n) || ')'
      from json_array_elements_text(_values) with ordinality v(value, n)), '');
end $$;

create or replace function postern.is_kept(_text text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from pg_prepared_statement() p where p.name = postern.kept_name(_text));
end $$;

-- There is no end of different lists, and a session forgets no statement by itself: it keeps a hundred at most.
create or replace function postern.kept_statement(_text text, _values json) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  _kept text[] := array(select p.name from pg_prepared_statement() p where starts_with(p.name, 'postern_kept_'));
  _old text;
begin
  if cardinality(_kept) >= 100 then
    foreach _old in array _kept loop
      execute 'deallocate ' || _old;
    end loop;
  end if;
  return 'prepare ' || postern.kept_name(_text)
    || coalesce((select '(' || string_agg('text', ', ') || ')' from json_array_elements_text(_values)), '')
    || ' as ' || _text;
end $$;

-- One step of compaction: of each row with a change in the next _window positions, all older entries go. The last
-- entry of every row stays for good, so that every readAt stays decidable and a new follower still sees every row.
-- Never past the horizon, the retention time, or a named cursor that has not read so far. A cursor that a caller named by
-- its requests ("key:...") counts until what it has not read is twice as old as the retention time, or any caller could
-- make the log grow without end.
-- Answers how many entries went and whether there is more to do; call it until there is not, each in its own transaction.
create or replace function postern.prune_log(_window int, out pruned bigint, out through bigint, out more boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _mark bigint; _limit bigint; _young bigint; _since timestamptz; _long timestamptz; _gone bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- under one snapshot for all, the log and the followers would be looked at as they were before the horizon
    raise exception 'postern: pruning must run under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- one at a time; a second caller has nothing to do
  pruned := 0;
  more := false;
  select m.pruned_through, now() - m.log_retention, now() - 2 * m.log_retention into _mark, _since, _long from postern.meta m for update skip locked;
  if not found then return; end if;
  through := _mark;
  -- a key that does not follow any more; there is a name for each tenant that it ever acknowledged for
  delete from postern.follower f where f.name like 'key:%' and f.seen_at < _long;
  _limit := postern.horizon();
  select least(_limit, min(f.position)) into _limit from postern.follower f
  where f.name not like 'key:%' or not exists (
    select from (select l.at from postern.log l where l.position > f.position order by l.position limit 1) l where l.at < _long);
  if _limit <= _mark then return; end if;

  -- the first entry that is too young is looked for within the window: it may stand millions of entries away
  select max(w.position), min(w.position) filter (where w.at >= _since) into through, _young from (
    select o.position, o.at from postern.log o where o.position > _mark and o.position <= _limit
    order by o.position limit greatest(_window, 1)) w;
  _limit := least(_limit, _young - 1);
  through := least(through, _limit);
  if through <= _mark then
    through := _mark;
    return;
  end if;
  -- Row by row and by an array: a join would be planned for a log of unknown length, and read all of it.
  -- Below the mark a row has one entry, its last: looking for all of them would walk what earlier steps deleted.
  -- point: prune-below
  _gone := array(
    select e.position from (
      select o.key, o.rel, max(o.position) as position from postern.log o
      where o.position > _mark and o.position <= through
      group by o.key, o.rel) l,
    lateral (
      (select o.position from postern.log o
      where (o.key, o.rel) = (l.key, l.rel) and o.position > _mark and o.position < l.position
      offset 0)
      union all
      (select o.position from postern.log o
      where (o.key, o.rel) = (l.key, l.rel) and o.position <= _mark
      order by o.key desc, o.rel desc, o.position desc limit 1)) e);
  delete from postern.log o where o.position = any(_gone);
  get diagnostics pruned = row_count;
  update postern.meta m set pruned_through = through;
  more := through < _limit;
end $$;

-- Deletes keys that are past twice their retention. Until then a replay of an expired key is told so.
create or replace function postern.prune_ledger(_batch int) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _n bigint;
begin
  delete from postern.ledger l where (l.key, l.tenant) in (
    select x.key, x.tenant from postern.ledger x
    where x.at < now() - 2 * (select m.ledger_retention from postern.meta m)
    limit _batch for update skip locked);
  get diagnostics _n = row_count;
  return _n;
end $$;

-- Notes that an application with this schema is running: once an hour at most, for `retire` goes by days. It runs with its
-- owner's rights, for whoever serves may not write the table. Never a reason to refuse a request: what cannot be noted
-- (a standby, a read-only transaction, another that notes it just now) is noted by the next one.
create or replace function postern.note_use(_digest text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('transaction_read_only') = 'on'
    or exists (select from postern.model m where m.digest = _digest and m.used_at > now() - interval '1 hour') then
    return false;
  end if;
  update postern.model m set used_at = now() where (m.digest, m.name) = (
    select o.digest, o.name from postern.model o where o.digest = _digest order by o.name limit 1 for update skip locked);
  return found;
exception when others then
  return false;
end $$;

-- The first of the fields whose check is true or raises, or null: why a value is refused shows in its field alone.
-- A check is an expression over $1, the operation's input.
create or replace function postern.first_refused(_input jsonb, _fields text[], _checks text[]) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare _refused boolean;
begin
  for i in 1..cardinality(_fields) loop
    begin
      execute 'select ' || _checks[i] into _refused using _input;
      if _refused then return _fields[i]; end if;
    exception when others then
      return _fields[i];
    end;
  end loop;
  return null;
end $$;

insert into postern.meta (pruned_through) select coalesce(max(l.position), 0) from postern.log l on conflict (one) do nothing;

update postern.meta set engine = 1;

select postern.note_run();

insert into postern.relation as r (rel, name, oid, world, scope, parent, capture)
select 1, 'public.tasks', 'public.tasks'::regclass, (select c.system_identifier::text from pg_control_system() c) || ' ' ||
  (select d.oid::text from pg_database d where d.datname = current_database()), 'column 2', null, false
on conflict (rel) do update set name = excluded.name, oid = excluded.oid, world = excluded.world, scope = excluded.scope,
  parent = excluded.parent, capture = r.capture;

-- public.tasks: a row as the log keeps it
create or replace function postern."r1_data"(_row public.tasks) returns text
language sql stable as $postern$
  select '{"1":'::text || coalesce(pg_catalog.to_json((_row).id)::text, 'null'::text)
  || ',"3":'::text || coalesce(pg_catalog.to_json((_row).title)::text, 'null'::text)
  || ',"4":'::text || coalesce(pg_catalog.to_json((_row).status)::text, 'null'::text)
  || ',"5":'::text || coalesce('"' || (_row).estimate::text || '"', 'null'::text)
  || ',"6":'::text || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite((_row).updated_at) then (_row).updated_at::text when (_row).updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char((_row).updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char((_row).updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null'::text)
  || ',"7":'::text || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite((_row).archived_at) then (_row).archived_at::text when (_row).archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char((_row).archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char((_row).archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null'::text) || '}'::text
$postern$;

-- public.tasks: a row that is no longer there
create or replace function postern."r1_gone"(_row public.tasks) returns text
language sql stable as $postern$
  select '{"1":'::text || coalesce(pg_catalog.to_json((_row).id)::text, 'null'::text)
  || ',"3":'::text || coalesce(pg_catalog.to_json((_row).title)::text, 'null'::text)
  || ',"4":'::text || coalesce(pg_catalog.to_json((_row).status)::text, 'null'::text)
  || ',"5":'::text || coalesce('"' || (_row).estimate::text || '"', 'null'::text)
  || ',"6":'::text || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite((_row).updated_at) then (_row).updated_at::text when (_row).updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char((_row).updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char((_row).updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null'::text)
  || ',"7":'::text || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite((_row).archived_at) then (_row).archived_at::text when (_row).archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char((_row).archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char((_row).archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null'::text) || '}'::text
$postern$;

-- public.tasks: whose row it is
create or replace function postern."r1_tenant"(_row public.tasks) returns text
language sql stable as $postern$
  select (_row).organization_id::text
$postern$;

-- public.tasks: the columns whose text differs
create or replace function postern."r1_changed"(_old public.tasks, _new public.tasks) returns int2[]
language sql stable as $postern$
  select pg_catalog.array_remove(array[
    case when (_old).id collate "C" is distinct from (_new).id collate "C" then 1::int2 end,
    case when (_old).title collate "C" is distinct from (_new).title collate "C" then 3::int2 end,
    case when (_old).status collate "C" is distinct from (_new).status collate "C" then 4::int2 end,
    case when (_old).estimate::text is distinct from (_new).estimate::text then 5::int2 end,
    case when (_old).updated_at is distinct from (_new).updated_at then 6::int2 end,
    case when (_old).archived_at is distinct from (_new).archived_at then 7::int2 end], null)
$postern$;

-- public.tasks: what an update is called
create or replace function postern."r1_type"(_old public.tasks, _new public.tasks) returns text
language sql stable as $postern$
  select case when (_old).archived_at is null and (_new).archived_at is not null then 'ARCHIVE'::text
    when (_old).archived_at is not null and (_new).archived_at is null then 'UNARCHIVE'::text else 'UPDATE'::text end
$postern$;

-- public.tasks: tells a row: appends what leads from the last entry to the row as it is now
create or replace function postern."r1_tell"(_key text, _old public.tasks, _had boolean) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare
  _now public.tasks; _found boolean; _was boolean; _wt text; _nt text; _type text; _p bigint; _data text; _gone text := '{}';
  _changed int2[]; _entry postern.entry;
begin
  perform postern.register();
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_key, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  _was := coalesce(_entry.type <> 'DELETE', false);
  _wt := _entry.tenant;
  if not _was and _had then
    _was := true;
    _wt := postern."r1_tenant"(_old);
  end if;
  if current_setting('transaction_isolation') = 'read committed' then
    select t.* into _now from public.tasks t where t.id = _key;
  else
    -- a row that another has deleted since the snapshot is still seen, beside the one inserted in its place
    select t.* into _now from public.tasks t where t.id = _key order by age(t.xmin) limit 1;
  end if;
  _found := found;
  if _found then _nt := postern."r1_tenant"(_now); end if;
  -- a block that writes nothing takes no transaction id
  begin
    _type := 'UPDATE';
    if _found then
      _data := postern."r1_data"(_now);
      if _was and _had then
        _changed := postern."r1_changed"(_old, _now);
        _type := postern."r1_type"(_old, _now);
      end if;
    end if;
    if _had and (not _found or _wt is distinct from _nt) then _gone := postern."r1_gone"(_old); end if;
  exception when undefined_column or undefined_function or datatype_mismatch then
    -- the table was changed, and nobody has migrated since: by the catalogue, which columns changed is not known
    _data := postern.encode_row('public.tasks', to_jsonb(_now), '{1,3,4,5,6,7}'::int2[]);
    if _had then _gone := postern.encode_row('public.tasks', to_jsonb(_old), '{1,3,4,5,6,7}'::int2[]); end if;
    _changed := null;
  end;
  -- point: tell-moved
  if _was and (not _found or _wt is distinct from _nt) then
    _p := nextval('postern.position_seq');
    insert into postern.log (position, rel, key, tenant, type, data) values (_p, 1, _key, _wt, 'DELETE', _gone);
    _was := false;
  end if;
  if _found then
    _p := nextval('postern.position_seq');
    insert into postern.log (position, rel, key, tenant, type, data, changed)
    values (_p, 1, _key, _nt, case when _was then _type else 'CREATE' end, _data, case when _was then _changed end);
  end if;
  return _p;
end $postern$;

-- public.tasks: tells what a commit of another row wrote beneath
create or replace function postern."r1_row"() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _old public.tasks;
begin
  if tg_op = 'INSERT' then
    if '1:' || new.id::text <> current_setting('postern.own', true) then perform postern."r1_tell"(new.id::text, null, false); end if;
    return null;
  end if;
  _old := old;
  if '1:' || old.id::text <> current_setting('postern.own', true) then perform postern."r1_tell"(old.id::text, _old, true); end if;
  if tg_op = 'UPDATE' then
    if old.id::text <> new.id::text and '1:' || new.id::text <> current_setting('postern.own', true) then perform postern."r1_tell"(new.id::text, null, false); end if;
  end if;
  return null;
end $postern$;

-- public.tasks: tells what a statement wrote
create or replace function postern."r1_statement"() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _n int; _t record; _several boolean; _alone text; _plain boolean;
begin
  -- point: own-rows
  _several := coalesce(current_setting('postern.own', true) = '*', false);
  if _several then _alone := current_setting('postern.own_row', true); end if;
  -- most statements write one row, and the set's plan costs more than one row's
  if tg_op = 'INSERT' then
    select count(*) into _n from (select from new_rows limit 2) x;
  else
    select count(*) into _n from (select from old_rows limit 2) x;
  end if;
  if _n = 0 then return null; end if;
  _plain := _n > 1 and current_setting('transaction_isolation') = 'read committed';
  if not _plain then
    if tg_op = 'INSERT' then
      for _t in select * from (select x.id::text as key, null::public.tasks as old, false as had from new_rows x) k
        where not _several or ('1:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('1:' || k.key)::text) = 0) loop
        perform postern."r1_tell"(_t.key, _t.old, _t.had);
      end loop;
    elsif tg_op = 'DELETE' then
      for _t in select * from (select x.id::text as key, row(x.*)::public.tasks as old, true as had from old_rows x) k
        where not _several or ('1:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('1:' || k.key)::text) = 0) loop
        perform postern."r1_tell"(_t.key, _t.old, _t.had);
      end loop;
    else
      for _t in select * from (select x.id::text as key, row(x.*)::public.tasks as old, true as had from old_rows x union all select x.id::text as key, null::public.tasks as old, false as had from new_rows x where not exists (select from old_rows y where y.id::text = x.id::text)) k
        where not _several or ('1:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('1:' || k.key)::text) = 0) loop
        perform postern."r1_tell"(_t.key, _t.old, _t.had);
      end loop;
    end if;
    return null;
  end if;
  perform postern.register();
  begin
    if tg_op = 'INSERT' then
      insert into postern.log (position, rel, key, tenant, type, data, changed)
      select nextval('postern.position_seq'), 1, e.* from (
        select k.key, e.tenant, e.type, e.data, e.changed from (select * from (select x.id::text as key, null::public.tasks as old, false as had from new_rows x) k where '1:' || k.key not in (
      select jsonb_array_elements_text(('[0' || case when _several then current_setting('postern.own_rows', true) else '' end || ']')::jsonb))) k
        left join lateral (
          select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 1)
          order by l.key desc, l.rel desc, l.position desc limit 1) l on true
        left join lateral (select "the row" as r from public.tasks "the row" where "the row".id = k.key limit 1) t on true
        cross join lateral (
          select coalesce(l.told, false) or k.had as was, (t.r).id::text is not null as found,
            case when l.told then l.tenant when k.had then postern."r1_tenant"(k.old) end as wt,
            case when (t.r).id::text is not null then postern."r1_tenant"(t.r) end as nt
          offset 0) w
        cross join lateral (
          select w.wt as tenant, 'DELETE'::text as type, case when k.had then postern."r1_gone"(k.old) else '{}'::text end as data, null::int2[] as changed
          where w.was and (not w.found or w.wt is distinct from w.nt)
          union all
          select w.nt, case when not w.was or w.wt is distinct from w.nt then 'CREATE'::text when k.had then postern."r1_type"(k.old, t.r) else 'UPDATE'::text end,
            postern."r1_data"(t.r), case when k.had and w.was and w.wt is not distinct from w.nt then postern."r1_changed"(k.old, t.r) end
          where w.found) e) e;
    elsif tg_op = 'DELETE' then
      insert into postern.log (position, rel, key, tenant, type, data, changed)
      select nextval('postern.position_seq'), 1, e.* from (
        select k.key, e.tenant, e.type, e.data, e.changed from (select * from (select x.id::text as key, row(x.*)::public.tasks as old, true as had from old_rows x) k where '1:' || k.key not in (
      select jsonb_array_elements_text(('[0' || case when _several then current_setting('postern.own_rows', true) else '' end || ']')::jsonb))) k
        left join lateral (
          select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 1)
          order by l.key desc, l.rel desc, l.position desc limit 1) l on true
        left join lateral (select "the row" as r from public.tasks "the row" where "the row".id = k.key limit 1) t on true
        cross join lateral (
          select coalesce(l.told, false) or k.had as was, (t.r).id::text is not null as found,
            case when l.told then l.tenant when k.had then postern."r1_tenant"(k.old) end as wt,
            case when (t.r).id::text is not null then postern."r1_tenant"(t.r) end as nt
          offset 0) w
        cross join lateral (
          select w.wt as tenant, 'DELETE'::text as type, case when k.had then postern."r1_gone"(k.old) else '{}'::text end as data, null::int2[] as changed
          where w.was and (not w.found or w.wt is distinct from w.nt)
          union all
          select w.nt, case when not w.was or w.wt is distinct from w.nt then 'CREATE'::text when k.had then postern."r1_type"(k.old, t.r) else 'UPDATE'::text end,
            postern."r1_data"(t.r), case when k.had and w.was and w.wt is not distinct from w.nt then postern."r1_changed"(k.old, t.r) end
          where w.found) e) e;
    else
      insert into postern.log (position, rel, key, tenant, type, data, changed)
      select nextval('postern.position_seq'), 1, e.* from (
        select k.key, e.tenant, e.type, e.data, e.changed from (select * from (select x.id::text as key, row(x.*)::public.tasks as old, true as had from old_rows x union all select x.id::text as key, null::public.tasks as old, false as had from new_rows x where not exists (select from old_rows y where y.id::text = x.id::text)) k where '1:' || k.key not in (
      select jsonb_array_elements_text(('[0' || case when _several then current_setting('postern.own_rows', true) else '' end || ']')::jsonb))) k
        left join lateral (
          select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 1)
          order by l.key desc, l.rel desc, l.position desc limit 1) l on true
        left join lateral (select "the row" as r from public.tasks "the row" where "the row".id = k.key limit 1) t on true
        cross join lateral (
          select coalesce(l.told, false) or k.had as was, (t.r).id::text is not null as found,
            case when l.told then l.tenant when k.had then postern."r1_tenant"(k.old) end as wt,
            case when (t.r).id::text is not null then postern."r1_tenant"(t.r) end as nt
          offset 0) w
        cross join lateral (
          select w.wt as tenant, 'DELETE'::text as type, case when k.had then postern."r1_gone"(k.old) else '{}'::text end as data, null::int2[] as changed
          where w.was and (not w.found or w.wt is distinct from w.nt)
          union all
          select w.nt, case when not w.was or w.wt is distinct from w.nt then 'CREATE'::text when k.had then postern."r1_type"(k.old, t.r) else 'UPDATE'::text end,
            postern."r1_data"(t.r), case when k.had and w.was and w.wt is not distinct from w.nt then postern."r1_changed"(k.old, t.r) end
          where w.found) e) e;
    end if;
  exception when undefined_column or undefined_function or datatype_mismatch then
    if tg_op = 'INSERT' then
      for _t in select * from (select x.id::text as key, null::public.tasks as old, false as had from new_rows x) k
        where not _several or ('1:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('1:' || k.key)::text) = 0) loop
        perform postern."r1_tell"(_t.key, _t.old, _t.had);
      end loop;
    elsif tg_op = 'DELETE' then
      for _t in select * from (select x.id::text as key, row(x.*)::public.tasks as old, true as had from old_rows x) k
        where not _several or ('1:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('1:' || k.key)::text) = 0) loop
        perform postern."r1_tell"(_t.key, _t.old, _t.had);
      end loop;
    else
      for _t in select * from (select x.id::text as key, row(x.*)::public.tasks as old, true as had from old_rows x union all select x.id::text as key, null::public.tasks as old, false as had from new_rows x where not exists (select from old_rows y where y.id::text = x.id::text)) k
        where not _several or ('1:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('1:' || k.key)::text) = 0) loop
        perform postern."r1_tell"(_t.key, _t.old, _t.had);
      end loop;
    end if;
  end;
  return null;
end $postern$;

-- public.tasks: a TRUNCATE deletes every row
create or replace function postern."r1_truncate"() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $postern$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'postern: TRUNCATE of % must run under READ COMMITTED: an older snapshot does not show every row that goes', tg_relid::regclass
      using errcode = '0A000';
  end if;
  perform postern.register();
  -- from the partition that is emptied, whatever the statement named
  execute format($e$insert into postern.log (position, rel, key, tenant, type, data)
    select nextval('postern.position_seq'), 1, k.key, case when l.told then l.tenant else postern."r1_tenant"(k.old) end, 'DELETE',
      postern."r1_gone"(k.old)
    from (select k.id::text as key, row(k.*)::public.tasks as old from only %s k) k
    left join lateral (select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 1)
      order by l.key desc, l.rel desc, l.position desc limit 1) l on true$e$, tg_relid::regclass);
  return null;
end $postern$;

-- public.tasks: notes whose row it was before it moves
create or replace function postern."r1_base"() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _old public.tasks := old; _entry postern.entry;
begin
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_old.id::text, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  if _entry.position is null then
    perform postern.register();
    insert into postern.log (position, rel, key, tenant, type, data)
    values (nextval('postern.position_seq'), 1, _old.id::text, postern."r1_tenant"(_old), 'BASE', '{}');
  end if;
  return new;
end $postern$;

-- public.tasks: tells a change that the application made by itself; answers its stamp, null when there is no such row
create or replace function postern."r1_record"(_type text, _key text, _changed int2[]) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _now public.tasks; _entry postern.entry; _p bigint; _was boolean; _wt text; _nt text;
begin
  -- the lock makes the order of positions the order of changes, also for a caller who did not just write the row
  select t.* into _now from public.tasks t where t.id = _key for no key update;
  if not found then return null; end if;
  perform postern.register();
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_key, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  _nt := postern."r1_tenant"(_now);
  _was := coalesce(_entry.type <> 'DELETE', _type <> 'CREATE');
  _wt := case when _entry.type <> 'DELETE' then _entry.tenant else _nt end;
  if _was and _wt is distinct from _nt then
    _p := nextval('postern.position_seq');
    insert into postern.log (position, rel, key, tenant, type, data) values (_p, 1, _key, _wt, 'DELETE', '{}');
    _type := case when _type = 'DELETE' then _type else 'CREATE' end;
    _changed := null;
  end if;
  _p := nextval('postern.position_seq');
  insert into postern.log (position, rel, key, tenant, type, data, changed)
  values (_p, 1, _key, _nt, _type, postern."r1_data"(_now), _changed);
  return _p;
end $postern$;

create or replace trigger zzzz_postern_moves_2 before update on public.tasks for each row when (old.organization_id is distinct from new.organization_id) execute function postern."r2_parent"();

create or replace trigger zzzz_postern_goes_2 before delete on public.tasks for each row execute function postern."r2_parent"();

create or replace trigger postern_moved_2 after update on public.tasks for each row when (old.organization_id is distinct from new.organization_id) execute function postern."r2_parent"();

create or replace trigger postern_came_2 after insert on public.tasks for each row execute function postern."r2_parent"();
