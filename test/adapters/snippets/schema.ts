// schema.ts
import { defineSchema, model, z } from 'postern'

export const schema = defineSchema({
  tasks: model({ fields: { title: z.string().min(1), done: z.boolean().default(false) }, mutable: true }),
})
