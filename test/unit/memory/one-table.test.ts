import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createEndpoint, defineSchema, field, model, relation, z } from '../../../src/index.ts'

const tasks = (more: object = {}) =>
  model({
    fields: {
      title: z.string(),
      votes: z.int32().optional(),
      parentId: z.string().optional(),
      archivedAt: field.timestamp().optional(),
    },
    mutable: true,
    ...more,
  })

const schema = defineSchema({
  tasks: tasks({ relations: { parent: relation.belongsTo('tasks', 'parentId') } }),
  todos: model({
    fields: { heading: z.string(), done: z.boolean().optional() },
    columns: { heading: 'title' },
    mutable: true,
    table: 'public.tasks',
    capture: true,
  }),
})

const opened = () => {
  const adapter = memoryAdapter(schema, {
    unique: { tasks: ['title'] },
    references: { tasks: { parentId: 'todos' } },
  })
  const local = createEndpoint({ adapter, signingKey: 'sk_test' }).local({ organizationId: 'org_1' })
  let key = 0
  const commit = (...operations: object[]) =>
    local.commit({ idempotencyKey: `k${++key}`, operations: operations as never })
  return { adapter, local, commit }
}
const create = (name: string, id: string, input: object) => ({ type: 'CREATE', model: name, id, input })
const update = (name: string, id: string, input: object) => ({ type: 'UPDATE', model: name, id, input })

describe('two models on one table', () => {
  test('a write through one keeps what only the other shows', async () => {
    const { adapter, local, commit } = opened()
    await commit(create('tasks', 't', { title: 'one', votes: 3 }))
    await commit(update('todos', 't', { heading: 'two', done: true }))
    await commit(update('tasks', 't', { title: 'three' }))
    expect((await local.load('todos', 't')).row).toEqual({ id: 't', heading: 'three', done: true })
    expect((await local.load('tasks', 't')).row).toMatchObject({ title: 'three', votes: 3 })
    await adapter.write('todos', { id: 't', heading: 'four', organization_id: 'org_1' })
    expect((await local.load('tasks', 't')).row).toMatchObject({ title: 'four', votes: 3 })
  })

  test('the constraints are the table’s', async () => {
    const { commit } = opened()
    await commit(create('tasks', 't', { title: 'one' }))
    await expect(commit(create('todos', 't', { heading: 'x' }))).rejects.toMatchObject({
      code: 'unique_violation',
      details: { constraint: 'tasks_pkey' },
    })
    await expect(commit(create('todos', 'u', { heading: 'one' }))).rejects.toMatchObject({
      details: { constraint: 'tasks_title_key' },
    })
    await commit(create('tasks', 'u', { title: 'two', parentId: 't' }))
    await expect(commit({ type: 'DELETE', model: 'todos', id: 't' })).rejects.toMatchObject({
      code: 'foreign_key_violation',
    })
  })

  test('an event of one commit shows the row as that operation left it, under both models', async () => {
    const { local, commit } = opened()
    await commit(
      create('tasks', 't', { title: 'one' }),
      update('todos', 't', { heading: 'two' }),
      update('tasks', 't', { votes: 1 }),
      { type: 'ARCHIVE', model: 'tasks', id: 't' },
    )
    const { events } = await local.events()
    expect(events.map((event) => [event.model, event.type, event.id.split('@')[1], event.changed])).toEqual([
      ['tasks', 'CREATE', 'org_1', undefined],
      ['todos', 'CREATE', 'org_1~todos', undefined],
      ['tasks', 'UPDATE', 'org_1', ['title']],
      ['todos', 'UPDATE', 'org_1~todos', ['heading']],
      ['tasks', 'UPDATE', 'org_1', ['votes']],
      ['todos', 'UPDATE', 'org_1~todos', []],
      ['tasks', 'ARCHIVE', 'org_1', ['archivedAt']],
      // it shows no archive field
      ['todos', 'UPDATE', 'org_1~todos', []],
    ])
    const votes = events.flatMap((event) => (event.model === 'tasks' ? [event.data.votes] : []))
    expect(votes).toEqual([null, null, 1, 1])
  })

  test('a page has as many events as fit, and all of a change', async () => {
    const { local, commit } = opened()
    for (const id of ['a', 'b', 'c']) await commit(create('tasks', id, { title: id }))
    const pages = async (limit: number) => {
      const lengths: number[] = []
      let cursor: string | undefined
      for (;;) {
        const page = await local.events({ limit, ...(cursor !== undefined && { cursor }) })
        if (page.events.length === 0) return lengths
        lengths.push(page.events.length)
        cursor = page.nextCursor
      }
    }
    expect(await pages(1)).toEqual([2, 2, 2])
    expect(await pages(5)).toEqual([4, 2])
    expect(await pages(6)).toEqual([6])
  })

  test('a write past the endpoint is told when either model is captured, and pruning goes by the row', async () => {
    const { adapter, local } = opened()
    const row = { id: 't', title: 'one', organization_id: 'org_1' }
    await adapter.write('tasks', row)
    await adapter.write('todos', { id: 't', heading: 'two', organization_id: 'org_1' })
    await adapter.remove('tasks', 't')
    expect((await adapter.inspect().log()).map(({ model: name, type }) => [name, type])).toEqual([
      ['tasks', 'CREATE'],
      ['tasks', 'UPDATE'],
      ['tasks', 'DELETE'],
    ])
    await adapter.prune({ through: 3 })
    expect((await local.events()).events.map(({ model: name, type }) => [name, type])).toEqual([
      ['tasks', 'DELETE'],
      ['todos', 'DELETE'],
    ])
  })

  test.each([
    [{ policy: { by: 'none' } }, 'another policy'],
    [{ policy: { by: 'column', column: 'owner' } }, 'another policy'],
    [{ columns: { id: 'key' } }, 'another key'],
  ])('what they must agree on is refused where they do not: %j', (more, why) => {
    const twins = defineSchema({ tasks: tasks(), others: tasks({ table: 'tasks', ...more }) })
    expect(() => memoryAdapter(twins)).toThrow(why)
  })

  test('one column cannot hold two kinds of value', () => {
    const others = model({ fields: { title: z.int32() }, table: 'tasks' })
    expect(() => memoryAdapter(defineSchema({ tasks: tasks(), others }))).toThrow(
      'others.title: the column title is integer here and text in tasks.title',
    )
  })
})
