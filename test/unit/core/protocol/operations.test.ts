import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../../src/core/errors.ts'
import { parseOperations } from '../../../../src/core/protocol/operations.ts'
import { defineSchema, model, z } from '../../../../src/index.ts'

const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'done']).default('todo'),
      note: z.string().nullable().optional(),
      size: z.int().optional(),
      code: z.string().optional(),
    },
    readOnly: ['code'],
    mutable: ['CREATE', 'UPDATE', 'DELETE'],
  }),
  labels: model({ fields: { text: z.string() } }),
})

const parse = (given: readonly unknown[], options: object = {}) =>
  parseOperations(schema, given, { max: 3, tenant: 'org_1', ...options })

function refused(given: readonly unknown[], options: object = {}): PosternError {
  try {
    parse(given, options)
  } catch (error) {
    if (error instanceof PosternError) return error
    throw error
  }
  throw new Error('was accepted')
}

/** The places of the faults. */
const places = (error: PosternError): unknown =>
  ((error.details as { issues: { pointer: string }[] }).issues ?? []).map(({ pointer }) => pointer)

const create = (input: object, more: object = {}) => ({
  type: 'CREATE',
  model: 'tasks',
  id: 't1',
  input,
  ...more,
})
const update = (input: object, more: object = {}) => ({
  type: 'UPDATE',
  model: 'tasks',
  id: 't1',
  input,
  ...more,
})

describe('parseOperations', () => {
  test('fills in what a create leaves out, and nothing of an update', () => {
    const [made, changed] = parse([create({ title: 'a' }), update({ note: null })])
    expect(made).toMatchObject({ index: 0, type: 'CREATE', id: 't1', input: { title: 'a', status: 'todo' } })
    expect(made?.input).not.toHaveProperty('note')
    expect(changed).toMatchObject({ index: 1, type: 'UPDATE', id: 't1', readAt: null, onStale: 'reject' })
    expect(changed?.input).toEqual({ note: null })
  })

  test('a commit names its model once for all operations, unless one says another', () => {
    const parsed = parse([{ type: 'DELETE', id: 'a' }], { model: 'tasks' })
    expect(parsed[0]?.model.name).toBe('tasks')
    expect(refused([{ type: 'DELETE', id: 'a', model: 'labels' }], { model: 'tasks' }).code).toBe(
      'source_commit_invalid',
    )
  })

  test.each([
    ['force', 'overwrite'],
    ['overwrite', 'overwrite'],
    ['flag', 'notify'],
    ['notify', 'notify'],
    ['merge', 'merge'],
    ['reject', 'reject'],
  ])('onStale %s means %s', (onStale, meaning) => {
    expect(parse([update({ title: 'b' }, { readAt: 1, onStale })])[0]?.onStale).toBe(meaning)
  })

  test('the first create takes the id that its input has', () => {
    const [made] = parse([{ type: 'CREATE', model: 'tasks', input: { id: 'own', title: 'a' } }])
    expect(made?.id).toBe('own')
  })

  test.each([
    ['no operation', [], ['/operations']],
    ['too many', Array.from({ length: 4 }, () => create({ title: 'a' })), ['/operations']],
    ['no object', ['x'], ['/operations/0']],
    ['an unknown type', [{ type: 'PATCH', model: 'tasks', id: 'a' }], ['/operations/0/type']],
    [
      'a type that the model does not allow',
      [{ type: 'UPDATE', model: 'labels', id: 'a' }],
      ['/operations/0/type'],
    ],
    [
      'input of a delete',
      [{ type: 'DELETE', model: 'tasks', id: 'a', input: { title: 'b' } }],
      ['/operations/0/input'],
    ],
    ['a missing field', [create({})], ['/operations/0/input/title']],
    ['a field of no model', [update({ nothing: 1 })], ['/operations/0/input/nothing']],
    ['a field that is read only', [update({ code: 'x' })], ['/operations/0/input/code']],
    ['another id in the input', [update({ id: 'other' })], ['/operations/0/input/id']],
    ['a value of another kind', [update({ size: 'large' })], ['/operations/0/input/size']],
    ['a value that its own type refuses', [update({ title: '' })], ['/operations/0/input/title']],
    ['null where none may be', [update({ title: null })], ['/operations/0/input/title']],
    ['a stamp below 0', [update({ title: 'b' }, { readAt: -1 })], ['/operations/0/readAt']],
    [
      'a stamp that no position reaches',
      [update({ title: 'b' }, { readAt: 2 ** 48 })],
      ['/operations/0/readAt'],
    ],
    ['an unknown mode', [update({ title: 'b' }, { onStale: 'maybe' })], ['/operations/0/onStale']],
  ])('refuses %s at its place', (_, given, pointers) => {
    const error = refused(given)
    expect(error.code).toBe('source_commit_invalid')
    expect(places(error)).toEqual(pointers)
  })

  test('tells the faults of all operations at once', () => {
    const error = refused([create({}), update({ size: 'x', nothing: 1 })])
    expect(places(error)).toEqual([
      '/operations/0/input/title',
      '/operations/1/input/size',
      '/operations/1/input/nothing',
    ])
  })

  test('an unknown model and a missing id have codes of their own', () => {
    expect(refused([{ type: 'DELETE', model: 'nothing', id: 'a' }])).toMatchObject({
      code: 'source_model_not_configured',
      details: { pointer: '/operations/0/model' },
    })
    expect(refused([{ type: 'DELETE', model: 'tasks' }])).toMatchObject({
      code: 'source_operation_id_required',
      details: { pointer: '/operations/0/id' },
    })
  })
})
