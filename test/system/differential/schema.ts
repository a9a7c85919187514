import { relations } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  date,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import { defineSchema, field, model, relation, z } from '../../../src/index.ts'

/**
 * One set of models in four forms: this protocol's, SQL, Drizzle's tables, and `adapters/prisma/schema.prisma`. Every
 * kind of value and every policy is among them.
 */
export const schema = defineSchema({
  projects: model({
    fields: { name: z.string(), budget: field.numeric().optional() },
    relations: { tasks: relation.hasMany('tasks', 'projectId') },
    mutable: true,
  }),
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'in progress', 'done']).default('todo'),
      code: z.string().optional(),
      estimate: z.int32().optional(),
      score: z.number().optional(),
      views: field.bigint().optional(),
      amount: field.numeric().optional(),
      done: z.boolean().default(false),
      dueAt: field.timestamp().optional(),
      localAt: field.timestamp().optional(),
      startedOn: field.date().optional(),
      ref: field.uuid().optional(),
      blob: field.bytes().optional(),
      meta: field.json().optional(),
      tags: z.array(z.string().nullable()).optional(),
      counts: z.array(field.bigint()).optional(),
      projectId: z.string().optional(),
      updatedAt: field.timestamp().optional(),
      archivedAt: field.timestamp().optional(),
    },
    relations: {
      project: relation.belongsTo('projects', 'projectId'),
      comments: relation.hasMany('comments', 'taskId'),
      taskTags: relation.hasMany('taskTags', 'taskId'),
    },
    mutable: true,
    touch: 'updatedAt',
  }),
  /** The same rows in other words, some of which only one of the two models has. */
  todos: model({
    fields: {
      heading: z.string().min(1),
      status: z.enum(['todo', 'in progress', 'done']).default('todo'),
      estimate: z.int32().optional(),
      amount: field.numeric().optional(),
      done: z.boolean().default(false),
      updatedAt: field.timestamp().optional(),
    },
    mutable: true,
    touch: 'updatedAt',
    table: 'tasks',
    columns: { heading: 'title' },
  }),
  comments: model({
    fields: { taskId: z.string(), body: z.string(), likes: z.int32().optional() },
    relations: { task: relation.belongsTo('tasks', 'taskId') },
    mutable: true,
    policy: { by: 'parent', fk: 'taskId', parent: 'tasks' },
  }),
  /** A key of two fields, the first of which names the parent. */
  taskTags: model({
    fields: { taskId: z.string(), tag: z.string(), weight: z.int32().optional() },
    primaryKey: ['taskId', 'tag'],
    relations: { task: relation.belongsTo('tasks', 'taskId') },
    mutable: true,
    policy: { by: 'parent', fk: 'taskId', parent: 'tasks' },
  }),
  /** A key that holds the tenant and a number. */
  quotas: model({
    fields: { organizationId: z.string(), slot: z.int32(), note: z.string().optional() },
    primaryKey: ['organizationId', 'slot'],
    mutable: true,
  }),
  labels: model({
    fields: { id: z.int(), name: z.string(), color: z.string().optional() },
    mutable: true,
    policy: { by: 'none' },
  }),
  countries: model({ fields: { name: z.string() }, policy: { by: 'none' }, mutable: false }),
  notes: model({ fields: { id: field.uuid(), n: z.int32(), body: z.string().optional() }, mutable: true }),
})

export const countryRows = [
  { id: 'ch', name: 'Switzerland' },
  { id: 'is', name: 'Iceland' },
  { id: 'nz', name: 'New Zealand' },
]

/** What the memory adapter must be told, because no table tells it. */
export const memoryConstraints = {
  unique: { tasks: ['code'] },
  references: {
    tasks: { projectId: 'projects' },
    comments: { taskId: 'tasks' },
    taskTags: { taskId: 'tasks' },
  },
}

