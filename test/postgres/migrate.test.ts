import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { pgAdapter, pgConnection } from '../../src/adapters/pg.ts'
import { defineSchema, field, model, type Schema, z } from '../../src/index.ts'
import { migrate } from '../../src/postgres/index.ts'
import type { MisfitError } from '../../src/postgres/model/fault.ts'
import { freshDatabase } from '../support/db.ts'
import { caller, freshKey, majors, type OpenSource, openSource, refused } from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'

const run = promisify(execFile)

/** A database with these tables and nothing of ours, and a pool on it. */
async function bare(tables: string, major: 18 | 15 = 18) {
  const database = await freshDatabase({ major })
  const pool = new pg.Pool({ connectionString: database.url })
  pool.on('error', () => {})
  await pool.query(tables)
  return {
    url: database.url,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end()
      await database.drop()
    },
  }
}

/** Everything of ours in the database that a second run could have changed. */
const installed = async (pool: pg.Pool, schema = 'postern') =>
  (
    await pool.query(
      `select 'function' as what, proname as name, prosrc as body from pg_proc where pronamespace = $1::regnamespace
       union all select 'table', relname, relkind::text from pg_class where relnamespace = $1::regnamespace
       union all select 'trigger', tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
       order by 1, 2, 3`,
      [schema],
    )
  ).rows

