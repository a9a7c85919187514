-- One step of compaction: of each row with a change in the next _window positions, all older entries go. The last
-- entry of every row stays for good, so that every readAt stays decidable and a new follower still sees every row.
-- Never past the horizon, the retention time, or a named cursor that has not read so far. A cursor that a caller named by
-- its requests ("key:...") counts until what it has not read is twice as old as the retention time, or any caller could
-- make the log grow without end.
-- Answers how many entries went and whether there is more to do; call it until there is not, each in its own transaction.
create or replace function {{schema}}.prune_log(_window int, out pruned bigint, out through bigint, out more boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _mark bigint; _limit bigint; _young bigint; _since timestamptz; _long timestamptz; _gone bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- under one snapshot for all, the log and the followers would be looked at as they were before the horizon
    raise exception '{{schema}}: pruning must run under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- one at a time; a second caller has nothing to do
  pruned := 0;
  more := false;
  select m.pruned_through, now() - m.log_retention, now() - 2 * m.log_retention into _mark, _since, _long from {{schema}}.meta m for update skip locked;
  if not found then return; end if;
  through := _mark;
  -- a key that does not follow any more; there is a name for each tenant that it ever acknowledged for
  delete from {{schema}}.follower f where f.name like '{{requested}}%' and f.seen_at < _long;
  _limit := {{schema}}.horizon();
  select least(_limit, min(f.position)) into _limit from {{schema}}.follower f
  where f.name not like '{{requested}}%' or not exists (
    select from (select l.at from {{schema}}.log l where l.position > f.position order by l.position limit 1) l where l.at < _long);
  if _limit <= _mark then return; end if;

  -- the first entry that is too young is looked for within the window: it may stand millions of entries away
  select max(w.position), min(w.position) filter (where w.at >= _since) into through, _young from (
    select o.position, o.at from {{schema}}.log o where o.position > _mark and o.position <= _limit
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
      select o.key, o.rel, max(o.position) as position from {{schema}}.log o
      where o.position > _mark and o.position <= through
      group by o.key, o.rel) l,
    lateral (
      (select o.position from {{schema}}.log o
      where (o.key, o.rel) = (l.key, l.rel) and o.position > _mark and o.position < l.position
      offset 0)
      union all
      (select o.position from {{schema}}.log o
      where (o.key, o.rel) = (l.key, l.rel) and o.position <= _mark
      order by o.key desc, o.rel desc, o.position desc limit 1)) e);
  delete from {{schema}}.log o where o.position = any(_gone);
  get diagnostics pruned = row_count;
  update {{schema}}.meta m set pruned_through = through;
  more := through < _limit;
end $$;

-- Deletes keys that are past twice their retention. Until then a replay of an expired key is told so.
create or replace function {{schema}}.prune_ledger(_batch int) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _n bigint;
begin
  delete from {{schema}}.ledger l where (l.key, l.tenant) in (
    select x.key, x.tenant from {{schema}}.ledger x
    where x.at < now() - 2 * (select m.ledger_retention from {{schema}}.meta m)
    limit _batch for update skip locked);
  get diagnostics _n = row_count;
  return _n;
end $$;

-- Notes that an application with this schema is running: once an hour at most, for `retire` goes by days. It runs with its
-- owner's rights, for whoever serves may not write the table. Never a reason to refuse a request: what cannot be noted
-- (a standby, a read-only transaction, another that notes it just now) is noted by the next one.
create or replace function {{schema}}.note_use(_digest text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('transaction_read_only') = 'on'
    or exists (select from {{schema}}.model m where m.digest = _digest and m.used_at > now() - interval '1 hour') then
    return false;
  end if;
  update {{schema}}.model m set used_at = now() where (m.digest, m.name) = (
    select o.digest, o.name from {{schema}}.model o where o.digest = _digest order by o.name limit 1 for update skip locked);
  return found;
exception when others then
  return false;
end $$;
