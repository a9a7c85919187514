insert into postern.relation as r (rel, name, oid, world, scope, parent, capture)
select 2, 'public.comments', 'public.comments'::regclass, (select c.system_identifier::text from pg_control_system() c) || ' ' ||
  (select d.oid::text from pg_database d where d.datname = current_database()), 'parent 2 1', 1, true
on conflict (rel) do update set name = excluded.name, oid = excluded.oid, world = excluded.world, scope = excluded.scope,
  parent = excluded.parent, capture = true;

-- public.comments: a row as the log keeps it
create or replace function postern."r2_data"(_row public.comments) returns text
language sql stable as $postern$
  select '{"1":'::text || coalesce('"' || (_row).id::text || '"', 'null'::text)
  || ',"2":'::text || coalesce(pg_catalog.to_json((_row).task_id)::text, 'null'::text)
  || ',"3":'::text || coalesce(pg_catalog.to_json((_row).body)::text, 'null'::text) || '}'::text
$postern$;

-- public.comments: a row that is no longer there
create or replace function postern."r2_gone"(_row public.comments) returns text
language sql stable as $postern$
  select '{"1":'::text || coalesce('"' || (_row).id::text || '"', 'null'::text)
  || ',"2":'::text || coalesce(pg_catalog.to_json((_row).task_id)::text, 'null'::text)
  || ',"3":'::text || coalesce(pg_catalog.to_json((_row).body)::text, 'null'::text) || '}'::text
$postern$;

-- public.comments: whose row it is
create or replace function postern."r2_tenant"(_row public.comments) returns text
language sql stable as $postern$
  select (select p.organization_id::text from public.tasks p where p.id = (_row).task_id)
$postern$;

-- public.comments: the columns whose text differs
create or replace function postern."r2_changed"(_old public.comments, _new public.comments) returns int2[]
language sql stable as $postern$
  select pg_catalog.array_remove(array[
    case when (_old).id is distinct from (_new).id then 1::int2 end,
    case when (_old).task_id collate "C" is distinct from (_new).task_id collate "C" then 2::int2 end,
    case when (_old).body collate "C" is distinct from (_new).body collate "C" then 3::int2 end], null)
$postern$;

-- public.comments: what an update is called
create or replace function postern."r2_type"(_old public.comments, _new public.comments) returns text
language sql stable as $postern$
  select 'UPDATE'::text
$postern$;

-- public.comments: locks the rows that a row's tenant comes from
create or replace function postern."r2_ancestors"(_id text) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $postern$
begin
  perform 1 from public.tasks p where p.id = _id for key share;
end $postern$;

-- public.comments: tells a row: appends what leads from the last entry to the row as it is now
create or replace function postern."r2_tell"(_key text, _old public.comments, _had boolean) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare
  _now public.comments; _found boolean; _was boolean; _wt text; _nt text; _type text; _p bigint; _data text; _gone text := '{}';
  _changed int2[]; _entry postern.entry;
begin
  perform postern.register();
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_key, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  _was := coalesce(_entry.type <> 'DELETE', false);
  _wt := _entry.tenant;
  if not _was and _had then
    _was := true;
    _wt := coalesce(postern."r2_tenant"(_old), postern.last_tenant(1, (_old).task_id::text));
  end if;
  if _had and current_setting('transaction_isolation') <> 'read committed' then
    perform postern."r2_ancestors"(_old.task_id);
  end if;
  if current_setting('transaction_isolation') = 'read committed' then
    select t.* into _now from public.comments t where t.id = (_key)::uuid;
  else
    -- a row that another has deleted since the snapshot is still seen, beside the one inserted in its place
    select t.* into _now from public.comments t where t.id = (_key)::uuid order by age(t.xmin) limit 1;
  end if;
  _found := found;
  if _found and current_setting('transaction_isolation') <> 'read committed' then
    perform postern."r2_ancestors"(_now.task_id);
  end if;
  if _found then _nt := postern."r2_tenant"(_now); end if;
  -- a block that writes nothing takes no transaction id
  begin
    _type := 'UPDATE';
    if _found then
      _data := postern."r2_data"(_now);
      if _was and _had then
        _changed := postern."r2_changed"(_old, _now);
        _type := postern."r2_type"(_old, _now);
      end if;
    end if;
    if _had and (not _found or _wt is distinct from _nt) then _gone := postern."r2_gone"(_old); end if;
  exception when undefined_column or undefined_function or datatype_mismatch then
    -- the table was changed, and nobody has migrated since: by the catalogue, which columns changed is not known
    _data := postern.encode_row('public.comments', to_jsonb(_now), '{1,2,3}'::int2[]);
    if _had then _gone := postern.encode_row('public.comments', to_jsonb(_old), '{1,2,3}'::int2[]); end if;
    _changed := null;
  end;
  -- point: tell-moved
  if _was and (not _found or _wt is distinct from _nt) then
    _p := nextval('postern.position_seq');
    insert into postern.log (position, rel, key, tenant, type, data) values (_p, 2, _key, _wt, 'DELETE', _gone);
    _was := false;
  end if;
  if _found then
    _p := nextval('postern.position_seq');
    insert into postern.log (position, rel, key, tenant, type, data, changed)
    values (_p, 2, _key, _nt, case when _was then _type else 'CREATE' end, _data, case when _was then _changed end);
  end if;
  return _p;
end $postern$;

-- public.comments: tells what a commit of another row wrote beneath
create or replace function postern."r2_row"() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _old public.comments;
begin
  if tg_op = 'INSERT' then
    if '2:' || new.id::text <> current_setting('postern.own', true) then perform postern."r2_tell"(new.id::text, null, false); end if;
    return null;
  end if;
  _old := old;
  if '2:' || old.id::text <> current_setting('postern.own', true) then perform postern."r2_tell"(old.id::text, _old, true); end if;
  if tg_op = 'UPDATE' then
    if old.id::text <> new.id::text and '2:' || new.id::text <> current_setting('postern.own', true) then perform postern."r2_tell"(new.id::text, null, false); end if;
  end if;
  return null;
end $postern$;

