-- A multi-tenant CRM: UUID keys, an organization in every table, soft deletes, custom fields in jsonb.
create type stage as enum ('lead', 'qualified', 'won', 'lost');
create table organizations (id uuid primary key default gen_random_uuid(), name text not null, created_at timestamptz not null default now());
create table users (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, email varchar(255) not null, password_hash text, first_name text not null, updated_at timestamptz not null default now());
create table companies (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, name text not null, domain text, annual_revenue numeric(18,2), employees int, address jsonb not null default '{}', archived_at timestamptz);
create table people (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, company_id uuid references companies on delete set null, name text not null, emails text[] not null default '{}', phone text, position double precision not null default 0);
create table opportunities (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, company_id uuid references companies, stage stage not null default 'lead', amount numeric(14,2), close_date date, owner_id uuid references users);
create table notes (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, body text not null, author_id uuid not null references users);
create table note_targets (id uuid primary key default gen_random_uuid(), note_id uuid not null references notes on delete cascade, person_id uuid references people);
create table api_keys (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organizations, name text not null, hashed_key text not null, expires_at timestamptz);
create table activities (id bigint generated always as identity primary key, organization_id uuid not null references organizations, kind text not null, token_count int not null default 0, happened_at timestamptz not null default now());
-- left out: api_keys
