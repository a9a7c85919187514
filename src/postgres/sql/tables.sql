create table {{schema}}.meta (
  -- one row
  one boolean primary key default true check (one),
  -- names this log; a dump that is restored elsewhere is told apart by postern.epoch()
  incarnation uuid not null default gen_random_uuid(),
  -- superseded events up to here may be gone
  pruned_through bigint not null default 0,
  ledger_retention interval not null default '30 days',
  outbox_retention interval not null default '30 days'
);

insert into {{schema}}.meta default values;

create sequence {{schema}}.position_seq as bigint maxvalue 281474976710655 no cycle cache 1;

create table {{schema}}.outbox (
  position bigint primary key,
  -- '' for rows of nobody, which every tenant reads; null where the owner is not known, which only the feed of all reads
  tenant text collate "C",
  model text collate "C" not null,
  entity_id text collate "C" not null,
  type text collate "C" not null,
  data text not null,
  changed text[],
  key text collate "C",
  index int,
  transaction_id text,
  participant_id text,
  participant_kind text,
  -- qualifies the key where tenant does not, see {{schema}}.key_scope
  key_scope text,
  at timestamptz not null default clock_timestamp()
);

create index outbox_entity on {{schema}}.outbox (entity_id, model, position);

create table {{schema}}.ledger (
  tenant text collate "C" not null,
  key text collate "C" not null,
  intent text collate "C" not null,
  intent_hash text collate "C",
  body text not null,
  at timestamptz not null default now(),
  primary key (key, tenant)
);

create index ledger_at on {{schema}}.ledger using brin (at);

alter table {{schema}}.outbox alter data set storage external;

alter table {{schema}}.ledger alter body set storage external;

create table {{schema}}.model (
  -- which schema of which version of the library the compiled functions serve
  digest text collate "C" not null,
  name text collate "C" not null,
  definition jsonb not null,
  compiled_at timestamptz not null default now(),
  primary key (digest, name)
);

create table {{schema}}.follower (
  -- a named cursor: pruning never passes it
  name text collate "C" primary key,
  tenant text collate "C" not null default '',
  position bigint not null default 0,
  seen_at timestamptz not null default now()
);

create type {{schema}}.applied as (
  index int, model text, entity_id text, type text, tenant text, data text, changed text[]
);
