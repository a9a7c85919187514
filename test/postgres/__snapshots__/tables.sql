create table postern.meta (
  -- one row
  one boolean primary key default true check (one),
  -- names this log; a dump that is restored elsewhere is told apart by postern.epoch()
  incarnation uuid not null default gen_random_uuid(),
  -- superseded events up to here may be gone
  pruned_through bigint not null default 0,
  ledger_retention interval not null default '30 days',
  outbox_retention interval not null default '30 days'
);

insert into postern.meta default values;

create sequence postern.position_seq as bigint maxvalue 281474976710655 no cycle cache 1;

create table postern.outbox (
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
  -- qualifies the key where tenant does not, see postern.key_scope
  key_scope text,
  at timestamptz not null default clock_timestamp()
);

create index outbox_entity on postern.outbox (entity_id, model, position);

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

alter table postern.outbox alter data set storage external;

alter table postern.ledger alter body set storage external;

create table postern.model (
  -- which schema of which version of the library the compiled functions serve
  digest text collate "C" not null,
  name text collate "C" not null,
  definition jsonb not null,
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

create type postern.applied as (
  index int, model text, entity_id text, type text, tenant text, data text, changed text[]
);

create table postern.relay (
  -- one sink
  name text collate "C" primary key,
  -- delivered up to here; the three of a cursor, null before the first page
  epoch text collate "C",
  position bigint not null default 0,
  base bigint not null default 0,
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

create index outbox_tenant on postern.outbox ((tenant || ''), position);
