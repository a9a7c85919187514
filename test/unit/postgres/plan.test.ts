import { describe, expect, test } from 'vitest'
import type { CommitRequest, Operation } from '../../../src/core/adapter.ts'
import { defineSchema, model, relation, z } from '../../../src/index.ts'
import type { BoundModels } from '../../../src/postgres/model/bound-model.ts'
import { manyParameters } from '../../../src/postgres/parameters.ts'
import { callMany } from '../../../src/postgres/runtime/plan.ts'

const none = { by: 'none' } as const
const schema = defineSchema({
  projects: model({ fields: { name: z.string() }, policy: none, mutable: true }),
  tasks: model({
    fields: { title: z.string(), projectId: z.string().nullable().optional(), done: z.boolean().optional() },
    relations: { project: relation.belongsTo('projects', 'projectId') },
    policy: none,
    mutable: true,
  }),
  labels: model({ fields: { text: z.string() }, policy: none, mutable: true }),
  folders: model({
    fields: { name: z.string(), parentId: z.string().nullable().optional() },
    relations: { parent: relation.belongsTo('folders', 'parentId') },
    policy: none,
    mutable: true,
  }),
  // the same rows under another name
  chores: model({ table: 'tasks', fields: { title: z.string() }, policy: none, mutable: true }),
})

const rels: Readonly<Record<string, number>> = { projects: 1, tasks: 2, labels: 3, folders: 4, chores: 2 }
const models = new Map(Object.entries(rels).map(([name, rel]) => [name, { rel }])) as unknown as BoundModels

type Given = readonly [
  type: Operation['type'],
  model: string,
  id: string | null,
  input?: Record<string, unknown>,
  more?: Partial<Operation>,
]

/** What the compiled function is told of a commit. */
function planOf(...given: readonly Given[]) {
  const operations = given.map(
    ([type, name, id, input = {}, more], index): Operation => ({
      index,
      type,
      id,
      input,
      model: schema.models.get(name)!,
      readAt: null,
      onStale: 'reject',
      transactionId: null,
      ...more,
    }),
  )
  const request = { operations, tenant: null, scope: {} } as unknown as CommitRequest
  const { values } = callMany(request, models, () => 'commit', false, true)
  const sent = manyParameters.filter((one) => !('expression' in one)).map(({ name }) => name)
  const text = (name: string) => values[sent.indexOf(name as never)] ?? 'null'
  const read = (name: string) => JSON.parse(text(name))
  return { locks: read('locks'), reads: read('reads'), groups: read('groups'), own: text('own') }
}

/** Which operations one statement applies, in the order of the statements. */
const sets = (...given: readonly Given[]): number[][] =>
  planOf(...given).groups.map(({ indexes }: { indexes: number[] }) => indexes)

describe('sets of operations that one statement applies', () => {
  test('one model and type on distinct rows is one set', () => {
    expect(sets(['UPDATE', 'labels', 'a'], ['UPDATE', 'labels', 'b'], ['UPDATE', 'labels', 'c'])).toEqual([
      [0, 1, 2],
    ])
  })

  test('operations on one row keep their order, those on other rows may pass them', () => {
    expect(sets(['UPDATE', 'labels', 'a'], ['UPDATE', 'labels', 'a'], ['UPDATE', 'labels', 'b'])).toEqual([
      [0, 2],
      [1],
    ])
    expect(sets(['CREATE', 'labels', 'a'], ['UPDATE', 'labels', 'a'], ['CREATE', 'labels', 'b'])).toEqual([
      [0, 2],
      [1],
    ])
  })

  test('two models on one table are the same rows', () => {
    expect(sets(['UPDATE', 'tasks', 'a'], ['UPDATE', 'chores', 'a'], ['UPDATE', 'tasks', 'b'])).toEqual([
      [0, 2],
      [1],
    ])
  })

  test('models that have nothing to do with each other are sets of their own, whatever their order', () => {
    expect(sets(['UPDATE', 'labels', 'a'], ['UPDATE', 'projects', 'p'], ['UPDATE', 'labels', 'b'])).toEqual([
      [0, 2],
      [1],
    ])
  })

  test('nothing passes an operation on a related model, in either direction', () => {
    expect(sets(['CREATE', 'tasks', 'a'], ['CREATE', 'projects', 'p'], ['CREATE', 'tasks', 'b'])).toEqual([
      [0],
      [1],
      [2],
    ])
    expect(sets(['CREATE', 'projects', 'p'], ['CREATE', 'tasks', 'a'], ['CREATE', 'projects', 'q'])).toEqual([
      [0],
      [1],
      [2],
    ])
  })

  test('nothing passes a DELETE, whose cascade may reach any row; DELETEs of one model are one set', () => {
    expect(
      sets(
        ['UPDATE', 'labels', 'a'],
        ['DELETE', 'labels', 'b'],
        ['DELETE', 'labels', 'c'],
        ['UPDATE', 'labels', 'd'],
      ),
    ).toEqual([[0], [1, 2], [3]])
  })

  test('nothing of its own model passes an operation that points at a row of it', () => {
    expect(
      sets(
        ['CREATE', 'folders', 'a'],
        ['CREATE', 'folders', 'b', { parentId: 'a' }],
        ['CREATE', 'folders', 'c'],
      ),
    ).toEqual([[0], [1], [2]])
    // null points nowhere
    expect(sets(['CREATE', 'folders', 'a'], ['CREATE', 'folders', 'b', { parentId: null }])).toEqual([[0, 1]])
  })

  test('rows whose id the database makes are all distinct', () => {
    expect(sets(['CREATE', 'labels', null], ['CREATE', 'labels', null])).toEqual([[0, 1]])
  })

  test('each set carries ids and inputs in the order of its operations', () => {
    const { groups } = planOf(
      ['UPDATE', 'labels', 'a', { text: 'x' }],
      ['UPDATE', 'labels', 'b', { text: 'y' }],
    )
    expect(groups).toEqual([
      {
        model: 'labels',
        type: 'UPDATE',
        indexes: [0, 1],
        ids: ['a', 'b'],
        inputs: [{ text: 'x' }, { text: 'y' }],
      },
    ])
  })
})

