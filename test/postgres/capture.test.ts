import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { defineSchema, field, model, z } from '../../src/index.ts'
import {
  caller,
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
  type WireEvent,
} from '../support/postgres-source.ts'

const captured = (capture: boolean) =>
  defineSchema({
    folders: model({
      fields: { name: z.string(), size: z.int().optional(), archivedAt: field.timestamp().optional() },
      mutable: true,
      capture,
    }),
    files: model({
      fields: { folderId: z.string(), name: z.string(), ownerId: z.string().optional() },
      mutable: true,
      capture,
      policy: { by: 'parent', fk: 'folderId', parent: 'folders' },
    }),
    owners: model({ fields: { name: z.string() }, mutable: true, capture, policy: { by: 'none' } }),
    plain: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
  })
const schema = captured(true)

const tables = `
create table owners (id text primary key, name text not null);
create table folders (
  id text primary key, organization_id text not null default 'org_1', name text not null unique, size int,
  archived_at timestamptz, not_in_the_schema text
);
create table files (
  id text primary key, folder_id text not null references folders on delete cascade on update cascade,
  owner_id text references owners on delete set null, name text not null
);
create table plain (id text primary key, name text not null);`

const told = (events: readonly WireEvent[]) =>
  events.map(({ model: name, type, entityId, changed }) =>
    [name, type, entityId, ...(changed ? [changed.join(' ')] : [])].join(' '),
  )

