import { createEndpoint } from 'postern'
import type { CommitOperation, Endpoint, Row } from 'postern'
import type { Client } from 'postern/client'
import { memoryAdapter } from 'postern/memory'
import { pgAdapter } from 'postern/pg'
import { toNextRoute } from 'postern/next'
import { type Schema, schema } from './schema.js'
import { same } from './same.js'

declare const pool: Parameters<typeof pgAdapter>[0]
export const endpoint = createEndpoint({ adapter: pgAdapter(pool, schema), signingKey: 'sk_1' })
const local = endpoint.local({ organizationId: 'org_1' })

// case: each row is of its own operation's model, and null only where it may be held back
export async function rows() {
  const { rows, stamps } = await local.commit({
    idempotencyKey: 'k',
    operations: [
      { type: 'UPDATE', model: 'tasks', id: 't1', input: { status: 'done' }, readAt: 7, onStale: 'notify' },
      { type: 'CREATE', model: 'projects', input: { name: 'Home' } },
    ],
  })
  same<(typeof rows)[0], Row<Schema, 'tasks'> | null>(true)
  same<(typeof rows)[1], Row<Schema, 'projects'>>(true)
  same<(typeof stamps)[1], number>(true)
}

// case: load, list and listAll embed what the query names
export async function embedded() {
  const { row } = await local.load('projects', 'p1', { related: ['tasks'] })
  same<NonNullable<typeof row>['tasks'], readonly Row<Schema, 'tasks'>[]>(true)
  const { rows: [task] } = await local.list('tasks', { where: [['status', 'todo']], related: ['project'] })
  same<NonNullable<typeof task>['project'], Row<Schema, 'projects'> | null>(true)
  for await (const { row, stamp } of local.listAll('tasks', {}, { onProgress: ({ pages }) => pages })) {
    same<typeof row, Row<Schema, 'tasks'>>(true)
    same<typeof stamp, number>(true)
  }
}

// case: update decides on the model's row, and events are told apart by their model
export async function decided() {
  const { row } = await local.update('tasks', 't1', (task) => (task.done ? null : { done: true }), { attempts: 3 })
  same<typeof row, Row<Schema, 'tasks'>>(true)
  const { events } = await local.events({ models: ['tasks'] })
  for (const event of events) {
    if (event.model === 'tasks') same<typeof event.data, Row<Schema, 'tasks'>>(true)
  }
}

// case: an endpoint whose schema is not said is called like a client without one
export async function loose(endpoint: Endpoint) {
  const { row } = await endpoint.local().load('whatever', 'x')
  same<typeof row, { [field: string]: unknown } | null>(true)
  const operations = [{ type: 'UPDATE', model: 'x', id: 'y', input: { z: 1 } }] as const
  const { rows } = await endpoint.local().commit({ idempotencyKey: 'k', operations })
  same<(typeof rows)[0], { [field: string]: unknown }>(true)
}

// case: what both have is one: code written for one takes the other
export async function either(caller: Pick<Client<Schema>, 'load' | 'list' | 'listAll' | 'commit' | 'update'>) {
  const operations: readonly CommitOperation<Schema>[] = []
  const { row } = await caller.load('tasks', 't1')
  return { row, replayed: (await caller.commit({ idempotencyKey: 'k', operations })).replayed }
}
export const both = () => either(local)

// case: an endpoint of a known schema is an endpoint
export const any: Endpoint = createEndpoint({ adapter: memoryAdapter(schema), signingKey: 'sk_1' })
export const { POST } = toNextRoute(endpoint)

export function refused() {
  const idempotencyKey = 'k'

  // refused: Argument of type '"taskz"' is not assignable
  local.load('taskz', 't1')

  // refused: Type '"titel"' is not assignable to type
  local.list('tasks', { where: [['titel', 'x']] })

  // refused: tasks has no field titel that can be written
  local.commit({ idempotencyKey, operations: [{ type: 'UPDATE', model: 'tasks', id: 't', input: { done: true, titel: 'x' } }] })

  // refused: tasks does not allow DELETE: name it in the model's `mutable`
  local.commit({ idempotencyKey, operations: [{ type: 'DELETE', model: 'tasks', id: 't' }] })

  // refused: statuss
  local.update('tasks', 't1', () => ({ statuss: 'done' }))

  // refused: '"taskz"' is not assignable
  local.events({ models: ['taskz'] })
}
