-- Takes the idempotency key, or tells what stands under it: null (ours now), R<body> (replay), E<verdict>.
create or replace function postern.reserve(_tenant text, _key text, _intent text, _intent_hash text) returns text
language plpgsql as $$
declare _entry postern.ledger; _x text;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- each rule looks at what its locks have waited for; under one snapshot for all it would look at the past
    raise exception 'postern: a commit must run under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- a commit lost in a crash would reuse positions that followers have seen
  if current_setting('synchronous_commit') = 'off' then
    _x := set_config('synchronous_commit', 'on', true);
  end if;
  -- twins of one key wait here and then replay; looking without the wait would let both apply.
  -- Two keys of one hash merely wait for each other.
  if pg_advisory_xact_lock(26330, hashtext(_key)) is null then null; end if;
  select l.* into _entry from postern.ledger l where l.key = _key and l.tenant = _tenant;
  if not found then return null; end if;
  if _entry.at < now() - (select m.ledger_retention from postern.meta m) then
    return 'E{"code":"idempotency_key_expired"}';
  end if;
  if _entry.intent <> _intent or _entry.intent_hash <> _intent_hash then
    return 'E{"code":"idempotency_conflict"}';
  end if;
  return 'R' || _entry.body;
end $$;

-- Is a decision made at _read_at on this row out of date? Null: no. Call it under the row's lock, with a fresh snapshot.
create or replace function postern.judge(_model text, _entity_id text, _tenant text, _read_at bigint, _exists boolean)
returns jsonb language plpgsql as $$
declare _e postern.outbox; _stamp bigint := 0; _came boolean := false; _created boolean := false; _changed text[] := '{}';
begin
  -- two-sided row comparisons and the order keep the planner on outbox_entity: with position > x alone it walks the
  -- primary key over everything that came since
  perform 1 from postern.outbox e
  where (e.entity_id, e.model, e.position) > (_entity_id, _model, _read_at)
    and (e.entity_id, e.model, e.position) < (_entity_id, _model, 9223372036854775807)
    and e.tenant = _tenant
  order by e.entity_id, e.model, e.position limit 1;
  if not found and _read_at <= coalesce(pg_sequence_last_value('postern.position_seq'), 0) then return null; end if;

  -- all of them: without a limit, the row comparisons above are taken for a ninth of the log, which is then read whole;
  -- and ordered by the bare position, the primary key might be walked
  for _e in
    select e.* from postern.outbox e
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
      'stamp', postern.stamp_of(_model, _entity_id, _tenant));
  end if;
  -- compaction keeps the last change of a row, not all of them: below it the fields are not known
  _came := _came or _read_at < (select m.pruned_through from postern.meta m);
  return jsonb_strip_nulls(jsonb_build_object('participantId', _e.participant_id, 'participantKind', _e.participant_kind))
    || jsonb_build_object(
      'stamp', _stamp,
      'reason', case when not _exists then 'deleted' when _created then 'created' else 'changed' end,
      'changed', case when _came then null else (
        select coalesce(jsonb_agg(distinct c collate "C"), '[]') from unnest(_changed) c) end);
end $$;

-- The position of a row's last change; 0 when the log knows none.
create or replace function postern.stamp_of(_model text, _entity_id text, _tenant text) returns bigint
language sql stable as $$
  select coalesce((
    select e.position from postern.outbox e
    where (e.entity_id, e.model) = (_entity_id, _model) and e.tenant = _tenant
    order by e.entity_id desc, e.model desc, e.position desc limit 1), 0)
$$;

