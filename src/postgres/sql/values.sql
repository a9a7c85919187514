-- The first of the fields whose check is true or raises, or null: why a value is refused shows in its field alone.
-- A check is an expression over $1, the operation's input.
create or replace function {{schema}}.first_refused(_input jsonb, _fields text[], _checks text[]) returns text
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
