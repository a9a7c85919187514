-- The tables of the conformance schema, as SQLite has them. An application brings its own.
create table conformance_shared (id text primary key, name text not null) strict;
create table conformance_items (
  id text primary key, organization_id text not null, title text not null, status text not null, rank integer,
  body text, shared_id text references conformance_shared, origin text, updated_at text, archived_at text,
  secret text not null default 'secret of the table'
) strict;
create table conformance_parts (
  id text primary key, item_id text not null references conformance_items on delete cascade, name text not null,
  weight integer
) strict;
create table conformance_values (
  id text primary key, organization_id text not null, text text, flag integer, count integer, ratio real, big integer,
  exact text, price text, at text, day text, ref text, bytes blob, doc text, tags text, bigs text, mood text
) strict;
create table conformance_rules (
  id text primary key, organization_id text not null, code text unique,
  size integer constraint conformance_rules_size_check check (size >= 0), slot integer, owner text not null,
  shared_id text references conformance_shared
) strict;
create table conformance_entries (id text primary key, organization_id text not null, line text not null) strict;
create table conformance_counters (id integer primary key, organization_id text not null, value integer not null) strict;
create table conformance_watched (id text primary key, organization_id text not null, title text not null) strict;
create table conformance_links (
  id text primary key, organization_id text not null, item_id text, part_id text, shared_id text, link_id text
) strict;
create table conformance_pairs (
  item_id text not null, tag text not null, organization_id text not null, note text, primary key (item_id, tag)
) strict;
create table conformance_books (
  id text primary key, organization_id text not null, title text not null, pages integer, shelf text
) strict;
create table conformance_gated (
  id text primary key, organization_id text not null, title text not null, value integer not null, note text
) strict;