-- public.comments: tells what a statement wrote
create or replace function postern."r2_statement"() returns trigger
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
      for _t in select * from (select x.id::text as key, null::public.comments as old, false as had from new_rows x) k
        where not _several or ('2:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('2:' || k.key)::text) = 0) loop
        perform postern."r2_tell"(_t.key, _t.old, _t.had);
      end loop;
    elsif tg_op = 'DELETE' then
      for _t in select * from (select x.id::text as key, row(x.*)::public.comments as old, true as had from old_rows x) k
        where not _several or ('2:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('2:' || k.key)::text) = 0) loop
        perform postern."r2_tell"(_t.key, _t.old, _t.had);
      end loop;
    else
      for _t in select * from (select x.id::text as key, row(x.*)::public.comments as old, true as had from old_rows x union all select x.id::text as key, null::public.comments as old, false as had from new_rows x where not exists (select from old_rows y where y.id::text = x.id::text)) k
        where not _several or ('2:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('2:' || k.key)::text) = 0) loop
        perform postern."r2_tell"(_t.key, _t.old, _t.had);
      end loop;
    end if;
    return null;
  end if;
  perform postern.register();
  begin
    if tg_op = 'INSERT' then
      insert into postern.log (position, rel, key, tenant, type, data, changed)
      select nextval('postern.position_seq'), 2, e.* from (
        select k.key, e.tenant, e.type, e.data, e.changed from (select * from (select x.id::text as key, null::public.comments as old, false as had from new_rows x) k where '2:' || k.key not in (
      select jsonb_array_elements_text(('[0' || case when _several then current_setting('postern.own_rows', true) else '' end || ']')::jsonb))) k
        left join lateral (
          select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 2)
          order by l.key desc, l.rel desc, l.position desc limit 1) l on true
        left join lateral (select "the row" as r from public.comments "the row" where "the row".id = (k.key)::uuid limit 1) t on true
        cross join lateral (
          select coalesce(l.told, false) or k.had as was, (t.r).id::text is not null as found,
            case when l.told then l.tenant when k.had then coalesce(postern."r2_tenant"(k.old), postern.last_tenant(1, (k.old).task_id::text)) end as wt,
            case when (t.r).id::text is not null then postern."r2_tenant"(t.r) end as nt
          offset 0) w
        cross join lateral (
          select w.wt as tenant, 'DELETE'::text as type, case when k.had then postern."r2_gone"(k.old) else '{}'::text end as data, null::int2[] as changed
          where w.was and (not w.found or w.wt is distinct from w.nt)
          union all
          select w.nt, case when not w.was or w.wt is distinct from w.nt then 'CREATE'::text when k.had then postern."r2_type"(k.old, t.r) else 'UPDATE'::text end,
            postern."r2_data"(t.r), case when k.had and w.was and w.wt is not distinct from w.nt then postern."r2_changed"(k.old, t.r) end
          where w.found) e) e;
    elsif tg_op = 'DELETE' then
      insert into postern.log (position, rel, key, tenant, type, data, changed)
      select nextval('postern.position_seq'), 2, e.* from (
        select k.key, e.tenant, e.type, e.data, e.changed from (select * from (select x.id::text as key, row(x.*)::public.comments as old, true as had from old_rows x) k where '2:' || k.key not in (
      select jsonb_array_elements_text(('[0' || case when _several then current_setting('postern.own_rows', true) else '' end || ']')::jsonb))) k
        left join lateral (
          select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 2)
          order by l.key desc, l.rel desc, l.position desc limit 1) l on true
        left join lateral (select "the row" as r from public.comments "the row" where "the row".id = (k.key)::uuid limit 1) t on true
        cross join lateral (
          select coalesce(l.told, false) or k.had as was, (t.r).id::text is not null as found,
            case when l.told then l.tenant when k.had then coalesce(postern."r2_tenant"(k.old), postern.last_tenant(1, (k.old).task_id::text)) end as wt,
            case when (t.r).id::text is not null then postern."r2_tenant"(t.r) end as nt
          offset 0) w
        cross join lateral (
          select w.wt as tenant, 'DELETE'::text as type, case when k.had then postern."r2_gone"(k.old) else '{}'::text end as data, null::int2[] as changed
          where w.was and (not w.found or w.wt is distinct from w.nt)
          union all
          select w.nt, case when not w.was or w.wt is distinct from w.nt then 'CREATE'::text when k.had then postern."r2_type"(k.old, t.r) else 'UPDATE'::text end,
            postern."r2_data"(t.r), case when k.had and w.was and w.wt is not distinct from w.nt then postern."r2_changed"(k.old, t.r) end
          where w.found) e) e;
    else
      insert into postern.log (position, rel, key, tenant, type, data, changed)
      select nextval('postern.position_seq'), 2, e.* from (
        select k.key, e.tenant, e.type, e.data, e.changed from (select * from (select x.id::text as key, row(x.*)::public.comments as old, true as had from old_rows x union all select x.id::text as key, null::public.comments as old, false as had from new_rows x where not exists (select from old_rows y where y.id::text = x.id::text)) k where '2:' || k.key not in (
      select jsonb_array_elements_text(('[0' || case when _several then current_setting('postern.own_rows', true) else '' end || ']')::jsonb))) k
        left join lateral (
          select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 2)
          order by l.key desc, l.rel desc, l.position desc limit 1) l on true
        left join lateral (select "the row" as r from public.comments "the row" where "the row".id = (k.key)::uuid limit 1) t on true
        cross join lateral (
          select coalesce(l.told, false) or k.had as was, (t.r).id::text is not null as found,
            case when l.told then l.tenant when k.had then coalesce(postern."r2_tenant"(k.old), postern.last_tenant(1, (k.old).task_id::text)) end as wt,
            case when (t.r).id::text is not null then postern."r2_tenant"(t.r) end as nt
          offset 0) w
        cross join lateral (
          select w.wt as tenant, 'DELETE'::text as type, case when k.had then postern."r2_gone"(k.old) else '{}'::text end as data, null::int2[] as changed
          where w.was and (not w.found or w.wt is distinct from w.nt)
          union all
          select w.nt, case when not w.was or w.wt is distinct from w.nt then 'CREATE'::text when k.had then postern."r2_type"(k.old, t.r) else 'UPDATE'::text end,
            postern."r2_data"(t.r), case when k.had and w.was and w.wt is not distinct from w.nt then postern."r2_changed"(k.old, t.r) end
          where w.found) e) e;
    end if;
  exception when undefined_column or undefined_function or datatype_mismatch then
    if tg_op = 'INSERT' then
      for _t in select * from (select x.id::text as key, null::public.comments as old, false as had from new_rows x) k
        where not _several or ('2:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('2:' || k.key)::text) = 0) loop
        perform postern."r2_tell"(_t.key, _t.old, _t.had);
      end loop;
    elsif tg_op = 'DELETE' then
      for _t in select * from (select x.id::text as key, row(x.*)::public.comments as old, true as had from old_rows x) k
        where not _several or ('2:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('2:' || k.key)::text) = 0) loop
        perform postern."r2_tell"(_t.key, _t.old, _t.had);
      end loop;
    else
      for _t in select * from (select x.id::text as key, row(x.*)::public.comments as old, true as had from old_rows x union all select x.id::text as key, null::public.comments as old, false as had from new_rows x where not exists (select from old_rows y where y.id::text = x.id::text)) k
        where not _several or ('2:' || k.key is distinct from _alone
          and strpos(current_setting('postern.own_rows', true), ',' || to_json('2:' || k.key)::text) = 0) loop
        perform postern."r2_tell"(_t.key, _t.old, _t.had);
      end loop;
    end if;
  end;
  return null;
end $postern$;

-- public.comments: a TRUNCATE deletes every row
create or replace function postern."r2_truncate"() returns trigger
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
    select nextval('postern.position_seq'), 2, k.key, case when l.told then l.tenant else coalesce(postern."r2_tenant"(k.old), postern.last_tenant(1, (k.old).task_id::text)) end, 'DELETE',
      postern."r2_gone"(k.old)
    from (select k.id::text as key, row(k.*)::public.comments as old from only %s k) k
    left join lateral (select l.tenant, l.type <> 'DELETE' as told from postern.log l where (l.key, l.rel) = (k.key, 2)
      order by l.key desc, l.rel desc, l.position desc limit 1) l on true$e$, tg_relid::regclass);
  return null;
end $postern$;

-- public.comments: notes whose row it was before it moves
create or replace function postern."r2_base"() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _old public.comments := old; _entry postern.entry;
begin
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_old.id::text, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  if _entry.position is null then
    perform postern.register();
    insert into postern.log (position, rel, key, tenant, type, data)
    values (nextval('postern.position_seq'), 2, _old.id::text, coalesce(postern."r2_tenant"(_old), postern.last_tenant(1, (_old).task_id::text)), 'BASE', '{}');
  end if;
  return new;
end $postern$;

-- public.comments: the rows below a parent that moves
create or replace function postern."r2_moved"(_parent text, _n int) returns int
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _c public.comments; _g int; _entry postern.entry;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'postern: a row that others get their tenant from must be moved under READ COMMITTED' using errcode = '0A000';
  end if;
  for _c in select x.* from public.comments x where x.task_id = _parent order by x.id for update loop
    _n := _n + 1;
    if _n > 10000 then
      raise exception 'postern: more than 10000 rows would move with one row, of public.comments and the tables below it: move them first, in steps' using errcode = '54000';
    end if;
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_c.id::text, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    -- point: moved
    if _entry.position is null or _entry.type = 'DELETE' or _entry.tenant is distinct from postern."r2_tenant"(_c) then
      perform postern."r2_tell"(_c.id::text, _c, true);
    end if;
    for _g in select r.rel from postern.relation r where r.parent = 2 and r.capture loop
      execute format('select postern."r%s_moved"($1, $2)', _g) into _n using _c.id, _n;
    end loop;
  end loop;
  return _n;
end $postern$;

-- public.comments: the rows below a parent that moves
create or replace function postern."r2_bases"(_parent text, _n int) returns int
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _c public.comments; _g int; _entry postern.entry;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'postern: a row that others get their tenant from must be moved under READ COMMITTED' using errcode = '0A000';
  end if;
  for _c in select x.* from public.comments x where x.task_id = _parent order by x.id for update loop
    _n := _n + 1;
    if _n > 10000 then
      raise exception 'postern: more than 10000 rows would move with one row, of public.comments and the tables below it: move them first, in steps' using errcode = '54000';
    end if;
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_c.id::text, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    if _entry.position is null then
      perform postern.register();
      insert into postern.log (position, rel, key, tenant, type, data)
      values (nextval('postern.position_seq'), 2, _c.id::text, postern."r2_tenant"(_c), 'BASE', '{}');
    end if;
    for _g in select r.rel from postern.relation r where r.parent = 2 and r.capture loop
      execute format('select postern."r%s_bases"($1, $2)', _g) into _n using _c.id, _n;
    end loop;
  end loop;
  return _n;
end $postern$;

-- public.comments: its parent moves, goes or comes
create or replace function postern."r2_parent"() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off as $postern$
begin
  if tg_when = 'BEFORE' then
    if tg_op = 'UPDATE' then perform 1 from public.tasks p where p.id = old.id for update; end if;
    -- a row that goes takes along what its foreign keys say, however many
    perform postern."r2_bases"(old.id, case when tg_op = 'UPDATE' then 0 end);
    if tg_op = 'DELETE' then return old; end if;
    return new;
  end if;
  perform postern."r2_moved"(new.id, 0);
  return null;
end $postern$;

create or replace trigger postern_capture_insert after insert on public.comments referencing new table as new_rows for each statement
  when (coalesce(current_setting('postern.own', true), '') in ('', '*')) execute function postern."r2_statement"();

create or replace trigger postern_capture_update after update on public.comments referencing old table as old_rows new table as new_rows for each statement
  when (coalesce(current_setting('postern.own', true), '') in ('', '*')) execute function postern."r2_statement"();

create or replace trigger postern_capture_delete after delete on public.comments referencing old table as old_rows for each statement
  when (coalesce(current_setting('postern.own', true), '') in ('', '*')) execute function postern."r2_statement"();

create or replace trigger postern_capture_truncate before truncate on public.comments for each statement execute function postern."r2_truncate"();

create or replace trigger postern_capture_insert_row after insert on public.comments for each row
  when (coalesce(current_setting('postern.own', true), '') not in ('', '*') and coalesce(current_setting('postern.own', true), '') <> '2:' || new.id::text) execute function postern."r2_row"();

create or replace trigger postern_capture_update_row after update on public.comments for each row
  when (coalesce(current_setting('postern.own', true), '') not in ('', '*') and (coalesce(current_setting('postern.own', true), '') <> '2:' || old.id::text or coalesce(current_setting('postern.own', true), '') <> '2:' || new.id::text)) execute function postern."r2_row"();

create or replace trigger postern_capture_delete_row after delete on public.comments for each row
  when (coalesce(current_setting('postern.own', true), '') not in ('', '*') and coalesce(current_setting('postern.own', true), '') <> '2:' || old.id::text) execute function postern."r2_row"();

create or replace trigger zzzz_postern_base before update on public.comments for each row when (old.task_id is distinct from new.task_id) execute function postern."r2_base"();

-- public.comments: tells a change that the application made by itself; answers its stamp, null when there is no such row
create or replace function postern."r2_record"(_type text, _key text, _changed int2[]) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $postern$
#variable_conflict use_variable
declare _now public.comments; _entry postern.entry; _p bigint; _was boolean; _wt text; _nt text;
begin
  -- the lock makes the order of positions the order of changes, also for a caller who did not just write the row
  select t.* into _now from public.comments t where t.id = (_key)::uuid for no key update;
  if not found then return null; end if;
  perform postern.register();
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_key, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  _nt := postern."r2_tenant"(_now);
  _was := coalesce(_entry.type <> 'DELETE', _type <> 'CREATE');
  _wt := case when _entry.type <> 'DELETE' then _entry.tenant else _nt end;
  if _was and _wt is distinct from _nt then
    _p := nextval('postern.position_seq');
    insert into postern.log (position, rel, key, tenant, type, data) values (_p, 2, _key, _wt, 'DELETE', '{}');
    _type := case when _type = 'DELETE' then _type else 'CREATE' end;
    _changed := null;
  end if;
  _p := nextval('postern.position_seq');
  insert into postern.log (position, rel, key, tenant, type, data, changed)
  values (_p, 2, _key, _nt, _type, postern."r2_data"(_now), _changed);
  return _p;
end $postern$;

-- tasks: a commit of one CREATE
create or replace function postern."tasks_create_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _new public.tasks; _now public.tasks; _type text := 'CREATE'; _answer text; _stale jsonb; _current text; _x text;
  _entry postern.entry; _new_id text; _row_key text; _nt text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;
  if _read_at is not null and _on_stale <> 'overwrite' and _id is not null then
    select postern.judge(1, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end
      into _stale, _current
      from (select) one left join public.tasks t on t.id = _id
    and t.organization_id = _tenant;
    if _stale is not null then
      -- decided on its absence: whatever happened to it since, it was created
      if _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'::jsonb; end if;
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if (_input ? 'estimate' and (((_input ->> 'estimate'::text)::numeric)::numeric(8,2) is distinct from ((_input ->> 'estimate'::text)::numeric))) then
    raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
  end if;

  _new_id := coalesce(_id, (gen_random_uuid())::text);
  -- point: own
  _x := set_config('postern.own', '1:' || coalesce(_new_id::text, ''), true);
  _x := set_config('search_path', _path, true);
  insert into public.tasks as t (id, organization_id, title, status, estimate, updated_at, archived_at)
  values (
      _new_id,
      _tenant,
      case when _input ? 'title'::text then _input ->> 'title'::text else null end,
      case when _input ? 'status'::text then _input ->> 'status'::text else 'todo'::text end,
      case when _input ? 'estimate'::text then (_input ->> 'estimate'::text)::numeric else null end,
      case when _input ? 'updatedAt'::text then (_input ->> 'updatedAt'::text)::timestamp with time zone else pg_catalog.now() end,
      case when _input ? 'archivedAt'::text then (_input ->> 'archivedAt'::text)::timestamp with time zone else null end)
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _row_key := _new.id::text;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_row_key, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  select t.* into _now from public.tasks t where t.id = _new.id;
  if not found then
    _type := 'DELETE';
    _now := _new;
    _nt := coalesce(postern."r1_tenant"(_new), _tenant);
  else
    _nt := postern."r1_tenant"(_now);
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _row_key, _type,
    case when _entry.type <> 'DELETE' then _entry.tenant else _nt end, _nt, '{}', postern."r1_data"(_now),
    '{"id":' || pg_catalog.to_json(_now.id)::text
      || ',"title":' || pg_catalog.to_json(_now.title)::text
      || ',"status":' || pg_catalog.to_json(_now.status)::text
      || ',"estimate":' || coalesce('"' || _now.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.updated_at) then _now.updated_at::text when _now.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.archived_at) then _now.archived_at::text when _now.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
    null, _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- tasks: a commit of one UPDATE
create or replace function postern."tasks_update_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'UPDATE'; _found boolean; _answer text; _stale jsonb; _current text; _x text; _entry postern.entry;
  _was text; _nt text; _fields text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- a look before any lock: what is stale stays stale, and a refusal here has no transaction id and flushes nothing
  -- point: look
  if _read_at is not null and _on_stale = 'reject' then
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    if _entry.position > _read_at then
      select postern.judge(1, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end
      into _stale, _current
      from (select) one left join public.tasks t on t.id = _id
    and t.organization_id = _tenant;
      if _stale is not null then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
      end if;
    end if;
  end if;

  -- point: lock
  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for no key update;
  _found := found;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  -- point: judge-one
  if _read_at is not null and _on_stale <> 'overwrite' and coalesce(_entry.position, 0) <> _read_at then
    _stale := postern.judge(1, _id, _tenant, _read_at, _found);
    if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array'
      and not postern.named('{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _stale -> 'changed') ?| array(select jsonb_object_keys(_input))) then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if not _found then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"id":' || to_json(_id)::text || '}]}';
  end if;
  if (_input ? 'estimate' and (((_input ->> 'estimate'::text)::numeric)::numeric(8,2) is distinct from ((_input ->> 'estimate'::text)::numeric))) then
    raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
  end if;

  -- point: own
  _x := set_config('postern.own', '1:' || _id, true);
  _x := set_config('search_path', _path, true);
  update public.tasks t set
      title = case when _input ? 'title'::text then _input ->> 'title'::text else t.title end,
      status = case when _input ? 'status'::text then _input ->> 'status'::text else t.status end,
      estimate = case when _input ? 'estimate'::text then (_input ->> 'estimate'::text)::numeric else t.estimate end,
      updated_at = case when _input ? 'updatedAt'::text then (_input ->> 'updatedAt'::text)::timestamp with time zone else pg_catalog.now() end,
      archived_at = case when _input ? 'archivedAt'::text then (_input ->> 'archivedAt'::text)::timestamp with time zone else t.archived_at end
  where t.id = _old.id
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _was := case when _entry.type <> 'DELETE' then _entry.tenant else postern."r1_tenant"(_old) end;
  -- what triggers, rules and cascades did to the row beneath our statement is in it by now
  select t.* into _now from public.tasks t where t.id = _old.id;
  if not found then
    return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'DELETE', _was, _was, null,
      postern."r1_data"(_old),
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      null, _transaction_id, _participant_id, _participant_kind, _most);
  end if;
  _nt := postern."r1_tenant"(_now);
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'UPDATE', _was, _nt,
    case when _was is distinct from _nt then postern."r1_data"(_old) end,
    postern."r1_data"(_now),
    '{"id":' || pg_catalog.to_json(_now.id)::text
      || ',"title":' || pg_catalog.to_json(_now.title)::text
      || ',"status":' || pg_catalog.to_json(_now.status)::text
      || ',"estimate":' || coalesce('"' || _now.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.updated_at) then _now.updated_at::text when _now.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.archived_at) then _now.archived_at::text when _now.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
    postern."r1_changed"(_old, _now), _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- tasks: a commit of one DELETE
create or replace function postern."tasks_delete_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'DELETE'; _found boolean; _answer text; _stale jsonb; _current text; _x text; _entry postern.entry;
  _was text; _nt text; _fields text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- a look before any lock: what is stale stays stale, and a refusal here has no transaction id and flushes nothing
  -- point: look
  if _read_at is not null and _on_stale = 'reject' then
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    if _entry.position > _read_at then
      select postern.judge(1, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end
      into _stale, _current
      from (select) one left join public.tasks t on t.id = _id
    and t.organization_id = _tenant;
      if _stale is not null then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
      end if;
    end if;
  end if;

  -- point: lock
  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for update;
  _found := found;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  -- point: judge-one
  if _read_at is not null and _on_stale <> 'overwrite' and coalesce(_entry.position, 0) <> _read_at then
    _stale := postern.judge(1, _id, _tenant, _read_at, _found);
    if _stale is not null and not (false) then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if not _found then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"id":' || to_json(_id)::text || '}]}';
  end if;

  -- point: own
  _x := set_config('postern.own', '1:' || _id, true);
  _x := set_config('search_path', _path, true);
  delete from public.tasks t
  where t.id = _old.id
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _was := case when _entry.type <> 'DELETE' then _entry.tenant else postern."r1_tenant"(_old) end;
  -- what triggers, rules and cascades did to the row beneath our statement is in it by now
  select t.* into _now from public.tasks t where t.id = _old.id;
  if not found then
    return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'DELETE', _was, _was, null,
      postern."r1_data"(_old),
      '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      null, _transaction_id, _participant_id, _participant_kind, _most);
  end if;
  _nt := postern."r1_tenant"(_now);
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'UPDATE', _was, _nt,
    case when _was is distinct from _nt then postern."r1_data"(_old) end,
    postern."r1_data"(_now),
    '{"id":' || pg_catalog.to_json(_now.id)::text
      || ',"title":' || pg_catalog.to_json(_now.title)::text
      || ',"status":' || pg_catalog.to_json(_now.status)::text
      || ',"estimate":' || coalesce('"' || _now.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.updated_at) then _now.updated_at::text when _now.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.archived_at) then _now.archived_at::text when _now.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
    postern."r1_changed"(_old, _now), _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- tasks: a commit of one ARCHIVE