describe('rows that are locked first', () => {
  test('by the number of their table, each row counted once, and whether one goes', () => {
    expect(
      planOf(
        ['UPDATE', 'labels', 'a'],
        ['UPDATE', 'projects', 'p'],
        ['DELETE', 'labels', 'a'],
        ['UPDATE', 'labels', 'b'],
      ).locks,
    ).toEqual([
      { model: 'projects', rel: 1, delete: false, count: 1, ids: ['p'], operations: [1] },
      { model: 'labels', rel: 3, delete: true, count: 2, ids: ['a', 'a', 'b'], operations: [0, 2, 3] },
    ])
  })

  test('not those that the commit creates before it needs them', () => {
    expect(planOf(['CREATE', 'labels', 'a'], ['UPDATE', 'labels', 'a']).locks).toEqual([])
    expect(planOf(['UPDATE', 'labels', 'a'], ['CREATE', 'labels', 'a']).locks).toMatchObject([{ ids: ['a'] }])
  })

  test('a CREATE that is judged names its row, and does not need it', () => {
    expect(planOf(['CREATE', 'labels', 'a', {}, { readAt: 7 }]).locks).toEqual([
      { model: 'labels', rel: 3, delete: false, count: 1, ids: ['a'], operations: [] },
    ])
  })

  test('two models on one table are locked as one', () => {
    expect(planOf(['UPDATE', 'tasks', 'a'], ['UPDATE', 'chores', 'b']).locks).toMatchObject([
      { rel: 2, count: 2, ids: ['a', 'b'] },
    ])
  })
})

describe('what is judged', () => {
  test('operations with a readAt, by model, type and mode; for a merge also by the fields that it writes', () => {
    const read = (readAt: number, onStale: Operation['onStale']) => ({ readAt, onStale })
    const { reads } = planOf(
      ['UPDATE', 'labels', 'a', { text: 'x' }, read(1, 'reject')],
      ['UPDATE', 'labels', 'b', { text: 'x' }, read(2, 'reject')],
      ['UPDATE', 'labels', 'c', { text: 'x' }, read(3, 'merge')],
      ['UPDATE', 'labels', 'd', { text: 'x' }],
      ['DELETE', 'labels', 'e', {}, read(4, 'reject')],
    )
    expect(
      reads.map(({ mode, type, indexes, stamps }: Record<string, unknown>) => [mode, type, indexes, stamps]),
    ).toEqual([
      ['reject', 'UPDATE', [0, 1], [1, 2]],
      ['merge', 'UPDATE', [2], [3]],
      ['reject', 'DELETE', [4], [4]],
    ])
    const merges = planOf(
      ['UPDATE', 'tasks', 'a', { title: 'x' }, read(1, 'merge')],
      ['UPDATE', 'tasks', 'b', { done: true }, read(1, 'merge')],
    ).reads
    expect(merges.map(({ fields }: { fields: unknown }) => fields)).toEqual([['title'], ['done']])
  })

  test('the rows of a commit are told by the commit itself, by table', () => {
    expect(
      planOf(
        ['UPDATE', 'tasks', 'a'],
        ['UPDATE', 'chores', 'b'],
        ['CREATE', 'labels', null],
        ['UPDATE', 'labels', 'c'],
      ).own,
    ).toBe(',"2:a","2:b","3:c"')
  })
})
