import { defineSchema, model, z } from 'postern'

export const schema = defineSchema({
  notes: model({ fields: { text: z.string().min(1), pinned: z.boolean().default(false) }, mutable: true }),
})

export const tables = `
create table if not exists notes (
  id text primary key,
  organization_id text not null,
  text text not null,
  pinned boolean not null
);`
