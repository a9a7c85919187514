import { createClient } from 'postern/client'
import type { Row } from 'postern'
import type { Schema } from './schema.js'
import { same } from './same.js'

const client = createClient<Schema>({ url: 'https://example.com', sign: async () => ({}) })

// case: load gives the model's row, or null
export async function load() {
  const { row, stamp } = await client.load('tasks', 't1')
  same<typeof row, Row<Schema, 'tasks'> | null>(true)
  same<typeof stamp, number>(true)
}

// case: select gives the key and the fields that it names
export async function select() {
  const { rows } = await client.list('tasks', { select: ['title', 'status'], orderBy: 'title' })
  same<(typeof rows)[0], { id: string; title: string; status: 'todo' | 'doing' | 'done' }>(true)
  const tags = await client.list('taskTags', { select: ['weight'] })
  same<(typeof tags.rows)[0], { taskId: string; tag: string; weight: number }>(true)
}

// case: related embeds rows of the other model: one for belongsTo, several for hasMany
export async function related() {
  const { rows: [task] } = await client.list('tasks', { related: ['project'] })
  same<NonNullable<typeof task>['project'], Row<Schema, 'projects'> | null>(true)
  const { row } = await client.load('projects', 'p1', { related: ['tasks', 'owner'] })
  same<NonNullable<typeof row>['tasks'], readonly Row<Schema, 'tasks'>[]>(true)
  same<NonNullable<typeof row>['owner'], Row<Schema, 'people'> | null>(true)
}

// case: related with its own query, three deep
export async function nested() {
  const { rows: [person] } = await client.list('people', {
    related: [
      { name: 'projects', select: ['name'], related: [{ name: 'tasks', select: ['title'], where: [['done', false]], limit: 5 }] },
    ],
  })
  const title = person?.projects[0]?.tasks[0]?.title
  same<typeof title, string>(true)
}

// case: conditions of every kind
export async function where() {
  await client.list('tasks', {
    where: [
      ['status', 'todo'],
      ['title', 'LIKE', 'P%'],
      ['effort', '>=', '5'],
      ['status', 'IN', ['todo', 'doing']],
      ['projectId', 'IS', null],
      ['done', 'IS NOT', true],
      ['labels', 'CONTAINS', 'red'],
      { or: [['done', true], { not: ['title', 'STARTS WITH', 'a'] }] },
    ],
    orderBy: [['status', 'desc', 'last'], ['title', 'asc']],
    limit: 10,
    cursor: undefined,
  })
}

// case: every row, with what the query selects
export async function all() {
  for await (const { row } of client.listAll('tasks', { select: ['title'] }, { onProgress: ({ rows }) => rows })) {
    same<typeof row, { id: string; title: string }>(true)
  }
}

// case: update decides on the model's row and gives it back
export async function update() {
  const { row } = await client.update('tasks', 't1', (task) => (task.done ? null : { done: true }), { attempts: 3 })
  same<typeof row, Row<Schema, 'tasks'>>(true)
}

// case: events are told apart by their model
export async function events() {
  for await (const event of client.events({ follow: true })) {
    if (event.model === 'tasks') {
      same<typeof event.data, Row<Schema, 'tasks'>>(true)
      same<typeof event.before, Row<Schema, 'tasks'> | null | undefined>(true)
    }
  }
}

// case: each outcome of a batch is of its operation's model
export async function batch() {
  const batch = client.batch({ maxInFlight: 2 })
  const { row } = await batch.enqueue({ type: 'UPDATE', model: 'tasks', id: 't1', input: { done: true } })
  same<typeof row, Row<Schema, 'tasks'> | null>(true)
}

// case: a client without a schema takes any model
export async function loose() {
  const any = createClient({ url: 'https://example.com', signingKey: 'sk_1' })
  const { row } = await any.load('whatever', 'x')
  same<typeof row, { [field: string]: unknown } | null>(true)
  const { rows } = await any.commit({ idempotencyKey: 'k', operations: [{ type: 'UPDATE', model: 'x', id: 'y', input: { z: 1 } }] })
  same<(typeof rows)[0], { [field: string]: unknown }>(true)
  await any.list('x', { where: [['a', '=', 1]], related: ['b'] })
}

export function refused() {
  // refused: Argument of type '"taskz"' is not assignable
  client.load('taskz', 't1')

  // refused: Type '"titel"' is not assignable to type
  client.list('tasks', { where: [['titel', 'x']] })

  // refused: "=="
  client.list('tasks', { where: [['status', '==', 'todo']] })

  // refused: Type '"dne"' is not assignable to type
  client.list('tasks', { where: [['status', '=', 'dne']] })

  // refused: is not assignable
  client.list('tasks', { where: [['done', 'LIKE', 'x']] })

  // refused: Type '"titel"' is not assignable to type
  client.list('tasks', { orderBy: 'titel' })

  // refused: Type '"titel"' is not assignable to type
  client.list('tasks', { select: ['titel'] })

  // refused: Type '"projcet"' is not assignable to type
  client.list('tasks', { related: ['projcet'] })

  // refused: Type '"titel"' is not assignable to type
  client.list('projects', { related: [{ name: 'tasks', select: ['titel'] }] })

  // refused: 'wher' does not exist
  client.list('tasks', { limit: 1, wher: [] })

  // refused: statuss
  client.update('tasks', 't1', () => ({ statuss: 'done' }))
}
