import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { defineSchema, field, model, relation, z } from '../../../src/index.ts'
import { caller } from '../../support/caller.ts'
import { create as created, type Json, refusal, update as updated } from './commit-support.ts'

/* Every reference that the schema declares is checked within the tenant, before the operation is applied. */

const schema = defineSchema({
  projects: model({ fields: { name: z.string() }, mutable: true }),
  folders: model({
    fields: { projectId: z.string().optional() },
    mutable: true,
    policy: { by: 'parent', fk: 'projectId', parent: 'projects' },
  }),
  countries: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
  tasks: model({
    fields: {
      projectId: z.string().optional(),
      folderId: z.string().optional(),
      countryId: z.string().optional(),
      parentId: z.string().optional(),
      number: field.bigint().optional(),
    },
    relations: {
      project: relation.belongsTo('projects', 'projectId'),
      folder: relation.belongsTo('folders', 'folderId'),
      country: relation.belongsTo('countries', 'countryId'),
      parent: relation.belongsTo('tasks', 'parentId'),
      counter: relation.belongsTo('counters', 'number'),
    },
    mutable: true,
  }),
  counters: model({ fields: { id: field.bigint() }, mutable: true }),
  profiles: model({
    fields: { id: z.string() },
    relations: { task: relation.belongsTo('tasks', 'id') },
    mutable: true,
    policy: { by: 'none' },
  }),
})

const create = created as (...given: Parameters<typeof created>) => never
const update = updated as (...given: Parameters<typeof updated>) => never

const world = () => {
  const rows = (id: string, more: Json = {}): Json[] => [{ id, ...more }]
  const source = memoryAdapter(schema, {
    rows: {
      projects: ['1', '2'].flatMap((n) => rows(`p${n}`, { name: 'x', organization_id: `org_${n}` })),
      folders: ['1', '2'].flatMap((n) => rows(`f${n}`, { projectId: `p${n}` })),
      countries: rows('is', { name: 'Iceland' }),
      tasks: ['1', '2'].flatMap((n) => rows(`t${n}`, { organization_id: `org_${n}` })),
      counters: ['1', '2'].flatMap((n) => rows(n, { organization_id: `org_${n}` })),
    },
  })
  return { source, mine: caller(source, schema) }
}

describe('references', () => {
  const cases = [
    ['projectId', 'projects', 'p1', 'p2', 'nowhere'],
    ['folderId', 'folders', 'f1', 'f2', 'nowhere'],
    ['countryId', 'countries', 'is', 'xx', 'nowhere'],
    ['parentId', 'tasks', 't1', 't2', 'nowhere'],
    ['number', 'counters', '1', '2', '99'],
  ] as const

  test.each(cases)('%s to a row of %s: own is taken, foreign is refused like missing', async (...given) => {
    const [name, other, own, foreign, missing] = given
    const { source, mine } = world()
    await mine.commit([create('tasks', 'a', { [name]: own }), update('tasks', 'a', { [name]: own })])
    await mine.commit([update('tasks', 'a', { [name]: null })])
    const before = await source.inspect().log()
    for (const operation of [
      (id: string) => create('tasks', 'b', { [name]: id }),
      (id: string) => update('tasks', 'a', { [name]: id }),
    ]) {
      for (const id of [foreign, missing]) {
        const error = await refusal(mine.commit([update('tasks', 't1', {}), operation(id)]))
        expect([error.code, error.details]).toEqual([
          'entity_not_found',
          { operations: [{ index: 1, model: other }] },
        ])
      }
    }
    expect(await source.inspect().log()).toEqual(before)
  })

  test('a row that an earlier operation makes or takes away counts', async () => {
    const { mine } = world()
    await mine.commit([create('projects', 'new', { name: 'x' }), create('tasks', 'a', { projectId: 'new' })])
    const early = [create('tasks', 'b', { projectId: 'late' }), create('projects', 'late', { name: 'x' })]
    const gone = [
      { type: 'DELETE', model: 'projects', id: 'new' } as const,
      create('tasks', 'c', { projectId: 'new' }),
    ]
    for (const operations of [early, gone]) {
      expect((await refusal(mine.commit(operations))).code).toBe('entity_not_found')
    }
  })

  test('a row may point at itself', async () => {
    const { mine } = world()
    await mine.commit([create('tasks', 'root', { parentId: 'root' })])
  })

  test('a key that is a reference is one', async () => {
    const { mine } = world()
    await mine.commit([create('profiles', 't1', {})])
    for (const id of ['t2', 'nowhere']) {
      const error = await refusal(mine.commit([create('profiles', id, {})]))
      expect(error.details).toEqual({ operations: [{ index: 0, model: 'tasks' }] })
    }
  })
})
