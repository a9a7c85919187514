import { defineSchema, model, z } from 'postern'

export const schema = defineSchema({
  tickets: model({
    fields: { subject: z.string().min(1), state: z.enum(['open', 'closed']).default('open') },
    mutable: ['CREATE', 'UPDATE'],
  }),
})

/** `version` grows with every change of a row: it is what this application gives out as the row's stamp. */
export const tables = `
create table if not exists tickets (
  id text primary key,
  organization_id text not null,
  subject text not null,
  state text not null,
  version bigint not null default 1
);
create table if not exists handled (
  organization_id text,
  key text,
  intent text not null,
  answer jsonb,
  primary key (organization_id, key)
);`
