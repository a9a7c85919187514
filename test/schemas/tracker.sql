-- An issue tracker: numbers for ids, workspaces, an archive time that is a number, jsonb that is NOT NULL.
create table workspaces (id bigserial primary key, slug text not null unique, settings jsonb not null);
create table projects (id bigserial primary key, workspace_id bigint not null references workspaces, name text not null, identifier varchar(12) not null, archived_at bigint, unique (workspace_id, identifier));
create table states (id bigserial primary key, project_id bigint not null references projects, name text not null, color varchar(7) not null default '#000000', sequence double precision not null default 65535);
create table issues (id bigserial primary key, workspace_id bigint not null references workspaces, project_id bigint not null references projects, state_id bigint references states, parent_id bigint references issues, name text not null, description jsonb not null, priority smallint not null default 0, start_date date, estimate interval, sort_order double precision not null default 65535, archived_at timestamptz);
create table labels (id bigserial primary key, workspace_id bigint not null references workspaces, name text not null);
create table issue_labels (issue_id bigint not null references issues on delete cascade, label_id bigint not null references labels on delete cascade, primary key (issue_id, label_id));
create table cycles (id bigserial primary key, workspace_id bigint not null references workspaces, name text not null, during daterange);
create table tokens (id bigserial primary key, workspace_id bigint not null references workspaces, token text not null);
-- left out: tokens