describe.each(majors)('Postgres %i: writes around the endpoint', (major) => {
  const opened = (more = '') => openSource({ schema, tables: tables + more, major })
  /** Runs SQL as the application would, and gives the events that it left, as one line each. */
  const after = async (open: OpenSource, text: string) => {
    const { nextCursor } = await lastPage(open)
    await open.sql(text)
    return told(await open.as(null).feed(nextCursor))
  }
  const lastPage = async (open: OpenSource) => {
    const all = open.as(null)
    for (let page = await all.events(); ; page = await all.events(page.nextCursor))
      if (page.events.length === 0) return page
  }

  test('each way to write leaves one event a row, with the fields that changed', async () => {
    await using open = await opened()
    const cases: [string, string[]][] = [
      [
        `insert into folders (id, name) values ('a', 'a'), ('b', 'b')`,
        ['folders CREATE a', 'folders CREATE b'],
      ],
      [`update folders set name = name || '1', size = 1 where id = 'a'`, ['folders UPDATE a name size']],
      [`update folders set name = name`, ['folders UPDATE a ', 'folders UPDATE b ']],
      [`update folders set not_in_the_schema = 'x' where id = 'a'`, ['folders UPDATE a ']],
      [`update folders set archived_at = now() where id = 'a'`, ['folders ARCHIVE a archivedAt']],
      [`update folders set archived_at = null where id = 'a'`, ['folders UNARCHIVE a archivedAt']],
      [`update folders set size = null where id = 'nobody'`, []],
      [
        `insert into folders (id, name) values ('a', 'x'), ('c', 'c') on conflict (id) do update set size = 2`,
        ['folders UPDATE a size', 'folders CREATE c'],
      ],
      [`insert into folders (id, name) values ('a', 'x') on conflict do nothing`, []],
      [
        `merge into folders f using (values ('b', 5), ('d', 6)) v(id, size) on f.id = v.id
         when matched then update set size = v.size when not matched then insert (id, name, size) values (v.id, v.id, v.size)`,
        ['folders UPDATE b size', 'folders CREATE d'],
      ],
      [
        `with gone as (delete from folders where id = 'd' returning *) select count(*) from gone`,
        ['folders DELETE d'],
      ],
      [`update folders set id = 'c2' where id = 'c'`, ['folders DELETE c', 'folders CREATE c2']],
      [`begin; update folders set size = 9 where id = 'a'; rollback`, []],
      [
        `begin; savepoint s; update folders set size = 9 where id = 'a'; rollback to s; update folders set size = 8 where id = 'b'; commit`,
        ['folders UPDATE b size'],
      ],
      [
        `do $$ begin begin update folders set size = 7; raise 'undone'; exception when raise_exception then null; end;
         delete from folders where id = 'c2'; end $$`,
        ['folders DELETE c2'],
      ],
      [`insert into plain values ('p', 'not captured')`, []],
      [`truncate folders, files`, ['folders DELETE a', 'folders DELETE b']],
    ]
    for (const [text, expected] of cases) {
      // rows of one statement come in the order in which the table holds them
      expect((await after(open, text)).sort(), text).toEqual([...expected].sort())
    }
  })

  test('what an event tells is the row: equal to what a load tells', async () => {
    await using open = await opened()
    await open.sql(
      `insert into folders (id, name, size) values ('a', 'q"uote', 3); update folders set size = 4`,
    )
    const events = await open.feed()
    const { row, stamp } = await open.load('folders', 'a')
    expect(events.at(-1)).toMatchObject({ data: row, stamp, organizationId: 'org_1' })
    expect(events.at(-1)?.id).toBe(`@${stamp}`)
    expect(events.at(-1)).not.toHaveProperty('clientTxId')
  })

  test('COPY leaves an event a row, and a transaction of 20,000 rows registers once', async () => {
    await using open = await opened()
    await open.sql(
      `create table source as select 'n' || n as id, 'name ' || n as name from generate_series(1, 20000) n`,
    )
    const writer = await open.client()
    await writer.query('begin')
    await writer.query('insert into folders (id, name) select id, name from source')
    await writer.query('update folders set size = 1')
    const locks = await writer.query(
      `select count(*)::int as n from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'`,
    )
    expect(locks.rows).toEqual([{ n: 1 }])
    expect((await open.events()).events).toEqual([])
    await writer.query('commit')
    expect(await open.sql('select count(*)::int as n from postern.log')).toEqual([{ n: 40_000 }])
    // node-postgres speaks no COPY by itself: the server's own, from a program that prints one line
    await open.sql(`copy owners from program 'printf "o1\\tcopied\\no2\\tcopied too\\n"'`)
    const { rows } = await open.pool.query(
      `select key from postern.log where rel = (select rel from postern.model where name = 'owners' limit 1) order by position`,
    )
    expect(rows).toEqual([{ key: 'o1' }, { key: 'o2' }])
  })

  test('cascades are writes too: rows deleted, references set to null, references renamed', async () => {
    await using open = await opened()
    await open.sql(`insert into owners values ('o', 'owner'); insert into folders (id, name) values ('f', 'f'), ('g', 'g');
      insert into files values ('1', 'f', 'o', 'one'), ('2', 'g', 'o', 'two')`)
    expect(await after(open, `delete from owners`)).toEqual([
      'owners DELETE o',
      'files UPDATE 1 ownerId',
      'files UPDATE 2 ownerId',
    ])
    expect(await after(open, `update folders set id = 'f2' where id = 'f'`)).toEqual([
      'folders DELETE f',
      'folders CREATE f2',
      'files UPDATE 1 folderId',
    ])
    expect((await after(open, `delete from folders`)).sort()).toEqual([
      'files DELETE 1',
      'files DELETE 2',
      'folders DELETE f2',
      'folders DELETE g',
    ])
  })

  test('the endpoint’s own commits leave one event an operation, what they cascade to one each as well', async () => {
    await using open = await opened()
    const key = freshKey()
    await open.commit(
      [
        { type: 'CREATE', model: 'folders', id: 'f', input: { name: 'f' } },
        { type: 'CREATE', model: 'files', id: '1', input: { folderId: 'f', name: 'one' } },
        { type: 'CREATE', model: 'files', id: '2', input: { folderId: 'f', name: 'two' } },
        { type: 'UPDATE', model: 'files', id: '1', input: { name: 'uno' } },
        { type: 'ARCHIVE', model: 'folders', id: 'f' },
      ],
      { key },
    )
    const events = await open.feed()
    expect(events.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4].map((n) => `${key}:${n}@org_1`))
    const { nextCursor } = await lastPage(open)
    for (const operations of [
      [{ type: 'DELETE' as const, model: 'folders', id: 'f' }],
      [{ type: 'CREATE' as const, model: 'folders', id: 'h', input: { name: 'h' } }],
    ]) {
      await open.commit(operations)
    }
    const later = (await open.as(null).feed(nextCursor)) as WireEvent[]
    expect(told(later).sort()).toEqual([
      'files DELETE 1',
      'files DELETE 2',
      'folders CREATE h',
      'folders DELETE f',
    ])
    // the tenant whose files they were hears of them, nobody else does
    expect(later.every(({ organizationId }) => organizationId === 'org_1')).toBe(true)
    expect((await open.as({ organizationId: 'org_2' }).feed()).map(({ entityId }) => entityId)).toEqual([])
  })

  test('what a customer’s trigger writes beneath a commit is logged once, and the last word on a row is the row', async () => {
    await using open = await opened(`
      create function on_folder() returns trigger language plpgsql as $$ begin
        insert into owners values ('o-' || new.id || '-' || coalesce(new.size, 0), 'made by a trigger') on conflict (id) do update set name = owners.name || '+';
        if pg_trigger_depth() < 3 then update folders set size = coalesce(size, 0) + 1 where id = new.id; end if;
        return null;
      end $$;
      create trigger on_folder after insert or update on folders for each row execute function on_folder();`)
    const create = (id: string) => ({ type: 'CREATE' as const, model: 'folders', id, input: { name: id } })
    await open.commit(create('a'))
    await open.commit([create('b'), create('c')])
    await open.commit({ type: 'UPDATE', model: 'folders', id: 'a', input: { name: 'a2' } })
    await open.sql(`update folders set name = 'b2' where id = 'b'`)
    const events = await open.as(null).feed()
    for (const id of ['a', 'b', 'c']) {
      const own = events.filter((event) => event.model === 'folders' && event.entityId === id)
      const { row, stamp } = await open.load('folders', id)
      expect(own.at(-1)).toMatchObject({ data: row, stamp })
    }
    // each row version of owners is one event: created once, updated as often as the trigger did
    const rows = await open.sql(
      `select id, length(name) - length('made by a trigger') as updates from owners order by id`,
    )
    expect(rows.length).toBeGreaterThan(3)
    for (const { id, updates } of rows) {
      const own = events.filter((event) => event.model === 'owners' && event.entityId === id)
      expect(own.map(({ type }) => type)).toEqual([
        'CREATE',
        ...Array.from({ length: Number(updates) }, () => 'UPDATE'),
      ])
    }
  })

  test('what a hook writes is logged like any other write, and once', async () => {
    await using open = await opened()
    const hooked = caller(
      pgAdapter(open.pool, schema, {
        hooks: {
          async beforeCommit({ tx }) {
            await tx.query({ text: `insert into owners values ('before', 'b')`, values: [] })
          },
          async afterCommit({ tx }) {
            await tx.query({ text: `insert into owners values ('after', 'a')`, values: [] })
          },
        },
      }),
      schema,
    )
    await hooked.commit([{ type: 'CREATE', model: 'folders', id: 'f', input: { name: 'f' } }])
    expect(told(await open.as(null).feed())).toEqual([
      'owners CREATE before',
      'folders CREATE f',
      'owners CREATE after',
    ])
  })

  test('staleness knows them: reject, merge by the fields they changed, deleted, created', async () => {
    await using open = await opened()
    const { stamps } = await open.commit([
      { type: 'CREATE', model: 'folders', id: 'a', input: { name: 'a' } },
      { type: 'CREATE', model: 'folders', id: 'b', input: { name: 'b' } },
    ])
    await open.sql(
      `update folders set size = 5 where id = 'a'; delete from folders where id = 'b'; insert into folders (id, name) values ('c', 'c')`,
    )
    const update = (id: string, input: object, more: object) => ({
      type: 'UPDATE' as const,
      model: 'folders',
      id,
      input: { ...input },
      ...more,
    })
    const readAt = stamps[1] as number
    const error = await refused(
      open.commit([
        update('a', { name: 'x' }, { readAt }),
        update('b', { name: 'x' }, { readAt }),
        update('c', { name: 'x' }, { readAt }),
      ]),
      'stale_context',
    )
    expect(error.details?.operations).toMatchObject([
      { id: 'a', reason: 'changed', changed: ['size'], current: { size: 5 } },
      { id: 'b', reason: 'deleted', current: null },
      { id: 'c', reason: 'created', current: { name: 'c' } },
    ])
    await refused(open.commit(update('a', { size: 1 }, { readAt, onStale: 'merge' })), 'stale_context')
    const merged = await open.commit(update('a', { name: 'merged' }, { readAt, onStale: 'merge' }))
    expect(merged.rows[0]).toMatchObject({ name: 'merged', size: 5 })
  })

  test('a row that SQL gives to another tenant is gone for the one and new for the other', async () => {
    await using open = await opened()
    await open.sql(
      `insert into folders (id, name) values ('f', 'f'); insert into files values ('1', 'f', null, 'one')`,
    )
    await open.sql(`update folders set organization_id = 'org_2', name = 'moved' where id = 'f'`)
    const mine = await open.feed()
    const theirs = await open.as({ organizationId: 'org_2' }).feed()
    // its file goes with it
    expect(told(mine)).toEqual(['folders CREATE f', 'files CREATE 1', 'files DELETE 1', 'folders DELETE f'])
    expect(mine.at(-1)?.data).toMatchObject({ name: 'f' })
    expect(told(theirs)).toEqual(['files CREATE 1', 'folders CREATE f'])
  })

  test('a role that may write the table, and nothing of ours, is captured all the same, and cannot forge the log', async () => {
    await using open = await opened()
    const role = `writer_${process.pid}_${Date.now()}`
    await open.sql(`create role ${role} login; grant select, insert, update, delete on folders to ${role}`)
    const url = new URL(open.url)
    url.username = role
    const writer = new pg.Client(url.href)
    await writer.connect()
    try {
      await writer.query(`insert into folders (id, name) values ('f', 'f'); update folders set size = 1`)
      expect(told(await open.feed())).toEqual(['folders CREATE f', 'folders UPDATE f size'])
      for (const text of [
        `insert into postern.log (position, tenant, rel, key, type, data) values (99, 'org_1', 1, 'x', 'CREATE', '{}')`,
        `select postern.record_held('org_1', 'k', 'i', null, '{}')`,
        `select postern.register()`,
        `select * from postern.log`,
      ]) {
        await expect(writer.query(text), text).rejects.toMatchObject({ code: '42501' })
      }
    } finally {
      await writer.end()
      await open.sql(`drop owned by ${role}; drop role ${role}`)
    }
  })

  test('a capture that the schema no longer wants is gone after the migration, and comes back with it', async () => {
    await using open = await opened()
    const without = pgAdapter(open.pool, captured(false))
    await without.migrate()
    expect(await after(open, `insert into folders (id, name) values ('a', 'a')`)).toEqual([])
    const writer = await open.client()
    await writer.query(`begin; update folders set size = 1`)
    await without.recordChange(writer as never, { model: 'folders', id: 'a', type: 'UPDATE' })
    await writer.query('commit')
    expect(await open.sql('select count(*)::int as n from postern.log')).toEqual([{ n: 1 }])
    await open.source.migrate()
    expect(await after(open, `update folders set size = 2`)).toEqual(['folders UPDATE a size'])
  })

  test('partitions, views and functions that write are captured where the row is', async () => {
    await using open = await openSource({
      major,
      schema: defineSchema({
        parts: model({
          fields: { id: field.bigint(), name: z.string() },
          mutable: true,
          policy: { by: 'none' },
          capture: true,
        }),
      }),
      tables: `create table parts (id bigint primary key, name text not null) partition by range (id);
        create table parts_low partition of parts for values from (0) to (100);
        create table parts_high partition of parts for values from (100) to (200);
        create view names as select id, name from parts;`,
    })
    expect(await after(open, `insert into parts values (1, 'low'), (101, 'high')`)).toEqual([
      'parts CREATE 1',
      'parts CREATE 101',
    ])
    expect(await after(open, `update names set name = 'through the view' where id = 1`)).toEqual([
      'parts UPDATE 1 name',
    ])
    expect(await after(open, `insert into parts_low values (2, 'straight into the partition')`)).toEqual([
      'parts CREATE 2',
    ])
    // Postgres moves a row between partitions by deleting and inserting it
    expect(await after(open, `update parts set id = 102 where id = 2`)).toEqual([
      'parts DELETE 2',
      'parts CREATE 102',
    ])
    expect((await after(open, `truncate parts`)).sort()).toEqual([
      'parts DELETE 1',
      'parts DELETE 101',
      'parts DELETE 102',
    ])
  })
})

