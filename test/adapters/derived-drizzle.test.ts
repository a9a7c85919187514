import { relations, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import {
  bigint,
  customType,
  date,
  doublePrecision,
  foreignKey,
  integer,
  interval,
  json,
  jsonb,
  numeric,
  pgSchema,
  pgTable,
  point,
  primaryKey,
  serial,
  text,
  time,
  timestamp,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drizzleAdapter, schemaFromDrizzle } from '../../src/adapters/drizzle/index.ts'
import { createEndpoint, defineSchema, model, type Schema, z } from '../../src/index.ts'
import type { PostgresAdapter } from '../../src/postgres/index.ts'
import { freshDatabase, type TestDatabase } from '../support/db.ts'
import { ask, signingKey } from '../support/source.ts'

let database: TestDatabase
let pool: pg.Pool

beforeAll(async () => {
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

let installations = 0
const free = { by: 'none' } as const
const create = (name: string, id: string | undefined, input: object = {}) => ({
  type: 'CREATE',
  model: name,
  id,
  input,
})

async function served(schema: Schema, casing?: 'snake_case', told: unknown[] = []) {
  const db = drizzle(pool, casing === undefined ? {} : { casing })
  const adapter = drizzleAdapter(db, schema, { namespace: `postern_${installations++}` })
  await adapter.migrate()
  const endpoint = createEndpoint({
    adapter: adapter as unknown as PostgresAdapter,
    signingKey,
    onError: (error) => told.push(error),
  })
  let keys = 0
  const commit = (...operations: object[]) =>
    ask(endpoint, { type: 'commit', correlationId: `k${keys++}`, operations })
  return { db, commit, endpoint }
}

describe('every kind of column, filled by Drizzle and through the endpoint', () => {
  const boxed = customType<{ data: { value: string }; driverData: string }>({
    dataType: () => 'text',
    toDriver: ({ value }) => `<${value}>`,
  })
  const packed = customType<{ data: { value: string }; driverData: string }>({
    dataType: () => 'jsonb',
    toDriver: (value) => JSON.stringify(value),
  })
  // just before midnight in UTC, the next day east of it and the same one west of it
  const night = new Date('2024-02-29T23:30:00.123Z')
  const made = {
    dateString: date('date_string').$defaultFn(() => '2024-02-29'),
    dateLong: date('date_long').$defaultFn(() => night.toISOString()),
    dateDate: date('date_date', { mode: 'date' }).$defaultFn(() => night),
    stampDate: timestamp('stamp_date', { withTimezone: true }).$defaultFn(() => night),
    stampString: timestamp('stamp_string', { withTimezone: true, mode: 'string' }).$defaultFn(() =>
      night.toISOString(),
    ),
    stampSpaced: timestamp('stamp_spaced', { withTimezone: true, mode: 'string' }).$defaultFn(
      () => '2024-02-29 23:30:00.123+00',
    ),
    stampShort: timestamp('stamp_short', { withTimezone: true, mode: 'string' }).$defaultFn(
      () => '2024-02-29 23:30+0530',
    ),
    plainDate: timestamp('plain_date').$defaultFn(() => night),
    plainString: timestamp('plain_string', { mode: 'string' }).$defaultFn(() => '2024-02-29 23:30:00'),
    timeOfDay: time('time_of_day').$defaultFn(() => '23:30:00'),
    span: interval('span').$defaultFn(() => '1 day'),
    big: bigint('big', { mode: 'bigint' }).$defaultFn(() => 9007199254740993n),
    bigNumber: bigint('big_number', { mode: 'number' }).$defaultFn(() => 7),
    money: numeric('money', { precision: 12, scale: 2 }).$defaultFn(() => '12.50'),
    moneyNumber: numeric('money_number', { mode: 'number' }).$defaultFn(() => 1.25),
    real: doublePrecision('real').$defaultFn(() => 1e21),
    key: uuid('key').$defaultFn(() => '0195B1C2-0000-7000-8000-000000000000'),
    doc: jsonb('doc').$defaultFn(() => ({ at: night, list: [1, null], big: 5 })),
    oldDoc: json('old_doc').$defaultFn(() => [1, 'x']),
    place: point('place').$defaultFn(() => [1, 2]),
    box: boxed('box').$defaultFn(() => ({ value: 'x' })),
    pack: packed('pack').$defaultFn(() => ({ value: 'x' })),
    tags: text('tags')
      .array()
      .$defaultFn(() => ['a', 'b,"c"']),
    days: date('days', { mode: 'date' })
      .array()
      .$defaultFn(() => [night]),
    bigs: bigint('bigs', { mode: 'bigint' })
      .array()
      .$defaultFn(() => [9007199254740993n, 1n]),
    fixed: text('fixed').default('from the database'),
    moment: timestamp('moment', { withTimezone: true }).default(sql`'2020-01-01'`),
  }
  const everything = pgTable('everything', { id: text().primaryKey(), name: text().notNull(), ...made })
  const names = Object.keys(made) as (keyof typeof made)[]

  beforeAll(() =>
    pool.query(`create table everything (
      id text primary key, name text not null, date_string date, date_long date, date_date date, stamp_date timestamptz,
      stamp_string timestamptz, stamp_spaced timestamptz, stamp_short timestamptz, plain_date timestamp,
      plain_string timestamp, time_of_day time, span interval, big bigint, big_number bigint, money numeric(12, 2),
      money_number numeric, "real" double precision, key uuid, doc jsonb, old_doc json, place point, box text, pack jsonb,
      tags text[], days date[], bigs bigint[], fixed text default 'from the database', moment timestamptz default '2020-01-01')`),
  )

  test.each([
    ['shown', names],
    ['hidden', []],
  ] as const)('%s fields get what an insert of Drizzle’s gets', async (way, fields) => {
    const schema = schemaFromDrizzle(
      { everything },
      { everything: { fields: ['name', ...fields], policy: free, mutable: true } },
    )
    const { db, commit } = await served(schema)
    const [theirs, ours] = [`theirs ${way}`, `ours ${way}`]
    await db.insert(everything).values({ id: theirs, name: 'x' })
    expect(await commit(create('everything', ours, { name: 'x' }))).toMatchObject({ status: 200 })
    const { rows } = await pool.query(
      `select to_jsonb(e) - 'id' as row from everything e where id in ($1, $2)`,
      [theirs, ours],
    )
    expect(rows[0].row.date_date).toBe('2024-02-29')
    expect(rows[1]).toEqual(rows[0])
    // made on create only
    await pool.query(`update everything set date_date = '2000-01-01', doc = null where id = $1`, [ours])
    expect(
      (await commit({ type: 'UPDATE', model: 'everything', id: ours, input: { name: 'y' } })).status,
    ).toBe(200)
    const after = await pool.query('select date_date::text as date_date, doc from everything where id = $1', [
      ours,
    ])
    expect(after.rows).toEqual([{ date_date: '2000-01-01', doc: null }])
  })

  test('numbers inside JSON keep their digits', async () => {
    const docs = pgTable('docs', {
      id: text().primaryKey(),
      doc: jsonb().$defaultFn(() => ({ n: [9007199254740993n] })),
    })
    await pool.query('create table docs (id text primary key, doc jsonb)')
    const { commit } = await served(
      schemaFromDrizzle({ docs }, { docs: { fields: ['doc'], policy: free, mutable: true } }),
    )
    expect((await commit(create('docs', 'a'))).status).toBe(200)
    expect((await pool.query('select doc::text as doc from docs')).rows).toEqual([
      { doc: '{"n": [9007199254740993]}' },
    ])
  })

  test.each<[string, () => unknown, string]>([
    ['a promise', async () => new Date(), 'a promise: its function must not be async'],
    ['an invalid date', () => new Date(Number.NaN), 'expected a date'],
    ['a number in its place', () => 7, 'expected a date'],
    [
      'an error',
      () => {
        throw new Error('secret of the application')
      },
      'the function that makes its value threw',
    ],
  ])('%s is the operator’s to mend, told by field, and nothing is written', async (_, make, why) => {
    const odd = pgTable('odd_days', {
      id: text().primaryKey(),
      day: date({ mode: 'date' }).$defaultFn(make as () => Date),
    })
    await pool.query('create table if not exists odd_days (id text primary key, day date)')
    const schema = schemaFromDrizzle({ odd }, { odd: { fields: ['day'], policy: free, mutable: true } })
    const told: unknown[] = []
    const { commit } = await served(schema, undefined, told)
    const answer = await commit(create('odd', 'z'))
    expect(answer).toMatchObject({ status: 500, body: { error: 'source_adapter_misconfigured' } })
    expect(JSON.stringify(answer.body)).not.toContain('secret')
    expect((await pool.query(`select id from odd_days`)).rows).toEqual([])
    const message = told.map((error) => (error as Error).message).join()
    expect(message).toContain('odd.day')
    expect(message).toContain(why)
  })
})

test('$onUpdateFn on a date or a time of day is called at each update; ids are made in the order of the operations', async () => {
  let made = 0
  const log = pgTable('log', {
    id: text()
      .primaryKey()
      .$defaultFn(() => `id-${made++}`),
    order: integer('made_order').$defaultFn(() => made),
    day: date({ mode: 'date' }).$onUpdateFn(() => new Date('2024-02-29T23:30:00Z')),
    at: time().$onUpdateFn(() => '10:00:00'),
  })
  await pool.query('create table log (id text primary key, made_order int, day date, at time)')
  const schema = schemaFromDrizzle(
    { log },
    { log: { fields: ['order', 'day', 'at'], policy: free, mutable: true } },
  )
  const { commit } = await served(schema)
  const answer = await commit(create('log', undefined), create('log', undefined), create('log', 'own'))
  expect(answer.body.rows).toEqual([
    // as Drizzle does it, column by column: the id first
    { id: 'id-0', order: 1, day: '2024-02-29', at: '10:00:00' },
    { id: 'id-1', order: 2, day: '2024-02-29', at: '10:00:00' },
    { id: 'own', order: 2, day: '2024-02-29', at: '10:00:00' },
  ])
  await pool.query('update log set day = null, at = null')
  const updated = await commit({ type: 'UPDATE', model: 'log', id: 'own', input: { order: 9 } })
  expect(updated.body.rows[0]).toEqual({ id: 'own', order: 9, day: '2024-02-29', at: '10:00:00' })
})

describe('what is named is exposed, and nothing else', () => {
  const users = pgTable('users', {
    id: text().primaryKey(),
    organizationId: text('organization_id').notNull(),
    email: text().notNull(),
    passwordHash: text('password_hash'),
  })
  const sessions = pgTable('sessions', { token: text().primaryKey(), userId: text('user_id') })
  const tables = { users, sessions }

  test('models and fields by name; a model is read only unless said', () => {
    const schema = schemaFromDrizzle(tables, { users: { fields: ['email'] } })
    expect([...schema.models.keys()]).toEqual(['users'])
    const own = schema.models.get('users')!
    expect([...own.fields.keys()]).toEqual(['id', 'email'])
    expect([...own.mutable]).toEqual([])
    // the tenant's column confines rows without being shown
    expect(own.policy).toEqual({ by: 'column', column: 'organization_id' })
  })

  test.each<[string, unknown, string]>([
    ['a model', { usrs: { fields: ['email'] } }, 'unknown model "usrs"; did you mean "users"?'],
    [
      'a model named like a member of every object',
      { constructor: { fields: [] } },
      'unknown model "constructor"',
    ],
    ['a field', { users: { fields: ['emial'] } }, 'users: unknown field "emial"; did you mean "email"?'],
    ['a read-only field', { users: { fields: ['email'], readOnly: ['emial'] } }, 'did you mean "email"?'],
    ['an archive field', { users: { fields: ['email'], archive: 'toString' } }, 'unknown field "toString"'],
    ['an option', { users: { field: ['email'] } }, 'unknown option "field"; did you mean "fields"?'],
    ['the option of before', { users: { omit: ['passwordHash'] } }, 'unknown option "omit"'],
    ['no fields', { users: {} }, 'users: name the fields to expose'],
    ['no models', undefined, 'name the models to expose'],
  ])('%s that is not there throws with the nearest name', (_, models, message) => {
    expect(() => schemaFromDrizzle(tables, models as never)).toThrow(message)
  })

  test('a table without the tenant’s column wants a policy', () => {
    expect(() => schemaFromDrizzle(tables, { sessions: { fields: ['userId'] } })).toThrow(
      'sessions: the table has no column organization_id; say whose rows these are',
    )
  })
})

describe('keys in every spelling', () => {
  const columns = {
    a: text('col_a').notNull(),
    b: integer('col_b').notNull(),
    c: text('col_c').notNull().unique(),
  }
  const keyOf = (table: unknown, more: object = {}) => {
    const schema = schemaFromDrizzle({ table }, {
      table: { fields: [], policy: free, ...more },
    } as never) as Schema
    return schema.models.get('table')?.primaryKey.name
  }

  test('one column', () => {
    expect(keyOf(pgTable('t', { id: serial().primaryKey() }))).toBe('id')
    expect(keyOf(pgTable('t', columns, (t) => [primaryKey({ columns: [t.c] })]) as never)).toBe('c')
    expect(
      keyOf(pgTable('t', columns, (t) => [primaryKey({ name: 't_key', columns: [t.a] })]) as never),
    ).toBe('a')
    expect(keyOf(pgTable('t', columns) as never, { primaryKey: 'c' })).toBe('c')
    expect(keyOf(pgTable('t', columns) as never, { primaryKey: ['c'] })).toBe('c')
  })

  test('none: a unique field is to be named', () => {
    expect(() => keyOf(pgTable('t', columns) as never)).toThrow('table: the table has no primary key')
  })
})

test('a one-column key of the table’s own list carries relations too', () => {
  const teams = pgTable('teams', { code: text().notNull() }, (t) => [primaryKey({ columns: [t.code] })])
  const players = pgTable('players', { id: text().primaryKey(), team: text('team_code') })
  const teamRelations = relations(teams, ({ many }) => ({ players: many(players) }))
  const playerRelations = relations(players, ({ one }) => ({
    ofTeam: one(teams, { fields: [players.team], references: [teams.code] }),
  }))
  const schema = schemaFromDrizzle(
    { teams, players, teamRelations, playerRelations },
    { teams: { fields: [], policy: free }, players: { fields: ['team'], policy: free } },
  )
  expect(schema.models.get('players')?.relations.get('ofTeam')).toMatchObject({
    type: 'belongsTo',
    field: 'team',
  })
  expect(schema.models.get('teams')?.relations.get('players')).toMatchObject({
    type: 'hasMany',
    field: 'team',
  })
})

test('relations without a place are left out, each with a note that says why', () => {
  const left = pgTable('left', { id: text().primaryKey(), code: text().notNull(), x: text(), y: text() })
  const right = pgTable(
    'right',
    { id: text().primaryKey(), leftId: text('left_id'), leftCode: text('left_code'), x: text(), y: text() },
    (t) => [foreignKey({ columns: [t.x, t.y], foreignColumns: [left.x, left.y] })],
  )
  const leftRelations = relations(left, ({ many }) => ({ rights: many(right, { relationName: 'nowhere' }) }))
  const rightRelations = relations(right, ({ one }) => ({
    left: one(left, { fields: [right.leftId], references: [left.id] }),
    byCode: one(left, { fields: [right.leftCode], references: [left.code], relationName: 'code' }),
    pair: one(left, { fields: [right.x, right.y], references: [left.x, left.y], relationName: 'pair' }),
  }))
  const notes: string[] = []
  const schema = schemaFromDrizzle(
    { left, right, leftRelations, rightRelations },
    {
      left: { fields: ['code', 'x', 'y'], policy: free },
      right: { fields: ['leftId', 'leftCode', 'x', 'y'], policy: free },
    },
    { onNote: (note) => notes.push(note) },
  )
  expect([...(schema.models.get('right')?.relations.keys() ?? [])]).toEqual(['left'])
  expect([...(schema.models.get('left')?.relations.keys() ?? [])]).toEqual([])
  expect(notes.sort()).toEqual([
    'left.rights: this relation is left out; its other side is not declared: give right a one() with fields and references.',
    'right.byCode: this relation is left out; it does not lead to a primary key.',
    'right.pair: this relation is left out; it is over several columns.',
  ])
})

test('tables are found by schema and name: one called as another of public keeps its own columns and defaults', async () => {
  const slack = pgSchema('slack')
  const users = pgTable('users', {
    id: text().primaryKey(),
    name: text('full_name')
      .notNull()
      .$defaultFn(() => 'public'),
  })
  const slackUsers = slack.table('users', {
    id: text().primaryKey(),
    name: text('nick')
      .notNull()
      .$defaultFn(() => 'slack'),
  })
  await pool.query(`create schema slack; create table users (id text primary key, full_name text not null);
    create table slack.users (id text primary key, nick text not null)`)
  const field = { name: z.string().optional() }
  const schema = defineSchema({
    users: model({ fields: field, table: 'slack.users', policy: free, mutable: true }),
    people: model({ fields: field, table: 'users', policy: free, mutable: true }),
  })
  const adapter = drizzleAdapter(drizzle(pool), schema, {
    namespace: `postern_${installations++}`,
    tables: { users, slackUsers },
  })
  await adapter.migrate()
  const endpoint = createEndpoint({ adapter: adapter as unknown as PostgresAdapter, signingKey })
  const operations = [create('users', 'u'), create('people', 'p')]
  expect((await ask(endpoint, { type: 'commit', correlationId: 'a', operations })).status).toBe(200)
  expect((await pool.query('select * from slack.users')).rows).toEqual([{ id: 'u', nick: 'slack' }])
  expect((await pool.query('select * from users')).rows).toEqual([{ id: 'p', full_name: 'public' }])
})

test('names that every object has are names of fields and models like any other', async () => {
  const odd = pgTable('odd_names', {
    valueOf: varchar('value_of')
      .primaryKey()
      .$defaultFn(() => 'made'),
    hasOwnProperty: text('has_own').notNull(),
    toString: text('to_string'),
  })
  await pool.query(
    'create table odd_names (value_of varchar primary key, has_own text not null, to_string text)',
  )
  const schema = schemaFromDrizzle(
    { toString: odd },
    { toString: { fields: ['hasOwnProperty', 'toString'], policy: free, mutable: true } },
  )
  const { commit } = await served(schema)
  const answer = await commit(create('toString', undefined, { hasOwnProperty: 'x', toString: 'y' }))
  expect(answer).toMatchObject({
    status: 200,
    body: { rows: [{ valueOf: 'made', hasOwnProperty: 'x', toString: 'y' }] },
  })
})

test('the casing of drizzle() holds for a schema made from its tables, without being told twice', async () => {
  const memos = pgTable('memos', { id: text().primaryKey(), bodyText: text() })
  await pool.query('create table memos (id text primary key, body_text text)')
  const schema = schemaFromDrizzle(
    { memos },
    { memos: { fields: ['bodyText'], policy: free, mutable: true } },
  )
  const { commit } = await served(schema, 'snake_case')
  expect((await commit(create('memos', 'm', { bodyText: 'x' }))).status).toBe(200)
  expect((await pool.query('select body_text from memos')).rows).toEqual([{ body_text: 'x' }])
})
