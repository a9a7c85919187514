-- names one walk over the log: message ids of one before are not taken for those of this one
alter table {{schema}}.relay add column run text collate "C" not null default gen_random_uuid()::text;

-- how many events the failing batch has
alter table {{schema}}.relay add column batch_events int;

-- sent so often since it was asked for, each time by a process that did not live to say how that went
alter table {{schema}}.dead_letter add column tries int not null default 0;

-- and not again before
alter table {{schema}}.dead_letter add column retry_at timestamptz;
