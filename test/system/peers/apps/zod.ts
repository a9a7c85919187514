import { createEndpoint, defineSchema, model } from 'postern'
import { memoryAdapter } from 'postern/memory'
import { z } from 'zod'
import { exercised, signingKey } from '../serve.ts'

// fields of the application's own zod, which is another copy and another version than the package's
const schema = defineSchema({
  tasks: model({
    fields: { title: z.string().min(1), status: z.enum(['todo', 'done']).default('todo') },
    mutable: true,
  }),
})
await exercised(
  'http://localhost/source',
  createEndpoint({ adapter: memoryAdapter(schema), signingKey }).fetch,
)
