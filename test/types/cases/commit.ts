import { createClient, type CommitOperation } from 'postern/client'
import type { Row } from 'postern'
import type { Schema } from './schema.js'
import { same } from './same.js'

const client = createClient<Schema>({ url: 'https://example.com', signingKey: 'sk_1' })

// case: each row is of its own operation's model
export async function rows() {
  const { rows, stamps, replayed } = await client.commit({
    idempotencyKey: 'k',
    operations: [
      { type: 'UPDATE', model: 'tasks', id: 't1', input: { status: 'done' }, readAt: 7 },
      { type: 'CREATE', model: 'projects', input: { name: 'Home' } },
      { type: 'DELETE', model: 'taskTags', id: '["t1","urgent"]' },
    ],
  })
  same<(typeof rows)[0], Row<Schema, 'tasks'>>(true)
  same<(typeof rows)[1], Row<Schema, 'projects'>>(true)
  same<(typeof rows)[2], Row<Schema, 'taskTags'>>(true)
  same<(typeof stamps)[0], number>(true)
  same<typeof replayed, boolean>(true)
  return rows[0].status satisfies 'todo' | 'doing' | 'done'
}

// case: a row that may be held back may be null, and no other
export async function held() {
  const { rows: [task, project], stamps } = await client.commit({
    idempotencyKey: 'k',
    operations: [
      { type: 'UPDATE', model: 'tasks', id: 't1', input: { done: true }, readAt: 7, onStale: 'notify' },
      { type: 'ARCHIVE', model: 'projects', id: 'p1', onStale: 'merge' },
    ],
  })
  same<typeof task, Row<Schema, 'tasks'> | null>(true)
  same<typeof project, Row<Schema, 'projects'>>(true)
  same<(typeof stamps)[0], number | null>(true)
}

// case: operations made elsewhere, of any number and model
export async function many(operations: readonly CommitOperation<Schema>[]) {
  const { rows } = await client.commit({ idempotencyKey: 'k', operations })
  const row = rows[0]
  if (row !== null && row !== undefined && 'title' in row) return row.title satisfies string
  const made = ['a', 'b'].map((id) => ({ type: 'UPDATE', model: 'tasks', id, input: { done: true } }) as const)
  const { rows: tasks } = await client.commit({ idempotencyKey: 'k', operations: made })
  return tasks.map(({ title }) => title)
}

// case: the state that a commit found is typed by its model
export async function notifications() {
  const { notifications = [] } = await client.commit({
    idempotencyKey: 'k',
    operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: {}, onStale: 'flag' }],
  })
  for (const report of notifications) {
    if (report.model === 'tasks') same<typeof report.current, Row<Schema, 'tasks'> | null | undefined>(true)
  }
}

export function refused() {
  const idempotencyKey = 'k'

  // refused: Type '"taskz"' is not assignable to type
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'taskz', id: 't', input: {} }] })

  // refused: 'statuss' does not exist
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'tasks', id: 't', input: { statuss: 'done' } }] })

  // refused: tasks has no field titel that can be written
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'tasks', id: 't', input: { done: true, titel: 'x' } }] })

  // refused: Type '"dne"' is not assignable to type '"todo" | "doing" | "done"'
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'tasks', id: 't', input: { status: 'dne' } }] })

  // refused: tasks does not allow DELETE: name it in the model's `mutable`
  client.commit({ idempotencyKey, operations: [{ type: 'DELETE', model: 'tasks', id: 't' }] })

  // refused: countries does not allow UPDATE: name it in the model's `mutable`
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'countries', id: 'c', input: { name: 'x' } }] })

  // refused: people does not allow ARCHIVE: name it in the model's `mutable`
  client.commit({ idempotencyKey, operations: [{ type: 'ARCHIVE', model: 'people', id: 'p' }] })

  // refused: Property 'id' is missing
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'tasks', input: {} }] })

  // refused: is not assignable to type 'StaleMode
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'tasks', id: 't', input: {}, onStale: 'rejct' }] })

  // refused: is not assignable to type 'number
  client.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'tasks', id: 't', input: {}, readAt: null }] })

  // refused: 'idempotencykey' does not exist
  client.commit({ idempotencykey: 'k', operations: [] })
}
