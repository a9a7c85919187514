import { describe, expect, test } from 'vitest'
import { defineSchema, field, model, relation, z } from '../../../../src/index.ts'

const title = { title: z.string() }
/** Declarations that the types refuse too. */
const declared = (definition: object) => model(definition as never)
const tasks = (options: object): (() => unknown) => {
  return () => defineSchema({ tasks: declared({ fields: title, ...options }) })
}

/** What contradicts itself, and the place that the error names. */
const contradictions: readonly (readonly [string, () => unknown, string])[] = [
  ['a model name that is no name', () => defineSchema({ 'my tasks': model({ fields: title }) }), 'my tasks'],
  ['a field name that is no name', tasks({ fields: { 'a-b': z.string() } }), 'tasks.a-b'],
  ['a reserved field name', tasks({ fields: { constructor: z.string() } }), 'tasks.constructor'],
  ['a column of no field', tasks({ columns: { nothing: 'n' } }), 'tasks.nothing'],
  ['a read-only field that is none', tasks({ readOnly: ['nothing'] }), 'tasks.nothing'],
  ['a touched field that is none', tasks({ touch: 'nothing' }), 'tasks.nothing'],
  ['an archive field that is none', tasks({ archive: 'nothing' }), 'tasks.nothing'],
  [
    'an archive field that holds no time',
    tasks({ fields: { gone: z.boolean() }, archive: 'gone' }),
    'tasks.gone',
  ],
  [
    'a touched field that holds no time',
    tasks({ fields: { seen: z.boolean() }, touch: 'seen' }),
    'tasks.seen',
  ],
  ['a primary key of no field', tasks({ primaryKey: [] }), 'tasks'],
  ['a primary key of a kind that has none', tasks({ fields: { id: z.boolean() } }), 'tasks.id'],
  ['a primary key of JSON', tasks({ fields: { id: field.json() } }), 'tasks.id'],
  [
    'a relation under the name of a field',
    tasks({ relations: { title: relation.belongsTo('tasks', 'title') } }),
    'tasks.title',
  ],
  [
    'a relation to no model',
    tasks({ relations: { other: relation.belongsTo('nothing', 'title') } }),
    'tasks.other',
  ],
  [
    'a relation over a field of its own that is none',
    tasks({ relations: { other: relation.belongsTo('tasks', 'nothing') } }),
    'tasks.other',
  ],
  [
    'a relation over a field of the other model that is none',
    tasks({ relations: { others: relation.hasMany('tasks', 'nothing') } }),
    'tasks.others',
  ],
  ['a policy over no field', tasks({ policy: { by: 'parent', fk: 'nothing', parent: 'tasks' } }), 'tasks'],
  ['a policy of no parent', tasks({ policy: { by: 'parent', fk: 'title', parent: 'nothing' } }), 'tasks'],
  [
    'a policy whose parents go round',
    tasks({ policy: { by: 'parent', fk: 'title', parent: 'tasks' } }),
    'tasks',
  ],
]

describe('defineSchema refuses', () => {
  test.each(contradictions)('%s', (_, define, place) => {
    expect(define).toThrow(TypeError)
    expect(define).toThrow(place)
  })

  test('none of these without its contradiction', () => {
    const schema = defineSchema({
      projects: model({ fields: title, relations: { tasks: relation.hasMany('tasks', 'projectId') } }),
      tasks: declared({
        fields: { ...title, projectId: z.string(), seen: field.timestamp(), gone: field.timestamp() },
        columns: { title: 'name' },
        readOnly: ['title'],
        touch: 'seen',
        archive: 'gone',
        relations: { project: relation.belongsTo('projects', 'projectId') },
        policy: { by: 'parent', fk: 'projectId', parent: 'projects' },
      }),
    })
    expect([...schema.models.keys()]).toEqual(['projects', 'tasks'])
  })
})
