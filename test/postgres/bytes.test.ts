import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineSchema, model, relation, z } from '../../src/index.ts'
import { majors, type OpenSource, openSource, refused, traces } from '../support/postgres-source.ts'

const schema = defineSchema({
  pages: model({
    fields: { text: z.string(), data: z.json().optional(), number: z.int().optional() },
    relations: { next: relation.hasMany('notes', 'pageId') },
    mutable: true,
  }),
  notes: model({
    fields: { pageId: z.string() },
    relations: { page: relation.belongsTo('pages', 'pageId') },
    mutable: true,
  }),
})
const KB = 1024
const tables = `create table pages (id text primary key, organization_id text not null, text text not null, data jsonb, number int check (number < 100));
create table notes (id text primary key, organization_id text not null, page_id text not null references pages);
insert into pages select 'p' || n, 'org_1', repeat('a', 545 * ${KB}) from generate_series(1, 40) n;
insert into pages values ('huge', 'org_1', repeat('a', 17 * 1024 * ${KB}));`

const update = (id: string, more: object = {}) => ({
  type: 'UPDATE' as const,
  model: 'pages',
  id,
  input: {},
  ...more,
})
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))
const page = (n: number): string => `p${(n % 40) + 1}`

describe.each(majors)('Postgres %i: bytes of a commit', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema, tables, major })
  })
  afterAll(() => open[Symbol.asyncDispose]())

  /** Nothing may be left of it, and its key be free. */
  const tooLarge = async (operations: Parameters<OpenSource['commit']>[0]): Promise<void> => {
    const before = await traces(open)
    await refused(open.commit(operations, { key: 'large' }), 'commit_too_large')
    expect(await traces(open)).toEqual(before)
  }

  test.each([
    ['a thousand operations on forty rows of 545 KB', many(1_000, (n) => update(page(n)))],
    ['a thousand operations on one such row', many(1_000, () => update('p1'))],
    ['one operation on a row of 17 MB', [update('huge')]],
    [
      'a row of 17 MB that is deleted',
      [{ type: 'DELETE' as const, model: 'pages', id: 'huge' }, update('p1')],
    ],
    ['notifications', many(60, (n) => update(page(n), { readAt: 4_000_000, onStale: 'notify' }))],
  ])('%s: refused as too large, and nothing is applied', async (_, operations) => {
    await tooLarge(operations)
    const { rows } = await open.commit(update('p1', { input: { number: 1 } }), { key: 'large' })
    expect(rows[0]).toMatchObject({ id: 'p1', number: 1 })
    await open.sql(`delete from postern.ledger where key = 'large'`)
  })

  test('what is answered with less than the rows were is applied', async () => {
    const texts = many(40, (n) => update(page(n), { input: { text: 'short' } }))
    const { rows } = await open.commit(texts)
    expect(rows).toHaveLength(40)
    await open.sql(`update pages set text = repeat('a', 545 * ${KB}) where id like 'p%'`)
  })

  test('of a thousand stale operations as many are told as fit, and how many more there are', async () => {
    const error = await refused(
      open.commit(many(1_000, (n) => update(page(n), { readAt: 4_000_000 }))),
      'stale_context',
    )
    const text = error.detailsJson ?? JSON.stringify(error.details)
    expect(text.length).toBeLessThan(1_100_000)
    const { operations, more } = JSON.parse(text)
    expect(operations.map(({ index }: { index: number }) => index)).toEqual([0])
    expect(operations[0].current.text).toHaveLength(545 * KB)
    expect(more).toBe(999)
  })

  test('a row of more than a megabyte is left out of what is told of it', async () => {
    const one = update('huge', { readAt: 4_000_000 })
    for (const operations of [[one], [one, update('p1')]]) {
      const error = await refused(open.commit(operations), 'stale_context')
      const { operations: told } = JSON.parse(error.detailsJson ?? '')
      expect(told).toMatchObject([{ index: 0, id: 'huge', reason: 'unknown_position' }])
      expect(told[0]).not.toHaveProperty('current')
    }
  })

  test('rows whose values are compressed count as what they are', async () => {
    await open.sql(
      `insert into pages select 'c' || n, 'org_1', '', to_jsonb(repeat('a', 545 * ${KB})) from generate_series(1, 40) n`,
    )
    await tooLarge(many(40, (n) => update(`c${n + 1}`)))
    await open.sql(`delete from pages where id like 'c%'`)
  })
})