describe.each(majors)('Postgres %i: migrate', (major) => {
  test('a second run applies no migration, changes nothing and keeps ledger and log', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables, major })
    const operation = { type: 'CREATE', model: 'tasks', id: 'kept', input: { title: 'kept' } } as const
    const first = await open.commit(operation, { key: 'kept' })
    const before = await installed(open.pool)
    const report = await open.source.migrate()
    expect(report.applied).toEqual([])
    expect(report.statements.length).toBeGreaterThan(20)
    expect(await installed(open.pool)).toEqual(before)
    expect((await open.commit(operation, { key: 'kept' })).body).toBe(first.body)
    expect(await open.feed()).toHaveLength(1)
  })

  test('the first run tells what it applied, and the report’s statements are what was run', async () => {
    await using open = await bare(trackerTables, major)
    const report = await pgAdapter(open.pool, tracker).migrate()
    expect(report.applied).toEqual(report.applied.map((_, n) => n + 1))
    expect(report.applied.length).toBeGreaterThan(0)
    expect(report.digest).toMatch(/^[0-9a-f]{8}$/)
    const before = await installed(open.pool)
    // the same statements on an empty database, by hand, as a reviewed migration file would
    await using byHand = await bare(trackerTables, major)
    for (const { text } of report.statements) await byHand.pool.query(text)
    expect(await installed(byHand.pool)).toEqual(before)
    const source = caller(pgAdapter(byHand.pool, tracker), tracker)
    await source.commit({ type: 'CREATE', model: 'tasks', id: 't', input: { title: 't' } })
  })

  test('from several processes at once: all succeed, and everything is there once', async () => {
    await using open = await bare(trackerTables, major)
    const script = `
      import pg from 'pg'
      const { pgAdapter } = await import('./src/adapters/pg.ts')
      const { tracker } = await import('./test/support/tracker.ts')
      const pool = new pg.Pool({ connectionString: process.argv[1] })
      const { applied } = await pgAdapter(pool, tracker).migrate()
      console.log(applied.length)
      await pool.end()`
    const outcomes = await Promise.all(
      Array.from({ length: 3 }, () =>
        run(process.execPath, ['--conditions=postern-source', '--input-type=module', '-e', script, open.url]),
      ),
    )
    const applied = outcomes.map(({ stdout }) => Number(stdout)).sort()
    expect(applied.slice(0, 2)).toEqual([0, 0])
    expect(applied[2]).toBeGreaterThan(0)
    const source = caller(pgAdapter(open.pool, tracker), tracker)
    await source.commit({ type: 'CREATE', model: 'tasks', id: 't', input: { title: 't' } })
  })

  test('from one process many times at once, while commits run: nobody fails', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables, major, pool: { max: 20 } })
    const commits = Array.from({ length: 60 }, (_, n) =>
      open.commit({ type: 'CREATE', model: 'tasks', id: `t${n}`, input: { title: 't' } }),
    )
    await Promise.all([...commits, ...Array.from({ length: 4 }, () => open.source.migrate())])
    expect(await open.feed()).toHaveLength(60)
  })

  /** As an installation that was made before the index of a tenant's feed. */
  const withoutIndex = (open: Pick<OpenSource, 'sql'>) =>
    open.sql('drop index postern.log_tenant; delete from postern.migration where version = 3')
  const captured = defineSchema({ items: model({ fields: { a: z.int() }, mutable: true, capture: true }) })
  const items = 'create table items (id text primary key, organization_id text not null, a int not null)'

  test('an upgrade meets a writer that holds a captured table: it waits, and both end well', async () => {
    await using open = await openSource({ schema: captured, tables: items, major })
    await open.commit({ type: 'CREATE', model: 'items', id: 'i', input: { a: 1 } })
    await withoutIndex(open)
    const writer = await open.client()
    await writer.query('begin; lock table items in row exclusive mode')
    const upgrade = open.source.migrate()
    upgrade.catch(() => {})
    const waiting = `select 1 from pg_locks where not granted and relation = 'items'::regclass`
    while ((await open.sql(waiting)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    // the writer's table first and the log second, as every commit does it
    await writer.query(`update items set a = 2`)
    await writer.query('commit')
    expect((await upgrade).applied).toEqual([3])
    expect(await open.feed()).toHaveLength(2)
  })

  test('an index on the log in use is built without stopping writers, over what an interrupted build left', async () => {
    await using open = await openSource({ schema: captured, tables: items, major })
    const index = `select i.indisvalid as valid from pg_index i where i.indexrelid = to_regclass('postern.log_tenant')`
    await withoutIndex(open)
    const dry = await open.source.migrate({ dryRun: true })
    expect(await open.sql(index)).toEqual([])
    expect((await open.source.migrate()).statements).toEqual(dry.statements)
    expect(dry.applied).toEqual([3])
    expect(dry.statements[0]?.text).toMatch(
      /^create index concurrently if not exists log_tenant on postern\.log/,
    )
    expect(dry.statements.filter(({ name }) => name === 'log_tenant')).toHaveLength(1)
    expect(await open.sql(index)).toEqual([{ valid: true }])

    await open.sql('delete from postern.migration where version = 3')
    await open.sql(`update pg_index set indisvalid = false where indexrelid = 'postern.log_tenant'::regclass`)
    const { statements } = await open.source.migrate()
    expect(statements.slice(0, 2).map(({ text }) => text)).toEqual([
      'drop index concurrently if exists postern.log_tenant',
      dry.statements[0]?.text,
    ])
    expect(await open.sql(index)).toEqual([{ valid: true }])
  })

  test('without a migration every request is refused and names the command; after it the same source answers', async () => {
    await using open = await bare(trackerTables, major)
    const source = pgAdapter(open.pool, tracker)
    const call = caller(source, tracker)
    const create = { type: 'CREATE', model: 'tasks', id: 't', input: { title: 't' } } as const
    for (const ask of [
      () => call.load('tasks', 't'),
      () => call.list('tasks'),
      () => call.commit(create),
      () => call.events(),
    ]) {
      const error = await refused(ask(), 'source_adapter_misconfigured')
      expect(error.message).toContain('npx postern migrate')
    }
    await source.migrate()
    expect((await call.commit(create)).stamps).toEqual([1])
  })

  test('a changed schema is a clear refusal until it is migrated; the version before it goes on beside it', async () => {
    const v1 = defineSchema({
      things: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
    })
    const v2 = defineSchema({
      things: model({
        fields: { name: z.string(), size: z.int().optional() },
        mutable: true,
        policy: { by: 'none' },
      }),
    })
    await using open = await openSource({
      schema: v1,
      tables: 'create table things (id text primary key, name text not null)',
      major,
    })
    await open.commit({ type: 'CREATE', model: 'things', id: 'a', input: { name: 'one' } })
    await open.sql('alter table things add column size int')
    const next = pgAdapter(open.pool, v2)
    const upgraded = caller(next, v2)
    const error = await refused(upgraded.load('things', 'a'), 'source_adapter_misconfigured')
    expect(error.message).toMatch(/digest [0-9a-f]{8}.*npx postern migrate/)
    expect((await next.migrate()).applied).toEqual([])
    const { stamps } = await upgraded.commit({ type: 'UPDATE', model: 'things', id: 'a', input: { size: 3 } })
    // the old version, still running during the rollout, sees the same log and keeps working
    expect(await open.load('things', 'a')).toEqual({ row: { id: 'a', name: 'one' }, stamp: stamps[0] })
    await open.commit([
      { type: 'UPDATE', model: 'things', id: 'a', input: { name: 'two' }, readAt: stamps[0] as number },
      { type: 'CREATE', model: 'things', id: 'b', input: { name: 'b' } },
    ])
    expect((await upgraded.load('things', 'a')).row).toEqual({ id: 'a', name: 'two', size: 3 })
    await refused(
      upgraded.commit({
        type: 'UPDATE',
        model: 'things',
        id: 'a',
        input: { size: 4 },
        readAt: stamps[0] as number,
      }),
      'stale_context',
    )
  })

  test('a process that runs while another migrates learns what the columns are by then', async () => {
    await using open = await openSource({
      major,
      // the schema calls it a text; as long as the column is a bigint, only whole numbers are one
      schema: defineSchema({ items: model({ fields: { code: z.string() }, mutable: true }) }),
      tables: 'create table items (id text primary key, organization_id text not null, code bigint not null)',
    })
    const item = (code: string) =>
      ({ type: 'CREATE', model: 'items', id: freshKey(), input: { code } }) as const
    await open.commit(item('15'))
    await expect(open.commit(item('A-15'))).rejects.toMatchObject({ code: 'source_commit_invalid' })
    await open.sql('alter table items alter column code type text')
    await pgAdapter(await open.client(), open.schema).migrate()
    await expect(open.commit(item('A-15'))).rejects.toMatchObject({ code: 'source_commit_invalid' })
    const real = Date.now
    const later = vi.spyOn(Date, 'now').mockImplementation(() => real() + 11_000)
    try {
      // the first request goes by what is known, and asks beside it
      const taken = () =>
        open.commit(item('A-15')).then(
          () => true,
          () => false,
        )
      await vi.waitUntil(taken, { timeout: 10_000 })
    } finally {
      later.mockRestore()
    }
    await open.commit(item('A-16'))
  })

  test('two installations in one database keep apart: their keys, their logs, their feeds', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables, major })
    const other = pgAdapter(open.pool, tracker, { namespace: 'second_schema' })
    await other.migrate()
    const call = caller(other, tracker)
    const create = (id: string) => ({ type: 'CREATE', model: 'tasks', id, input: { title: id } }) as const
    await open.commit(create('a'), { key: 'same' })
    await call.commit(create('b'), { key: 'same' })
    expect((await open.feed()).map(({ entityId }) => entityId)).toEqual(['a'])
    expect((await call.feed()).map(({ entityId }) => entityId)).toEqual(['b'])
    // a writer that holds the first feed does not hold the second
    const holder = await open.client()
    await holder.query('begin')
    await holder.query(`select postern.register()`)
    await holder.query(`select nextval('postern.position_seq')`)
    await call.commit(create('c'))
    expect((await call.feed()).map(({ entityId }) => entityId)).toEqual(['b', 'c'])
  })
})

