-- Slow, and whatever the table looks like by now: for tables that were changed since anybody migrated.
create or replace function {{schema}}.encode_row(_table regclass, _row jsonb, _kept int2[]) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (select '{' || coalesce(string_agg('"' || a.attnum || '":' || (_row -> a.attname)::text, ',' order by a.attnum), '') || '}'
    from pg_attribute a where a.attrelid = _table and a.attnum = any(_kept) and not a.attisdropped and _row ? a.attname);
end $$;
