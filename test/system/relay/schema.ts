import { defineSchema, field, model, z } from '../../../src/index.ts'

export const notes = defineSchema({
  notes: model({ fields: { text: z.string(), meta: field.json().optional() }, mutable: true }),
  lists: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
})

export const noteTables = `
create table notes (id text primary key, organization_id text not null, text text not null, meta jsonb);
create table lists (id text primary key, name text not null);`
