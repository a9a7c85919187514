import { expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createEndpoint, defineSchema, model, relation, z } from '../../../src/index.ts'

/** Rows in memory whose key is several fields. */

const schema = defineSchema({
  tasks: model({
    fields: { title: z.string() },
    relations: { tags: relation.hasMany('taskTags', 'taskId') },
    mutable: true,
  }),
  taskTags: model({
    fields: { taskId: z.string(), tag: z.string(), weight: z.int32().optional() },
    primaryKey: ['taskId', 'tag'],
    relations: { task: relation.belongsTo('tasks', 'taskId') },
    policy: { by: 'parent', fk: 'taskId', parent: 'tasks' },
    mutable: true,
  }),
  quotas: model({
    fields: { organizationId: z.string(), slot: z.int32(), note: z.string().optional() },
    primaryKey: ['organizationId', 'slot'],
    mutable: true,
  }),
})

function open() {
  const adapter = memoryAdapter(schema, {
    rows: {
      tasks: [{ id: 't1', title: 'Paint', organization_id: 'us' }],
      taskTags: [
        { taskId: 't1', tag: 'b', weight: 1 },
        { taskId: 't1', tag: 'a', weight: 1 },
      ],
      quotas: [{ organizationId: 'them', slot: 1 }],
    },
  })
  const endpoint = createEndpoint({ adapter, keys: [{ secret: 'whsec_a2V5cw==', allTenants: true }] })
  return { adapter, local: endpoint.local({ organizationId: 'us' }) }
}

let commits = 0
const key = () => ({ idempotencyKey: `k${++commits}` })

test('a row is created, changed, read and deleted under the array of its key', async () => {
  const { adapter, local } = open()
  const made = await local.commit({
    ...key(),
    operations: [{ type: 'CREATE', model: 'taskTags', input: { taskId: 't1', tag: 'c"', weight: 2 } }],
  })
  const id = '["t1","c\\""]'
  expect(made.rows).toEqual([{ taskId: 't1', tag: 'c"', weight: 2 }])
  expect(await local.load('taskTags', id)).toMatchObject({ row: made.rows[0], stamp: made.stamps[0] })
  await local.commit({
    ...key(),
    operations: [
      { type: 'UPDATE', model: 'taskTags', id, input: { weight: 3 }, readAt: made.stamps[0] as number },
    ],
  })
  await expect(
    local.commit({
      ...key(),
      operations: [
        { type: 'UPDATE', model: 'taskTags', id, input: { weight: 4 }, readAt: made.stamps[0] as number },
      ],
    }),
  ).rejects.toMatchObject({ code: 'stale_context' })
  await expect(
    local.commit({
      ...key(),
      operations: [{ type: 'CREATE', model: 'taskTags', id, input: {} as never }],
    }),
  ).rejects.toMatchObject({ code: 'unique_violation', details: { constraint: 'task_tags_pkey' } })
  await local.commit({ ...key(), operations: [{ type: 'DELETE', model: 'taskTags', id }] })
  expect((await local.load('taskTags', id)).row).toBeNull()
  const log = await adapter.inspect().log()
  expect(log.map(({ type, entityId }) => [type, entityId])).toEqual([
    ['CREATE', id],
    ['UPDATE', id],
    ['DELETE', id],
  ])
})

test('pages neither repeat nor skip rows that share the first field of their key', async () => {
  const { local } = open()
  for (const order of ['asc', 'desc'] as const) {
    for (const orderBy of ['taskId', 'weight', 'tag'] as const) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await local.list('taskTags', { orderBy, order, limit: 1, ...(cursor && { cursor }) })
        seen.push(...page.rows.map(({ tag }) => tag))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      expect(seen).toEqual(order === 'asc' ? ['a', 'b'] : ['b', 'a'])
    }
  }
})

test('rows with such a key are found as related, in the order of the whole key', async () => {
  const { local } = open()
  const { rows } = await local.list('tasks', { related: ['tags'] })
  expect(rows[0]).toMatchObject({ tags: [{ tag: 'a' }, { tag: 'b' }] })
})

test('a key that holds the tenant is the caller’s own', async () => {
  const { adapter, local } = open()
  const create = (organizationId: string) =>
    local.commit({
      ...key(),
      operations: [{ type: 'CREATE', model: 'quotas', input: { organizationId, slot: 1 } }],
    })
  await expect(create('them')).rejects.toMatchObject({ code: 'source_commit_invalid' })
  await create('us')
  expect((await local.list('quotas')).rows).toEqual([{ organizationId: 'us', slot: 1, note: null }])
  expect(await adapter.inspect().rows('quotas')).toHaveLength(2)
})

test('rows past the endpoint need every field of the key', async () => {
  const { adapter } = open()
  await expect(adapter.write('taskTags', { taskId: 't1' })).rejects.toThrow('taskTags.taskId, taskTags.tag')
  await adapter.remove('taskTags', '["t1","a"]')
  expect(await adapter.inspect().rows('taskTags')).toEqual([{ taskId: 't1', tag: 'b', weight: 1 }])
})

test('a foreign key cannot be declared to rows with such a key', () => {
  expect(() => memoryAdapter(schema, { references: { tasks: { title: 'taskTags' } } })).toThrow(
    'one field cannot refer to taskTags',
  )
})
