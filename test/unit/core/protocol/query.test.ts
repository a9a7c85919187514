import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../../../src/core/endpoint/limits.ts'
import { PosternError } from '../../../../src/core/errors.ts'
import { parseQuery } from '../../../../src/core/protocol/query.ts'
import type { Model } from '../../../../src/core/schema/define.ts'
import { defineSchema, field, model, relation, z } from '../../../../src/index.ts'

const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string(),
      done: z.boolean(),
      size: z.int(),
      extra: field.json(),
      projectId: z.string(),
    },
    relations: { project: relation.belongsTo('projects', 'projectId') },
  }),
  projects: model({ fields: { name: z.string() } }),
})
const tasks = schema.models.get('tasks') as Model
const limits = {
  ...defaultLimits,
  listDefault: 10,
  listMax: 20,
  inMembers: 2,
  conditions: 3,
  patternLength: 5,
}

const parse = (query: object, tenant: string | null = 'org_1') =>
  parseQuery(schema, tasks, query as Parameters<typeof parseQuery>[2], tenant, limits)

function refused(query: object, tenant?: string): { code: string; pointers: unknown } {
  try {
    parse(query, tenant)
  } catch (error) {
    if (!(error instanceof PosternError)) throw error
    const { issues } = (error.details ?? {}) as { issues?: { pointer: string }[] }
    return { code: error.code, pointers: issues?.map(({ pointer }) => pointer) }
  }
  throw new Error('was accepted')
}

describe('parseQuery', () => {
  test('an empty query is the first page by key, at the default size', () => {
    expect(parse({})).toMatchObject({ where: [], order: 'asc', limit: 10, related: [], after: undefined })
    expect(parse({}).orderBy.name).toBe('id')
  })

  test('a condition of two means equal', () => {
    const [condition] = parse({ where: [['title', 'a']] }).where
    expect(condition).toMatchObject({ operator: '=', value: 'a', field: { name: 'title' } })
  })

  test('a relation that is named twice is loaded once', () => {
    const { related } = parse({ related: ['project', 'project'] })
    expect(related.map(({ name, model }) => [name, model.name])).toEqual([['project', 'projects']])
  })

  test.each([
    ['a bare condition', { where: ['title', '=', 'a'] }, ['/query/where']],
    ['too many conditions', { where: Array.from({ length: 4 }, () => ['title', 'a']) }, ['/query/where']],
    ['a condition of one', { where: [['title']] }, ['/query/where/0']],
    ['an unknown field', { where: [['nothing', 1]] }, ['/query/where/0/0']],
    ['an inherited property', { where: [['constructor', 1]] }, ['/query/where/0/0']],
    ['an unknown operator', { where: [['title', '==', 'a']] }, ['/query/where/0/1']],
    ['= null', { where: [['title', null]] }, ['/query/where/0/1']],
    ['< null', { where: [['size', '<', null]] }, ['/query/where/0/2']],
    ['IS of a value', { where: [['title', 'IS', 'a']] }, ['/query/where/0/2']],
    ['IN without an array', { where: [['size', 'IN', 1]] }, ['/query/where/0/2']],
    ['IN of too many', { where: [['size', 'IN', [1, 2, 3]]] }, ['/query/where/0/2']],
    ['IN with null', { where: [['size', 'IN', [null]]] }, ['/query/where/0/2']],
    ['LIKE on a number', { where: [['size', 'LIKE', '1%']] }, ['/query/where/0/2']],
    ['a pattern that is too long', { where: [['title', 'LIKE', 'abcdef']] }, ['/query/where/0/2']],
    ['a pattern that ends in its escape', { where: [['title', 'LIKE', 'a\\']] }, ['/query/where/0/2']],
    ['a comparison of JSON', { where: [['extra', '=', {}]] }, ['/query/where/0/2']],
    ['a value of another kind', { where: [['size', '=', 'a']] }, ['/query/where/0/2']],
    ['an unknown order', { order: 'up' }, ['/query/order']],
    ['an order by no field', { orderBy: 'nothing' }, ['/query/orderBy']],
    ['an order by JSON', { orderBy: 'extra' }, ['/query/orderBy']],
    ['a limit of none', { limit: 0 }, ['/query/limit']],
    ['a limit beyond the cap', { limit: 21 }, ['/query/limit']],
    ['a limit that is not whole', { limit: 1.5 }, ['/query/limit']],
    ['relations that are no array', { related: 'project' }, ['/query/related']],
    ['an unknown relation', { related: ['project', 'owner'] }, ['/query/related/1']],
    ['a cursor that is no text', { cursor: 1 }, ['/query/cursor']],
    [
      'each of several faults',
      { where: [['nothing', 1]], order: 'up', limit: 0 },
      ['/query/where/0/0', '/query/order', '/query/limit'],
    ],
  ])('refuses %s at its place', (_, query, pointers) => {
    expect(refused(query)).toEqual({ code: 'invalid_query', pointers })
  })

  test.each([
    ['IS null', [['title', 'IS', null]]],
    ['IS true of a boolean', [['done', 'IS', true]]],
    ['IS null of JSON', [['extra', 'IS', null]]],
    ['an escaped escape at the end of a pattern', [['title', 'LIKE', 'a\\\\']]],
    ['IN of none', [['size', 'IN', []]]],
  ])('takes %s', (_, where) => {
    expect(parse({ where }).where).toHaveLength(1)
  })

  test('a cursor holds for the query and the tenant that it was issued for, and for no other', () => {
    const query = { where: [['done', true]], orderBy: 'size' }
    const cursor = parse(query).cursorAfter('5', 't1')
    expect(parse({ ...query, cursor }).after).toMatchObject({ id: 't1' })
    for (const [other, tenant] of [
      [{ ...query, order: 'desc' }],
      [{ ...query, orderBy: 'title' }],
      [{ ...query, where: [['done', false]] }],
      [query, 'org_2'],
    ] as const) {
      expect(refused({ ...other, cursor }, tenant).code).toBe('cursor_invalid')
    }
    expect(refused({ ...query, cursor: `${cursor}x` }).code).toBe('cursor_invalid')
  })
})
