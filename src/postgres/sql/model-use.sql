alter table {{schema}}.model
  -- when an application with this schema was last seen, to the hour: see {{schema}}.note_use
  add column used_at timestamptz not null default now();
