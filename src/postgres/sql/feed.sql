-- May a follower go on from here? Null: yes. The cursor of a log that was put back, emptied, restored or lost its end
-- stands behind an entry that is not there, or is another one. _base is the pruning mark that a walk from the beginning
-- started under: it may read on below the mark as long as nothing more is pruned.
create or replace function {{schema}}.cursor_verdict(_epoch text, _position bigint, _base bigint, _mark text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare _pruned bigint; _found text;
begin
  if _epoch is null then return null; end if;
  -- point: epoch
  if {{schema}}.epoch() <> _epoch then return 'cursor_expired'; end if;
  select m.pruned_through into _pruned from {{schema}}.meta m;
  if _position < _pruned and _base is distinct from _pruned then return 'cursor_expired'; end if;
  _found := {{schema}}.fingerprint(_position);
  -- point: fingerprint
  if _position > 0 and (_found = '' or _found <> _mark) and not (_found = '' and _position = _pruned) then
    return 'cursor_expired';
  end if;
  return null;
end $$;

-- A page of the log after _position, of the tables that the caller's schema knows: _rels names each once for every model
-- on it, for an entry is an event of each. _tenant null: all tenants; else that tenant and the rows of nobody. Each row begins with what is told of the page; one without an entry where there is none.
create or replace function {{schema}}.events(
  _tenant text, _rels int[], _epoch text, _position bigint, _base bigint, _mark text, _limit int
) returns setof {{schema}}.told language plpgsql volatile
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  _pruned bigint; _now bigint; _horizon bigint; _n bigint; _whole boolean; _full boolean; _page {{schema}}.log[]; _verdict text; _through bigint;
  _name text; _told {{schema}}.told;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- the page must be read in a snapshot that is taken after the horizon
    raise exception '{{schema}}: the feed must be read under READ COMMITTED' using errcode = 'PN501';
  end if;
  -- first, for it is what refuses on a standby
  _horizon := {{schema}}.horizon();
  _name := {{schema}}.epoch();
  loop
    select m.pruned_through into _pruned from {{schema}}.meta m;
    if _epoch is null then _base := _pruned; end if;
    _verdict := {{schema}}.cursor_verdict(_epoch, _position, _base, _mark);
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
        sum(octet_length(o.data)) over w - octet_length(o.data) < {{pageBytes}}
          and (row_number() over w = 1 or sum(cardinality(array_positions(_rels, o.rel))) over w <= _limit) as kept
      from (
        -- each by the index that has its rows in order; under one condition for all three, the log would be walked for them
        (select l.* from {{schema}}.log l
        where _tenant is null and l.position > _position and l.position <= _horizon and l.rel = any(_rels) and l.type <> 'BASE'
        order by l.position limit _limit)
        union all
        (select l.* from {{schema}}.log l
        where l.tenant || '' = _tenant and l.position > _position and l.position <= _horizon and l.rel = any(_rels) and l.type <> 'BASE'
        order by l.position limit _limit)
        union all
        (select l.* from {{schema}}.log l
        where _tenant <> '' and l.tenant || '' = '' and l.position > _position and l.position <= _horizon and l.rel = any(_rels) and l.type <> 'BASE'
        order by l.position limit _limit)
        order by position limit _limit) o
      window w as (order by o.position)) p;
    -- what was pruned meanwhile, the page may lack: the mark counts as it is once the page was read
    select m.pruned_through into _now from {{schema}}.meta m;
    exit when _now = _pruned or _now <= _position;
  end loop;
  -- a page that is not full has seen everything up to the horizon
  -- no limit: from the end on
  _full := _limit > 0 and (_n >= _limit or not coalesce(_whole, true));
  _through := case when _full then _page[cardinality(_page)].position else greatest(_horizon, _position) end;
  return query
  select null::text, _name, _through, case when _through < _pruned then _pruned else 0 end, {{schema}}.fingerprint(_through),
    e.position, e.rel, e.key, e.type, e.tenant, e.data, e.changed, e.commit_key, e.index, e.key_scope, e.transaction_id,
    e.participant_id, e.participant_kind, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), not _full
  from (select) one left join unnest(_page) e on true
  order by e.position;
end $$;

-- The log in the words of the schema version that was installed last, for people and for tools; the feed is `events`.
create or replace view {{schema}}.changes as
select l.position, l.tenant, m.name as model, l.key as entity_id, l.type,
  (select coalesce(jsonb_object_agg(f ->> 0, l.data::jsonb -> (f ->> 1)), '{}') from jsonb_array_elements(m.words -> 'fields') f) as data,
  case when l.changed is not null then array(
    select f ->> 0 from jsonb_array_elements(m.words -> 'fields') f where (f ->> 1)::int2 = any(l.changed) order by 1) end as changed,
  l.commit_key as key, l.index, l.transaction_id, l.participant_id, l.participant_kind, l.key_scope, l.at
from {{schema}}.log l
join (select distinct on (x.rel) x.rel, x.name, x.words from {{schema}}.model x order by x.rel, x.compiled_at desc, x.name) m on m.rel = l.rel
where l.type <> 'BASE';
