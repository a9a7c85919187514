-- What a careful engineer could write by hand for this one table and this one kind of write, with everything that a
-- commit promises: the key of idempotency, the row's lock, the verdict on staleness under it, the row, its event in a
-- feed that loses nothing, the answer kept for a replay. No other column can be written, no other model, no other type
-- of operation; no answer explains what went wrong. It is the floor of the guarantees, as a bare UPDATE is the floor
-- of the row.
create schema hand;
create sequence hand.position_seq;
create table hand.outbox (
  position bigint primary key,
  tenant text collate "C" not null,
  model text collate "C" not null,
  entity_id text collate "C" not null,
  type text not null,
  data text not null,
  changed text[],
  key text collate "C",
  index int,
  at timestamptz not null default clock_timestamp()
);
create index on hand.outbox (entity_id, model, position);
alter table hand.outbox alter data set storage external;
create table hand.ledger (
  tenant text collate "C" not null,
  key text collate "C" not null,
  intent text not null,
  body text not null,
  at timestamptz not null default now(),
  primary key (key, tenant)
);
alter table hand.ledger alter body set storage external;

create function hand.update_item(
  _tenant text, _key text, _intent text, _id text, _title text, _status text, _read_at bigint
) returns text language plpgsql set plan_cache_mode = force_generic_plan as $$
declare _old items; _new items; _kept record; _last bigint; _position bigint; _data text; _body text;
begin
  perform pg_advisory_xact_lock(4711, hashtext(_key));
  select l.intent, l.body into _kept from hand.ledger l where l.key = _key and l.tenant = _tenant;
  if found then
    if _kept.intent <> _intent then return 'conflict'; end if;
    return _kept.body;
  end if;
  select t.* into _old from items t where t.id = _id and t.organization_id = _tenant for no key update;
  if not found then return 'missing'; end if;
  if _read_at is not null then
    perform 1 from hand.outbox e
    where (e.entity_id, e.model, e.position) > (_id, 'items', _read_at)
      and (e.entity_id, e.model, e.position) < (_id, 'items', 9223372036854775807)
    order by e.entity_id, e.model, e.position limit 1;
    if found then return 'stale'; end if;
  end if;
  update items t set title = _title, status = _status, updated_at = now() where t.id = _id returning t.* into _new;
  _last := coalesce(pg_sequence_last_value('hand.position_seq'), 0);
  if pg_advisory_xact_lock_shared((4711::bigint << 48) | _last) is null then null; end if;
  _position := nextval('hand.position_seq');
  _data := '{"id":' || to_json(_new.id)::text || ',"title":' || to_json(_new.title)::text
    || ',"status":' || to_json(_new.status)::text
    || ',"amount":' || coalesce('"' || _new.amount || '"', 'null')
    || ',"updatedAt":' || to_json(to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
    || ',"archivedAt":' || coalesce(to_json(_new.archived_at)::text, 'null') || '}';
  _body := '{"rows":[' || _data || '],"stamps":[' || _position || ']}';
  with event as (
    insert into hand.outbox (position, tenant, model, entity_id, type, data, changed, key, index)
    values (_position, _tenant, 'items', _id, 'UPDATE', _data,
      array_remove(array[case when _old.status <> _new.status then 'status' end,
        case when _old.title <> _new.title then 'title' end, 'updatedAt'], null), _key, 0))
  insert into hand.ledger (tenant, key, intent, body) values (_tenant, _key, _intent, _body);
  return _body;
end $$;

-- The same for many rows at once, by sets.
create function hand.update_items(
  _tenant text, _key text, _intent text, _ids text[], _titles text[], _statuses text[], _read_at bigint[]
) returns text language plpgsql set plan_cache_mode = force_generic_plan as $$
declare _kept record; _count int; _last bigint; _body text;
begin
  perform pg_advisory_xact_lock(4711, hashtext(_key));
  select l.intent, l.body into _kept from hand.ledger l where l.key = _key and l.tenant = _tenant;
  if found then
    if _kept.intent <> _intent then return 'conflict'; end if;
    return _kept.body;
  end if;
  select count(*) into _count from (
    select from items t where t.id = any(_ids) and t.organization_id = _tenant order by t.id for no key update) l;
  if _count <> cardinality(_ids) then return 'missing'; end if;
  perform 1 from unnest(_ids, _read_at) r(id, read_at)
  where (select true from hand.outbox e
    where (e.entity_id, e.model, e.position) > (r.id, 'items', r.read_at)
      and (e.entity_id, e.model, e.position) < (r.id, 'items', 9223372036854775807)
    order by e.entity_id, e.model, e.position limit 1)
  limit 1;
  if found then return 'stale'; end if;
  _last := coalesce(pg_sequence_last_value('hand.position_seq'), 0);
  if pg_advisory_xact_lock_shared((4711::bigint << 48) | _last) is null then null; end if;
  with written as (
    update items t set title = v.title, status = v.status, updated_at = now()
    from unnest(_ids, _titles, _statuses) with ordinality v(id, title, status, n) join items o on o.id = v.id
    where t.id = o.id
    returning v.n, t.id, array_remove(array[case when o.status <> t.status then 'status' end,
        case when o.title <> t.title then 'title' end, 'updatedAt'], null) as changed,
      '{"id":' || to_json(t.id)::text || ',"title":' || to_json(t.title)::text
      || ',"status":' || to_json(t.status)::text
      || ',"amount":' || coalesce('"' || t.amount || '"', 'null')
      || ',"updatedAt":' || to_json(to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
      || ',"archivedAt":' || coalesce(to_json(t.archived_at)::text, 'null') || '}' as data),
  event as (
    insert into hand.outbox (position, tenant, model, entity_id, type, data, changed, key, index)
    select nextval('hand.position_seq'), _tenant, 'items', w.id, 'UPDATE', w.data, w.changed, _key, w.n - 1
    from (select * from written order by n) w
    returning position, data),
  answer as (
    select '{"rows":[' || string_agg(data, ',' order by position) || '],"stamps":['
      || string_agg(position::text, ',' order by position) || ']}' as body
    from event),
  kept as (
    insert into hand.ledger (tenant, key, intent, body) select _tenant, _key, _intent, body from answer)
  select body into _body from answer;
  return _body;
end $$;
