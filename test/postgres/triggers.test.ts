import { describe, expect, test } from 'vitest'
import { defineSchema, field, model, z } from '../../src/index.ts'
import { freshKey, majors, type OpenSource, openSource, refused, traces } from '../support/postgres-source.ts'

const schema = defineSchema({
  items: model({
    fields: { name: z.string(), version: z.int().optional(), archivedAt: field.timestamp().optional() },
    mutable: true,
    readOnly: ['version'],
  }),
})

const tables = `
create table items (
  id text primary key,
  organization_id text not null default 'org_1',
  name text not null,
  version int not null default 1,
  archived_at timestamptz
);
insert into items (id, name) select 'i' || n, 'before' from generate_series(1, 9) n;`

/** The application's own trigger on the table. */
const trigger = (when: string, body: string): string => `${tables}
create function rule() returns trigger language plpgsql as $body$ begin ${body} end $body$;
create trigger rule ${when} on items for each row execute function rule();`

const update = (id: string, name = 'after') => ({
  type: 'UPDATE' as const,
  model: 'items',
  id,
  input: { name },
})
const create = (id: string, name = 'new') => ({
  type: 'CREATE' as const,
  model: 'items',
  id,
  input: { name },
})
const remove = (id: string) => ({ type: 'DELETE' as const, model: 'items', id })

/** What the log says of a row, next to what the table says of it. */
async function logAndTable(open: OpenSource, id: string) {
  const events = (await open.feed()).filter(({ entityId }) => entityId === id)
  const { row, stamp } = await open.load('items', id)
  return { last: events.at(-1), events, row, stamp }
}

