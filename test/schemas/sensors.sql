-- Measurements: partitions by tenant, keys that hold the tenant, binary frames, single precision.
create table tenants (tenant_id uuid primary key default gen_random_uuid(), name text not null);
create table devices (id text primary key, tenant_id uuid not null references tenants, serial varchar(40) not null, location point, firmware bytea, calibration real[] not null default '{}');
create table readings (tenant_id uuid not null references tenants, id bigint not null, device_id text not null references devices, value real not null, unit text not null default 'C', at timestamptz not null default now(), primary key (tenant_id, id)) partition by hash (tenant_id);
create table readings_0 partition of readings for values with (modulus 2, remainder 0);
create table readings_1 partition of readings for values with (modulus 2, remainder 1);
create table alarms (id uuid primary key default gen_random_uuid(), tenant_id uuid not null references tenants, device_id text not null references devices, level smallint not null, raised_at timestamptz not null default now(), cleared_at timestamptz);
create table device_configs (device_id text not null unique references devices, settings jsonb not null default '{}', revision int not null default 1);
