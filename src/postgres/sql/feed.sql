-- The position up to which the log is complete: nothing at or below it can still appear.
-- First the end of the sequence, then who is in flight: a writer registers before it takes a position, so one that is
-- not seen here takes positions above the end that was read. In one statement the two reads could come the other way.
create or replace function {{schema}}.horizon() returns bigint language plpgsql volatile as $$
declare _end bigint; _oldest bigint;
begin
  if pg_is_in_recovery() then
    raise exception '{{schema}}: the feed must be read on the primary, where the writers in flight are known' using errcode = 'PN500';
  end if;
  if (select q.seqcache from pg_sequence q where q.seqrelid = '{{schema}}.position_seq'::regclass) <> 1 then
    raise exception '{{schema}}: {{schema}}.position_seq must have CACHE 1' using errcode = 'PN500';
  end if;
  _end := pg_sequence_last_value('{{schema}}.position_seq');
  if _end is null then
    if not has_sequence_privilege('{{schema}}.position_seq', 'USAGE, SELECT') then
      raise exception '{{schema}}: no privilege on {{schema}}.position_seq' using errcode = '42501';
    end if;
    _end := 0;
  end if;
  select min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) into _oldest from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = {{lockNamespace}}
      and l.database = (select d.oid from pg_database d where d.datname = current_database());
  return least(_end, _oldest);
end $$;

-- Names this incarnation of the log. A restored dump (another database), a restore to a point in time or a failover
-- (another timeline) may hand positions out again: a follower of the old one must load anew.
create or replace function {{schema}}.epoch() returns text language sql volatile as $$
  select left(md5(concat_ws(' ', m.incarnation,
    (select d.oid from pg_database d where d.datname = current_database()),
    (select c.system_identifier from pg_control_system() c),
    left(pg_walfile_name(pg_current_wal_lsn()), 8))), 16)
  from {{schema}}.meta m
$$;

-- A page of the log after _position, of the models that the caller's schema has. _tenant null: all tenants; else that tenant and the rows of nobody.
-- _base is the pruning mark that a walk from the beginning started under: it may read on below the mark as long as
-- nothing more is pruned. verdict: null, cursor_expired or cursor_invalid.
create or replace function {{schema}}.events(
  _tenant text, _models text[], _epoch text, _position bigint, _base bigint, _limit int,
  out verdict text, out epoch text, out through bigint, out base bigint, out events text
) language plpgsql volatile set plan_cache_mode = force_generic_plan as $$
declare _pruned bigint; _mark bigint; _horizon bigint; _n bigint; _whole boolean;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- the page must be read in a snapshot that is taken after the horizon
    raise exception '{{schema}}: the feed must be read under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- first, for it is what refuses on a standby, where the epoch cannot be told either
  _horizon := {{schema}}.horizon();
  epoch := {{schema}}.epoch();
  if epoch <> _epoch then verdict := 'cursor_expired'; return; end if;
  if _position > coalesce(pg_sequence_last_value('{{schema}}.position_seq'), 0) then verdict := 'cursor_invalid'; return; end if;
  loop
    select m.pruned_through into _pruned from {{schema}}.meta m;
    if _epoch is null then _base := _pruned; end if;
    if _position < _pruned and _base is distinct from _pruned then verdict := 'cursor_expired'; return; end if;
    -- a page ends early rather than hold more bytes than a process can; it always has one event
    select count(*), max(e.position) filter (where e.kept), string_agg(e.event, ',' order by e.position) filter (where e.kept),
      bool_and(e.kept)
    into _n, through, events, _whole
    from (select p.position, p.event, sum(octet_length(p.event)) over (order by p.position) - octet_length(p.event) < {{pageBytes}} as kept
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
        (select o.* from {{schema}}.outbox o
      where _tenant is null and o.position > _position and o.position <= _horizon and o.model = any(_models)
      order by o.position limit _limit)
        union all
        (select o.* from {{schema}}.outbox o
      where o.tenant || '' = _tenant and o.position > _position and o.position <= _horizon and o.model = any(_models)
      order by o.position limit _limit)
        union all
        (select o.* from {{schema}}.outbox o
      where _tenant <> '' and o.tenant || '' = '' and o.position > _position and o.position <= _horizon and o.model = any(_models)
      order by o.position limit _limit)
        order by position limit _limit) o
      -- a fence: an event is put together once, and not at each mention
      offset 0) p) e;
    -- what was pruned meanwhile, the page may lack: the mark counts as it is once the page was read
    select m.pruned_through into _mark from {{schema}}.meta m;
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
create or replace function {{schema}}.blockers() returns table (
  at_position bigint, pid int, prepared text, since timestamptz, state text, application text
) language sql volatile as $$
  select ((l.classid::bigint & 65535) << 32) | l.objid::bigint, l.pid,
    case when l.pid is null then (select string_agg(p.gid, ', ') from pg_prepared_xacts p where p.database = current_database()) end,
    a.xact_start, a.state, a.application_name
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = {{lockNamespace}}
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
  order by 1
$$;