export const tables = `
-- in alphabetical order, as a store without enums sorts them
create type task_status as enum ('done', 'in progress', 'todo');
create table projects (id text primary key, organization_id text not null, name text not null, budget numeric);
create table tasks (
  id text primary key,
  organization_id text not null,
  title text not null,
  status task_status not null default 'todo',
  code text unique,
  estimate int,
  score double precision,
  views bigint,
  amount numeric,
  done boolean not null default false,
  due_at timestamptz,
  local_at timestamp,
  started_on date,
  ref uuid,
  blob bytea,
  meta jsonb,
  tags text[],
  counts bigint[],
  project_id text references projects,
  updated_at timestamptz,
  archived_at timestamptz
);
create table comments (id text primary key, task_id text not null references tasks, body text not null, likes int);
create table task_tags (task_id text not null references tasks, tag text not null, weight int, primary key (task_id, tag));
create table quotas (organization_id text not null, slot int not null, note text, primary key (organization_id, slot));
create table labels (id int primary key, name text not null, color text);
create table countries (id text primary key, name text not null);
create table notes (
  id uuid primary key default gen_random_uuid(), organization_id text not null, n int not null, body text
);
insert into countries values ${countryRows.map(({ id, name }) => `('${id}', '${name}')`).join(', ')};
`

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' })
const taskStatus = pgEnum('task_status', ['todo', 'in progress', 'done'])
const time = () => timestamp({ withTimezone: true })

const projects = pgTable('projects', {
  id: text().primaryKey(),
  organizationId: text().notNull(),
  name: text().notNull(),
  budget: numeric(),
})
const tasks = pgTable('tasks', {
  id: text().primaryKey(),
  organizationId: text().notNull(),
  title: text().notNull(),
  status: taskStatus().notNull().default('todo'),
  code: text().unique(),
  estimate: integer(),
  score: doublePrecision(),
  views: bigint({ mode: 'bigint' }),
  amount: numeric(),
  done: boolean().notNull().default(false),
  dueAt: time(),
  localAt: timestamp(),
  startedOn: date(),
  ref: uuid(),
  blob: bytea(),
  meta: jsonb(),
  tags: text().array(),
  counts: bigint({ mode: 'bigint' }).array(),
  projectId: text().references(() => projects.id),
  updatedAt: time().$onUpdateFn(() => new Date()),
  archivedAt: time(),
})
const comments = pgTable('comments', {
  id: text().primaryKey(),
  taskId: text()
    .notNull()
    .references(() => tasks.id),
  body: text().notNull(),
  likes: integer(),
})
const taskTags = pgTable(
  'task_tags',
  {
    taskId: text()
      .notNull()
      .references(() => tasks.id),
    tag: text().notNull(),
    weight: integer(),
  },
  ({ taskId, tag }) => [primaryKey({ columns: [taskId, tag] })],
)
const quotas = pgTable(
  'quotas',
  { organizationId: text().notNull(), slot: integer().notNull(), note: text() },
  ({ organizationId, slot }) => [primaryKey({ columns: [organizationId, slot] })],
)
const labels = pgTable('labels', { id: integer().primaryKey(), name: text().notNull(), color: text() })
const countries = pgTable('countries', { id: text().primaryKey(), name: text().notNull() })
const notes = pgTable('notes', {
  id: uuid().primaryKey().defaultRandom(),
  organizationId: text().notNull(),
  n: integer().notNull(),
  body: text(),
})

export const drizzleTables = {
  projects,
  tasks,
  comments,
  taskTags,
  quotas,
  labels,
  countries,
  notes,
  taskStatus,
}
export const drizzleRelations = {
  projectRelations: relations(projects, ({ many }) => ({ tasks: many(tasks) })),
  taskRelations: relations(tasks, ({ one, many }) => ({
    project: one(projects, { fields: [tasks.projectId], references: [projects.id] }),
    comments: many(comments),
    taskTags: many(taskTags),
  })),
  commentRelations: relations(comments, ({ one }) => ({
    task: one(tasks, { fields: [comments.taskId], references: [tasks.id] }),
  })),
  taskTagRelations: relations(taskTags, ({ one }) => ({
    task: one(tasks, { fields: [taskTags.taskId], references: [tasks.id] }),
  })),
}