describe('a schema that does not fit its table', () => {
  const none = { policy: { by: 'none' } } as const
  const cases: [string, Schema, string, RegExp][] = [
    [
      'no table',
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true, ...none }) }),
      'select 1',
      /things: there is no table things/,
    ],
    [
      'no table in that schema',
      defineSchema({
        things: model({ fields: { a: z.string() }, mutable: true, ...none, table: 'app.things' }),
      }),
      'create table things (id text primary key, a text)',
      /things: there is no table app\.things/,
    ],
    [
      'no column for a field',
      defineSchema({ things: model({ fields: { dueAt: z.string() }, mutable: true, ...none }) }),
      'create table things (id text primary key, "dueAt" text)',
      /things: .*no column due_at \(field dueAt\)/,
    ],
    [
      'no tenant column',
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true }) }),
      'create table things (id text primary key, a text)',
      /things: .*no column organization_id \(the tenant\)/,
    ],
    [
      'no primary key',
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true, ...none }) }),
      'create table things (id text, a text)',
      /things: id is not a key of public\.things.*keys: none/,
    ],
    [
      'another primary key',
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true, ...none }) }),
      'create table things (id text, a text primary key)',
      /things: id is not a key of public\.things.*keys: \(a\)/,
    ],
    [
      'a primary key of two columns',
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true, ...none }) }),
      'create table things (id text, a text, primary key (id, a))',
      /things: id is not a key .*\(id, a\)/,
    ],
    [
      'a primary key in several spellings',
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true, ...none }) }),
      'create table things (id char(8) primary key, a text)',
      /things: a key column of type (character|bpchar) \(id\) is not supported/,
    ],
    ...['char(8)', 'numeric'].map((type): [string, Schema, string, RegExp] => [
      `a tenant column in several spellings: ${type}`,
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true }) }),
      `create table things (id text primary key, organization_id ${type} not null, a text)`,
      /things: a tenant column of type (character|bpchar|numeric) \(organization_id\) is not supported/,
    ]),
    ...[
      ['key column', 'id text collate loose primary key, organization_id text not null'],
      ['tenant column', 'id text primary key, organization_id text collate loose not null'],
      ['tenant column', 'id text primary key, organization_id loosely not null'],
    ].map(([what, columns]): [string, Schema, string, RegExp] => [
      `a ${what} under a collation that takes different texts for equal: ${columns}`,
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true }) }),
      `create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
       create domain loosely as text collate loose; create table things (${columns}, a text)`,
      new RegExp(`things: a ${what} under a non-deterministic collation`),
    ]),
    [
      'a view that would be written',
      defineSchema({ things: model({ fields: { a: z.string() }, mutable: true, ...none }) }),
      'create table base (id text primary key, a text); create view things as select * from base',
      /things: public\.things is not a table, and the model allows writes.*mutable: false/,
    ],
    [
      'a flag over a text column',
      defineSchema({ things: model({ fields: { done: z.boolean() }, mutable: true, ...none }) }),
      'create table things (id text primary key, done text)',
      /things.*done.*text/,
    ],
    [
      'a whole number over a text column',
      defineSchema({ things: model({ fields: { size: z.int() }, mutable: true, ...none }) }),
      'create table things (id text primary key, size text)',
      /things.*size.*text/,
    ],
    [
      'a time over a date column, which would drop the time of day',
      defineSchema({ things: model({ fields: { at: field.timestamp() }, mutable: true, ...none }) }),
      'create table things (id text primary key, at date)',
      /things.*at.*date/,
    ],
    [
      'bytes over a text column',
      defineSchema({ things: model({ fields: { data: field.bytes() }, mutable: true, ...none }) }),
      'create table things (id text primary key, data text)',
      /things.*data.*text/,
    ],
    [
      'an array over a column of one value',
      defineSchema({ things: model({ fields: { tags: z.array(z.string()) }, mutable: true, ...none }) }),
      'create table things (id text primary key, tags text)',
      /things.*tags.*text/,
    ],
    [
      'a text over an array column',
      defineSchema({ things: model({ fields: { tags: z.string() }, mutable: true, ...none }) }),
      'create table things (id text primary key, tags text[])',
      /things.*tags.*text\[\]/,
    ],
    [
      'an archive field over a column that holds no time',
      defineSchema({
        things: model({ fields: { archivedAt: z.string().optional() }, mutable: true, ...none }),
      }),
      'create table things (id text primary key, archived_at boolean)',
      /things.*archived_?[aA]t.*boolean/,
    ],
  ]

  test.each(cases)('%s: refused by name, and nothing is installed', async (_, schema, tables, message) => {
    await using open = await bare(tables)
    const error = await refused(migrate(pgConnection(open.pool), schema), 'source_adapter_misconfigured')
    expect(error.message).toMatch(message)
    const { rows } = await open.pool.query(`select to_regnamespace('postern')::text as there`)
    expect(rows).toEqual([{ there: null }])
  })

  test.each([
    ['a whole number', z.int(), 'bigint', 'field.bigint()'],
    ['a number', z.number(), 'numeric', 'field.numeric()'],
    ['a list of whole numbers', z.array(z.int()), 'bigint[]', 'z.array(field.bigint().nullable())'],
  ])(
    '%s over %s that travels as a text: refused with the type that says so',
    async (_, type, column, declare) => {
      await using open = await bare(`create table things (id text primary key, n ${column})`)
      const schema = defineSchema({ things: model({ fields: { n: type.optional() }, ...none }) })
      const error = await refused(migrate(pgConnection(open.pool), schema), 'source_adapter_misconfigured')
      expect(error.message).toContain(`Declare it as n: ${declare}`)
    },
  )

  test('every fault of a model is told at once, as values', async () => {
    await using open = await bare('create table things (id text primary key, a int, c bool)')
    const schema = defineSchema({
      things: model({ fields: { a: z.boolean(), b: z.string(), c: z.string() }, ...none }),
    })
    const error = await migrate(pgConnection(open.pool), schema).then(
      () => expect.fail('it was migrated'),
      (reason: MisfitError) => reason,
    )
    expect(error.faults).toMatchObject([{ code: 'column_missing', model: 'things', field: 'b' }])
    await open.pool.query('alter table things add b text')
    const second = await migrate(pgConnection(open.pool), schema).catch((reason: MisfitError) => reason)
    expect((second as MisfitError).faults).toMatchObject([
      { code: 'kind_does_not_fit', field: 'a', declare: 'z.int32()' },
      { code: 'kind_does_not_fit', field: 'c', declare: 'z.boolean()' },
    ])
  })
})