create or replace function postern."tasks_archive_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'ARCHIVE'; _found boolean; _answer text; _stale jsonb; _current text; _x text; _entry postern.entry;
  _was text; _nt text; _fields text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- a look before any lock: what is stale stays stale, and a refusal here has no transaction id and flushes nothing
  -- point: look
  if _read_at is not null and _on_stale = 'reject' then
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    if _entry.position > _read_at then
      select postern.judge(1, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end
      into _stale, _current
      from (select) one left join public.tasks t on t.id = _id
    and t.organization_id = _tenant;
      if _stale is not null then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
      end if;
    end if;
  end if;

  -- point: lock
  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for no key update;
  _found := found;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  -- point: judge-one
  if _read_at is not null and _on_stale <> 'overwrite' and coalesce(_entry.position, 0) <> _read_at then
    _stale := postern.judge(1, _id, _tenant, _read_at, _found);
    if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array'
      and not postern.named('{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _stale -> 'changed') ?| array['archivedAt'::text]) then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if not _found then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"id":' || to_json(_id)::text || '}]}';
  end if;

  -- point: own
  _x := set_config('postern.own', '1:' || _id, true);
  _x := set_config('search_path', _path, true);
  update public.tasks t set
      archived_at = coalesce(t.archived_at, pg_catalog.now())
  where t.id = _old.id
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _was := case when _entry.type <> 'DELETE' then _entry.tenant else postern."r1_tenant"(_old) end;
  -- what triggers, rules and cascades did to the row beneath our statement is in it by now
  select t.* into _now from public.tasks t where t.id = _old.id;
  if not found then
    return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'DELETE', _was, _was, null,
      postern."r1_data"(_old),
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      null, _transaction_id, _participant_id, _participant_kind, _most);
  end if;
  _nt := postern."r1_tenant"(_now);
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'ARCHIVE', _was, _nt,
    case when _was is distinct from _nt then postern."r1_data"(_old) end,
    postern."r1_data"(_now),
    '{"id":' || pg_catalog.to_json(_now.id)::text
      || ',"title":' || pg_catalog.to_json(_now.title)::text
      || ',"status":' || pg_catalog.to_json(_now.status)::text
      || ',"estimate":' || coalesce('"' || _now.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.updated_at) then _now.updated_at::text when _now.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.archived_at) then _now.archived_at::text when _now.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
    postern."r1_changed"(_old, _now), _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- tasks: a commit of one UNARCHIVE
