import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { like } from '../../../src/adapters/memory/like.ts'
import type { RowValue } from '../../../src/core/adapter.ts'
import { resolveLimits } from '../../../src/core/endpoint/limits.ts'
import { prepareWork } from '../../../src/core/endpoint/work.ts'
import { parseRequest } from '../../../src/core/protocol/request.ts'
import { defineSchema } from '../../../src/core/schema/define.ts'
import { field } from '../../../src/core/schema/field.ts'
import { model } from '../../../src/core/schema/model.ts'
import type { Json } from '../core/commit-support.ts'
import { callerOf, schema } from '../core/commit-support.ts'

const things = defineSchema({
  things: model({
    fields: {
      id: z.int(),
      text: z.string().optional(),
      whole: z.int().optional(),
      real: z.number().optional(),
      big: field.bigint().optional(),
      exact: field.numeric().optional(),
      flag: z.boolean().optional(),
      at: field.timestamp().optional(),
      day: field.date().optional(),
      uid: field.uuid().optional(),
      raw: field.bytes().optional(),
      tags: z.array(z.string()).optional(),
      json: field.json().optional(),
    },
    mutable: true,
    policy: { by: 'none' },
  }),
})

async function list(rows: RowValue[], query: Json = {}) {
  const source = memoryAdapter(things, { rows: { things: rows } })
  const context = { tenant: null, scope: {}, requestId: 'r' }
  const request = parseRequest({ type: 'list', model: 'things', query })
  const work = prepareWork(request, context, { schema: things, limits: resolveLimits() })
  if (work.type !== 'list') throw new Error('not a list')
  return JSON.parse(await source.list(work.request)) as { rows: RowValue[]; nextCursor?: string }
}

const ids = async (rows: RowValue[], query: Json = {}): Promise<unknown[]> =>
  (await list(rows, query)).rows.map(({ id }) => id)

