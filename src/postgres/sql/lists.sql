-- A page of rows in one call. The first row of the answer has the set's stamp, and how many rows match in all where that
-- was asked; the rows of the page follow.
-- This function and `kept` run the text that the caller gives: SECURITY INVOKER, always. Nor have they a search_path of
-- their own: views and policies of the application see the connection's.
create or replace function {{schema}}.page(_limit {{schema}}.time_limit, _text text, _values json, _count text, _count_values json)
returns table ("row" text, "id" text, "value" text, "stamp" text, "found" text)
language plpgsql volatile as $$
begin
  if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'read committed' then
    raise exception '{{schema}}: the rows must be read in a snapshot of their own' using errcode = 'PN501';
  end if;
  -- a horizon from before the rows: one from with or after them vouches for rows that were not seen
  -- point: set-stamp
  "stamp" := {{schema}}.set_stamp()::text;
  if _count is not null then
    select c."value" into "value" from {{schema}}.kept(_count, _count_values) c;
  end if;
  return next;
  return query select k.* from {{schema}}.kept(_text, _values) k;
end $$;

-- Runs a statement that the session keeps prepared. A client library would do the same under a name of its own; this one is
-- known to the server alone, so that it holds behind a pooler too.
create or replace function {{schema}}.kept(_text text, _values json)
returns table ("row" text, "id" text, "value" text, "stamp" text, "found" text)
language plpgsql volatile as $$
declare _call text := {{schema}}.kept_call(_text, _values);
begin
  begin
    return query execute _call;
    return;
  exception when invalid_sql_statement_name or syntax_error then
    -- a statement that is not there is said not to return rows
    if {{schema}}.is_kept(_text) then raise; end if;
  end;
  execute {{schema}}.kept_statement(_text, _values);
  return query execute _call;
end $$;

-- The name under which the session keeps a statement.
create or replace function {{schema}}.kept_name(_text text) returns text
language sql immutable as $$
  select 'postern_kept_' operator(pg_catalog.||) pg_catalog.md5(_text)
$$;

create or replace function {{schema}}.kept_call(_text text, _values json) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return 'execute ' || {{schema}}.kept_name(_text)
    || coalesce((select '(' || string_agg(quote_nullable(v.value), ', ' order by v.n) || ')'
      from json_array_elements_text(_values) with ordinality v(value, n)), '');
end $$;

create or replace function {{schema}}.is_kept(_text text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from pg_prepared_statement() p where p.name = {{schema}}.kept_name(_text));
end $$;

-- There is no end of different lists, and a session forgets no statement by itself: it keeps a hundred at most.
create or replace function {{schema}}.kept_statement(_text text, _values json) returns text
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
  return 'prepare ' || {{schema}}.kept_name(_text)
    || coalesce((select '(' || string_agg('text', ', ') || ')' from json_array_elements_text(_values)), '')
    || ' as ' || _text;
end $$;
