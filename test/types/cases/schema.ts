// A schema as an application exports it. `declaration: true` must be able to name everything in its type.
import { defineSchema, field, model, relation, z } from 'postern'
import { z as mini } from 'zod/mini'

export const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      projectId: z.string().optional(),
      note: z.string().nullable(),
      remark: z.string().nullish(),
      effort: field.bigint().optional(),
      size: z.bigint(),
      dueAt: z.date().nullable(),
      labels: z.array(z.string()),
      done: z.boolean(),
      updatedAt: field.timestamp(),
    },
    relations: { project: relation.belongsTo('projects', 'projectId') },
    mutable: ['CREATE', 'UPDATE'],
    readOnly: ['updatedAt'],
  }),
  projects: model({
    fields: { name: z.string(), ownerId: z.string().optional(), archivedAt: field.timestamp().optional() },
    relations: { tasks: relation.hasMany('tasks', 'projectId'), owner: relation.belongsTo('people', 'ownerId') },
    mutable: true,
    policy: { by: 'none' },
  }),
  people: model({
    fields: { id: z.uuid(), name: mini.string(), age: mini.optional(mini.int()) },
    relations: { projects: relation.hasMany('projects', 'ownerId') },
    mutable: true,
  }),
  taskTags: model({
    fields: { taskId: z.string(), tag: z.string(), weight: z.int().default(1) },
    primaryKey: ['taskId', 'tag'],
    mutable: true,
    policy: { by: 'parent', fk: 'taskId', parent: 'tasks' },
  }),
  countries: model({ fields: { name: z.string() }, policy: { by: 'none' } }),
})

export type Schema = typeof schema