create or replace function postern."tasks_unarchive_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.tasks; _new public.tasks; _now public.tasks;
  _type text := 'UNARCHIVE'; _found boolean; _answer text; _stale jsonb; _current text; _x text; _entry postern.entry;
  _was text; _nt text; _fields text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- a look before any lock: what is stale stays stale, and a refusal here has no transaction id and flushes nothing
  -- point: look
  if _read_at is not null and _on_stale = 'reject' then
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    if _entry.position > _read_at then
      select postern.judge(1, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end
      into _stale, _current
      from (select) one left join public.tasks t on t.id = _id
    and t.organization_id = _tenant;
      if _stale is not null then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
      end if;
    end if;
  end if;

  -- point: lock
  select t.* into _old from public.tasks t
  where t.id = _id
    and t.organization_id = _tenant
  for no key update;
  _found := found;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 1)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  -- point: judge-one
  if _read_at is not null and _on_stale <> 'overwrite' and coalesce(_entry.position, 0) <> _read_at then
    _stale := postern.judge(1, _id, _tenant, _read_at, _found);
    if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array'
      and not postern.named('{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, _stale -> 'changed') ?| array['archivedAt'::text]) then
      _x := postern.stale_entry(0, 'tasks', _id, _read_at, _stale, '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb, case when _found then
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if not _found then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"id":' || to_json(_id)::text || '}]}';
  end if;

  -- point: own
  _x := set_config('postern.own', '1:' || _id, true);
  _x := set_config('search_path', _path, true);
  update public.tasks t set
      archived_at = null
  where t.id = _old.id
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _was := case when _entry.type <> 'DELETE' then _entry.tenant else postern."r1_tenant"(_old) end;
  -- what triggers, rules and cascades did to the row beneath our statement is in it by now
  select t.* into _now from public.tasks t where t.id = _old.id;
  if not found then
    return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'DELETE', _was, _was, null,
      postern."r1_data"(_old),
      '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
      null, _transaction_id, _participant_id, _participant_kind, _most);
  end if;
  _nt := postern."r1_tenant"(_now);
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 1, _id, 'UNARCHIVE', _was, _nt,
    case when _was is distinct from _nt then postern."r1_data"(_old) end,
    postern."r1_data"(_now),
    '{"id":' || pg_catalog.to_json(_now.id)::text
      || ',"title":' || pg_catalog.to_json(_now.title)::text
      || ',"status":' || pg_catalog.to_json(_now.status)::text
      || ',"estimate":' || coalesce('"' || _now.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.updated_at) then _now.updated_at::text when _now.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_now.archived_at) then _now.archived_at::text when _now.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_now.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
    postern."r1_changed"(_old, _now), _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- tasks: locks rows in key order, so that two commits cannot deadlock; answers those that exist
create or replace function postern."tasks_lock_digest"(_tenant text, _ids text[], _delete boolean) returns text[]
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
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

-- tasks: about how many bytes the rows have
create or replace function postern."tasks_size_digest"(_tenant text, _ids text[]) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_variable
begin
  return (select coalesce(sum(coalesce(case when pg_catalog.pg_column_compression(t.id) is null then pg_catalog.pg_column_size(t.id)
    else pg_catalog.octet_length(t.id::text) end, 0)
  + coalesce(case when pg_catalog.pg_column_compression(t.title) is null then pg_catalog.pg_column_size(t.title)
    else pg_catalog.octet_length(t.title::text) end, 0)
  + coalesce(case when pg_catalog.pg_column_compression(t.status) is null then pg_catalog.pg_column_size(t.status)
    else pg_catalog.octet_length(t.status::text) end, 0)
  + coalesce(case when pg_catalog.pg_column_compression(t.estimate) is null then pg_catalog.pg_column_size(t.estimate)
    else pg_catalog.octet_length(t.estimate::text) end, 0)), 0) from public.tasks t where t.id = any(_ids::text[]) and t.organization_id = _tenant);
end $postern$;

-- tasks: a row as it is in the caller's snapshot, as JSON text
create or replace function postern."tasks_row_digest"(_tenant text, _id text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $postern$
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
create or replace function postern."tasks_apply_digest"(_type text, _tenant text, _path text, _index int[], _ids text[], _inputs jsonb[]) returns postern.applied[]
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_variable
declare
  _done postern.applied[]; _x text; _old public.tasks; _new public.tasks; _input jsonb; _fields text; _rows int;
begin
  _x := set_config('search_path', _path, true);
  _x := set_config('postern.own_row', case when cardinality(_ids) = 1 then '1:' || _ids[1] end, true);
  case _type
  when 'CREATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where (op.d ? 'estimate' and (((op.d ->> 'estimate'::text)::numeric)::numeric(8,2) is distinct from ((op.d ->> 'estimate'::text)::numeric)))) then
      raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
    end if;
    if array_position(_ids, null) is not null then
      _ids := array(select coalesce(op.id, (coalesce(null, (gen_random_uuid())::text))::text) from unnest(_index, _ids, _inputs) as op(i, id, d) order by op.i);
      _x := set_config('postern.own_rows', current_setting('postern.own_rows')
        || (select string_agg(',' || to_json('1:' || i.id)::text, '') from unnest(_ids) i(id)), true);
      _x := set_config('postern.own_row', case when cardinality(_ids) = 1 then '1:' || _ids[1] end, true);
    end if;
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      insert into public.tasks as t (id, organization_id, title, status, estimate, updated_at, archived_at) values (
        coalesce(_ids[_i], (gen_random_uuid())::text),
      _tenant,
      case when _input ? 'title'::text then _input ->> 'title'::text else null end,
      case when _input ? 'status'::text then _input ->> 'status'::text else 'todo'::text end,
      case when _input ? 'estimate'::text then (_input ->> 'estimate'::text)::numeric else null end,
      case when _input ? 'updatedAt'::text then (_input ->> 'updatedAt'::text)::timestamp with time zone else pg_catalog.now() end,
      case when _input ? 'archivedAt'::text then (_input ->> 'archivedAt'::text)::timestamp with time zone else null end) returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'tasks', 1, _new.id::text, 'CREATE', _tenant, _tenant, null,
        postern."r1_data"(_new),
        '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        null::int2[])::postern.applied;
    end loop;
    else
    with op as materialized (
      select op.i, op.id as id, op.d
      from unnest(_index, _ids, _inputs) as op(i, id, d)),
    written as (
      insert into public.tasks as t (id, organization_id, title, status, estimate, updated_at, archived_at)
      select op.id,
      _tenant,
      case when op.d ? 'title'::text then op.d ->> 'title'::text else null end,
      case when op.d ? 'status'::text then op.d ->> 'status'::text else 'todo'::text end,
      case when op.d ? 'estimate'::text then (op.d ->> 'estimate'::text)::numeric else null end,
      case when op.d ? 'updatedAt'::text then (op.d ->> 'updatedAt'::text)::timestamp with time zone else pg_catalog.now() end,
      case when op.d ? 'archivedAt'::text then (op.d ->> 'archivedAt'::text)::timestamp with time zone else null end
      from op order by op.i
      returning t.id as id, row(0, 'tasks', 1, t.id::text, 'CREATE', _tenant, _tenant, null,
        postern."r1_data"(t.*),
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        null::int2[])::postern.applied as a)
    select pg_catalog.array_agg(row(op.i, (w.a).model, (w.a).rel, (w.a).key, (w.a).type, (w.a).was, (w.a).tenant, (w.a).gone, (w.a).data, (w.a)."row", (w.a).changed)::postern.applied)
    into _done from written w join op on op.id = w.id;
    end if;
  when 'UPDATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where (op.d ? 'estimate' and (((op.d ->> 'estimate'::text)::numeric)::numeric(8,2) is distinct from ((op.d ->> 'estimate'::text)::numeric)))) then
      raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003';
    end if;
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      select t.* into _old from public.tasks t where t.id = _ids[_i] and t.organization_id = _tenant;
      continue when not found;
      update public.tasks t set title = case when _input ? 'title'::text then _input ->> 'title'::text else t.title end,
      status = case when _input ? 'status'::text then _input ->> 'status'::text else t.status end,
      estimate = case when _input ? 'estimate'::text then (_input ->> 'estimate'::text)::numeric else t.estimate end,
      updated_at = case when _input ? 'updatedAt'::text then (_input ->> 'updatedAt'::text)::timestamp with time zone else pg_catalog.now() end,
      archived_at = case when _input ? 'archivedAt'::text then (_input ->> 'archivedAt'::text)::timestamp with time zone else t.archived_at end where t.id = _old.id returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'tasks', 1, _new.id::text, 'UPDATE', _tenant, _tenant, null,
        postern."r1_data"(_new),
        '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        postern."r1_changed"(_old, _new))::postern.applied;
    end loop;
    else
    with written as (
      update public.tasks t set
      title = case when op.d ? 'title'::text then op.d ->> 'title'::text else t.title end,
      status = case when op.d ? 'status'::text then op.d ->> 'status'::text else t.status end,
      estimate = case when op.d ? 'estimate'::text then (op.d ->> 'estimate'::text)::numeric else t.estimate end,
      updated_at = case when op.d ? 'updatedAt'::text then (op.d ->> 'updatedAt'::text)::timestamp with time zone else pg_catalog.now() end,
      archived_at = case when op.d ? 'archivedAt'::text then (op.d ->> 'archivedAt'::text)::timestamp with time zone else t.archived_at end
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.tasks o on o.id = op.id
      where t.id = o.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', 1, t.id::text, 'UPDATE', _tenant, _tenant, null,
        postern."r1_data"(t.*),
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        postern."r1_changed"(o.*, t.*))::postern.applied as a)
    select pg_catalog.array_agg(w.a) into _done from written w;
    end if;
  when 'DELETE' then
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      select t.* into _old from public.tasks t where t.id = _ids[_i] and t.organization_id = _tenant;
      continue when not found;
      delete from public.tasks t where t.id = _old.id returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'tasks', 1, _old.id::text, 'DELETE', _tenant, _tenant, null,
        postern."r1_data"(_old),
        '{"id":' || pg_catalog.to_json(_old.id)::text
      || ',"title":' || pg_catalog.to_json(_old.title)::text
      || ',"status":' || pg_catalog.to_json(_old.status)::text
      || ',"estimate":' || coalesce('"' || _old.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.updated_at) then _old.updated_at::text when _old.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_old.archived_at) then _old.archived_at::text when _old.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_old.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        null::int2[])::postern.applied;
    end loop;
    else
    with written as (
      delete from public.tasks t using unnest(_index, _ids, _inputs) as op(i, id, d)
      where t.id = op.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', 1, t.id::text, 'DELETE', _tenant, _tenant, null,
        postern."r1_data"(t.*),
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        null::int2[])::postern.applied as a)
    select pg_catalog.array_agg(w.a) into _done from written w;
    end if;
  when 'ARCHIVE' then
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      select t.* into _old from public.tasks t where t.id = _ids[_i] and t.organization_id = _tenant;
      continue when not found;
      update public.tasks t set archived_at = coalesce(t.archived_at, pg_catalog.now()) where t.id = _old.id returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'tasks', 1, _new.id::text, 'ARCHIVE', _tenant, _tenant, null,
        postern."r1_data"(_new),
        '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        postern."r1_changed"(_old, _new))::postern.applied;
    end loop;
    else
    with written as (
      update public.tasks t set archived_at = coalesce(t.archived_at, pg_catalog.now())
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.tasks o on o.id = op.id
      where t.id = o.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', 1, t.id::text, 'ARCHIVE', _tenant, _tenant, null,
        postern."r1_data"(t.*),
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        postern."r1_changed"(o.*, t.*))::postern.applied as a)
    select pg_catalog.array_agg(w.a) into _done from written w;
    end if;
  when 'UNARCHIVE' then
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      select t.* into _old from public.tasks t where t.id = _ids[_i] and t.organization_id = _tenant;
      continue when not found;
      update public.tasks t set archived_at = null where t.id = _old.id returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'tasks', 1, _new.id::text, 'UNARCHIVE', _tenant, _tenant, null,
        postern."r1_data"(_new),
        '{"id":' || pg_catalog.to_json(_new.id)::text
      || ',"title":' || pg_catalog.to_json(_new.title)::text
      || ',"status":' || pg_catalog.to_json(_new.status)::text
      || ',"estimate":' || coalesce('"' || _new.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.updated_at) then _new.updated_at::text when _new.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(_new.archived_at) then _new.archived_at::text when _new.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(_new.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        postern."r1_changed"(_old, _new))::postern.applied;
    end loop;
    else
    with written as (
      update public.tasks t set archived_at = null
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.tasks o on o.id = op.id
      where t.id = o.id and t.organization_id = _tenant
      returning row(op.i, 'tasks', 1, t.id::text, 'UNARCHIVE', _tenant, _tenant, null,
        postern."r1_data"(t.*),
        '{"id":' || pg_catalog.to_json(t.id)::text
      || ',"title":' || pg_catalog.to_json(t.title)::text
      || ',"status":' || pg_catalog.to_json(t.status)::text
      || ',"estimate":' || coalesce('"' || t.estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.updated_at) then t.updated_at::text when t.updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite(t.archived_at) then t.archived_at::text when t.archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char(t.archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}',
        postern."r1_changed"(o.*, t.*))::postern.applied as a)
    select pg_catalog.array_agg(w.a) into _done from written w;
    end if;
  end case;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  if cardinality(_done) is distinct from cardinality(_index) then
    -- fewer than were asked: gone through an earlier operation of this commit, or kept from us by a trigger
    if _type = 'CREATE' or exists (
      select from public.tasks t where t.id = any(_ids::text[]) and t.organization_id = _tenant) then
      raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409';
    end if;
    raise exception 'postern: no such row' using errcode = 'PN404';
  end if;
  return _done;
