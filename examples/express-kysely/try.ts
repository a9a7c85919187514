import { ClientError, createClient } from 'postern/client'
import type { schema } from './schema.ts'

const client = createClient<typeof schema>({
  url: process.env.POSTERN_URL ?? 'http://localhost:3000/source',
  signingKey: process.env.POSTERN_KEY,
  scope: { organizationId: 'org_1' },
})

await client.commit({
  idempotencyKey: 'task:t1:create',
  operations: [{ type: 'CREATE', model: 'tasks', id: 't1', input: { title: 'Paint the door' } }],
})

// Two parties read the same state, and both decide on it.
const { row, stamp } = await client.load('tasks', 't1')
console.log('read', row?.status, 'at stamp', stamp)
const write = (idempotencyKey: string, status: 'doing' | 'done') =>
  client.commit({
    idempotencyKey,
    operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { status }, readAt: stamp }],
  })

const first = await write('task:t1:start', 'doing')
console.log('accepted', first.rows[0]?.status)
// The network lost that answer? The same key gives it again, and changes nothing.
console.log('replayed', (await write('task:t1:start', 'doing')).replayed)
// The other party decided on a state that has changed since.
try {
  await write('task:t1:finish', 'done')
} catch (error) {
  if (!(error instanceof ClientError)) throw error
  console.log('refused', error.status, error.code)
}

// What changed, in order.
for await (const { stamp, type, entityId, changed } of client.events()) {
  console.log('event', stamp, type, entityId, changed)
}
