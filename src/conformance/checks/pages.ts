import type { CheckContext } from '../check.ts'
import { checks } from '../check.ts'
import { create } from '../source.ts'
import { make, makeAll } from './steps.ts'

/** Walks a query in pages of every size, both ways, and holds it against the whole. */
async function pages(context: CheckContext, orderBy: string, expected: readonly string[]): Promise<void> {
  const { a, expect } = context
  for (const order of ['asc', 'desc']) {
    const whole = order === 'asc' ? expected : [...expected].reverse()
    for (const limit of [1, 2, 3, expected.length - 1, expected.length, expected.length + 1]) {
      const { rows } = await a.listAll('items', { orderBy, order, limit })
      const found = rows.map((row) => row.title)
      expect.equal(
        found,
        whole,
        `pages of ${limit} by ${orderBy} ${order} must hold every row once, in order`,
      )
    }
  }
}

/** Lists: order, pages, stamps, embedded rows. */
export const pageChecks = checks('query', [
  {
    id: 'QUERY-09',
    must: 'Rows MUST stand in the order that was asked for, ties in the order of their keys and in the same direction.',
    async run(context) {
      const { a, expect, random } = context
      const ranks = random.shuffled([3, 1, 2, 1, 3, 2, 1])
      const ids = await makeAll(
        context,
        a,
        'items',
        ranks.map((rank) => ({ title: 'x', rank })),
      )
      const sorted = ids
        .map((id, at) => ({ id, rank: ranks[at] as number }))
        .sort((one, other) => one.rank - other.rank || (one.id < other.id ? -1 : 1))
        .map(({ id }) => id)
      const found = async (order: string): Promise<unknown[]> =>
        (await a.list('items', { orderBy: 'rank', order })).rows.map((row) => row?.id)
      expect.equal(await found('asc'), sorted, 'rows must rise, ties by key')
      expect.equal(await found('desc'), [...sorted].reverse(), 'rows must fall, ties by key')
      const plain = (await a.list('items')).rows.map((row) => row?.id)
      expect.equal(plain, ids, 'without an order the key must decide')
    },
  },
  {
    id: 'QUERY-10',
    must: 'Missing values MUST stand last in ascending and first in descending order.',
    async run(context) {
      const { a, expect } = context
      await makeAll(context, a, 'items', [
        { title: 'n1' },
        { title: 'r2', rank: 2 },
        { title: 'n2' },
        { title: 'r1', rank: 1 },
      ])
      const found = async (order: string): Promise<unknown[]> =>
        (await a.list('items', { orderBy: 'rank', order })).rows.map((row) => row?.title)
      expect.equal(await found('asc'), ['r1', 'r2', 'n1', 'n2'], 'nulls must be last when rising')
      expect.equal(await found('desc'), ['n2', 'n1', 'r2', 'r1'], 'nulls must be first when falling')
    },
  },
  {
    id: 'QUERY-11',
    must: 'Pages of any size MUST hold every row once, in order: by key, with ties, and with missing values.',
    async run(context) {
      const { a } = context
      const ranks = [2, null, 1, 2, null, 1, 2, 3]
      await makeAll(
        context,
        a,
        'items',
        ranks.map((rank, at) => ({ title: `r${at}`, rank, body: `b${(at * 5) % 8}` })),
      )
      await pages(context, 'id', ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7'])
      await pages(context, 'rank', ['r2', 'r5', 'r0', 'r3', 'r6', 'r7', 'r1', 'r4'])
      await pages(context, 'body', ['r0', 'r5', 'r2', 'r7', 'r4', 'r1', 'r6', 'r3'])
    },
  },
  {
    id: 'QUERY-12',
    must: 'Pages MUST keep their conditions, and the last one have no nextCursor.',
    async run(context) {
      const { a, expect } = context
      await makeAll(
        context,
        a,
        'items',
        [1, 2, 3, 4].map((rank) => ({ title: `r${rank}`, rank })),
      )
      const query = { where: [['rank', '!=', 2]], orderBy: 'rank', order: 'desc', limit: 2 }
      const first = await a.list('items', query)
      expect.equal(
        first.rows.map((row) => row?.title),
        ['r4', 'r3'],
        'the first page must be full',
      )
      const second = await a.list('items', { ...query, cursor: first.nextCursor })
      expect.equal(
        second.rows.map((row) => row?.title),
        ['r1'],
        'the second page must go on, under the same conditions',
      )
      expect.equal(second.nextCursor, undefined, 'the last page must not promise another')
      const exact = await a.list('items', { ...query, limit: 3 })
      expect.equal(
        [exact.rows.length, exact.nextCursor],
        [3, undefined],
        'a page that ends with the rows is the last',
      )
    },
  },
  {
    id: 'QUERY-13',
    must: 'A page MUST go on where the last one ended, also when its last row has changed or gone.',
    async run(context) {
      const { a, expect } = context
      const ids = await makeAll(
        context,
        a,
        'items',
        [1, 2, 3, 4].map((rank) => ({ title: `r${rank}`, rank })),
      )
      const first = await a.list('items', { orderBy: 'rank', limit: 2 })
      await a.commit({ type: 'DELETE', model: 'items', id: ids[1] as string })
      const second = await a.list('items', { orderBy: 'rank', limit: 2, cursor: first.nextCursor })
      expect.equal(
        second.rows.map((row) => row?.title),
        ['r3', 'r4'],
        'the position must not depend on the row',
      )
    },
  },
  {
    id: 'QUERY-14',
    must: 'A cursor MUST count only for the query and tenant that it was issued for; any other text is `cursor_invalid`.',
    models: ['items', 'values'],
    async run(context) {
      const { a, b, expect } = context
      await makeAll(
        context,
        a,
        'items',
        [1, 2, 3].map((rank) => ({ title: `r${rank}`, rank })),
      )
      const query = { where: [['rank', '>', 0]], orderBy: 'rank', limit: 1 }
      const { nextCursor: cursor = '' } = await a.list('items', query)
      const elsewhere = [
        await a.list('items', { ...query, cursor, orderBy: 'title' }),
        await a.list('items', { ...query, cursor, order: 'desc' }),
        await a.list('items', { ...query, cursor, where: [['rank', '>', 1]] }),
        await a.list('items', { ...query, cursor, where: [] }),
        await a.list('values', { limit: 1, cursor }),
        await b.list('items', { ...query, cursor }),
        await a.list('items', { ...query, cursor: `${cursor}A` }),
        await a.list('items', { ...query, cursor: '2' }),
        await a.list('items', { ...query, cursor: '' }),
      ]
      for (const answer of elsewhere) {
        expect.error(answer, 'cursor_invalid', 'a cursor of another query would silently skip rows')
      }
      const number = await a.list('items', { ...query, cursor: 2 })
      expect.error(number, 'invalid_query', 'a cursor is a text')
    },
  },
  {
    id: 'QUERY-15',
    must: 'A limit that is no whole number from 1 to the cap MUST be refused; without one a page MUST be bounded.',
    async run(context) {
      const { a, expect } = context
      for (const limit of [0, -1, 1.5, 1_000_000, '10', true]) {
        const answer = await a.list('items', { limit })
        expect.error(answer, 'invalid_query', `the limit ${JSON.stringify(limit)} must be refused, not cut`)
      }
      await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 120 }, (_, rank) => ({ title: 'x', rank })),
      )
      const page = await a.list('items')
      expect.equal(page.rows.length, 100, 'a page without a limit must hold 100 rows')
      expect.that(page.nextCursor !== undefined, 'and say that there are more')
      expect.equal((await a.listAll('items')).rows.length, 120, 'which must all be found')
    },
  },
  {
    id: 'QUERY-16',
    must: 'Each row MUST come with its own stamp, and the list with a position that is safe for all of them.',
    async run(context) {
      const { a, expect } = context
      const ids = await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 5 }, (_, rank) => ({ title: 'x', rank })),
      )
      await a.commit({ type: 'UPDATE', model: 'items', id: ids[2] as string, input: { rank: 99 } })
      const page = await a.list('items')
      const own = []
      for (const id of ids) own.push((await a.load('items', id)).stamp)
      expect.equal(page.stamps, own, "a list's stamps must be those of its rows, in their order")
      expect.that(
        page.stamp >= Math.max(...own),
        "with no writer under way the list's stamp must cover its rows",
        {
          expected: `at least ${Math.max(...own)}`,
          received: page.stamp,
        },
      )
    },
  },
  {
    id: 'QUERY-21',
    must: '`related` MUST embed the row that a reference names, or null, and the rows that refer to a row.',
    models: ['items', 'parts', 'shared'],
    async run(context) {
      const { a, expect } = context
      const group = await make(context, a, 'shared', { name: 'group' })
      const one = await make(context, a, 'items', { title: 'one', sharedId: group.id })
      await make(context, a, 'items', { title: 'two' })
      const parts = await makeAll(
        context,
        a,
        'parts',
        ['p1', 'p2'].map((name) => ({ name, itemId: one.id })),
      )
      const { rows } = await a.list('items', { related: ['shared', 'parts'] })
      const shared = rows.map((row) => (row?.shared as { name: string } | null)?.name ?? null)
      expect.equal(shared, ['group', null], 'the row that is referred to must be embedded, or null')
      const embedded = rows.map((row) =>
        ((row?.parts ?? []) as { id: string; name: string }[]).map(({ id, name }) => [id, name]),
      )
      expect.equal(
        embedded,
        [
          [
            [parts[0], 'p1'],
            [parts[1], 'p2'],
          ],
          [],
        ],
        'the rows that refer to it must be embedded, by key',
      )
      const [first] = (await a.list('parts', { related: ['item'], limit: 1 })).rows
      expect.equal(
        (first?.item as { title: string } | undefined)?.title,
        'one',
        'a relation must be found from the other side too',
      )
    },
  },
  {
    id: 'QUERY-22',
    must: 'A list that finds nothing MUST be empty, not missing.',
    async run({ a, expect }) {
      const answer = await a.list('items', { where: [['title', 'nothing']] })
      expect.equal(
        [answer.rows, answer.stamps, answer.nextCursor],
        [[], [], undefined],
        'a list of nothing must be a list',
      )
      expect.that(Number.isSafeInteger(answer.stamp), 'and have its position', { received: answer.body })
    },
  },
  {
    id: 'QUERY-23',
    must: 'Pages by a value of any kind MUST go on exactly, digits and microseconds included.',
    models: ['values'],
    async run(context) {
      const { a, expect } = context
      const kinds: Record<string, readonly unknown[]> = {
        big: ['9007199254740992', '9007199254740993', '9007199254740994'],
        exact: ['0.30000000000000000001', '0.30000000000000000002', '1'],
        at: ['2026-01-01T00:00:00.000001Z', '2026-01-01T00:00:00.000002Z', '2026-01-01T00:00:00.000003Z'],
        day: ['2026-01-01', '2026-01-02', '2026-01-03'],
        ratio: [0.1, 0.1 + 2 ** -55, 0.2],
        flag: [false, true, true],
        text: ['a"', 'b\\', 'c😀'],
      }
      for (const [field, values] of Object.entries(kinds)) {
        const ids = await makeAll(
          context,
          a,
          'values',
          [...values, null].map((value) => ({ [field]: value })),
        )
        const where = [['id', 'IN', ids]]
        const { rows } = await a.listAll('values', { where, orderBy: field, limit: 1 })
        expect.equal(
          rows.map((row) => row.id),
          ids,
          `pages by ${field} must hold every row once, in order`,
        )
      }
    },
  },
  {
    id: 'QUERY-24',
    must: 'A list MUST hold what commits before it wrote, at once.',
    async run({ a, id, expect }) {
      for (let round = 1; round <= 5; round++) {
        await a.commit(create('items', id(), { title: 'x', rank: round }))
        expect.equal(
          (await a.list('items')).rows.length,
          round,
          'a reader must see what was committed before',
        )
      }
    },
  },
])
