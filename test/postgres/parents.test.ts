import { describe, expect, test } from 'vitest'
import { defineSchema, model, z } from '../../src/index.ts'
import { majors, type OpenSource, openSource, refused, type WireEvent } from '../support/postgres-source.ts'

/*
 * Whose a row is, a parent may say, and its parent, five tables up. A parent that moves takes all of them along.
 */

const below = (fk: string, parent: string) =>
  model({
    fields: { [fk]: z.string(), name: z.string().optional() },
    mutable: true,
    capture: true,
    policy: { by: 'parent', fk, parent },
  })

const schema = defineSchema({
  shops: model({ fields: { name: z.string().optional() }, mutable: true, capture: true }),
  aisles: below('shopId', 'shops'),
  shelves: below('aisleId', 'aisles'),
  boxes: below('shelfId', 'shelves'),
  parts: below('boxId', 'boxes'),
})
const names = ['shops', 'aisles', 'shelves', 'boxes', 'parts'] as const

const tables = `
create table shops (id text primary key, organization_id text not null, name text);
create table aisles (id text primary key, shop_id text not null references shops, name text);
create table shelves (id text primary key, aisle_id text not null references aisles, name text);
create table boxes (id text primary key, shelf_id text not null references shelves, name text);
create table parts (id text primary key, box_id text not null references boxes, name text);
create index on aisles (shop_id); create index on shelves (aisle_id); create index on boxes (shelf_id); create index on parts (box_id);`

/** A chain of five rows, one of each table: the shop `s1`, the aisle `a1` and so on. */
const chain = (n: number, tenant: string) => `
insert into shops values ('s${n}', '${tenant}'); insert into aisles values ('a${n}', 's${n}');
insert into shelves values ('h${n}', 'a${n}'); insert into boxes values ('b${n}', 'h${n}');
insert into parts values ('p${n}', 'b${n}');`

const told = (events: readonly WireEvent[]) =>
  events.map(({ model: name, type, entityId }) => `${name} ${type} ${entityId}`)

/** What a follower of this tenant has is what the tenant is shown. */
async function agrees(open: OpenSource, tenant: string): Promise<void> {
  const asked = open.as({ organizationId: tenant })
  const rows = new Map<string, unknown>()
  for (const { model: name, type, entityId, data } of await asked.feed()) {
    if (type === 'DELETE') rows.delete(`${name} ${entityId}`)
    else rows.set(`${name} ${entityId}`, data)
  }
  const shown = new Map<string, unknown>()
  for (const name of names) {
    for (const row of await asked.listAll(name)) shown.set(`${name} ${row.id}`, row)
  }
  expect(Object.fromEntries(rows), tenant).toEqual(Object.fromEntries(shown))
}

