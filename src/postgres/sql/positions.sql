-- Enters the in-flight registry and answers the position below which this transaction writes nothing: a shared
-- advisory lock whose key carries the sequence's last value, held until the transaction ends, taken BEFORE nextval.
-- A reader that finds it does not go past it. Once a transaction is enough, and needed: a lock for each row would
-- fill the lock table. The first writer of a run of the server leaves a gap, see {{schema}}.open_run.
create or replace function {{schema}}.register() returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _last bigint; _x text;
begin
  if current_setting('{{schema}}.registrant', true) = pg_current_xact_id()::text then
    return current_setting('{{schema}}.registered', true)::bigint;
  end if;
  {{enter}}
  _x := set_config('{{schema}}.registered', _last::text, true);
  _x := set_config('{{schema}}.registrant', pg_current_xact_id()::text, true);
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
create or replace function {{schema}}.open_run() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare _last bigint; _noted bigint; _top bigint; _begin bigint;
begin
  perform pg_advisory_lock({{lockNamespace}}, 1);
  begin
    _last := pg_sequence_last_value('{{schema}}.position_seq');
    _noted := pg_sequence_last_value('{{schema}}.run_seq');
    _top := greatest(coalesce(_last, 0), coalesce((select max(l.position) from {{schema}}.log l), 0));
    -- entries that came without their sequence, by logical replication, need the jump too
    if _noted is distinct from {{run}} or (_last is null and _top > 0) then
      if _top + (1 << 25) > 281474976710655 then
        raise exception '{{schema}}: the positions of {{schema}}.log are at their end' using errcode = 'PN500';
      end if;
      -- point: gap
      if _top > 0 or _noted is not null then
        _begin := {{schema}}.clock_position();
        if _begin <= _top then _begin := _top + (1 << 24) + floor(random() * (1 << 24))::bigint; end if;
        perform setval('{{schema}}.position_seq', _begin);
      end if;
      perform setval('{{schema}}.run_seq', {{run}});
    end if;
  exception when query_canceled or others then
    perform pg_advisory_unlock({{lockNamespace}}, 1);
    raise;
  end;
  perform pg_advisory_unlock({{lockNamespace}}, 1);
end $$;

-- Where the positions of a run begin that starts now. Half of all positions at most, whatever the clock says.
create or replace function {{schema}}.clock_position() returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select least(greatest(extract(epoch from clock_timestamp() - timestamptz '2026-01-01 00:00:00+00') * 65536, 0), 140737488355328)::bigint
$$;

-- A new installation notes its run, so that a copy of it which becomes a server of its own (a standby that is promoted
-- before it has heard of the first commit) is seen to be another run.
create or replace function {{schema}}.note_run() returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if pg_sequence_last_value('{{schema}}.run_seq') is null and pg_sequence_last_value('{{schema}}.position_seq') is null
    and not exists (select from {{schema}}.log) then
    perform setval('{{schema}}.run_seq', {{run}});
    return true;
  end if;
  return false;
end $$;

-- After a restore: the log gets another name, so that every cursor ends, and the next writer jumps, so that stamps of the
-- lost time lie in a gap.
create or replace function {{schema}}.renew_log() returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare _name uuid;
begin
  insert into {{schema}}.meta (pruned_through) select coalesce(max(l.position), 0) from {{schema}}.log l
  on conflict (one) do update set incarnation = gen_random_uuid()
  returning incarnation into _name;
  perform setval('{{schema}}.run_seq', 0);
  return left(md5(_name::text), 16);
end $$;

-- The position up to which the log is complete and may be told: the last visible entry at or below which nothing can
-- still appear. Never the sequence's own value: the log of a transaction that aborted need not be on disk, and the
-- position may be given again.
-- First the end of the sequence, then who is in flight: a writer registers before it takes a position, so one that is
-- not seen here takes positions above the end that was read. In one statement the two reads could come the other way.
create or replace function {{schema}}.horizon() returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
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
    -- nobody has taken a position here; entries may have come by logical replication
    return coalesce((select max(l.position) from {{schema}}.log l), 0);
  end if;
  select min({{registered}}) into _oldest from pg_locks l where {{ours}};
  -- point: horizon
  return coalesce((select max(l.position) from {{schema}}.log l where l.position <= least(_end, _oldest)), 0);
end $$;

-- The stamp of a set of rows that are read afterwards. A standby does not know who is in flight: 0, every change is later.
create or replace function {{schema}}.set_stamp() returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if pg_is_in_recovery() then return 0; end if;
  return {{schema}}.horizon();
end $$;

-- Names this log. Positions of another one say nothing here.
create or replace function {{schema}}.epoch() returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _name uuid;
begin
  select m.incarnation into _name from {{schema}}.meta m;
  if _name is null then
    raise exception '{{schema}}: the row of {{schema}}.meta is missing; run `npx postern migrate`' using errcode = 'PN500';
  end if;
  return left(md5(_name::text), 16);
end $$;

-- Was this position told by this log? Whatever is told is the position of an entry. One that is neither there nor pruned
-- was told by a log that is lost, also one below the end: a backup may lack an entry that was in flight while a later
-- one was committed.
create or replace function {{schema}}.known(_position bigint) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return _position = 0 or exists (select from {{schema}}.log l where l.position = _position)
    or coalesce(_position <= (select m.pruned_through from {{schema}}.meta m), false);
end $$;

-- What a cursor carries beside its position: '' where there is no such entry.
create or replace function {{schema}}.fingerprint(_position bigint) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce((select left(md5(concat_ws(' ', l.rel, l.key, l.type,
      to_char(l.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), md5(l.data))), 12)
    from {{schema}}.log l where l.position = _position), '');
end $$;

-- Who holds the feed back: transactions that have taken positions and not ended.
create or replace function {{schema}}.blockers() returns table (
  at_position bigint, pid int, prepared text, since timestamptz, state text, application text
) language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return query
  select {{registered}}, l.pid,
    case when l.pid is null then (select string_agg(p.gid, ', ') from pg_prepared_xacts p where p.database = current_database()) end,
    a.xact_start, a.state, a.application_name
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
  where {{ours}}
  order by 1;
end $$;