describe.each(majors)('Postgres %i: changes that the application says itself', (major) => {
  test('recordChange: in the application’s transaction, with its fate, known to feed, stamps and staleness', async () => {
    await using open = await openSource({ schema, tables, major })
    const writer = await open.client()
    const say = (change: Parameters<typeof open.source.recordChange>[1]) =>
      open.source.recordChange(writer as never, change)
    await writer.query(`begin; insert into plain values ('p', 'new')`)
    const created = await say({ model: 'plain', id: 'p', type: 'CREATE' })
    await open.commit({ type: 'CREATE', model: 'plain', id: 'other', input: { name: 'other' } })
    expect((await open.feed()).length).toBe(0)
    await writer.query('commit')
    expect(await open.load('plain', 'p')).toEqual({ row: { id: 'p', name: 'new' }, stamp: created })
    await writer.query(`begin; update plain set name = 'renamed' where id = 'p'`)
    const updated = await say({ model: 'plain', id: 'p', type: 'UPDATE', changed: ['name', 'no such field'] })
    await writer.query('commit')
    expect(updated).toBeGreaterThan(created)
    await refused(
      open.commit({ type: 'UPDATE', model: 'plain', id: 'p', input: { name: 'x' }, readAt: created }),
      'stale_context',
    )
    await writer.query('begin')
    await say({ model: 'plain', id: 'p', type: 'DELETE' })
    await writer.query(`delete from plain where id = 'p'; commit`)
    await writer.query(`begin; insert into plain values ('undone', 'x')`)
    await say({ model: 'plain', id: 'undone', type: 'CREATE' })
    await writer.query('rollback')
    expect(told(await open.feed())).toEqual([
      'plain CREATE p',
      'plain CREATE other',
      'plain UPDATE p name',
      'plain DELETE p',
    ])
  })

  test('check warns of a mutable model that has not said whether its own writes are captured', async () => {
    const undecided = async (...capture: [boolean?]) => {
      await using open = await openSource({
        schema: defineSchema({
          plain: model({
            fields: { name: z.string() },
            mutable: true,
            policy: { by: 'none' },
            ...(capture.length > 0 && { capture: capture[0] }),
          }),
          readers: model({ fields: { name: z.string() }, policy: { by: 'none' }, table: 'owners' }),
        }),
        tables,
        major,
      })
      const found = await open.source.check()
      return found
        .filter(({ code }) => code === 'capture_undecided')
        .map(({ level, subject }) => [level, subject])
    }
    expect(await undecided()).toEqual([['warning', 'plain']])
    expect(await undecided(false)).toEqual([])
    expect(await undecided(true)).toEqual([])
  })

  test('recordChange is refused for a captured model, an unknown model and a row that is not there', async () => {
    await using open = await openSource({ schema, tables, major })
    const writer = await open.client()
    const say = (name: string, id: string | number) =>
      open.source.recordChange(writer as never, { model: name, id, type: 'UPDATE' })
    await writer.query(`begin; insert into folders (id, name) values ('f', 'f')`)
    await refused(say('folders', 'f'), 'source_adapter_misconfigured')
    await refused(say('nothing', 'f'), 'source_model_not_configured')
    await refused(say('plain', 'missing'), 'entity_not_found')
    expect(
      await open.sql(
        `select count(*)::int as n from postern.log where rel = (select rel from postern.model where name = 'plain' limit 1)`,
      ),
    ).toEqual([{ n: 0 }])
  })
})
