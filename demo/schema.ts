import { defineSchema, model, relation, z } from 'postern'

/** What the endpoint may read and write: these two tables, these columns, and nothing else of the database. */
export const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      projectId: z.string().optional(),
    },
    relations: { project: relation.belongsTo('projects', 'projectId') },
    mutable: true,
  }),
  projects: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
})

/** The application's own tables, as its own migrations would have made them. */
export const tables = `
create table projects (
  id text primary key,
  name text not null
);
create table tasks (
  id text primary key,
  organization_id text not null,
  title text not null,
  status text not null default 'todo',
  project_id text references projects
);`
