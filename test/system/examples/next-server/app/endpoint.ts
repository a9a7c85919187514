import { setTimeout as sleep } from 'node:timers/promises'
import { after } from 'next/server'
import { createEndpoint, defineSchema, model, z } from 'postern'
import { memoryAdapter } from 'postern/memory'

const schema = defineSchema({
  tasks: model({ fields: { title: z.string() }, policy: { by: 'none' }, mutable: true }),
})

interface Shared {
  told: string[]
  adapter: ReturnType<typeof memoryAdapter<typeof schema>>
}
// each route is a bundle of its own
const shared = globalThis as typeof globalThis & { shop?: Shared }
shared.shop ??= { told: [], adapter: memoryAdapter(schema) }
export const { told, adapter } = shared.shop

export const endpoint = createEndpoint({
  adapter,
  signingKey: process.env.POSTERN_KEY,
  async authorize({ operations }) {
    if (operations.some(({ id }) => id === 't3')) await sleep(300)
    return true
  },
  // what the application does once the answer is sent
  onCommit: ({ key }) => after(() => void told.push(`${key}`)),
})
