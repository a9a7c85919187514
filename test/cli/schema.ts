import { defineSchema, model, z } from 'postern'

export const schema = defineSchema({ tasks: model({ fields: { title: z.string() }, mutable: true }) })
