-- A time limit that comes with a statement as one of its parameters, and costs no round trip: the server reads a parameter
-- when it is bound, and starts the statement's clock when it is executed. It does nothing where the connection has a limit
-- of its own, for then the clock runs already.
create function {{schema}}.limit_time(_ms text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return _ms is null or set_config('statement_timeout', _ms, true) is not null;
end $$;

create domain {{schema}}.time_limit as text check ({{schema}}.limit_time(value));