end $postern$;

-- tasks: what is told of its rows when everything was applied
create or replace function postern."tasks_settle_digest"(_done postern.applied[], _tenant text) returns postern.applied[]
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_column
begin
  return array(
    select row(d.index, d.model, d.rel, d.key, e.type, e.was, e.tenant, case when e.was is distinct from e.tenant then d.data end,
      e.data, e."row",
      case when e.type in ('CREATE', 'DELETE') then null when e.data = d.data then d.changed else array(
        select n.key::int2 from jsonb_each(e.data::jsonb) n
        where n.value is distinct from d.data::jsonb -> n.key or n.key::int2 = any(d.changed) order by 1) end)::postern.applied
    from (
      select u.*, row_number() over (partition by u.rel, u.key order by u.index) = 1 as first,
        row_number() over (partition by u.rel, u.key order by u.index desc) = 1 as last
      from unnest(_done) u) d
    left join lateral (
      select l.tenant, l.type <> 'DELETE' as told from postern.log l where d.first and (l.key, l.rel) = (d.key, 1)
      order by l.key desc, l.rel desc, l.position desc limit 1) l on true
    left join lateral (select "the row" as r from public.tasks "the row" where d.last and "the row".id = d.key limit 1) t on true
    cross join lateral (
      select case when l.told then l.tenant else d.was end as was,
        case when not d.last then d.tenant when (t.r).id is not null then postern."r1_tenant"(t.r)
          when l.told then l.tenant else d.was end as tenant,
        case when not d.last then d.type when (t.r).id is null then 'DELETE'::text
          when d.type = 'DELETE' then 'UPDATE'::text else d.type end as type,
        case when d.last and (t.r).id is not null then postern."r1_data"(t.r) else d.data end as data,
        case when d.last and (t.r).id is not null then '{"id":' || pg_catalog.to_json((t.r).id)::text
      || ',"title":' || pg_catalog.to_json((t.r).title)::text
      || ',"status":' || pg_catalog.to_json((t.r).status)::text
      || ',"estimate":' || coalesce('"' || (t.r).estimate::text || '"', 'null')
      || ',"updatedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite((t.r).updated_at) then (t.r).updated_at::text when (t.r).updated_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char((t.r).updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char((t.r).updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null')
      || ',"archivedAt":' || coalesce(pg_catalog.to_json(case when not pg_catalog.isfinite((t.r).archived_at) then (t.r).archived_at::text when (t.r).archived_at >= '0001-01-01 00:00:00+00'
      then pg_catalog.to_char((t.r).archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else pg_catalog.to_char((t.r).archived_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC') end)::text, 'null') || '}' else d."row" end as "row"
      offset 0) e
    where d.model = 'tasks'
    order by d.index);
end $postern$;

-- comments: a commit of one CREATE
create or replace function postern."comments_create_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _new public.comments; _now public.comments; _type text := 'CREATE'; _answer text; _stale jsonb; _current text; _x text;
  _entry postern.entry; _new_id uuid; _row_key text; _nt text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;
  if _read_at is not null and _on_stale <> 'overwrite' and _id is not null then
    select postern.judge(2, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}' end
      into _stale, _current
      from (select) one left join public.comments t on t.id = (_id)::uuid
    and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant);
    if _stale is not null then
      -- decided on its absence: whatever happened to it since, it was created
      if _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'::jsonb; end if;
      _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, '{"1":"id","2":"taskId","3":"body"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if not exists (select from public.tasks p where p.id = _input ->> 'taskId'::text and p.organization_id = _tenant for key share of p) then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"model":"tasks"}]}';
  end if;

  _new_id := coalesce((_id)::uuid, gen_random_uuid());
  -- point: own
  _x := set_config('postern.own', '2:' || coalesce(_new_id::text, ''), true);
  _x := set_config('search_path', _path, true);
  insert into public.comments as t (id, task_id, body)
  values (
      _new_id,
      case when _input ? 'taskId'::text then _input ->> 'taskId'::text else null end,
      case when _input ? 'body'::text then _input ->> 'body'::text else null end)
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _row_key := _new.id::text;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_row_key, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  select t.* into _now from public.comments t where t.id = _new.id;
  if not found then
    _type := 'DELETE';
    _now := _new;
    _nt := coalesce(coalesce(postern."r2_tenant"(_new), postern.last_tenant(1, (_new).task_id::text)), _tenant);
  else
    _nt := postern."r2_tenant"(_now);
  end if;
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 2, _row_key, _type,
    case when _entry.type <> 'DELETE' then _entry.tenant else _nt end, _nt, '{}', postern."r2_data"(_now),
    '{"id":' || '"' || _now.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_now.task_id)::text
      || ',"body":' || pg_catalog.to_json(_now.body)::text || '}',
    null, _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- comments: a commit of one UPDATE
