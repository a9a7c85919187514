create table postern.meta (
  -- one row
  one boolean primary key default true check (one),
  -- names this log: renew_log gives it another name, and every cursor ends
  incarnation uuid not null default gen_random_uuid(),
  -- superseded events up to here may be gone
  pruned_through bigint not null default 0,
  ledger_retention interval not null default '30 days',
  log_retention interval not null default '30 days',
  -- of the functions that are installed: an older package does not replace them
  engine int not null default 0
);

insert into postern.meta default values;

-- 48 bits is the room that a lock key of the in-flight registry has for a position; CACHE above 1 would
-- hand positions out of order, and followers would skip events: every commit checks it
create sequence postern.position_seq as bigint maxvalue 281474976710655 no cycle cache 1;

-- which run of which server gives positions for which log, see postern.open_run. A sequence, for it must not wait for a commit
create sequence postern.run_seq as bigint minvalue -9223372036854775808 start 0 cache 1;

-- The tables that the log knows, by small numbers: an oid does not outlive a dump, a name does not outlive a renaming.
create table postern.relation (
  rel int primary key,
  name text collate "C" not null unique,
  -- the table's oid, and the database that it is one of
  oid oid not null,
  world text not null,
  -- how the tenant of a row is found: 'none', 'column <attnum>', 'parent <attnum> <rel>'
  scope text not null,
  parent int,
  capture boolean not null default false
);

create table postern.log (
  position bigint primary key,
  -- one row of the application: its table and its key's canonical text
  rel int not null,
  key text collate "C" not null,
  -- who is told. '' everybody, null nobody that is known: only the feed of all reads it
  tenant text collate "C",
  -- BASE: whose row it was before it first moved; not told to followers
  type text collate "C" not null,
  -- {"<attnum>": value as it travels}
  data text not null,
  -- by attnum; null: not known, or the row came or went
  changed int2[],
  commit_key text collate "C",
  index int,
  transaction_id text,
  participant_id text,
  participant_kind text,
  -- qualifies the key where tenant does not, see postern.key_scope
  key_scope text,
  at timestamptz not null default clock_timestamp()
);

create index log_row on postern.log
  -- staleness, row stamps, telling and compaction: the log of one row, in order
  (key, rel, position);

-- compressing on the hot path costs more than the space is worth
alter table postern.log alter data set storage external;

create table postern.ledger (
  tenant text collate "C" not null,
  key text collate "C" not null,
  intent text collate "C" not null,
  intent_hash text collate "C",
  body text not null,
  at timestamptz not null default now(),
  primary key (key, tenant)
);

create index ledger_at on postern.ledger using brin (at);

alter table postern.ledger alter body set storage external;

create table postern.model (
  -- which schema of which version of the library the compiled functions serve
  digest text collate "C" not null,
  name text collate "C" not null,
  rel int not null,
  definition jsonb not null,
  -- its words for what the log keeps by number
  words jsonb not null,
  compiled_at timestamptz not null default now(),
  primary key (digest, name)
);

create table postern.follower (
  -- a named cursor: pruning never passes it
  name text collate "C" primary key,
  tenant text collate "C" not null default '',
  position bigint not null default 0,
  seen_at timestamptz not null default now()
);

-- an entry on its way to a follower, behind what is told of the page
create type postern.told as (
  verdict text, epoch text, through bigint, base bigint, mark text,
  position bigint, rel int, key text, type text, tenant text, data text, changed int2[],
  commit_key text, index int, key_scope text, transaction_id text, participant_id text, participant_kind text, occurred_at text,
  -- nothing more at this moment
  caught_up boolean
);

-- the last entry of a row
create type postern.entry as (position bigint, type text, tenant text);

-- one applied operation on its way to the log: `was` and `tenant`, whose row it was and is; `row`, as the caller reads it
create type postern.applied as (
  index int, model text, rel int, key text, type text, was text, tenant text, gone text, data text, "row" text, changed int2[]
);

create table postern.relay (
  -- one sink
  name text collate "C" primary key,
  -- delivered up to here; the three of a cursor, null before the first page
  epoch text collate "C",
  position bigint not null default 0,
  base bigint not null default 0,
  mark text not null default '',
  -- who delivers, until when, and the number that outdates those before
  holder text collate "C",
  fence bigint not null default 0,
  lease_until timestamptz,
  -- the batch at the head of the line is failing: up to which position it goes, how often it was tried, when again
  through bigint,
  attempt int not null default 0,
  retry_at timestamptz,
  last_error text,
  last_error_at timestamptz,
  -- the sink is gone for good, see last_error
  disabled_at timestamptz,
  delivered bigint not null default 0,
  delivered_at timestamptz
) with (fillfactor = 50);

create table postern.dead_letter (
  id bigint generated always as identity primary key,
  relay text collate "C" not null references postern.relay on delete cascade,
  epoch text collate "C" not null,
  position bigint not null,
  model text collate "C" not null,
  entity_id text collate "C" not null,
  event text not null,
  -- how often it was sent; 0: it stands behind a dead letter of its row
  attempts int not null,
  error text not null,
  at timestamptz not null default now(),
  -- somebody asked for it to be sent again
  queued_at timestamptz,
  unique (relay, epoch, position)
);

create index dead_letter_row on postern.dead_letter (relay, entity_id, model);

create index dead_letter_queued on postern.dead_letter (relay, id) where queued_at is not null;

create index log_tenant on postern.log ((tenant || ''), position);

-- names one walk over the log: message ids of one before are not taken for those of this one
alter table postern.relay add column run text collate "C" not null default gen_random_uuid()::text;

-- how many events the failing batch has
alter table postern.relay add column batch_events int;

-- sent so often since it was asked for, each time by a process that did not live to say how that went
alter table postern.dead_letter add column tries int not null default 0;

-- and not again before
alter table postern.dead_letter add column retry_at timestamptz;

alter table postern.model
  -- when an application with this schema was last seen, to the hour: see postern.note_use
  add column used_at timestamptz not null default now();

-- A time limit that comes with a statement as one of its parameters, and costs no round trip: the server reads a parameter
-- when it is bound, and starts the statement's clock when it is executed. It does nothing where the connection has a limit
-- of its own, for then the clock runs already.
create function postern.limit_time(_ms text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return _ms is null or set_config('statement_timeout', _ms, true) is not null;
end $$;

create domain postern.time_limit as text check (postern.limit_time(value));