-- One entry of stale_context and of a notification.
create or replace function postern.stale_entry(
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
create or replace function postern.register() returns bigint language plpgsql as $$
declare _last bigint := nullif(current_setting('postern.registered', true), '')::bigint; _x text;
begin
  if current_setting('postern.registrant', true) = pg_current_xact_id()::text then return _last; end if;
  if current_setting('synchronous_commit') = 'off' then _x := set_config('synchronous_commit', 'on', true); end if;
  _last := coalesce(pg_sequence_last_value('postern.position_seq'), 0);
  if pg_advisory_xact_lock_shared((26330::bigint << 48) | _last) is null then null; end if;
  _x := set_config('postern.registered', _last::text, true);
  _x := set_config('postern.registrant', pg_current_xact_id()::text, true);
  return _last;
end $$;

-- Whose row it was when the log last heard of it.
create or replace function postern.last_tenant(_model text, _entity_id text) returns text language sql stable as $$
  select e.tenant from postern.outbox e
  where (e.entity_id, e.model) = (_entity_id, _model)
  order by e.entity_id desc, e.model desc, e.position desc limit 1
$$;

-- Appends one event of a write that came without an idempotency key, in the writer's own transaction.
create or replace function postern.append(
  _model text, _entity_id text, _type text, _tenant text, _data text, _changed text[]
) returns bigint language plpgsql as $$
declare _last bigint := postern.register(); _position bigint := nextval('postern.position_seq');
begin
  if _position <= _last then
    raise exception 'postern: position % was given out of order; postern.position_seq must have CACHE 1', _position
      using errcode = 'PN500';
  end if;
  insert into postern.outbox (position, tenant, model, entity_id, type, data, changed)
  values (_position, _tenant, _model, _entity_id, _type, _data, _changed);
  return _position;
end $$;

-- What tells two tenants' equal keys apart in the ids of events of rows that belong to nobody. A hash, because every
-- tenant reads them.
create or replace function postern.key_scope(_tenant text, _row_tenant text) returns text language sql immutable as $$
  select case when _row_tenant = '' and _tenant <> '' then '~' || left(encode(sha256(convert_to(_tenant, 'UTF8')), 'hex'), 16) end
$$;

-- Ends a commit of one applied operation: position, event, ledger. The row's lock is held since before it was judged,
-- so the order of positions is the order of the row's changes. Registering comes last: a commit that still waits for
-- somebody's unique or foreign key must not hold the feed back.
create or replace function postern.record_one(
  _tenant text, _key text, _intent text, _intent_hash text, _model text, _entity_id text, _type text, _row_tenant text,
  _data text, _changed text[], _transaction_id text, _participant_id text, _participant_kind text
) returns text language plpgsql as $$
declare _last bigint; _position bigint; _body text;
begin
  _last := coalesce(pg_sequence_last_value('postern.position_seq'), 0);
  if pg_advisory_xact_lock_shared((26330::bigint << 48) | _last) is null then null; end if;
  _position := nextval('postern.position_seq');
  if _position <= _last then
    raise exception 'postern: position % was given out of order; postern.position_seq must have CACHE 1', _position
      using errcode = 'PN500';
  end if;
  _body := '{"rows":[' || _data || '],"stamps":[' || _position || ']}';
  with event as (
    insert into postern.outbox (position, tenant, model, entity_id, type, data, changed, key, index, transaction_id,
      participant_id, participant_kind, key_scope)
    values (_position, _row_tenant, _model, _entity_id, _type, _data, _changed, _key, 0, _transaction_id,
      _participant_id, _participant_kind, case when _row_tenant = '' then postern.key_scope(_tenant, '') end))
  insert into postern.ledger (tenant, key, intent, intent_hash, body)
  values (_tenant, _key, _intent, _intent_hash, _body);
  return 'A' || _body;
end $$;

-- Ends a commit whose one operation was held back: the answer is kept, nothing else happened.
create or replace function postern.record_held(
  _tenant text, _key text, _intent text, _intent_hash text, _entry text
) returns text language plpgsql as $$
declare _body text := '{"rows":[null],"stamps":[null],"notifications":[' || _entry || ']}';
begin
  insert into postern.ledger (tenant, key, intent, intent_hash, body) values (_tenant, _key, _intent, _intent_hash, _body);
  return 'A' || _body;
end $$;

-- The position up to which the log is complete: nothing at or below it can still appear.
-- First the end of the sequence, then who is in flight: a writer registers before it takes a position, so one that is
-- not seen here takes positions above the end that was read. In one statement the two reads could come the other way.
create or replace function postern.horizon() returns bigint language plpgsql volatile as $$
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
    _end := 0;
  end if;
  select min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) into _oldest from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = 26330
      and l.database = (select d.oid from pg_database d where d.datname = current_database());
  return least(_end, _oldest);