create or replace function postern."comments_update_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.comments; _new public.comments; _now public.comments;
  _type text := 'UPDATE'; _found boolean; _answer text; _stale jsonb; _current text; _x text; _entry postern.entry;
  _was text; _nt text; _fields text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- a look before any lock: what is stale stays stale, and a refusal here has no transaction id and flushes nothing
  -- point: look
  if _read_at is not null and _on_stale = 'reject' then
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    if _entry.position > _read_at then
      select postern.judge(2, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}' end
      into _stale, _current
      from (select) one left join public.comments t on t.id = (_id)::uuid
    and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant);
      if _stale is not null then
      _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, '{"1":"id","2":"taskId","3":"body"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
      end if;
    end if;
  end if;

  -- point: lock
  select t.* into _old from public.comments t
  where t.id = (_id)::uuid
    and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
  for no key update;
  _found := found;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  -- point: judge-one
  if _read_at is not null and _on_stale <> 'overwrite' and coalesce(_entry.position, 0) <> _read_at then
    _stale := postern.judge(2, _id, _tenant, _read_at, _found);
    if _stale is not null and not (_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array'
      and not postern.named('{"1":"id","2":"taskId","3":"body"}'::jsonb, _stale -> 'changed') ?| array(select jsonb_object_keys(_input))) then
      _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, '{"1":"id","2":"taskId","3":"body"}'::jsonb, case when _found then
        '{"id":' || '"' || _old.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_old.task_id)::text
      || ',"body":' || pg_catalog.to_json(_old.body)::text || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if not _found then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"id":' || to_json(_id)::text || '}]}';
  end if;
  if _input ? 'taskId'::text and not exists (select from public.tasks p where p.id = _input ->> 'taskId'::text and p.organization_id = _tenant for key share of p) then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"model":"tasks"}]}';
  end if;

  -- point: own
  _x := set_config('postern.own', '2:' || _id, true);
  _x := set_config('search_path', _path, true);
  update public.comments t set
      task_id = case when _input ? 'taskId'::text then _input ->> 'taskId'::text else t.task_id end,
      body = case when _input ? 'body'::text then _input ->> 'body'::text else t.body end
  where t.id = _old.id
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _was := case when _entry.type <> 'DELETE' then _entry.tenant else coalesce(postern."r2_tenant"(_old), postern.last_tenant(1, (_old).task_id::text)) end;
  -- what triggers, rules and cascades did to the row beneath our statement is in it by now
  select t.* into _now from public.comments t where t.id = _old.id;
  if not found then
    return postern.record_one(_tenant, _key, _intent, _intent_hash, 2, _id, 'DELETE', _was, _was, null,
      postern."r2_data"(_old),
      '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}',
      null, _transaction_id, _participant_id, _participant_kind, _most);
  end if;
  _nt := postern."r2_tenant"(_now);
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 2, _id, 'UPDATE', _was, _nt,
    case when _was is distinct from _nt then postern."r2_data"(_old) end,
    postern."r2_data"(_now),
    '{"id":' || '"' || _now.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_now.task_id)::text
      || ',"body":' || pg_catalog.to_json(_now.body)::text || '}',
    postern."r2_changed"(_old, _now), _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- comments: a commit of one DELETE
create or replace function postern."comments_delete_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _id text, _input jsonb, _read_at bigint, _on_stale text, _transaction_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _old public.comments; _new public.comments; _now public.comments;
  _type text := 'DELETE'; _found boolean; _answer text; _stale jsonb; _current text; _x text; _entry postern.entry;
  _was text; _nt text; _fields text; _rows int;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- a look before any lock: what is stale stays stale, and a refusal here has no transaction id and flushes nothing
  -- point: look
  if _read_at is not null and _on_stale = 'reject' then
    select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
    if _entry.position > _read_at then
      select postern.judge(2, _id, _tenant, _read_at, t.id is not null), case when t.id is not null then
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}' end
      into _stale, _current
      from (select) one left join public.comments t on t.id = (_id)::uuid
    and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant);
      if _stale is not null then
      _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, '{"1":"id","2":"taskId","3":"body"}'::jsonb, _current);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
      end if;
    end if;
  end if;

  -- point: lock
  select t.* into _old from public.comments t
  where t.id = (_id)::uuid
    and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
  for update;
  _found := found;
  select l.position, l.type, l.tenant into _entry from postern.log l where (l.key, l.rel) = (_id, 2)
  order by l.key desc, l.rel desc, l.position desc limit 1;
  -- point: judge-one
  if _read_at is not null and _on_stale <> 'overwrite' and coalesce(_entry.position, 0) <> _read_at then
    _stale := postern.judge(2, _id, _tenant, _read_at, _found);
    if _stale is not null and not (false) then
      _x := postern.stale_entry(0, 'comments', _id, _read_at, _stale, '{"1":"id","2":"taskId","3":"body"}'::jsonb, case when _found then
        '{"id":' || '"' || _old.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_old.task_id)::text
      || ',"body":' || pg_catalog.to_json(_old.body)::text || '}' end);
      if _on_stale = 'notify' then return postern.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'stale {"operations":[' || _x || ']}';
    end if;
  end if;
  if not _found then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"id":' || to_json(_id)::text || '}]}';
  end if;

  -- point: own
  _x := set_config('postern.own', '2:' || _id, true);
  _x := set_config('search_path', _path, true);
  delete from public.comments t
  where t.id = _old.id
  returning t.* into _new;
  get diagnostics _rows = row_count;
  if _rows = 0 then raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409'; end if;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  _x := set_config('postern.own', '', true);
  _was := case when _entry.type <> 'DELETE' then _entry.tenant else coalesce(postern."r2_tenant"(_old), postern.last_tenant(1, (_old).task_id::text)) end;
  -- what triggers, rules and cascades did to the row beneath our statement is in it by now
  select t.* into _now from public.comments t where t.id = _old.id;
  if not found then
    return postern.record_one(_tenant, _key, _intent, _intent_hash, 2, _id, 'DELETE', _was, _was, null,
      postern."r2_data"(_old),
      '{"id":' || '"' || _old.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_old.task_id)::text
      || ',"body":' || pg_catalog.to_json(_old.body)::text || '}',
      null, _transaction_id, _participant_id, _participant_kind, _most);
  end if;
  _nt := postern."r2_tenant"(_now);
  return postern.record_one(_tenant, _key, _intent, _intent_hash, 2, _id, 'UPDATE', _was, _nt,
    case when _was is distinct from _nt then postern."r2_data"(_old) end,
    postern."r2_data"(_now),
    '{"id":' || '"' || _now.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_now.task_id)::text
      || ',"body":' || pg_catalog.to_json(_now.body)::text || '}',
    postern."r2_changed"(_old, _now), _transaction_id, _participant_id, _participant_kind, _most);
end $postern$;

-- comments: locks rows in key order, so that two commits cannot deadlock; answers those that exist
create or replace function postern."comments_lock_digest"(_tenant text, _ids text[], _delete boolean) returns text[]
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
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

-- comments: about how many bytes the rows have
create or replace function postern."comments_size_digest"(_tenant text, _ids text[]) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_variable
begin
  return (select coalesce(sum(coalesce(case when pg_catalog.pg_column_compression(t.task_id) is null then pg_catalog.pg_column_size(t.task_id)
    else pg_catalog.octet_length(t.task_id::text) end, 0)
  + coalesce(case when pg_catalog.pg_column_compression(t.body) is null then pg_catalog.pg_column_size(t.body)
    else pg_catalog.octet_length(t.body::text) end, 0)), 0) from public.comments t where t.id = any(_ids::uuid[]) and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant));
end $postern$;

-- comments: a row as it is in the caller's snapshot, as JSON text
create or replace function postern."comments_row_digest"(_tenant text, _id text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_variable
begin
  return (select '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}'
    from public.comments t where t.id = (_id)::uuid and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant));
end $postern$;

-- comments: applies operations of one type on distinct rows
create or replace function postern."comments_apply_digest"(_type text, _tenant text, _path text, _index int[], _ids text[], _inputs jsonb[]) returns postern.applied[]
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_variable
declare
  _done postern.applied[]; _x text; _old public.comments; _new public.comments; _input jsonb; _fields text; _rows int;
begin
  _x := set_config('search_path', _path, true);
  _x := set_config('postern.own_row', case when cardinality(_ids) = 1 then '2:' || _ids[1] end, true);
  case _type
  when 'CREATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where not exists (select from public.tasks p where p.id = op.d ->> 'taskId'::text and p.organization_id = _tenant for key share of p)) then
      raise exception 'postern: no such row to refer to' using errcode = 'PN405', table = 'tasks';
    end if;
    if array_position(_ids, null) is not null then
      _ids := array(select coalesce(op.id, (coalesce(null, gen_random_uuid()))::text) from unnest(_index, _ids, _inputs) as op(i, id, d) order by op.i);
      _x := set_config('postern.own_rows', current_setting('postern.own_rows')
        || (select string_agg(',' || to_json('2:' || i.id)::text, '') from unnest(_ids) i(id)), true);
      _x := set_config('postern.own_row', case when cardinality(_ids) = 1 then '2:' || _ids[1] end, true);
    end if;
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      insert into public.comments as t (id, task_id, body) values (
        coalesce((_ids[_i])::uuid, gen_random_uuid()),
      case when _input ? 'taskId'::text then _input ->> 'taskId'::text else null end,
      case when _input ? 'body'::text then _input ->> 'body'::text else null end) returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'comments', 2, _new.id::text, 'CREATE', _tenant, _tenant, null,
        postern."r2_data"(_new),
        '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}',
        null::int2[])::postern.applied;
    end loop;
    else
    with op as materialized (
      select op.i, (op.id)::uuid as id, op.d
      from unnest(_index, _ids, _inputs) as op(i, id, d)),
    written as (
      insert into public.comments as t (id, task_id, body)
      select op.id,
      case when op.d ? 'taskId'::text then op.d ->> 'taskId'::text else null end,
      case when op.d ? 'body'::text then op.d ->> 'body'::text else null end
      from op order by op.i
      returning t.id as id, row(0, 'comments', 2, t.id::text, 'CREATE', _tenant, _tenant, null,
        postern."r2_data"(t.*),
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}',
        null::int2[])::postern.applied as a)
    select pg_catalog.array_agg(row(op.i, (w.a).model, (w.a).rel, (w.a).key, (w.a).type, (w.a).was, (w.a).tenant, (w.a).gone, (w.a).data, (w.a)."row", (w.a).changed)::postern.applied)
    into _done from written w join op on op.id = w.id;
    end if;
  when 'UPDATE' then
    if exists (select from unnest(_index, _ids, _inputs) as op(i, id, d) where op.d ? 'taskId'::text and not exists (select from public.tasks p where p.id = op.d ->> 'taskId'::text and p.organization_id = _tenant for key share of p)) then
      raise exception 'postern: no such row to refer to' using errcode = 'PN405', table = 'tasks';
    end if;
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      select t.* into _old from public.comments t where t.id = (_ids[_i])::uuid and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant);
      continue when not found;
      update public.comments t set task_id = case when _input ? 'taskId'::text then _input ->> 'taskId'::text else t.task_id end,
      body = case when _input ? 'body'::text then _input ->> 'body'::text else t.body end where t.id = _old.id returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'comments', 2, _new.id::text, 'UPDATE', _tenant, _tenant, null,
        postern."r2_data"(_new),
        '{"id":' || '"' || _new.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_new.task_id)::text
      || ',"body":' || pg_catalog.to_json(_new.body)::text || '}',
        postern."r2_changed"(_old, _new))::postern.applied;
    end loop;
    else
    with written as (
      update public.comments t set
      task_id = case when op.d ? 'taskId'::text then op.d ->> 'taskId'::text else t.task_id end,
      body = case when op.d ? 'body'::text then op.d ->> 'body'::text else t.body end
      from unnest(_index, _ids, _inputs) as op(i, id, d) join public.comments o on o.id = (op.id)::uuid
      where t.id = o.id and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
      returning row(op.i, 'comments', 2, t.id::text, 'UPDATE', _tenant, _tenant, null,
        postern."r2_data"(t.*),
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}',
        postern."r2_changed"(o.*, t.*))::postern.applied as a)
    select pg_catalog.array_agg(w.a) into _done from written w;
    end if;
  when 'DELETE' then
    if cardinality(_index) = 1 then
    for _i in 1 .. cardinality(_index) loop
      _input := _inputs[_i];
      select t.* into _old from public.comments t where t.id = (_ids[_i])::uuid and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant);
      continue when not found;
      delete from public.comments t where t.id = _old.id returning t.* into _new;
      get diagnostics _rows = row_count;
      continue when _rows = 0;
      _done := _done || row(_index[_i], 'comments', 2, _old.id::text, 'DELETE', _tenant, _tenant, null,
        postern."r2_data"(_old),
        '{"id":' || '"' || _old.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(_old.task_id)::text
      || ',"body":' || pg_catalog.to_json(_old.body)::text || '}',
        null::int2[])::postern.applied;
    end loop;
    else
    with written as (
      delete from public.comments t using unnest(_index, _ids, _inputs) as op(i, id, d)
      where t.id = (op.id)::uuid and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)
      returning row(op.i, 'comments', 2, t.id::text, 'DELETE', _tenant, _tenant, null,
        postern."r2_data"(t.*),
        '{"id":' || '"' || t.id::text || '"'
      || ',"taskId":' || pg_catalog.to_json(t.task_id)::text
      || ',"body":' || pg_catalog.to_json(t.body)::text || '}',
        null::int2[])::postern.applied as a)
    select pg_catalog.array_agg(w.a) into _done from written w;
    end if;
  end case;
  _x := set_config('search_path', 'pg_catalog, pg_temp', true);
  if cardinality(_done) is distinct from cardinality(_index) then
    -- fewer than were asked: gone through an earlier operation of this commit, or kept from us by a trigger
    if _type = 'CREATE' or exists (
      select from public.comments t where t.id = any(_ids::uuid[]) and exists (select from public.tasks tp where tp.id = t.task_id and tp.organization_id = _tenant)) then
      raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409';
    end if;
    raise exception 'postern: no such row' using errcode = 'PN404';
  end if;
  return _done;