describe('tables as applications have them', () => {
  test('names that need quotes, columns called like our variables, defaults with dollars, quotes and line breaks', async () => {
    const schema = defineSchema({
      order: model({
        fields: {
          select: z.string().optional(),
          price: z.string().optional(),
          _id: z.string().optional(),
          _input: z.string().optional(),
          _tenant: z.string().optional(),
          t: z.string().optional(),
          position: z.string().optional(),
        },
        mutable: true,
        policy: { by: 'column', column: 'Tenant ID' },
        table: 'Weird "App".Order Lines',
        columns: { id: 'Order ID', price: 'the $$ "price"' },
      }),
    })
    await using open = await openSource({
      schema,
      tables: `create schema "Weird ""App""";
        create table "Weird ""App"""."Order Lines" (
          "Order ID" text primary key, "Tenant ID" text not null,
          "select" text default 'US$$ 5 $body$ ''quoted'' \\ -- no comment',
          "the $$ ""price""" text default E'line\\nbreak',
          _id text default 'a', _input text default 'b', _tenant text default 'c', t text default 'd', "position" text default 'e',
          not_in_the_schema text not null default 'left to the database')`,
    })
    const { rows } = await open.commit({ type: 'CREATE', model: 'order', id: '1', input: {} })
    const row = {
      id: '1',
      select: `US$$ 5 $body$ 'quoted' \\ -- no comment`,
      price: 'line\nbreak',
      _id: 'a',
      _input: 'b',
      _tenant: 'c',
      t: 'd',
      position: 'e',
    }
    expect(rows).toEqual([row])
    const many = await open.commit([
      { type: 'CREATE', model: 'order', id: '2', input: { _tenant: 'sent' } },
      { type: 'UPDATE', model: 'order', id: '1', input: { t: 'x', _id: 'y' } },
    ])
    expect(many.rows).toEqual([
      { ...row, id: '2', _tenant: 'sent' },
      { ...row, t: 'x', _id: 'y' },
    ])
    expect(await open.listAll('order', { orderBy: 'position', order: 'desc' })).toHaveLength(2)
    await open.commit({ type: 'DELETE', model: 'order', id: '1' })
  })

  test('identity, serial, generated and partitioned: the database makes what it makes, input sets what it may', async () => {
    const schema = defineSchema({
      always: model({
        fields: { id: field.bigint(), name: z.string() },
        mutable: true,
        policy: { by: 'none' },
      }),
      mixed: model({
        fields: {
          seq: z.int().optional(),
          number: z.int().optional(),
          double: z.int().optional(),
          name: z.string(),
        },
        mutable: true,
        policy: { by: 'none' },
      }),
      parts: model({
        fields: { id: field.bigint(), name: z.string() },
        mutable: true,
        policy: { by: 'none' },
      }),
    })
    await using open = await openSource({
      schema,
      tables: `
        create table always (id bigint primary key generated always as identity, name text not null);
        create table mixed (
          id text primary key, seq serial, number int generated always as identity, name text not null,
          double int generated always as (length(name) * 2) stored);
        create table parts (id bigint primary key, name text not null) partition by range (id);
        create table parts_low partition of parts for values from (0) to (100);
        create table parts_high partition of parts for values from (100) to (200);`,
    })
    const made = await open.commit({ type: 'CREATE', model: 'always', input: { name: 'made' } })
    expect(made.rows[0]).toEqual({ id: '1', name: 'made' })
    const given = await open.commit({ type: 'CREATE', model: 'always', id: '70', input: { name: 'given' } })
    expect(given.rows[0]).toEqual({ id: '70', name: 'given' })
    const mixed = await open.commit([
      { type: 'CREATE', model: 'mixed', id: 'a', input: { name: 'four' } },
      { type: 'CREATE', model: 'mixed', id: 'b', input: { name: 'xx', seq: 70 } },
    ])
    expect(mixed.rows).toEqual([
      { id: 'a', seq: 1, number: 1, double: 8, name: 'four' },
      { id: 'b', seq: 70, number: 2, double: 4, name: 'xx' },
    ])
    const one = await open.commit({ type: 'UPDATE', model: 'mixed', id: 'a', input: { name: 'sixsix' } })
    expect(one.rows[0]).toMatchObject({ double: 12, number: 1 })
    await open.commit([
      { type: 'CREATE', model: 'parts', id: '1', input: { name: 'low' } },
      { type: 'CREATE', model: 'parts', id: '101', input: { name: 'high' } },
      { type: 'UPDATE', model: 'parts', id: '1', input: { name: 'still low' } },
      { type: 'DELETE', model: 'parts', id: '101' },
    ])
    expect(await open.listAll('parts')).toEqual([{ id: '1', name: 'still low' }])
  })

  test('what input may never set: key, tenant, generated and read-only columns', async () => {
    await using open = await openSource({
      schema: defineSchema({
        things: model({
          fields: {
            name: z.string(),
            organizationId: z.string().optional(),
            total: z.int().optional(),
            by: z.string().optional(),
          },
          mutable: true,
          readOnly: ['total', 'by'],
        }),
      }),
      tables: `create table things (id text primary key, organization_id text not null, name text not null,
        total int generated always as (length(name)) stored, by text default 'the database')`,
    })
    const create = (input: object) =>
      open.commit({ type: 'CREATE', model: 'things', id: 'a', input: { name: 'n', ...input } })
    for (const input of [
      { organizationId: 'org_2' },
      { total: 9 },
      { by: 'me' },
      { id: 'b' },
      { undeclared: 1 },
    ]) {
      await refused(create(input), 'source_commit_invalid')
    }
    const { rows } = await create({ organizationId: 'org_1', id: 'a' })
    expect(rows[0]).toEqual({ id: 'a', name: 'n', organizationId: 'org_1', total: 1, by: 'the database' })
    await refused(
      open.commit({ type: 'UPDATE', model: 'things', id: 'a', input: { organizationId: 'org_2' } }),
      'source_commit_invalid',
    )
  })

  test('a model that is read only is read, and has no function that writes', async () => {
    await using open = await openSource({
      schema: defineSchema({
        countries: model({ fields: { name: z.string() }, policy: { by: 'none' }, mutable: false }),
        notes: model({ fields: { text: z.string() }, policy: { by: 'none' }, mutable: ['CREATE'] }),
      }),
      tables: `create table base (id text primary key, name text not null); create table notes (id text primary key, text text not null);
        insert into base values ('no', 'Norway'); create view countries as select * from base`,
    })
    expect(await open.load('countries', 'no')).toEqual({ row: { id: 'no', name: 'Norway' }, stamp: 0 })
    const names = await open.sql(
      `select regexp_replace(proname, '_[0-9a-f]{8}$', '') as name from pg_proc
       where pronamespace = 'postern'::regnamespace and proname ~ '^(countries|notes)_(create|update|delete|archive|unarchive|apply|lock)' order by 1`,
    )
    expect(names.map(({ name }) => name)).toEqual(['notes_apply', 'notes_create', 'notes_lock'])
    await refused(
      open.commit({ type: 'CREATE', model: 'countries', id: 'se', input: { name: 'Sweden' } }),
      'source_commit_invalid',
    )
    await refused(open.commit({ type: 'DELETE', model: 'notes', id: 'x' }), 'source_commit_invalid')
  })

  test('a model of more than 50 columns, and one of 500, work like any other', async () => {
    for (const count of [60, 500]) {
      const names = Array.from({ length: count }, (_, n) => `f${n}`)
      const schema = defineSchema({
        wide: model({
          fields: Object.fromEntries(names.map((name) => [name, z.string().optional()])),
          mutable: true,
          policy: { by: 'none' },
        }),
      })
      await using open = await openSource({
        schema,
        tables: `create table wide (id text primary key, ${names.map((name) => `${name} text`).join(', ')})`,
      })
      const input = Object.fromEntries(names.map((name) => [name, name]))
      await open.commit({ type: 'CREATE', model: 'wide', id: 'a', input })
      await open.commit([
        { type: 'UPDATE', model: 'wide', id: 'a', input: { f1: 'x' } },
        { type: 'CREATE', model: 'wide', id: 'b', input: {} },
      ])
      expect((await open.load('wide', 'a')).row).toEqual({ id: 'a', ...input, f1: 'x' })
      expect((await open.feed())[1]?.changed).toEqual(['f1'])
    }
  })

  test('a role with no more than the documented rights can do everything an endpoint does', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables })
    const name = `app_${process.pid}_${Date.now()}`
    await open.sql(`create role ${name} login`)
    try {
      await open.sql(`grant usage on schema postern to ${name};
        grant select, insert, update, delete on all tables in schema postern to ${name};
        grant usage, select on all sequences in schema postern to ${name};
        grant select, insert, update, delete on all tables in schema public to ${name};
        grant usage on all sequences in schema public to ${name};`)
      const url = new URL(open.url)
      url.username = name
      const pool = new pg.Pool({ connectionString: url.href })
      const call = caller(pgAdapter(pool, tracker), tracker)
      try {
        await call.commit([
          { type: 'CREATE', model: 'tasks', id: 't', input: { title: 't' } },
          { type: 'CREATE', model: 'counters', input: { value: 1 } },
        ])
        await call.commit({ type: 'UPDATE', model: 'tasks', id: 't', input: { status: 'done' }, readAt: 1 })
        expect(await call.feed()).toHaveLength(3)
        expect((await call.list('tasks')).rows).toHaveLength(1)
        await open.sql(`revoke usage, select on postern.position_seq from ${name}`)
        await refused(
          call.commit({ type: 'DELETE', model: 'tasks', id: 't' }),
          'source_adapter_misconfigured',
        )
        await refused(call.events(), 'source_adapter_misconfigured')
      } finally {
        await pool.end()
      }
    } finally {
      await open.sql(`drop owned by ${name}; drop role ${name}`)
    }
  })
})