describe.each(majors)('Postgres %i: parents', (major) => {
  const opened = () => openSource({ schema, tables, major })

  test('one that moves takes four tables below it along, there and back; old stamps stay stale', async () => {
    await using open = await opened()
    const other = open.as({ organizationId: 'org_2' })
    await open.sql(chain(1, 'org_1'))
    const { stamp } = await open.load('parts', 'p1')
    await open.sql(`update shops set organization_id = 'org_2'`)
    const chainOf = (type: string) =>
      ['shops', 'aisles', 'shelves', 'boxes', 'parts'].map((name, at) => `${name} ${type} ${'sahbp'[at]}1`)
    expect(told(await other.feed()).sort()).toEqual(chainOf('CREATE').sort())
    expect(
      told(await open.feed())
        .slice(5)
        .sort(),
    ).toEqual(chainOf('DELETE').sort())
    await open.sql(`update shops set organization_id = 'org_1'`)
    const edit = { type: 'UPDATE' as const, model: 'parts', id: 'p1', input: { name: 'x' } }
    await refused(open.commit({ ...edit, readAt: stamp }), 'stale_context')
    await open.commit({ ...edit, readAt: (await open.load('parts', 'p1')).stamp })
    for (const tenant of ['org_1', 'org_2']) await agrees(open, tenant)
  })

  test('a row in the middle of the chain moves below another tenant’s, and within its own tenant it does not', async () => {
    await using open = await opened()
    await open.sql(chain(1, 'org_1') + chain(2, 'org_2') + chain(3, 'org_1'))
    const before = (await open.feed()).length
    // below another parent of the same tenant nobody's rows change hands: neither told nor stale
    const { stamp } = await open.load('parts', 'p1')
    await open.commit({ type: 'UPDATE', model: 'shelves', id: 'h1', input: { aisleId: 'a3' } })
    expect(told(await open.feed()).slice(before)).toEqual(['shelves UPDATE h1'])
    expect((await open.load('parts', 'p1')).stamp).toBe(stamp)
    await open.sql(`update shelves set aisle_id = 'a2' where id = 'h1'`)
    expect(
      told(await open.feed())
        .slice(before + 1)
        .sort(),
    ).toEqual(['boxes DELETE b1', 'parts DELETE p1', 'shelves DELETE h1'])
    for (const tenant of ['org_1', 'org_2']) await agrees(open, tenant)
  })

  test('a part that is put into a box while its shop moves is told to whom the shop goes', async () => {
    await using open = await opened()
    await open.sql(chain(1, 'org_1'))
    const mover = await open.client()
    await mover.query(`begin; update shops set organization_id = 'org_2'`)
    const adding = open.sql(`insert into parts values ('late', 'b1')`)
    await expect
      .poll(async () =>
        open.sql(
          `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into parts%'`,
        ),
      )
      .toHaveLength(1)
    await mover.query('commit')
    await adding
    expect(told(await open.as({ organizationId: 'org_2' }).feed()).at(-1)).toBe('parts CREATE late')
    for (const tenant of ['org_1', 'org_2']) await agrees(open, tenant)
  })

  test('a move of 10,000 rows is done, of one more is refused as the writer’s, however they are spread', async () => {
    await using open = await opened()
    // three tables deep: 1 aisle, 4 shelves, 9,995 boxes
    await open.sql(`
insert into shops values ('s', 'org_1'), ('home', 'org_2'); insert into aisles values ('a', 's');
insert into shelves select 'h' || n, 'a' from generate_series(1, 4) n;
insert into boxes select 'b' || n, 'h' || 1 + n % 4 from generate_series(1, 9995) n`)
    const { position } = await open.source.feedStatus()
    await open.sql(`update shops set organization_id = 'org_2' where id = 's'`)
    expect((await open.source.feedStatus()).position - position).toBe(2 * 10_001)
    await open.sql(`insert into boxes values ('more', 'h1')`)
    const back = open.sql(`update shops set organization_id = 'org_1' where id = 's'`)
    await expect(back).rejects.toMatchObject({
      code: '54000',
      message: expect.stringContaining('10000 rows'),
    })
    expect(await open.sql(`select organization_id from shops where id = 's'`)).toEqual([
      { organization_id: 'org_2' },
    ])
    // in steps, as the message says
    await open.sql(
      `insert into aisles values ('home', 'home'); update shelves set aisle_id = 'home' where id = 'h1'`,
    )
    await open.sql(`update shops set organization_id = 'org_1' where id = 's'`)
    expect((await open.as({ organizationId: 'org_2' }).load('boxes', 'more')).row).toMatchObject({
      shelfId: 'h1',
    })
    expect((await open.load('boxes', 'b1')).row).toMatchObject({ shelfId: 'h2' })
  })

  test('a parent that goes takes along what cascades, however many', async () => {
    await using open = await openSource({
      schema,
      tables: tables.replace(/references (\w+)/g, 'references $1 on delete cascade'),
      major,
    })
    await open.sql(`
insert into shops values ('s', 'org_1'); insert into aisles values ('a', 's'); insert into shelves values ('h', 'a');
insert into boxes select 'b' || n, 'h' from generate_series(1, 10001) n`)
    await open.sql(`delete from shops`)
    const { rows } = await open.pool.query(
      `select type, count(*)::int as n from postern.log group by type order by type`,
    )
    expect(rows).toEqual([
      { type: 'CREATE', n: 10_004 },
      { type: 'DELETE', n: 10_004 },
    ])
  })
})