end $$;

-- Names this incarnation of the log. A restored dump (another database), a restore to a point in time or a failover
-- (another timeline) may hand positions out again: a follower of the old one must load anew.
create or replace function postern.epoch() returns text language sql volatile as $$
  select left(md5(concat_ws(' ', m.incarnation,
    (select d.oid from pg_database d where d.datname = current_database()),
    (select c.system_identifier from pg_control_system() c),
    left(pg_walfile_name(pg_current_wal_lsn()), 8))), 16)
  from postern.meta m
$$;

-- A page of the log after _position, of the models that the caller's schema has. _tenant null: all tenants; else that tenant and the rows of nobody.
-- _base is the pruning mark that a walk from the beginning started under: it may read on below the mark as long as
-- nothing more is pruned. verdict: null, cursor_expired or cursor_invalid.
create or replace function postern.events(
  _tenant text, _models text[], _epoch text, _position bigint, _base bigint, _limit int,
  out verdict text, out epoch text, out through bigint, out base bigint, out events text
) language plpgsql volatile set plan_cache_mode = force_generic_plan as $$
declare _pruned bigint; _mark bigint; _horizon bigint; _n bigint; _whole boolean;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- the page must be read in a snapshot that is taken after the horizon
    raise exception 'postern: the feed must be read under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- first, for it is what refuses on a standby, where the epoch cannot be told either
  _horizon := postern.horizon();
  epoch := postern.epoch();
  if epoch <> _epoch then verdict := 'cursor_expired'; return; end if;
  if _position > coalesce(pg_sequence_last_value('postern.position_seq'), 0) then verdict := 'cursor_invalid'; return; end if;
  loop
    select m.pruned_through into _pruned from postern.meta m;
    if _epoch is null then _base := _pruned; end if;
    if _position < _pruned and _base is distinct from _pruned then verdict := 'cursor_expired'; return; end if;
    -- a page ends early rather than hold more bytes than a process can; it always has one event
    select count(*), max(e.position) filter (where e.kept), string_agg(e.event, ',' order by e.position) filter (where e.kept),
      bool_and(e.kept)
    into _n, through, events, _whole
    from (select p.position, p.event, sum(octet_length(p.event)) over (order by p.position) - octet_length(p.event) < 16777216 as kept
    from (
      select o.position, '{"id":"' || case
          when o.key is null then '@' || o.position || '"'
          else replace(replace(o.key, '\', '\\'), '"', '\"') || ':' || o.index || case
            when o.key_scope is not null then '@' || o.key_scope || '"'
            when coalesce(o.tenant, '') = '' then '"'
            else '@' || substr(to_json(replace(replace(replace(replace(
              o.tenant, '%', '%25'), ':', '%3A'), '@', '%40'), '~', '%7E'))::text, 2) end end
        || ',"model":"' || o.model || '","entityId":' || to_json(o.entity_id)::text || ',"type":"' || o.type || '","data":' || o.data
        || case when coalesce(o.tenant, '') = '' then '' else ',"organizationId":' || to_json(o.tenant)::text end
        || coalesce(',"clientTxId":' || to_json(o.key)::text || ',"correlationId":' || to_json(o.key)::text, '')
        || coalesce(',"transactionId":' || to_json(o.transaction_id)::text, '')
        || ',"occurredAt":"' || to_char(o.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        || '","stamp":' || o.position
        || coalesce(',"changed":' || to_json(o.changed)::text, '') || '}' as event
      from (
        -- each by the index that has its rows in order; under one condition for all three, the log would be walked for them
        (select o.* from postern.outbox o
      where _tenant is null and o.position > _position and o.position <= _horizon and o.model = any(_models)
      order by o.position limit _limit)
        union all
        (select o.* from postern.outbox o
      where o.tenant || '' = _tenant and o.position > _position and o.position <= _horizon and o.model = any(_models)
      order by o.position limit _limit)
        union all
        (select o.* from postern.outbox o
      where _tenant <> '' and o.tenant || '' = '' and o.position > _position and o.position <= _horizon and o.model = any(_models)
      order by o.position limit _limit)
        order by position limit _limit) o
      -- a fence: an event is put together once, and not at each mention
      offset 0) p) e;
    -- what was pruned meanwhile, the page may lack: the mark counts as it is once the page was read
    select m.pruned_through into _mark from postern.meta m;
    exit when _mark = _pruned or _mark <= _position;
    events := null;
    through := null;
  end loop;
  -- a page that is not full has seen everything up to the horizon
  if _n < _limit and coalesce(_whole, true) then through := greatest(_horizon, _position); end if;
  base := case when through < _pruned then _pruned else 0 end;
  events := coalesce(events, '');
end $$;

-- Who holds the feed back: transactions that have taken positions and not ended.
create or replace function postern.blockers() returns table (
  at_position bigint, pid int, prepared text, since timestamptz, state text, application text
) language sql volatile as $$
  select ((l.classid::bigint & 65535) << 32) | l.objid::bigint, l.pid,
    case when l.pid is null then (select string_agg(p.gid, ', ') from pg_prepared_xacts p where p.database = current_database()) end,
    a.xact_start, a.state, a.application_name
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = 26330
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
  order by 1
$$;

-- One step of compaction: of each row with a change in the next _window positions, all older events go. The last
-- event of every row stays for good, so that every readAt stays decidable and a new follower still sees every row.
-- Never past the horizon, the retention time, or a named cursor that has not read so far.
-- Answers how many events went and whether there is more to do; call it until there is not, each in its own transaction.
create or replace function postern.prune_outbox(_window int, out pruned bigint, out through bigint, out more boolean)
language plpgsql volatile as $$
declare _mark bigint; _limit bigint; _young bigint; _since timestamptz; _gone bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- under one snapshot for all, the log and the followers would be looked at as they were before the horizon
    raise exception 'postern: pruning must run under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- one at a time; a second caller has nothing to do
  pruned := 0;
  more := false;
  select m.pruned_through, now() - m.outbox_retention into _mark, _since from postern.meta m for update skip locked;
  if not found then return; end if;
  through := _mark;
  _limit := postern.horizon();
  select least(_limit, min(f.position)) into _limit from postern.follower f;
  if _limit <= _mark then return; end if;

  -- the first event that is too young is looked for within the window: it may stand millions of events away
  select max(w.position), min(w.position) filter (where w.at >= _since) into through, _young from (
    select o.position, o.at from postern.outbox o where o.position > _mark and o.position <= _limit
    order by o.position limit greatest(_window, 1)) w;
  _limit := least(_limit, _young - 1);
  through := least(through, _limit);
  if through <= _mark then
    through := _mark;
    return;
  end if;
  -- row by row and by an array: a join would be planned for a log of unknown length, and read all of it
  _gone := array(
    select e.position from (
      select o.entity_id, o.model, o.tenant, max(o.position) as position from postern.outbox o
      where o.position > _mark and o.position <= through
      group by o.entity_id, o.model, o.tenant) l,
    lateral (
      select o.position from postern.outbox o
      where (o.entity_id, o.model) = (l.entity_id, l.model) and o.position < l.position
        and o.tenant is not distinct from l.tenant
      offset 0) e);
  delete from postern.outbox o where o.position = any(_gone);
  get diagnostics pruned = row_count;
  update postern.meta m set pruned_through = through;
  more := through < _limit;
end $$;

-- Deletes keys that are past twice their retention. Until then a replay of an expired key is told so.
create or replace function postern.prune_ledger(_batch int) returns bigint language plpgsql volatile as $$
declare _n bigint;
begin
  delete from postern.ledger l where (l.key, l.tenant) in (
    select x.key, x.tenant from postern.ledger x
    where x.at < now() - 2 * (select m.ledger_retention from postern.meta m)
    limit _batch for update skip locked);
  get diagnostics _n = row_count;
  return _n;
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