test('schemas in which nothing can be written, or nothing but rows made and dropped, are installed and work', async () => {
  await using open = await bare(`create table joins (id text primary key, organization_id text not null);
    create table labels (id text primary key, "toString" text); insert into labels values ('l', 'seen')`)
  const columns = { toString: 'toString' } as const
  const labels = model({ fields: { toString: z.string() }, columns, policy: { by: 'none' }, mutable: false })
  const readable = defineSchema({ labels })
  await pgAdapter(open.pool, readable).migrate()
  const read = await caller(pgAdapter(open.pool, readable), readable).load('labels', 'l')
  expect(read.row).toEqual({ id: 'l', toString: 'seen' })

  const schema = defineSchema({ joins: model({ fields: {}, mutable: true }) })
  expect([...(schema.models.get('joins')?.mutable ?? [])]).toEqual(['CREATE', 'DELETE'])
  await pgAdapter(open.pool, schema).migrate()
  const { commit } = caller(pgAdapter(open.pool, schema), schema)
  await commit({ type: 'CREATE', model: 'joins', id: 'j1' })
  await commit([
    { type: 'CREATE', model: 'joins', id: 'j2' },
    { type: 'DELETE', model: 'joins', id: 'j1' },
  ])
  expect((await open.pool.query('select id from joins')).rows).toEqual([{ id: 'j2' }])
  await refused(commit({ type: 'UPDATE', model: 'joins', id: 'j2', input: {} }), 'source_commit_invalid')

  // without a name of its own for it, the column follows the casing; what objects inherit is none
  expect(
    defineSchema({ one: model({ fields: { toString: z.string() }, mutable: true }) })
      .models.get('one')
      ?.fields.get('toString'),
  ).toMatchObject({ column: 'to_string', default: undefined })
})