describe('list', () => {
  const orders: [string, unknown[]][] = [
    ['text', ['', 'Z', 'a', '～', '😀']],
    ['whole', [-2, 0, 10]],
    ['big', ['-9223372036854775808', '-1', '9', '10', '9223372036854775807']],
    ['exact', ['-1.5', '-1.4', '0', '9', '10.01', '10.1']],
    ['flag', [false, true]],
    ['at', ['2026-01-01T01:00:00+02:00', '2025-12-31T23:00:00.000001Z', '2026-01-01T00:00:00Z']],
    ['day', ['0009-01-01', '2026-01-31', '2026-02-01']],
    ['uid', ['0FFFFFFF-0000-0000-0000-000000000000', 'a0000000-0000-0000-0000-000000000000']],
    ['raw', ['AA==', 'fw==', '+w==', '/w==']],
  ]

  test.each(orders)(
    '%s is ordered by value, nulls last ascending and first descending',
    async (name, values) => {
      const sorted = [...values, null].map((value, at) => ({ id: 100 - at, [name]: value }))
      const shuffled = [...sorted].reverse()
      const expected = sorted.map(({ id }) => id)
      expect(await ids(shuffled, { orderBy: name })).toEqual(expected)
      expect(await ids(shuffled, { orderBy: name, order: 'desc' })).toEqual(expected.reverse())
    },
  )

  test('ties go by primary key, by value and in the same direction', async () => {
    const rows = [10, 9, 100].map((id) => ({ id, flag: true }))
    expect(await ids(rows, { orderBy: 'flag' })).toEqual([9, 10, 100])
    expect(await ids(rows, { orderBy: 'flag', order: 'desc' })).toEqual([100, 10, 9])
  })

  test('pages of any size walk over every row once, whatever the order', async () => {
    const rows = Array.from({ length: 23 }, (_, n) => ({
      id: n,
      whole: n % 4 === 0 ? null : n % 3,
      big: String(n),
    }))
    for (const orderBy of ['id', 'whole', 'big']) {
      for (const order of ['asc', 'desc']) {
        const all = await ids(rows, { orderBy, order })
        for (const limit of [1, 5, 23]) {
          const walked: unknown[] = []
          for (let cursor: string | undefined, pages = 0; pages <= 23; pages++) {
            const page: { rows: RowValue[]; nextCursor?: string } = await list(rows, {
              orderBy,
              order,
              limit,
              cursor,
            })
            expect(page.rows.length).toBeLessThanOrEqual(limit)
            walked.push(...page.rows.map(({ id }) => id))
            cursor = page.nextCursor
            if (cursor === undefined) break
          }
          expect(walked).toEqual(all)
        }
      }
    }
  })

  test('conditions mean what they mean in SQL, null matches no comparison', async () => {
    const rows = [
      { id: 1, text: 'a', whole: 1, exact: '1.50', flag: true, at: '2026-01-01T00:00:00Z' },
      { id: 2, text: 'b', whole: 2, exact: '-1', flag: false, at: '2026-01-01T00:00:00.000001Z' },
      { id: 3 },
    ]
    const found = (...where: unknown[][]) => ids(rows, { where })
    expect(await found(['text', 'a'])).toEqual([1])
    expect(await found(['exact', '=', '1.5'])).toEqual([1])
    expect(await found(['text', '!=', 'a'])).toEqual([2])
    expect(await found(['whole', '<', 2])).toEqual([1])
    expect(await found(['whole', '<=', 2], ['whole', '>', 1])).toEqual([2])
    expect(await found(['at', '>=', '2026-01-01T01:00:00+01:00'])).toEqual([1, 2])
    expect(await found(['at', '>', '2026-01-01T01:00:00+01:00'])).toEqual([2])
    expect(await found(['whole', 'IN', [1, 2]])).toEqual([1, 2])
    expect(await found(['whole', 'IN', []])).toEqual([])
    expect(await found(['whole', 'NOT IN', [1]])).toEqual([2])
    expect(await found(['whole', 'NOT IN', []])).toEqual([1, 2, 3])
    expect(await found(['whole', 'IS', null])).toEqual([3])
    expect(await found(['whole', 'IS NOT', null])).toEqual([1, 2])
    expect(await found(['flag', 'IS', true])).toEqual([1])
    expect(await found(['flag', 'IS NOT', true])).toEqual([2, 3])
    expect(await found(['text', 'LIKE', '%'])).toEqual([1, 2])
    expect(await found(['text', 'NOT LIKE', 'a'])).toEqual([2])
    expect(await found(['text', 'ILIKE', 'A'])).toEqual([1])
    expect(await found(['text', 'NOT ILIKE', 'A'])).toEqual([2])
  })

  test.each<[string, string, boolean]>([
    ['abc', 'abc', true],
    ['abc', 'b', false],
    ['abc', '%b%', true],
    ['abc', 'a_c', true],
    ['a😀c', 'a_c', true],
    ['', '%', true],
    ['', '_', false],
    ['a\nb', 'a%b', true],
    ['100%', '100\\%', true],
    ['1000', '100\\%', false],
    ['a\\b', 'a\\\\b', true],
    ['a_b', 'a\\_b', true],
    ['axb', 'a\\_b', false],
    ['aab', '%ab', true],
    ['ab', 'ab%%', true],
    ['a.c', 'a.c', true],
    ['abc', 'a.c', false],
  ])('%j LIKE %j is %s', (text, pattern, expected) => {
    expect(like(text, pattern)).toBe(expected)
  })

  test('LIKE does not run away on a pattern of many wildcards', () => {
    expect(like('a'.repeat(5_000), `${'%a'.repeat(50)}%b`)).toBe(false)
  })

  test('LIKE agrees with a regular expression that says the same', () => {
    const char = fc.constantFrom('a', 'b', '%', '_', '\\')
    const pattern = fc.array(fc.constantFrom('a', 'b', '%', '_', '\\%', '\\_', '\\\\'), { maxLength: 8 })
    fc.assert(
      fc.property(fc.array(char, { maxLength: 8 }), pattern, (text, parts) => {
        const meanings: Record<string, string> = { '%': '.*', _: '.', '\\%': '%', '\\_': '_' }
        const same = new RegExp(`^${parts.map((part) => meanings[part] ?? part).join('')}$`, 's')
        expect(like(text.join(''), parts.join(''))).toBe(same.test(text.join('')))
      }),
      { numRuns: 2_000 },
    )
  })

  test('relations are embedded under their name and end at the tenant', async () => {
    const updatedAt = '2026-01-01T00:00:00Z'
    const source = memoryAdapter(schema, {
      rows: {
        projects: [
          { id: 'p1', name: 'A', organization_id: 'org_1' },
          { id: 'p2', name: 'B', organization_id: 'org_2' },
        ],
        tasks: [
          { id: 't2', organizationId: 'org_1', projectId: 'p1', title: 'T2', updatedAt },
          { id: 't1', organizationId: 'org_1', projectId: 'p2', title: 'T1', updatedAt },
          { id: 't3', organizationId: 'org_2', projectId: 'p1', title: 'T3', updatedAt },
          { id: 't0', organizationId: 'org_1', projectId: 'p1', title: 'T0', updatedAt },
        ],
        comments: [{ id: 'c1', taskId: 't2', text: 'x' }],
      },
    })
    const caller = callerOf(source)
    const tasks = await caller.list('tasks', { related: ['project', 'comments'] })
    expect(tasks.rows.map(({ id, project, comments }) => ({ id, project, comments }))).toEqual([
      { id: 't0', project: { id: 'p1', name: 'A', budget: null, settings: null }, comments: [] },
      { id: 't1', project: null, comments: [] },
      {
        id: 't2',
        project: { id: 'p1', name: 'A', budget: null, settings: null },
        comments: [{ id: 'c1', taskId: 't2', text: 'x' }],
      },
    ])
    const projects = await caller.list('projects', { related: ['tasks'] })
    expect(projects.rows.map(({ id, tasks }) => [id, (tasks as Json[]).map((task) => task.id)])).toEqual([
      ['p1', ['t0', 't2']],
    ])
  })
})
