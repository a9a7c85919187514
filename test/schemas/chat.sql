-- Two applications in one database: tables of one name in two schemas.
create table teams (id uuid primary key default gen_random_uuid(), name text not null);
create table users (id uuid primary key default gen_random_uuid(), team_id uuid not null references teams, name text not null default 'anonymous');
create table channels (id uuid primary key default gen_random_uuid(), team_id uuid not null references teams, name text not null, topic text, is_private boolean not null default false);
create table messages (id uuid primary key default gen_random_uuid(), channel_id uuid not null references channels on delete cascade, user_id uuid not null references users, body text not null, attachments jsonb[] not null default '{}', sent_at timestamptz not null default now());
create schema slack;
create table slack.users (id text primary key, team_id uuid not null references public.teams, handle text not null, tz_offset int);
create table slack.messages (ts numeric(16,6) not null, id text primary key, user_id text not null references slack.users, text text);
create table reactions (message_id uuid not null references messages on delete cascade, user_id uuid not null references users, emoji text not null, primary key (message_id, user_id, emoji));
-- schemas: public, slack
