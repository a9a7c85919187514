import { relayTables, relayTablesLater } from './relay-tables.ts'

/**
 * Our tables, as numbered migrations: a number is written once and never changed; what comes later gets the next.
 * The functions are not part of them, see `functions.ts`: they are replaced by every migration run.
 */
export interface Migration {
  readonly version: number
  readonly title: string
  readonly statements: readonly string[]
  /** The index that it builds on a table in use: there it is built before, concurrently, see `migrate`. */
  readonly index?: string
}

export function migrations(s: string): readonly Migration[] {
  return [
    {
      version: 1,
      title: 'ledger, outbox, positions',
      statements: [
        `create table ${s}.meta (
  -- one row
  one boolean primary key default true check (one),
  -- names this log; a dump that is restored elsewhere is told apart by postern.epoch()
  incarnation uuid not null default gen_random_uuid(),
  -- superseded events up to here may be gone
  pruned_through bigint not null default 0,
  ledger_retention interval not null default '30 days',
  outbox_retention interval not null default '30 days'
)`,
        `insert into ${s}.meta default values`,
        // 48 bits is the room that a lock key of the in-flight registry has for a position; CACHE above 1 would
        // hand positions out of order, and followers would skip events: every commit checks it
        `create sequence ${s}.position_seq as bigint maxvalue 281474976710655 no cycle cache 1`,
        `create table ${s}.outbox (
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
  -- qualifies the key where tenant does not, see ${s}.key_scope
  key_scope text,
  at timestamptz not null default clock_timestamp()
)`,
        // staleness, row stamps and compaction: the log of one row, in order
        `create index outbox_entity on ${s}.outbox (entity_id, model, position)`,
        `create table ${s}.ledger (
  tenant text collate "C" not null,
  key text collate "C" not null,
  intent text collate "C" not null,
  intent_hash text collate "C",
  body text not null,
  at timestamptz not null default now(),
  primary key (key, tenant)
)`,
        `create index ledger_at on ${s}.ledger using brin (at)`,
        // compressing on the hot path costs more than the space is worth
        `alter table ${s}.outbox alter data set storage external`,
        `alter table ${s}.ledger alter body set storage external`,
        `create table ${s}.model (
  -- which schema of which version of the library the compiled functions serve
  digest text collate "C" not null,
  name text collate "C" not null,
  definition jsonb not null,
  compiled_at timestamptz not null default now(),
  primary key (digest, name)
)`,
        `create table ${s}.follower (
  -- a named cursor: pruning never passes it
  name text collate "C" primary key,
  tenant text collate "C" not null default '',
  position bigint not null default 0,
  seen_at timestamptz not null default now()
)`,
        // one applied operation on its way to the log
        `create type ${s}.applied as (
  index int, model text, entity_id text, type text, tenant text, data text, changed text[]
)`,
      ],
    },
    { version: 2, title: 'relays and dead letters', statements: relayTables(s) },
    {
      version: 3,
      title: 'the feed of one tenant',
      index: 'outbox_tenant',
      // among ten million events of others, a page of a tenant that had a thousand took seconds. On an expression, for
      // on the bare column the planner takes it for stamps and staleness too, and reads all that the tenant ever did
      statements: [`create index outbox_tenant on ${s}.outbox ((tenant || ''), position)`],
    },
    { version: 4, title: 'attempts at dead letters, runs of relays', statements: relayTablesLater(s) },
  ]
}