describe.each(majors)('Postgres %i: the application’s own triggers', (major) => {
  const opened = (when: string, body: string) => openSource({ schema, tables: trigger(when, body), major })

  test.each([
    ['insert', create('n1')],
    ['update', update('i1')],
    ['delete', remove('i1')],
  ])(
    'a BEFORE trigger that suppresses the %s makes the commit fail, and nothing stays',
    async (event, operation) => {
      await using open = await opened(`before ${event}`, 'return null;')
      const before = await traces(open)
      for (const operations of [
        [operation],
        [create('n2'), operation],
        [update('i2'), operation, update('i3')],
      ]) {
        const error = await refused(open.commit(operations), 'constraint_violation')
        expect(error.message).toMatch(/trigger/)
        expect(error.details).toMatchObject({ model: 'items', index: expect.any(Number) })
      }
      expect(await traces(open)).toEqual(before)
      expect(await open.sql(`select count(*)::int as n from items where name = 'before'`)).toEqual([{ n: 9 }])
    },
  )

  test('a trigger that suppresses one row of a set is told from a row that is missing, and the operation is named', async () => {
    await using open = await opened('before update', `if new.id = 'i2' then return null; end if; return new;`)
    const error = await refused(
      open.commit([update('i1'), update('i2'), update('i3')]),
      'constraint_violation',
    )
    expect(error.details).toMatchObject({ index: 1, model: 'items', id: 'i2' })
  })

  test('what a BEFORE trigger rewrites is what answer, event and changed fields say', async () => {
    await using open = await opened(
      'before insert or update',
      `new.name := upper(new.name); if tg_op = 'UPDATE' then new.version := old.version + 1; end if; return new;`,
    )
    const created = await open.commit(create('n'))
    expect(created.rows[0]).toMatchObject({ name: 'NEW', version: 1 })
    const one = await open.commit(update('i1'))
    expect(one.rows[0]).toMatchObject({ name: 'AFTER', version: 2 })
    const many = await open.commit([update('i1', 'again'), update('i2'), create('m')])
    expect(many.rows).toMatchObject([
      { name: 'AGAIN', version: 3 },
      { name: 'AFTER', version: 2 },
      { name: 'NEW' },
    ])
    for (const id of ['n', 'm', 'i1', 'i2']) {
      const { last, row, stamp } = await logAndTable(open, id)
      expect(last).toMatchObject({ data: row, stamp })
    }
    expect((await logAndTable(open, 'i1')).last?.changed).toEqual(['name', 'version'])
  })

  test('after an AFTER trigger that writes the row once more, the log’s last word on it is the row as committed', async () => {
    await using open = await opened(
      'after insert or update',
      `if pg_trigger_depth() = 1 then update items set version = version + 10 where id = new.id; end if; return null;`,
    )
    const answers = [
      await open.commit(create('n')),
      await open.commit(update('i1')),
      await open.commit([update('i2'), create('m')]),
    ]
    for (const row of answers.flatMap(({ rows }) => rows)) expect(row).toMatchObject({ version: 11 })
    for (const id of ['n', 'm', 'i1', 'i2']) {
      const { last, row, stamp } = await logAndTable(open, id)
      expect(row).toMatchObject({ version: 11 })
      expect(last).toMatchObject({ data: row, stamp })
    }
  })

  test('after an AFTER trigger that deletes the row again, the log’s last word on it is that it is gone', async () => {
    await using open = await opened(
      'after insert or update',
      `if new.name = 'gone' then delete from items where id = new.id; end if; return null;`,
    )
    const attempts = [
      [update('i1', 'gone')],
      [create('n', 'gone')],
      [update('i2', 'gone'), update('i3')],
      [create('m', 'gone'), update('i4')],
    ]
    for (const operations of attempts) {
      // refusing is right as well: what must not be is an event of a row that is not there
      await open.commit(operations).catch(() => {})
    }
    for (const id of ['i1', 'n', 'i2', 'm']) {
      const { last, row } = await logAndTable(open, id)
      if (row === null) expect(last?.type ?? 'DELETE').toBe('DELETE')
      else expect(last?.type).not.toBe('DELETE')
    }
  })

  test('after an AFTER trigger that brings a deleted row back, the log’s last word on it is the row that is there', async () => {
    await using open = await opened(
      'after delete',
      `insert into items (id, name) values (old.id, 'kept by a rule'); return null;`,
    )
    for (const operations of [[remove('i1')], [remove('i2'), update('i3')]])
      await open.commit(operations).catch(() => {})
    for (const id of ['i1', 'i2']) {
      const { last, row } = await logAndTable(open, id)
      expect(row).not.toBeNull()
      expect(last?.type).not.toBe('DELETE')
      if (last) expect(last.data).toEqual(row)
    }
  })

  test('a trigger that gives the row another id does not leave an event for an id that is not there', async () => {
    await using open = await opened('before insert', `new.id := 'x-' || new.id; return new;`)
    const one = await open.commit(create('a')).catch(() => null)
    if (one) expect(one.rows[0]).toMatchObject({ id: 'x-a' })
    await open.commit([create('b'), create('c')]).catch(() => null)
    for (const event of await open.feed()) {
      expect((await open.load('items', event.entityId)).row).toEqual(event.data)
    }
  })

  test('a trigger’s own error is a refusal; its text, which may carry values, is not passed on', async () => {
    await using open = await opened(
      'before update',
      `raise exception 'salary of % is 1000000', new.id using errcode = case new.id when 'i1' then 'P0001' else 'ZX001' end;`,
    )
    const before = await traces(open)
    for (const operations of [[update('i1')], [update('i2')], [create('n'), update('i1')]]) {
      const error = await refused(open.commit(operations), 'constraint_violation')
      expect(`${error.message} ${error.detailsJson}`).not.toContain('1000000')
      expect(error.details).toMatchObject({ index: operations.length - 1, model: 'items' })
    }
    expect(await traces(open)).toEqual(before)
  })

  test('a trigger that writes other tables takes part in the commit: all or nothing', async () => {
    await using open = await openSource({
      schema,
      major,
      tables: `create table audit (id text); ${trigger('after update', 'insert into audit values (new.id); return null;')}`,
    })
    await open.commit([update('i1'), update('i2')])
    await refused(open.commit([update('i3'), update('missing')]), 'entity_not_found')
    await refused(open.commit([update('i3'), create('i1')]), 'unique_violation')
    expect(await open.sql('select id from audit order by id')).toEqual([{ id: 'i1' }, { id: 'i2' }])
  })

  test('a trigger that runs for long holds its rows only: other commits and the feed go on', async () => {
    await using open = await opened(
      'before update',
      `if new.name = 'slow' then perform pg_advisory_lock(1); perform pg_advisory_unlock(1); end if; return new;`,
    )
    const gate = await open.client()
    await gate.query('select pg_advisory_lock(1)')
    const slow = open.commit(update('i1', 'slow'))
    const key = freshKey()
    await open.commit(update('i2'), { key })
    expect((await open.feed()).map(({ clientTxId }) => clientTxId)).toContain(key)
    await gate.query('select pg_advisory_unlock(1)')
    expect((await slow).rows[0]).toMatchObject({ name: 'slow' })
    expect((await open.feed()).at(-1)).toMatchObject({ entityId: 'i1' })
  })
})
