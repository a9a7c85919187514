create table {{schema}}.relay (
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

create table {{schema}}.dead_letter (
  id bigint generated always as identity primary key,
  relay text collate "C" not null references {{schema}}.relay on delete cascade,
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

create index dead_letter_row on {{schema}}.dead_letter (relay, entity_id, model);

create index dead_letter_queued on {{schema}}.dead_letter (relay, id) where queued_at is not null;
