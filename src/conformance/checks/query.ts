import type { CheckContext } from '../check.ts'
import { checks } from '../check.ts'
import { makeAll } from './steps.ts'

type Condition = readonly unknown[] | Readonly<Record<string, unknown>>

/** The titles of the rows that fit, in the order of the answer. */
async function titles({ a }: CheckContext, where: readonly Condition[]): Promise<unknown[]> {
  return (await a.list('items', { where })).rows.map((row) => row?.title)
}

/** Holds conditions against the titles of the rows that must fit, whatever their order. */
async function fits(
  context: CheckContext,
  cases: readonly (readonly [Condition, readonly string[]])[],
): Promise<void> {
  for (const [condition, expected] of cases) {
    const found = await titles(context, [condition])
    context.expect.equal(
      [...found].sort(),
      [...expected].sort(),
      `${JSON.stringify(condition)} must find the rows that fit`,
    )
  }
}

/** Lists: every operator with SQL's meaning, order, pages. */
export const queryChecks = checks('query', [
  {
    id: 'QUERY-01',
    must: 'Each comparison MUST have its usual meaning: = != < <= > >=, and two members mean =.',
    async run(context) {
      await makeAll(
        context,
        context.a,
        'items',
        [10, 20, 30].map((rank) => ({ title: `r${rank}`, rank })),
      )
      await fits(context, [
        [['rank', 20], ['r20']],
        [['rank', '=', 20], ['r20']],
        [
          ['rank', '!=', 20],
          ['r10', 'r30'],
        ],
        [['rank', '<', 20], ['r10']],
        [
          ['rank', '<=', 20],
          ['r10', 'r20'],
        ],
        [['rank', '>', 20], ['r30']],
        [
          ['rank', '>=', 20],
          ['r20', 'r30'],
        ],
        [['rank', '=', 99], []],
      ])
    },
  },
  {
    id: 'QUERY-02',
    must: 'All conditions MUST hold, also several on one field.',
    async run(context) {
      const { a, expect } = context
      await makeAll(
        context,
        a,
        'items',
        [1, 2, 3, 4, 5].map((rank) => ({ title: `r${rank}`, rank, body: rank % 2 ? 'odd' : 'even' })),
      )
      const range = await titles(context, [
        ['rank', '>', 1],
        ['rank', '<', 5],
      ])
      expect.equal(range, ['r2', 'r3', 'r4'], 'two conditions on one field must both hold')
      const three = await titles(context, [
        ['rank', '>=', 2],
        ['body', 'even'],
        ['rank', '!=', 4],
      ])
      expect.equal(three, ['r2'], 'all conditions must hold')
      const none = await titles(context, [
        ['rank', '=', 1],
        ['rank', '=', 2],
      ])
      expect.equal(none, [], 'two equalities that exclude each other must find nothing')
    },
  },
  {
    id: 'QUERY-03',
    must: 'A comparison MUST NOT hold for a missing value; IS null and IS NOT null say it.',
    async run(context) {
      await makeAll(context, context.a, 'items', [
        { title: 'five', rank: 5 },
        { title: 'six', rank: 6 },
        { title: 'none' },
      ])
      await fits(context, [
        [['rank', '!=', 5], ['six']],
        [
          ['rank', '<', 100],
          ['five', 'six'],
        ],
        [['rank', 'NOT IN', [5]], ['six']],
        [['rank', 'IS', null], ['none']],
        [
          ['rank', 'IS NOT', null],
          ['five', 'six'],
        ],
        [['body', 'NOT LIKE', 'x%'], []],
      ])
    },
  },
  {
    id: 'QUERY-04',
    must: '`= null` and its like MUST be refused as `invalid_query`: nothing is ever equal to null.',
    async run({ a, expect }) {
      for (const condition of [
        ['rank', null],
        ['rank', '!=', null],
        ['rank', '>', null],
        ['rank', 'IN', [1, null]],
        ['title', 'LIKE', null],
      ]) {
        const answer = await a.list('items', { where: [condition] })
        expect.error(answer, 'invalid_query', `${JSON.stringify(condition)} must be refused`)
      }
    },
  },
  {
    id: 'QUERY-05',
    must: 'IN of nothing MUST find nothing, NOT IN of nothing everything, and IN of 1,000 all of them.',
    async run(context) {
      const { a, expect } = context
      const ids = await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 40 }, (_, rank) => ({ title: `r${rank}`, rank })),
      )
      expect.equal(await titles(context, [['rank', 'IN', []]]), [], 'IN of nothing must find nothing')
      expect.equal(
        (await titles(context, [['rank', 'NOT IN', []]])).length,
        40,
        'NOT IN of nothing must find everything',
      )
      const many = [...ids, ...Array.from({ length: 960 }, (_, at) => `absent-${at}`)]
      expect.equal(
        (await titles(context, [['id', 'IN', many]])).length,
        40,
        'IN of 1,000 must find what is there',
      )
      const odd = ids.filter((_, at) => at % 2)
      expect.equal(
        (await titles(context, [['id', 'NOT IN', odd]])).length,
        20,
        'NOT IN must leave out its members',
      )
      const beyond = await a.list('items', { where: [['id', 'IN', [...many, 'one more']]] })
      expect.error(beyond, 'invalid_query', 'a list beyond the limit must be refused, not cut')
    },
  },
  {
    id: 'QUERY-06',
    must: 'LIKE MUST be anchored at both ends and tell case apart; ILIKE MUST not tell it.',
    async run(context) {
      await makeAll(
        context,
        context.a,
        'items',
        ['apple', 'Apple', 'pineapple', 'apples', 'grape'].map((title) => ({ title })),
      )
      await fits(context, [
        [['title', 'LIKE', 'apple'], ['apple']],
        [
          ['title', 'LIKE', 'apple%'],
          ['apple', 'apples'],
        ],
        [
          ['title', 'LIKE', '%apple'],
          ['apple', 'pineapple'],
        ],
        [
          ['title', 'LIKE', '_pple'],
          ['apple', 'Apple'],
        ],
        [
          ['title', 'LIKE', '%p%e'],
          ['apple', 'Apple', 'pineapple', 'grape'],
        ],
        [
          ['title', 'NOT LIKE', '%apple%'],
          ['Apple', 'grape'],
        ],
        [
          ['title', 'ILIKE', 'APPLE'],
          ['apple', 'Apple'],
        ],
        [
          ['title', 'NOT ILIKE', 'a%'],
          ['pineapple', 'grape'],
        ],
      ])
    },
  },
  {
    id: 'QUERY-07',
    must: 'In a pattern only % and _ MUST be special, and a backslash take the next character as it is.',
    async run(context) {
      const { a, expect } = context
      const names = ['100%', '100x', 'a_b', 'axb', 'a.b', 'c\\d', '[x]', '(y)*', 'line\nbreak']
      await makeAll(
        context,
        a,
        'items',
        names.map((title) => ({ title })),
      )
      await fits(context, [
        [['title', 'LIKE', '100\\%'], ['100%']],
        [['title', 'LIKE', 'a\\_b'], ['a_b']],
        [['title', 'LIKE', 'a.b'], ['a.b']],
        [['title', 'LIKE', 'c\\\\d'], ['c\\d']],
        [['title', 'LIKE', '[x]'], ['[x]']],
        [['title', 'LIKE', '(y)*'], ['(y)*']],
        [['title', 'LIKE', 'line_break'], ['line\nbreak']],
        [['title', 'LIKE', 'l%k'], ['line\nbreak']],
      ])
      const open = await a.list('items', { where: [['title', 'LIKE', 'x\\']] })
      expect.error(open, 'invalid_query', 'a pattern that ends with its escape character must be refused')
    },
  },
  {
    id: 'QUERY-08',
    must: 'Values in conditions MUST never become part of a statement.',
    async run(context) {
      const names = ["' or '1'='1", '"; drop table conformance_items; --', '$1', '%', 'x']
      await makeAll(
        context,
        context.a,
        'items',
        names.map((title) => ({ title })),
      )
      await fits(
        context,
        names.map((title) => [['title', '=', title], [title]] as const),
      )
      for (const bad of [
        'title; --',
        'title" or 1=1',
        '*',
        'secret',
        'organization_id',
        '__proto__',
        'id::text',
      ]) {
        const { expect, a } = context
        expect.error(
          await a.list('items', { where: [[bad, 'x']] }),
          'invalid_query',
          `the field ${bad} must be refused`,
        )
        expect.error(
          await a.list('items', { orderBy: bad }),
          'invalid_query',
          `ordering by ${bad} must be refused`,
        )
      }
    },
  },
  {
    id: 'QUERY-20',
    must: 'A query that the schema does not allow MUST be refused as `invalid_query`, with every fault and its place.',
    models: ['items', 'values'],
    async run({ a, expect }) {
      const bad = [
        { where: [['nothing', 1]] },
        { where: [['rank', '~', 1]] },
        { where: [['rank', 'like', 'x']] },
        { where: [['rank', '=', 'x']] },
        { where: [['rank', 'LIKE', '1%']] },
        { where: [['rank', 'IN', 1]] },
        { where: [['rank']] },
        { where: ['rank', '=', 1] },
        { where: { rank: 1 } },
        { where: Array.from({ length: 51 }, () => ['rank', 1]) },
        { order: 'ascending' },
        { orderBy: 7 },
        { related: ['nothing'] },
        { related: 'shared' },
      ]
      for (const query of bad) {
        const shown = JSON.stringify(query).slice(0, 60)
        expect.error(await a.list('items', query), 'invalid_query', `${shown} must be refused`)
      }
      for (const query of [
        { where: [['doc', '=', {}]] },
        { orderBy: 'doc' },
        { orderBy: 'tags' },
        { where: [['tags', 'IN', []]] },
      ]) {
        expect.error(
          await a.list('values', query),
          'invalid_query',
          'JSON and arrays have no order and no equality here',
        )
      }
      const two = await a.list('items', {
        where: [
          ['nothing', 1],
          ['rank', '=', 'x'],
        ],
        order: 'up',
      })
      const issues = (two.details.issues ?? []) as { pointer: string }[]
      const expected = ['/query/where/0/0', '/query/where/1/2', '/query/order']
      expect.equal(
        issues.map(({ pointer }) => pointer),
        expected,
        'all faults must be told at once',
      )
    },
  },
  {
    id: 'QUERY-28',
    must: '`or`, `and` and `not` MUST join conditions as SQL does: what is compared with a missing value is neither true nor false, and its opposite is not either.',
    async run(context) {
      await makeAll(context, context.a, 'items', [
        { title: 'five', rank: 5, body: 'x' },
        { title: 'six', rank: 6 },
        { title: 'none', body: 'x' },
      ])
      const five = ['rank', '=', 5]
      const six = ['rank', '=', 6]
      const body = ['body', 'x']
      await fits(context, [
        [{ or: [five, six] }, ['five', 'six']],
        [{ and: [five, body] }, ['five']],
        [{ and: [six, body] }, []],
        [{ not: five }, ['six']],
        [{ not: { not: five } }, ['five']],
        [{ or: [five, body] }, ['five', 'none']],
        [{ or: [{ not: five }, body] }, ['five', 'six', 'none']],
        [{ not: { or: [five, body] } }, []],
        [{ not: { and: [five, ['rank', '>', 0]] } }, ['six']],
        [{ not: { and: [['title', 'six'], five] } }, ['five', 'six', 'none']],
        [{ not: ['rank', 'IS', null] }, ['five', 'six']],
        [{ not: ['rank', 'IN', []] }, ['five', 'six', 'none']],
        [{ not: ['rank', 'NOT IN', [5]] }, ['five']],
        [{ not: ['body', 'LIKE', 'y%'] }, ['five', 'none']],
      ])
      const both = await titles(context, [{ or: [five, six] }, ['body', 'IS', null]])
      context.expect.equal(both, ['six'], 'conditions beside an `or` must hold as well')
    },
  },
  {
    id: 'QUERY-29',
    must: 'STARTS WITH MUST take its text literally, tell case apart, and hold for no missing value.',
    async run(context) {
      await makeAll(context, context.a, 'items', [
        { title: '100% sure', body: 'x' },
        { title: '1000 times' },
        { title: 'a_b' },
        { title: 'axb' },
        { title: 'été' },
        { title: '😀 first' },
      ])
      await fits(context, [
        [['title', 'STARTS WITH', '100%'], ['100% sure']],
        [
          ['title', 'STARTS WITH', '100'],
          ['100% sure', '1000 times'],
        ],
        [['title', 'STARTS WITH', 'a_'], ['a_b']],
        [['title', 'STARTS WITH', 'A'], []],
        [['title', 'STARTS WITH', 'ét'], ['été']],
        [['title', 'STARTS WITH', '😀'], ['😀 first']],
        [['title', 'STARTS WITH', 'a_b and more'], []],
        [['body', 'STARTS WITH', ''], ['100% sure']],
        [{ not: ['body', 'STARTS WITH', 'y'] }, ['100% sure']],
        [
          ['status', 'STARTS WITH', 'to'],
          ['100% sure', '1000 times', 'a_b', 'axb', 'été', '😀 first'],
        ],
      ])
      const none = await context.a.list('items', { where: [['title', 'STARTS WITH', null]] })
      context.expect.error(none, 'invalid_query', 'nothing must start with null')
    },
  },
  {
    id: 'QUERY-30',
    must: 'CONTAINS MUST find the arrays that have a member, the whole of it, whatever stands beside it.',
    models: ['values'],
    async run(context) {
      const { a, expect } = context
      await makeAll(context, a, 'values', [
        { text: 'red', tags: ['red', 'blue'] },
        { text: 'null', tags: [null, 'red'] },
        { text: 'redder', tags: ['redder', 're,d', '{red}'] },
        { text: 'empty', tags: [] },
        { text: 'none' },
        { text: 'big', tags: ['x'], bigs: ['9007199254740993', null] },
      ])
      const found = async (condition: unknown): Promise<unknown[]> =>
        (await a.list('values', { where: [condition] })).rows.map((row) => row?.text).sort()
      expect.equal(await found(['tags', 'CONTAINS', 'red']), ['null', 'red'], 'the whole member must fit')
      expect.equal(await found(['tags', 'CONTAINS', 're,d']), ['redder'], 'whatever stands in it')
      expect.equal(await found(['tags', 'CONTAINS', 'RED']), [], 'in its own case')
      expect.equal(
        await found({ not: ['tags', 'CONTAINS', 'red'] }),
        ['big', 'empty', 'redder'],
        'an array without it is one that does not have it; no array is neither',
      )
      expect.equal(await found(['bigs', 'CONTAINS', '9007199254740993']), ['big'], 'exactly')
      expect.equal(await found(['bigs', 'CONTAINS', '9007199254740992']), [], 'to the last digit')
      for (const condition of [
        ['tags', 'CONTAINS', null],
        ['tags', 'CONTAINS', ['red']],
        ['bigs', 'CONTAINS', 'x'],
        ['text', 'CONTAINS', 'r'],
      ]) {
        const answer = await a.list('values', { where: [condition] })
        expect.error(answer, 'invalid_query', `${JSON.stringify(condition)} must be refused`)
      }
    },
  },
  {
    id: 'QUERY-25',
    must: 'Joined conditions MUST be bounded in number and depth, and refused with their place where they are none.',
    async run({ a, expect }) {
      const deep = (levels: number): unknown => (levels === 0 ? ['rank', 1] : { not: deep(levels - 1) })
      const bad: (readonly [unknown, string])[] = [
        [{ or: Array.from({ length: 51 }, () => ['rank', 1]) }, '/query/where'],
        [{ or: Array.from({ length: 26 }, () => ({ not: ['rank', 1] })) }, '/query/where'],
        [deep(8), `/query/where/0${'/not'.repeat(8)}`],
        [{ or: [] }, '/query/where/0/or'],
        [{ and: ['rank', '=', 1] }, '/query/where/0/and'],
        [{ or: [['rank', 1]], and: [['rank', 1]] }, '/query/where/0'],
        [{ nor: [['rank', 1]] }, '/query/where/0'],
        [{ or: [['rank', 1], { not: ['nothing', 1] }] }, '/query/where/0/or/1/not/0'],
        [null, '/query/where/0'],
      ]
      for (const [condition, pointer] of bad) {
        const answer = await a.list('items', { where: [condition] })
        const shown = JSON.stringify(condition).slice(0, 60)
        expect.error(answer, 'invalid_query', `${shown} must be refused`)
        const [issue] = (answer.details.issues ?? []) as { pointer: string }[]
        expect.equal(issue?.pointer, pointer, `${shown} must be refused at its place`)
      }
      expect.equal((await a.list('items', { where: [deep(7)] })).code, undefined, 'seven deep must be taken')
    },
  },
  {
    id: 'QUERY-26',
    must: '`select` MUST give the fields that it names and the key, in the order of the schema, whatever the list is ordered by.',
    async run(context) {
      const { a, expect } = context
      const ids = await makeAll(context, a, 'items', [
        { title: 'one', rank: 2, body: 'x' },
        { title: 'two', rank: 1, body: 'y' },
      ])
      const query = { select: ['title', 'status'], orderBy: 'rank', limit: 1 }
      const { rows } = await a.listAll('items', query)
      const expected = [
        { id: ids[1], title: 'two', status: 'todo' },
        { id: ids[0], title: 'one', status: 'todo' },
      ]
      expect.equal(rows, expected, 'the fields that were chosen must come, and no other')
      expect.equal(
        rows.map((row) => Object.keys(row as object)),
        expected.map(Object.keys),
        'in the order of the schema',
      )
      const keys = await a.list('items', { select: [], where: [['title', 'one']] })
      expect.equal(keys.rows, [{ id: ids[0] }], 'a row must have its key')
      for (const [select, pointer] of [
        [['title', 'nothing'], '/query/select/1'],
        [['organization_id'], '/query/select/0'],
        ['title', '/query/select'],
      ]) {
        const answer = await a.list('items', { select })
        expect.error(answer, 'invalid_query', `${JSON.stringify(select)} must be refused`)
        const [issue] = (answer.details.issues ?? []) as { pointer: string }[]
        expect.equal(issue?.pointer, pointer, `${JSON.stringify(select)} must be refused at its place`)
      }
    },
  },
  {
    id: 'QUERY-27',
    must: '`count` MUST give `total`, the number of all rows that match, of this tenant, on every page.',
    async run(context) {
      const { a, b, expect } = context
      await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 5 }, (_, rank) => ({ title: 'counted', rank })),
      )
      await makeAll(context, b, 'items', [{ title: 'counted', rank: 1 }])
      const query = { where: [['title', 'counted']], orderBy: 'rank', limit: 2, count: true }
      const totals: unknown[] = []
      for (let cursor: string | undefined; ; ) {
        const page = await a.list('items', { ...query, ...(cursor !== undefined && { cursor }) })
        totals.push(page.body.total)
        cursor = page.nextCursor
        if (cursor === undefined) break
      }
      expect.equal(totals, [5, 5, 5], 'every page must have the number of all rows')
      const some = await a.list('items', { ...query, where: [...query.where, ['rank', '>', 2]] })
      expect.equal(some.body.total, 2, 'the conditions must hold for what is counted')
      const none = await a.list('items', { ...query, where: [['title', 'nothing']] })
      expect.equal([none.body.total, none.rows], [0, []], 'there may be none')
      const plain = await a.list('items', { where: query.where })
      expect.equal(plain.body.total, undefined, 'what was not asked for must not be counted')
      expect.error(await a.list('items', { count: 1 }), 'invalid_query', '`count` must be true or false')
    },
  },
])
