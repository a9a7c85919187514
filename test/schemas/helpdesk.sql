-- A help desk under British names, with addresses, MAC addresses and bits.
create table organisations (id bigint generated always as identity primary key, name text not null);
create table agents (id bigint generated always as identity primary key, organisation_id bigint not null references organisations, email text not null, colour text not null default 'grey', last_ip inet, working_hours int[][] not null default '{}');
create table tickets (id bigint generated always as identity primary key, organisation_id bigint not null references organisations, subject text not null, assignee_id bigint references agents, priority int not null default 3, due timestamptz, satisfaction numeric(3,2), flags bit(4) not null default b'0000', tags text[] not null default '{}');
create table comments (id bigint generated always as identity primary key, ticket_id bigint not null references tickets on delete cascade, body text not null, public boolean not null default true);
create table devices (id uuid primary key default gen_random_uuid(), organisation_id bigint not null references organisations, mac macaddr not null, network cidr, seen_at timestamptz not null default now());
create table canned_answers (id bigint generated always as identity primary key, organisation_id bigint not null references organisations, title text not null, body text not null);
create table agent_sessions (id text primary key, agent_id bigint not null references agents, data jsonb not null, expires_at timestamptz not null);
create table oauth_refresh_token (id text primary key, agent_id bigint not null references agents, token text not null);
-- left out: agent_sessions, oauth_refresh_token
