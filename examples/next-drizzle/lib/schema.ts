import { defineSchema, model, z } from 'postern'

export const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
    },
    mutable: true,
    capture: true,
  }),
})