end $postern$;

-- comments: what is told of its rows when everything was applied
create or replace function postern."comments_settle_digest"(_done postern.applied[], _tenant text) returns postern.applied[]
language plpgsql set search_path = pg_catalog, pg_temp as $postern$
#variable_conflict use_column
begin
  return array(
    select row(d.index, d.model, d.rel, d.key, e.type, e.was, e.tenant, case when e.was is distinct from e.tenant then d.data end,
      e.data, e."row",
      case when e.type in ('CREATE', 'DELETE') then null when e.data = d.data then d.changed else array(
        select n.key::int2 from jsonb_each(e.data::jsonb) n
        where n.value is distinct from d.data::jsonb -> n.key or n.key::int2 = any(d.changed) order by 1) end)::postern.applied
    from (
      select u.*, row_number() over (partition by u.rel, u.key order by u.index) = 1 as first,
        row_number() over (partition by u.rel, u.key order by u.index desc) = 1 as last
      from unnest(_done) u) d
    left join lateral (
      select l.tenant, l.type <> 'DELETE' as told from postern.log l where d.first and (l.key, l.rel) = (d.key, 2)
      order by l.key desc, l.rel desc, l.position desc limit 1) l on true
    left join lateral (select "the row" as r from public.comments "the row" where d.last and "the row".id = (d.key)::uuid limit 1) t on true
    cross join lateral (
      select case when l.told then l.tenant else d.was end as was,
        case when not d.last then d.tenant when (t.r).id is not null then postern."r2_tenant"(t.r)
          when l.told then l.tenant else d.was end as tenant,
        case when not d.last then d.type when (t.r).id is null then 'DELETE'::text
          when d.type = 'DELETE' then 'UPDATE'::text else d.type end as type,
        case when d.last and (t.r).id is not null then postern."r2_data"(t.r) else d.data end as data,
        case when d.last and (t.r).id is not null then '{"id":' || '"' || (t.r).id::text || '"'
      || ',"taskId":' || pg_catalog.to_json((t.r).task_id)::text
      || ',"body":' || pg_catalog.to_json((t.r).body)::text || '}' else d."row" end as "row"
      offset 0) e
    where d.model = 'comments'
    order by d.index);
end $postern$;

-- A commit of several operations, or of one whose refusal is to be explained (_strict)
create or replace function postern."commit_digest"(_tenant text, _key text, _intent text, _intent_hash text, _participant_id text, _participant_kind text, _most bigint, _alone boolean, _path text, _locks jsonb, _reads jsonb, _groups jsonb, _own text, _count int, _transactions jsonb, _strict boolean) returns text
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '5000ms' as $postern$
#variable_conflict use_variable
declare
  _answer text; _x text; _state text; _constraint text; _column text; _table text; _message text; _context text; _hint text;
  _g jsonb; _op record; _model text; _present text[]; _index int[]; _missing text;
  _stale jsonb; _current text; _entry text; _held int[] := '{}'; _notes text[] := '{}'; _noted bigint := 0;
  _rejected text[] := '{}'; _listed bigint := 0; _more int := 0; _ids text[]; _size bigint; _weight bigint := 0; _bytes bigint := 0;
  _some postern.applied[]; _one postern.applied; _done postern.applied[]; _told postern.applied[] := '{}'; _failed int; _explain boolean := _strict;
