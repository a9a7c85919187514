import { describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import type { Schema } from '../../src/core/schema/define.ts'
import { defineSchema, field, model, z } from '../../src/index.ts'
import {
  caller,
  majors,
  type OpenSource,
  openSource,
  refused,
  type WireEvent,
} from '../support/postgres-source.ts'

const notes = (more: object = {}) =>
  model({
    fields: { title: z.string(), amount: field.numeric().optional() },
    mutable: true,
    capture: true,
    ...more,
  })

const tables = `
create table notes (id text primary key, organization_id text not null, title text not null, amount numeric, secret text default 's');`

const told = (events: readonly WireEvent[]) =>
  events.map(({ model: name, type, entityId }) => `${name} ${type} ${entityId}`)

/** Another schema version on the same database, migrated. */
async function version<S extends Schema>(open: OpenSource, schema: S) {
  const adapter = pgAdapter(open.pool, schema)
  await adapter.migrate()
  return { ...caller(adapter, schema), adapter }
}

describe.each(majors)('Postgres %i: one row, one log', (major) => {
  const one = defineSchema({ notes: notes() })

  test('two models on one table see each other: stale through either name, told under both', async () => {
    const schema = defineSchema({
      notes: notes(),
      adminNotes: model({ fields: { title: z.string() }, mutable: true, capture: true, table: 'notes' }),
    })
    await using open = await openSource({ schema, tables, major })
    await open.commit({ type: 'CREATE', model: 'notes', id: 'n', input: { title: 'a' } })
    const { stamp } = await open.load('notes', 'n')
    expect((await open.load('adminNotes', 'n')).stamp).toBe(stamp)
    await open.commit({ type: 'UPDATE', model: 'adminNotes', id: 'n', input: { title: 'b' } })
    await refused(
      open.commit({ type: 'UPDATE', model: 'notes', id: 'n', input: { title: 'c' }, readAt: stamp }),
      'stale_context',
    )
    await open.sql(`update notes set title = 'by hand'`)
    const events = await open.feed()
    expect(told(events)).toEqual(
      ['CREATE', 'UPDATE', 'UPDATE'].flatMap((type) => [`notes ${type} n`, `adminNotes ${type} n`]),
    )
    expect(new Set(events.map(({ id }) => id)).size).toBe(6)
    // a page has as many events as fit, and all of a change
    expect(told((await open.events(undefined, 5)).events)).toHaveLength(4)
    expect(told((await open.events(undefined, 1)).events)).toEqual(['notes CREATE n', 'adminNotes CREATE n'])
    // one commit through both names
    const both = await open.commit([
      { type: 'UPDATE', model: 'notes', id: 'n', input: { title: 'x' } },
      { type: 'UPDATE', model: 'adminNotes', id: 'n', input: { title: 'y' } },
    ])
    expect(both.rows.map((row) => row?.title)).toEqual(['x', 'y'])
  })

  test('versions side by side: renamed model, renamed field and an added column, each told in its own words', async () => {
    await using open = await openSource({ schema: one, tables, major })
    await open.commit({ type: 'CREATE', model: 'notes', id: 'n', input: { title: 'a' } })
    const { stamp } = await open.load('notes', 'n')
    await open.sql('alter table notes add column due text')
    const two = defineSchema({
      memos: model({
        fields: { heading: z.string(), due: z.string().optional() },
        mutable: true,
        table: 'notes',
        columns: { heading: 'title' },
      }),
    })
    const newer = await version(open, two)
    await newer.commit({ type: 'UPDATE', model: 'memos', id: 'n', input: { heading: 'b', due: 'today' } })
    await refused(
      open.commit({
        type: 'UPDATE',
        model: 'notes',
        id: 'n',
        input: { title: 'c' },
        readAt: stamp,
        onStale: 'merge',
      }),
      'stale_context',
    )
    // what the older version does not know of does not meet what it writes
    await open.commit({
      type: 'UPDATE',
      model: 'notes',
      id: 'n',
      input: { amount: '1' },
      readAt: stamp,
      onStale: 'merge',
    })
    const mine = await open.feed()
    expect(mine.map(({ model: name, data }) => [name, data.title])).toEqual([
      ['notes', 'a'],
      ['notes', 'b'],
      ['notes', 'b'],
    ])
    const theirs = await newer.feed()
    expect(theirs.at(-1)).toMatchObject({ model: 'memos', data: { heading: 'b', due: 'today' } })
    expect(theirs.at(-2)?.changed).toEqual(['due', 'heading'])
    // a column of the table that no version exposes is not kept
    expect(JSON.stringify(await open.sql('select data from postern.log'))).not.toContain('"s"')
    // the older version migrates once more: nothing of the newer one is lost
    await open.source.migrate()
    await open.sql(`update notes set due = 'tomorrow'`)
    expect((await newer.feed()).at(-1)).toMatchObject({ changed: ['due'], data: { due: 'tomorrow' } })
  })

  test('a table that is renamed keeps its log', async () => {
    await using open = await openSource({ schema: one, tables, major })
    await open.commit({ type: 'CREATE', model: 'notes', id: 'n', input: { title: 'a' } })
    const { stamp } = await open.load('notes', 'n')
    // the database of this test is a copy, in which another oid stands for its template
    await open.source.migrate()
    await open.sql('alter table notes rename to papers')
    const renamed = await version(open, defineSchema({ notes: notes({ table: 'papers' }) }))
    expect((await renamed.load('notes', 'n')).stamp).toBe(stamp)
  })

  test('two tenants for one row, and parents that end in nobody, are refused by migrate', async () => {
    await using open = await openSource({
      schema: one,
      tables: `${tables} create table parts (id text primary key, note_id text references notes)`,
      major,
    })
    const misfit = (schema: Schema) =>
      refused(pgAdapter(open.pool, schema).migrate(), 'source_adapter_misconfigured')
    const policy = { by: 'none' } as const
    const error = await misfit(defineSchema({ notes: notes(), all: notes({ table: 'notes', policy }) }))
    expect(error.message).toContain('another policy')
    const parts = model({
      fields: { noteId: z.string() },
      mutable: true,
      policy: { by: 'parent', fk: 'noteId', parent: 'notes' },
    })
    expect((await misfit(defineSchema({ notes: notes({ policy }), parts }))).message).toContain('none')
  })

  test('an older package does not migrate over a newer one', async () => {
    await using open = await openSource({ schema: one, tables, major })
    await open.sql('update postern.meta set engine = engine + 1')
    expect((await refused(open.source.migrate(), 'source_adapter_misconfigured')).message).toContain(
      'newer version',
    )
  })

  test('a value is what travels: 1.0 and 1.00 are a change, and a merge does not go over it', async () => {
    await using open = await openSource({ schema: one, tables, major })
    await open.sql(`insert into notes (id, organization_id, title, amount) values ('n', 'org_1', 'a', 1.0)`)
    const { stamp } = await open.load('notes', 'n')
    await open.sql(`update notes set amount = 1.00`)
    expect((await open.feed()).at(-1)?.changed).toEqual(['amount'])
    await refused(
      open.commit({
        type: 'UPDATE',
        model: 'notes',
        id: 'n',
        input: { amount: '2' },
        readAt: stamp,
        onStale: 'merge',
      }),
      'stale_context',
    )
  })

  test('a row that moves is gone for the one and comes for the other, and an old stamp stays stale when it comes back', async () => {
    await using open = await openSource({ schema: one, tables, major })
    const other = open.as({ organizationId: 'org_2' })
    await open.commit({ type: 'CREATE', model: 'notes', id: 'n', input: { title: 'a' } })
    const { stamp } = await open.load('notes', 'n')
    await open.sql(`update notes set organization_id = 'org_2'`)
    await open.sql(`update notes set organization_id = 'org_1'`)
    expect(told(await open.feed())).toEqual(['notes CREATE n', 'notes DELETE n', 'notes CREATE n'])
    expect(told(await other.feed())).toEqual(['notes CREATE n', 'notes DELETE n'])
    await refused(
      open.commit({ type: 'UPDATE', model: 'notes', id: 'n', input: { title: 'b' }, readAt: stamp }),
      'stale_context',
    )
    // a foreign row is a missing row, whatever is known of it
    expect(await other.load('notes', 'n')).toMatchObject({ row: null })
    await refused(
      open
        .as({ organizationId: 'org_3' })
        .commit({ type: 'UPDATE', model: 'notes', id: 'n', input: { title: 'b' }, readAt: 0 }),
      'entity_not_found',
    )
  })

  test('equal keys of two tenants do not wait for each other', async () => {
    await using open = await openSource({ schema: one, tables, major })
    const slow = await open.client()
    await slow.query(`begin; select postern.reserve('org_2', 'k', 'i', null)`)
    await open.commit({ type: 'CREATE', model: 'notes', id: 'n', input: { title: 'a' } }, { key: 'k' })
    await slow.query('rollback')
  })

  test('a change of one column fires no trigger for another', async () => {
    const trigger = `
create table fired (what text);
create function fires() returns trigger language plpgsql as $$ begin insert into fired values (tg_argv[0]); return new; end $$;
create trigger on_amount before update of amount on notes for each row execute function fires('amount');
create trigger on_title before update of title on notes for each row execute function fires('title');`
    await using open = await openSource({ schema: one, tables: tables + trigger, major })
    const update = (id: string) => ({ type: 'UPDATE' as const, model: 'notes', id, input: { title: 'b' } })
    await open.commit(
      ['m', 'n'].map((id) => ({ type: 'CREATE' as const, model: 'notes', id, input: { title: 'a' } })),
    )
    await open.commit(update('m'))
    await open.commit([update('m'), update('n')])
    expect(await open.sql('select distinct what from fired')).toEqual([{ what: 'title' }])
  })

  test('functions of a stranger in the path are not called, and triggers of the application see its path', async () => {
    const strange = `
create schema app;
create table app.audit (title text);
create function audits() returns trigger language plpgsql as $$ begin insert into audit values (new.title); return new; end $$;
create trigger audits after insert or update on notes for each row execute function audits();
create function public.to_json(text) returns json language plpgsql as $$ begin raise exception 'a stranger'; end $$;
create function public.nextval(text) returns bigint language plpgsql as $$ begin raise exception 'a stranger'; end $$;`
    await using open = await openSource({
      schema: one,
      tables: tables + strange,
      major,
      pool: { options: '-c search_path=public,app' },
    })
    await open.commit({ type: 'CREATE', model: 'notes', id: 'n', input: { title: 'a' } })
    await open.commit([
      { type: 'UPDATE', model: 'notes', id: 'n', input: { title: 'b' } },
      { type: 'CREATE', model: 'notes', id: 'm', input: { title: 'c' } },
    ])
    expect(await open.sql('select title from app.audit order by title')).toEqual([
      { title: 'a' },
      { title: 'b' },
      { title: 'c' },
    ])
    expect(told(await open.feed())).toEqual(['notes CREATE n', 'notes UPDATE n', 'notes CREATE m'])
  })
})

describe.each(majors)('Postgres %i: what is told to the outside', (major) => {
  const schema = defineSchema({ notes: notes() })
  const opened = () => openSource({ schema, tables, major })
  const create = (id: string) => ({ type: 'CREATE' as const, model: 'notes', id, input: { title: id } })

  test('is the position of a committed entry, not one that only an aborted transaction took', async () => {
    await using open = await opened()
    const { stamps } = await open.commit(create('a'))
    const lost = await open.client()
    await lost.query(`begin; update notes set title = 'lost'; rollback`)
    expect((await open.list('notes')).stamp).toBe(stamps[0])
    const before = await open.events()
    expect((await open.source.feedStatus()).horizon).toBe(stamps[0])
    expect(before.events).toHaveLength(1)
  })

  test('lies in a gap once the log was renewed: old cursors end, stamps of a lost time are stale, positions go on', async () => {
    await using open = await opened()
    const { stamps } = await open.commit(create('a'))
    const { nextCursor } = await open.events()
    await open.source.renewLog()
    await refused(open.events(nextCursor), 'cursor_expired')
    const next = await open.commit(create('b'))
    expect(next.stamps[0]).toBeGreaterThanOrEqual((stamps[0] as number) + 2 ** 24)
    const lost = { type: 'UPDATE' as const, model: 'notes', id: 'a', input: { title: 'x' } }
    await refused(open.commit({ ...lost, readAt: (stamps[0] as number) + 7 }), 'stale_context')
    await open.commit({ ...lost, readAt: stamps[0] as number })
  })

  test('is refused when the log was put back: the cursor of a lost entry, and the stamp of one', async () => {
    await using open = await opened()
    await open.commit([create('a'), create('b')])
    const shared = (await open.events()).nextCursor
    await open.sql('create table kept as select * from postern.log; create table rows as select * from notes')
    const { stamps } = await open.commit({
      type: 'UPDATE',
      model: 'notes',
      id: 'a',
      input: { title: 'lost' },
    })
    const { nextCursor } = await open.events()
    // what pg_restore --clean does: the same rows in new files
    await open.sql(`truncate postern.log; insert into postern.log select * from kept`)
    await open.sql(
      `set session_replication_role = replica; update notes n set title = r.title from rows r where r.id = n.id`,
    )
    await refused(open.events(nextCursor), 'cursor_expired')
    expect((await open.events(shared)).events).toEqual([])
    const edit = {
      type: 'UPDATE' as const,
      model: 'notes',
      id: 'a',
      input: { title: 'x' },
      readAt: stamps[0] as number,
    }
    await refused(open.commit(edit), 'stale_context')
    for (let n = 0; n < 3; n += 1) await open.commit(create(`n${n}`))
    await refused(open.events(nextCursor), 'cursor_expired')
    await refused(open.commit(edit), 'stale_context')
    expect((await open.events(shared)).events).toHaveLength(3)
  })

  test('a sequence behind the log is the operator’s fault, is found by check, and heals', async () => {
    await using open = await opened()
    await open.commit(['a', 'b', 'd', 'e', 'f'].map(create))
    await open.sql(`select setval('postern.position_seq', 1)`)
    const error = await refused(open.commit(create('c')), 'source_adapter_misconfigured')
    expect(error.message).toContain('renew-log')
    const findings = await open.source.check()
    expect(findings.find(({ message }) => message.includes('behind the log'))).toMatchObject({
      level: 'error',
    })
    await open.source.renewLog()
    await open.commit(create('c'))
  })

  test('a missing row of ours answers at once, and migrate puts it back', async () => {
    await using open = await opened()
    await open.commit(create('a'))
    await open.sql('truncate postern.meta')
    await refused(open.events(), 'source_adapter_misconfigured')
    await open.source.migrate()
    expect(told((await open.events()).events)).toEqual(['notes CREATE a'])
  })
})

const world = `
create table lists (id text primary key, organization_id text not null, name text);
create table cards (
  id text primary key, organization_id text not null, list_id text references lists on delete cascade,
  other_id text references lists on delete set null, name text
);
create table counted (id text primary key, organization_id text not null, n int not null);
create function counts() returns int language plpgsql as $$ begin update counted set n = n + 1; return 1; end $$;
create table tickets (id text primary key, organization_id text not null, name text, number int default counts());`
const shop = {
  lists: model({ fields: { name: z.string().optional() }, mutable: true, capture: true }),
  cards: model({
    fields: { listId: z.string().optional(), otherId: z.string().optional(), name: z.string().optional() },
    mutable: true,
    capture: true,
  }),
  counted: model({ fields: { n: z.int() }, mutable: true, capture: true }),
  tickets: model({
    fields: { name: z.string().optional(), number: z.int().optional() },
    mutable: true,
    capture: true,
  }),
}

describe.each(majors)('Postgres %i: a follower ends with the table', (major) => {
  const opened = (more = '', models: object = {}) =>
    openSource({ schema: defineSchema({ ...shop, ...models }), tables: world + more, major })
  const create = (name: string, id: string, input: Record<string, unknown> = {}) => ({
    type: 'CREATE' as const,
    model: name,
    id,
    input,
  })
  const last = async (open: OpenSource, id: string) =>
    (await open.feed()).filter(({ entityId }) => entityId === id).at(-1)
  /** What a follower has is what is there. */
  const agrees = async (open: OpenSource, ...names: string[]) => {
    const rows = new Map<string, unknown>()
    for (const { model: name, type, entityId, data } of await open.feed()) {
      if (type === 'DELETE') rows.delete(`${name} ${entityId}`)
      else rows.set(`${name} ${entityId}`, data)
    }
    for (const name of names) {
      const mine = [...rows].filter(([key]) => key.startsWith(`${name} `)).map(([, data]) => data)
      const there = await open.listAll(name)
      expect(mine.map((row) => JSON.stringify(row)).sort()).toEqual(
        there.map((row) => JSON.stringify(row)).sort(),
      )
    }
  }

  test('cascades and SET NULL beneath a commit of several', async () => {
    await using open = await opened()
    await open.commit([create('lists', 'l'), create('lists', 'm')])
    await open.commit([
      create('cards', 'c', { listId: 'l' }),
      create('cards', 'd', { listId: 'm', otherId: 'l' }),
    ])
    await open.commit([
      { type: 'UPDATE', model: 'cards', id: 'c', input: { name: 'changed' } },
      { type: 'UPDATE', model: 'cards', id: 'd', input: { name: 'kept' } },
      { type: 'DELETE', model: 'lists', id: 'l' },
    ])
    expect(await last(open, 'c')).toMatchObject({ type: 'DELETE' })
    expect(await last(open, 'd')).toMatchObject({ type: 'UPDATE', data: { name: 'kept', otherId: null } })
    await agrees(open, 'lists', 'cards')
  })

  test('a default that writes, beneath one operation and several', async () => {
    await using open = await opened()
    await open.sql(`insert into counted values ('k', 'org_1', 0)`)
    await open.commit(create('tickets', 'a'))
    await open.commit([create('tickets', 'b'), create('tickets', 'c')])
    expect(await last(open, 'k')).toMatchObject({ data: { n: 3 } })
    await agrees(open, 'counted', 'tickets')
  })

  test('a BEFORE trigger of one table that changes a row which the same commit wrote', async () => {
    await using open = await opened(`
create function renames() returns trigger language plpgsql as $$ begin update cards set name = 'by ' || new.id where id = 'c'; return new; end $$;
create trigger renames before update on lists for each row execute function renames();`)
    await open.commit([create('lists', 'l'), create('cards', 'c', { listId: 'l' })])
    await open.commit([
      { type: 'UPDATE', model: 'cards', id: 'c', input: { name: 'mine' } },
      { type: 'UPDATE', model: 'lists', id: 'l', input: { name: 'x' } },
    ])
    expect(await last(open, 'c')).toMatchObject({ data: { name: 'by l' } })
    await agrees(open, 'lists', 'cards')
  })

  test('a rule that does something else instead: refused as the application’s, alone and among several', async () => {
    await using open = await opened(`create rule kept as on delete to cards do instead nothing;`)
    await open.commit([create('lists', 'l'), create('cards', 'c')])
    await refused(open.commit({ type: 'DELETE', model: 'cards', id: 'c' }), 'constraint_violation')
    await refused(
      open.commit([
        { type: 'UPDATE', model: 'lists', id: 'l', input: { name: 'x' } },
        { type: 'DELETE', model: 'cards', id: 'c' },
      ]),
      'constraint_violation',
    )
    await agrees(open, 'lists', 'cards')
  })

  test('statements that move keys, and a row inserted again under another', async () => {
    await using open = await opened()
    await open.sql(`insert into lists values ('a', 'org_1', '1'), ('b', 'org_1', '2')`)
    // each takes the key that the other has had
    await open.sql(
      `update lists set id = 'x' where id = 'a'; update lists set id = 'a' where id = 'b'; update lists set id = 'b' where id = 'x'`,
    )
    await open.sql(`update lists set id = 'c' where id = 'a'`)
    await open.sql(
      `with gone as (delete from lists where id = 'b' returning *) insert into lists select 'd', organization_id, name from gone`,
    )
    await agrees(open, 'lists')
  })

  test('partitions: rows that move between them, TRUNCATE of one, writes to a leaf with other columns first', async () => {
    await using open = await opened(
      `create table parts (id text not null, organization_id text not null, kind text not null, primary key (id, kind)) partition by list (kind);
create table parts_a (kind text not null, id text not null, organization_id text not null);
alter table parts attach partition parts_a for values in ('a');
create table parts_b partition of parts for values in ('b');
create table pieces (id text not null primary key, organization_id text not null, name text) partition by hash (id);
create table pieces_0 (name text, organization_id text not null, id text not null);
alter table pieces attach partition pieces_0 for values with (modulus 2, remainder 0);
create table pieces_1 partition of pieces for values with (modulus 2, remainder 1);`,
      { pieces: model({ fields: { name: z.string().optional() }, mutable: true, capture: true }) },
    )
    await open.sql(
      `insert into pieces (id, organization_id, name) select 'p' || n, 'org_1', 'x' || n from generate_series(1, 12) n`,
    )
    await open.sql(`update pieces set name = 'y'; update pieces_0 set name = 'leaf'; insert into pieces_0 (id, organization_id, name)
      select 'q' || n, 'org_1', 'z' from generate_series(1, 40) n where satisfies_hash_partition('pieces'::regclass, 2, 0, 'q' || n)`)
    await open.commit([
      create('pieces', 'own', { name: 'a' }),
      { type: 'UPDATE', model: 'pieces', id: 'p1', input: { name: 'b' } },
    ])
    await agrees(open, 'pieces')
    await open.sql('truncate pieces_0')
    await agrees(open, 'pieces')
    const late = await open.client()
    await late.query('begin isolation level repeatable read')
    await expect(late.query('truncate pieces')).rejects.toThrow(/READ COMMITTED/)
  })

  test('a job held by forced row-level security is told, where the triggers may see every row', async () => {
    await using open = await opened()
    await open.sql(`alter table lists enable row level security; alter table lists force row level security;
      create policy mine on lists using (organization_id = current_setting('app.tenant', true));
      do $$ begin if not exists (select from pg_roles where rolname = 'one_log_job') then create role one_log_job; end if; end $$;
      grant select, insert, update, delete on lists to one_log_job`)
    const job = await open.client()
    await job.query(`set role one_log_job; set app.tenant = 'org_1'`)
    await job.query(`insert into lists values ('a', 'org_1', '1'), ('b', 'org_1', '2')`)
    await job.query(`update lists set name = 'x' where id = 'a'`)
    await job.query(`delete from lists where id = 'b'`)
    await agrees(open, 'lists')
  })

  test('a column that was dropped under a running application: its own writes go on, and are told', async () => {
    await using open = await opened()
    await open.sql(`insert into cards (id, organization_id, name) values ('c', 'org_1', 'a')`)
    await open.sql('alter table cards drop column other_id')
    await open.sql(`update cards set name = 'b'`)
    await open.sql(
      `insert into cards (id, organization_id, name) select 'n' || n, 'org_1', 'c' from generate_series(1, 3) n`,
    )
    await open.sql(`delete from cards where id = 'n1'`)
    const events = (await open.feed()).filter(({ entityId }) => entityId === 'c')
    expect(events.at(-1)).toMatchObject({ type: 'UPDATE', data: { name: 'b' } })
    expect(told(await open.feed()).slice(-4)).toEqual([
      'cards CREATE n1',
      'cards CREATE n2',
      'cards CREATE n3',
      'cards DELETE n1',
    ])
  })

  test('a transaction under repeatable read, and one that touches a row many times', async () => {
    await using open = await opened()
    await open.sql(`insert into lists values ('a', 'org_1', '0')`)
    const late = await open.client()
    await late.query('begin isolation level repeatable read')
    for (let n = 0; n < 3; n += 1) await late.query(`update lists set name = $1`, [String(n)])
    await late.query(`delete from lists; insert into lists values ('a', 'org_1', 'again')`)
    await late.query('commit')
    expect(await last(open, 'a')).toMatchObject({ data: { name: 'again' } })
    await agrees(open, 'lists')
  })
})

test('virtual generated columns have their value in captured events, also of a row that is gone', async () => {
  const schema = defineSchema({
    sums: model({
      fields: { a: z.int(), twice: z.int().optional() },
      mutable: ['CREATE', 'DELETE'],
      capture: true,
    }),
  })
  await using open = await openSource({
    schema,
    tables:
      'create table sums (id text primary key, organization_id text not null, a int not null, twice int generated always as (a * 2) virtual)',
  })
  await open.sql(`insert into sums (id, organization_id, a) values ('s', 'org_1', 4)`)
  await open.sql(`update sums set a = 5`)
  await open.sql(`delete from sums`)
  expect((await open.feed()).map(({ data }) => data.twice)).toEqual([8, 10, 10])
})

test('two tenant columns of two types: a spelling that is not one tenant in both is refused', async () => {
  const by = (column: string) => ({ by: 'column', column }) as const
  const schema = defineSchema({
    texts: model({ fields: { name: z.string() }, mutable: true, policy: by('org') }),
    numbers: model({ fields: { name: z.string() }, mutable: true, policy: by('org') }),
  })
  await using open = await openSource({
    schema,
    tables:
      'create table texts (id text primary key, org text not null, name text); create table numbers (id text primary key, org bigint not null, name text)',
  })
  const seven = open.as({ organizationId: '7' })
  await seven.commit([
    { type: 'CREATE', model: 'texts', id: 't', input: { name: 'a' } },
    { type: 'CREATE', model: 'numbers', id: 'n', input: { name: 'a' } },
  ])
  expect(await seven.feed()).toHaveLength(2)
  await refused(open.as({ organizationId: '07' }).load('numbers', 'n'), 'source_forbidden')
  await refused(open.as({ organizationId: '07' }).events(), 'source_forbidden')
})
