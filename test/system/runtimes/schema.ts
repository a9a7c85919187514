import { defineSchema, model, z } from 'postern'

export const schema = defineSchema({
  tasks: model({
    fields: { title: z.string().min(1), status: z.enum(['todo', 'done']).default('todo') },
    mutable: true,
  }),
})

/** For the runtimes that also run an adapter of Postgres. */
export const tables = `create table tasks (
  id text primary key, organization_id text not null, title text not null, status text not null
)`