begin
  _answer := postern.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  -- lock, tables by number and rows by key
  -- point: lock
  for _g in select g from jsonb_array_elements(_locks) g loop
    _model := _g ->> 'model';
    _ids := array(select jsonb_array_elements_text(_g -> 'ids'));
    case _model
      when 'tasks' then _present := postern."tasks_lock_digest"(_tenant, _ids, (_g -> 'delete')::boolean);
      when 'comments' then _present := postern."comments_lock_digest"(_tenant, _ids, (_g -> 'delete')::boolean);
      end case;
    case _model
      when 'tasks' then _size := postern."tasks_size_digest"(_tenant, _ids);
      when 'comments' then _size := postern."comments_size_digest"(_tenant, _ids);
      end case;
    _weight := _weight + _size;
    if cardinality(_present) < (_g -> 'count')::int then
      -- a row that is locked for its judgement alone has no operation here, and may be missing
      select nullif(concat_ws(',', _missing, string_agg('{"index":' || r.i || ',"id":' || to_json(r.id)::text || '}', ',')), '')
      into _missing
      from rows from (jsonb_array_elements_text(_g -> 'ids'), jsonb_array_elements_text(_g -> 'operations')) as r(id, i)
      where r.i is not null and not exists (select from unnest(_present) p(id) where p.id = r.id);
    end if;
  end loop;

  -- judge, in a fresh snapshot: one statement finds those with a later entry or a stamp of no entry, only they are looked at closer
  -- point: judge-many
  for _op in
    select o.i::int as index, g.model, g.rel::int as rel, o.id, o.r::bigint as read_at, g.mode, g.type, g.fields
    from (
      select x ->> 'model' as model, x ->> 'rel' as rel, x ->> 'mode' as mode, x ->> 'type' as type, x -> 'fields' as fields,
        x -> 'indexes' as i, x -> 'ids' as id, x -> 'stamps' as r
      from jsonb_array_elements(_reads) x offset 0) g,
      rows from (jsonb_array_elements_text(g.i), jsonb_array_elements_text(g.id), jsonb_array_elements_text(g.r)) as o(i, id, r)
    where exists (select 1 from postern.log l
    where (l.key, l.rel, l.position) > (o.id, g.rel::int, o.r::bigint)
      and (l.key, l.rel, l.position) < (o.id, g.rel::int, 9223372036854775807)
    order by l.key, l.rel, l.position limit 1 offset 0)
      or not (o.r = '0' or exists (select from postern.log l where l.position = o.r::bigint))
    order by 1
  loop
    _model := _op.model;
    if _more = 0 and _noted <= _most then
      -- in one snapshot: a row that came since the locks is not held, and its stamp could be of what came after it
      case _model
      when 'tasks' then select postern.judge(_op.rel, _op.id, _tenant, _op.read_at, n.r is not null), n.r into _stale, _current from (select postern."tasks_row_digest"(_tenant, _op.id) offset 0) n(r);
      when 'comments' then select postern.judge(_op.rel, _op.id, _tenant, _op.read_at, n.r is not null), n.r into _stale, _current from (select postern."comments_row_digest"(_tenant, _op.id) offset 0) n(r);
      end case;
    else
      -- no more is told: whether the row is there is all that is asked, for rows cost more than what was sent
      case _model
      when 'tasks' then _present := postern."tasks_lock_digest"(_tenant, array[_op.id], false);
      when 'comments' then _present := postern."comments_lock_digest"(_tenant, array[_op.id], false);
      end case;
      _current := case when _present <> '{}' then '' end;
      _stale := postern.judge(_op.rel, _op.id, _tenant, _op.read_at, _current is not null);
    end if;
    continue when _stale is null;
    continue when _op.mode = 'merge' and _op.fields is not null and _current is not null
      and jsonb_typeof(_stale -> 'changed') = 'array'
      and not postern.named(case _model when 'tasks' then '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb when 'comments' then '{"1":"id","2":"taskId","3":"body"}'::jsonb end, _stale -> 'changed') ?| array(select jsonb_array_elements_text(_op.fields));
    if _op.type = 'CREATE' and _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'::jsonb; end if;
    _entry := postern.stale_entry(_op.index, _op.model, _op.id, _op.read_at, _stale, case _model when 'tasks' then '{"1":"id","3":"title","4":"status","5":"estimate","6":"updatedAt","7":"archivedAt"}'::jsonb when 'comments' then '{"1":"id","2":"taskId","3":"body"}'::jsonb end, _current);
    if _op.mode = 'notify' then
      _held := _held || _op.index;
      if _noted <= _most then
        _notes := _notes || _entry;
        _noted := _noted + octet_length(_entry) + 1;
      end if;
    elsif _more = 0 and (_rejected = '{}' or _listed + octet_length(_entry) < 1048576) then
      _rejected := _rejected || _entry;
      _listed := _listed + octet_length(_entry) + 1;
    else
      _more := _more + 1;
    end if;
  end loop;
  if _rejected <> '{}' then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'stale {"operations":[' || array_to_string(_rejected, ',') || ']' || case when _more > 0 then ',"more":' || _more else '' end || '}';
  end if;
  if _missing is not null then
    select string_agg('{"index":' || (m ->> 'index') || ',"id":' || (m -> 'id')::text || '}', ',' order by (m ->> 'index')::int)
    into _missing
    from jsonb_array_elements(('[' || _missing || ']')::jsonb) m
    where not exists (select from unnest(_held) h(index) where h.index = (m ->> 'index')::int);
    if _missing is not null then
      if _alone then perform set_config('synchronous_commit', 'off', true); end if;
      return 'refused {"code":"entity_not_found","operations":[' || _missing || ']}';
    end if;
  end if;

  if _noted > _most then
    if _alone then perform set_config('synchronous_commit', 'off', true); end if;
    return 'refused {"code":"commit_too_large"}';
  end if;
  if _held <> '{}' then
    -- what is held back leaves its set
    select coalesce(jsonb_agg(jsonb_build_object('model', g -> 'model', 'type', g -> 'type', 'indexes', s.indexes, 'ids', s.ids,
      'inputs', s.inputs) order by n), '[]')
    into _groups
    from jsonb_array_elements(_groups) with ordinality x(g, n),
    lateral (select jsonb_agg(o.i::int) as indexes, jsonb_agg(o.id) as ids, jsonb_agg(o.input) as inputs
      from rows from (jsonb_array_elements_text(g -> 'indexes'), jsonb_array_elements_text(g -> 'ids'), jsonb_array_elements(g -> 'inputs')) as o(i, id, input) where o.i::int not in (select unnest(_held))) s
    where s.indexes is not null;
  end if;
  -- a set is written as a whole: where its rows may be too many bytes, one operation after the other, and up to the bound.
  -- Where each set is one operation, sets gain nothing, and what refuses one would be tried twice
  _strict := _strict or _weight > _most or jsonb_array_length(_groups) = _count;

  -- point: own
  _x := set_config('postern.own_rows', _own, true);
  _x := set_config('postern.own', '*', true);
  if not _strict then
    begin
      for _g in select g from jsonb_array_elements(_groups) g loop
        _model := _g ->> 'model';
        _index := array(select x::int from jsonb_array_elements_text(_g -> 'indexes') x);
        case _model
      when 'tasks' then _some := postern."tasks_apply_digest"(_g ->> 'type', _tenant, _path, _index, array(select jsonb_array_elements_text(_g -> 'ids')),
          array(select jsonb_array_elements(_g -> 'inputs')));
      when 'comments' then _some := postern."comments_apply_digest"(_g ->> 'type', _tenant, _path, _index, array(select jsonb_array_elements_text(_g -> 'ids')),
          array(select jsonb_array_elements(_g -> 'inputs')));
      end case;
        foreach _one in array _some loop
          _done := _done || _one;
          _bytes := _bytes + octet_length(_one."row");
        end loop;
        if _bytes > _most then raise exception 'postern: the answer has more than % bytes', _most using errcode = 'PN413'; end if;
      end loop;
    exception
      when serialization_failure or deadlock_detected or lock_not_available then raise;
      when sqlstate 'PN413' then return 'refused {"code":"commit_too_large"}';
      -- something objected to the order by sets, or to an operation: once more in the order given, which also says which
      when others then _strict := true;
    end;
  end if;
  if _strict then
    _done := null;
    _bytes := 0;
    begin
      for _op in
        select o.i::int as index, g ->> 'model' as model, g ->> 'type' as type, o.id, o.input
        from jsonb_array_elements(_groups) g, rows from (jsonb_array_elements_text(g -> 'indexes'), jsonb_array_elements_text(g -> 'ids'), jsonb_array_elements(g -> 'inputs')) as o(i, id, input)
        order by 1
      loop
        _model := _op.model;
        _failed := _op.index;
        case _model
      when 'tasks' then _some := postern."tasks_apply_digest"(_op.type, _tenant, _path, array[_op.index], array[_op.id], array[_op.input]);
      when 'comments' then _some := postern."comments_apply_digest"(_op.type, _tenant, _path, array[_op.index], array[_op.id], array[_op.input]);
      end case;
        foreach _one in array _some loop
          _done := _done || _one;
          _bytes := _bytes + octet_length(_one."row");
        end loop;
        if _bytes > _most then raise exception 'postern: the answer has more than % bytes', _most using errcode = 'PN413'; end if;
      end loop;
      -- what is checked at COMMIT only: no error of COMMIT could say more than that it failed
      if _explain then
        _failed := case when _count = 1 then 0 end;
        set constraints all immediate;
      end if;
    exception
      when serialization_failure or deadlock_detected or lock_not_available then raise;
      when sqlstate 'PN413' then return 'refused {"code":"commit_too_large"}';
      when others then
        -- a verdict is a value: some client libraries drop everything of an error but its text
        get stacked diagnostics _state = returned_sqlstate, _constraint = constraint_name, _column = column_name,
          _table = table_name, _message = message_text, _context = pg_exception_context, _hint = pg_exception_hint;
        if _state = '42501' and (case _model when 'tasks' then row_security_active('public.tasks') and has_any_column_privilege('public.tasks', 'insert') and has_any_column_privilege('public.tasks', 'update') when 'comments' then row_security_active('public.comments') and has_any_column_privilege('public.comments', 'insert') and has_any_column_privilege('public.comments', 'update') else false end) then _state := 'PN403'; end if;
        return 'refused ' || json_build_object('sqlstate', _state, 'index', _failed, 'model', _model,
          'constraint', nullif(_constraint, ''), 'column', nullif(_column, ''), 'table', nullif(_table, ''),
          'message', _message, 'context', _context, 'hint', nullif(_hint, ''))::text;
    end;
  end if;
  _x := set_config('postern.own', '', true);
  -- point: settle
  if exists (select from unnest(_done) d where d.model = 'tasks') then _told := _told || postern."tasks_settle_digest"(_done, _tenant); end if;
  if exists (select from unnest(_done) d where d.model = 'comments') then _told := _told || postern."comments_settle_digest"(_done, _tenant); end if;
  return postern.record_many(_tenant, _key, _intent, _intent_hash, _told, _count, nullif(array_to_string(_notes, ','), ''), _transactions,
    _participant_id, _participant_kind, _most);
end $postern$;

delete from postern.model where digest = 'digest';

insert into postern.model (digest, name, rel, definition, words) values ('digest', 'tasks', 1, '{"table":"public.tasks","rel":1,"columns":[{"sql":"id","base":"text","name":"id","type":"text","attnum":1,"isEnum":false,"default":"(gen_random_uuid())::text","isArray":false,"isLoose":false,"notNull":true,"virtual":null,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"organization_id","base":"text","name":"organization_id","type":"text","attnum":2,"isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"virtual":null,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"title","base":"text","name":"title","type":"text","attnum":3,"isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"virtual":null,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"status","base":"text","name":"status","type":"text","attnum":4,"isEnum":false,"default":"''todo''::text","isArray":false,"isLoose":false,"notNull":true,"virtual":null,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"estimate","base":"numeric","name":"estimate","type":"numeric","attnum":5,"isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":false,"virtual":null,"declared":"numeric(8,2)","fullType":"numeric(8,2)","generated":false,"dimensions":1,"elementType":"numeric","identityAlways":false},{"sql":"updated_at","base":"timestamptz","name":"updated_at","type":"timestamp with time zone","attnum":6,"isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":false,"virtual":null,"declared":"timestamp with time zone","fullType":"timestamp with time zone","generated":false,"dimensions":1,"elementType":"timestamp with time zone","identityAlways":false},{"sql":"archived_at","base":"timestamptz","name":"archived_at","type":"timestamp with time zone","attnum":7,"isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":false,"virtual":null,"declared":"timestamp with time zone","fullType":"timestamp with time zone","generated":false,"dimensions":1,"elementType":"timestamp with time zone","identityAlways":false}],"columnTriggers":false,"rules":false}', '{"fields":[["id",1],["title",3],["status",4],["estimate",5],["updatedAt",6],["archivedAt",7]],"key":[1],"archive":7}');

insert into postern.model (digest, name, rel, definition, words) values ('digest', 'comments', 2, '{"table":"public.comments","rel":2,"columns":[{"sql":"id","base":"uuid","name":"id","type":"uuid","attnum":1,"isEnum":false,"default":"gen_random_uuid()","isArray":false,"isLoose":false,"notNull":true,"virtual":null,"declared":"uuid","fullType":"uuid","generated":false,"dimensions":1,"elementType":"uuid","identityAlways":false},{"sql":"task_id","base":"text","name":"task_id","type":"text","attnum":2,"isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"virtual":null,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false},{"sql":"body","base":"text","name":"body","type":"text","attnum":3,"isEnum":false,"default":null,"isArray":false,"isLoose":false,"notNull":true,"virtual":null,"declared":"text","fullType":"text","generated":false,"dimensions":1,"elementType":"text","identityAlways":false}],"columnTriggers":false,"rules":false}', '{"fields":[["id",1],["taskId",2],["body",3]],"key":[1],"archive":null}');
