import { relations, type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import {
  bigint,
  boolean,
  customType,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgSchema,
  pgTable,
  serial,
  text,
  timestamp,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DrizzleTables, drizzleAdapter, schemaFromDrizzle } from '../../src/adapters/drizzle/index.ts'
import {
  createEndpoint,
  defineSchema,
  field,
  model,
  Rejection,
  relation,
  type Schema,
  z,
} from '../../src/index.ts'
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

/** Every test has our tables in a schema of its own. */
let installations = 0
const options = () => ({ namespace: `postern_${installations++}` })

function endpoint(_schema: Schema, source: unknown) {
  const endpoint = createEndpoint({ adapter: source as PostgresAdapter, signingKey })
  const scope = { organizationId: 'org_1' }
  let keys = 0
  return {
    commit: (...operations: object[]) =>
      ask(endpoint, { type: 'commit', correlationId: `k${keys++}`, operations, scope }),
    list: (name: string, query: object = {}) => ask(endpoint, { type: 'list', model: name, query, scope }),
  }
}

const create = (name: string, id: string | undefined, input: object) => ({
  type: 'CREATE',
  model: name,
  id,
  input,
})
const rows = async (text: string) => (await pool.query(text)).rows

describe('names', () => {
  const app = pgSchema('app')
  const people = app.table('Persons', {
    id: text('person_id').primaryKey(),
    organizationId: text('org').notNull(),
    fullName: text().notNull(),
    nickName: text('nick'),
  })
  const petsOfAll = pgTable('pets', { id: text().primaryKey(), ownerName: text() })
  const schema = defineSchema({
    people: model({ fields: { fullName: z.string(), nickName: z.string().optional() }, mutable: true }),
    pets: model({ fields: { ownerName: z.string().optional() }, mutable: true, policy: { by: 'none' } }),
  })

  beforeAll(() =>
    pool.query(`
      create schema app;
      create table app."Persons" (person_id text primary key, org text not null, full_name text not null, nick text);
      create table pets (id text primary key, owner_name text);
      create table people (id text primary key, organization_id text not null, full_name text not null, nick_name text);
    `),
  )

  const withCasing = () => drizzle(pool, { casing: 'snake_case' })

  test.each<[string, () => PostgresAdapter]>([
    [
      'given as an option',
      () =>
        drizzleAdapter(withCasing(), schema, {
          ...options(),
          tables: { people, petsOfAll },
        }) as PostgresAdapter,
    ],
    [
      'given to drizzle()',
      () => {
        const db = drizzle(pool, { casing: 'snake_case', schema: { people, petsOfAll } })
        return drizzleAdapter(db, schema, options()) as PostgresAdapter
      },
    ],
  ])('of tables %s: schema, table, columns, casing and the tenant are Drizzle’s', async (_, open) => {
    await pool.query('truncate app."Persons", pets')
    const source = open()
    await source.migrate()
    const at = endpoint(schema, source)
    const answer = await at.commit(
      create('people', 'p1', { fullName: 'Ada Lovelace', nickName: 'Ada' }),
      create('pets', 'x', { ownerName: 'Ada' }),
    )
    expect(answer.status).toBe(200)
    expect(answer.body.rows).toEqual([
      { id: 'p1', fullName: 'Ada Lovelace', nickName: 'Ada' },
      { id: 'x', ownerName: 'Ada' },
    ])
    expect(await rows('select * from app."Persons"')).toEqual([
      { person_id: 'p1', org: 'org_1', full_name: 'Ada Lovelace', nick: 'Ada' },
    ])
    expect((await at.list('people', { where: [['nickName', 'Ada']] })).body.rows).toHaveLength(1)
    expect(await source.check()).not.toContainEqual(expect.objectContaining({ level: 'error' }))
  })

  test('what the schema says by itself goes before what Drizzle says', async () => {
    const own = defineSchema({
      people: model({
        fields: { fullName: z.string(), nickName: z.string().optional() },
        mutable: true,
        table: 'people',
        columns: { id: 'id', nickName: 'nick_name' },
        policy: { by: 'column', column: 'organization_id' },
      }),
    })
    const source = drizzleAdapter(withCasing(), own, { ...options(), tables: { people } })
    await source.migrate()
    expect(
      (await endpoint(own, source).commit(create('people', 'p2', { fullName: 'B', nickName: 'b' }))).status,
    ).toBe(200)
    expect(await rows(`select * from people`)).toEqual([
      { id: 'p2', organization_id: 'org_1', full_name: 'B', nick_name: 'b' },
    ])
  })

  test('a table or column that the database does not have is found by check and by migrate, not by a write', async () => {
    const gone = pgTable('people', { id: text().primaryKey(), fullName: text('whole_name') })
    const wrong = defineSchema({ people: model({ fields: { fullName: z.string() }, mutable: true }) })
    const source = drizzleAdapter(drizzle(pool), wrong, { ...options(), tables: { people: gone } })
    await expect(source.migrate()).rejects.toMatchObject({
      code: 'source_adapter_misconfigured',
      message: expect.stringContaining('whole_name'),
    })
    const findings = await source.check()
    expect(findings.map(({ message }) => message).join()).toContain('whole_name')
  })
})

describe('values that Drizzle makes', () => {
  const box = customType<{ data: { value: string }; driverData: string }>({
    dataType: () => 'text',
    toDriver: ({ value }) => `<${value}>`,
  })
  const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })
  let made = 0
  const things = pgTable('things', {
    id: text()
      .primaryKey()
      .$defaultFn(() => `made-${made++}`),
    name: text().notNull(),
    at: timestamp({ withTimezone: true, precision: 3 }).$defaultFn(
      () => new Date('2020-02-03T04:05:06.789Z'),
    ),
    big: bigint({ mode: 'bigint' }).$defaultFn(() => 9007199254740993n),
    small: bigint({ mode: 'number' }).$defaultFn(() => 7),
    price: numeric({ mode: 'number' }).$defaultFn(() => 1.5),
    doc: jsonb().$defaultFn(() => ({ a: [1, null] })),
    raw: bytea().$defaultFn(() => new Uint8Array([0, 255])),
    boxed: box().$defaultFn(() => ({ value: 'x' })),
    revision: integer()
      .notNull()
      .$onUpdateFn(() => 1000 + made++),
    level: text()
      .default('low')
      .$onUpdateFn(() => 'high'),
    updatedAt: timestamp({ withTimezone: true })
      .notNull()
      .$onUpdateFn(() => new Date(0)),
  })
  const optional = <T extends z.ZodType>(type: T) => type.optional()
  const schema = defineSchema({
    things: model({
      fields: {
        name: z.string(),
        at: optional(field.timestamp()),
        big: optional(field.bigint()),
        small: optional(field.bigint()),
        price: optional(field.numeric()),
        doc: optional(field.json()),
        raw: optional(field.bytes()),
        boxed: z.string().optional(),
        revision: z.int32().optional(),
        level: z.string().optional(),
        updatedAt: optional(field.timestamp()),
      },
      mutable: true,
      policy: { by: 'none' },
    }),
  })
  const db = () => drizzle(pool, { casing: 'snake_case', schema: { things } })

  beforeAll(() =>
    pool.query(`create table things (
      id text primary key, name text not null, at timestamptz(3), big bigint, small bigint, price numeric, doc jsonb,
      raw bytea, boxed text, revision int not null, level text default 'low', updated_at timestamptz not null)`),
  )

  test('a create through the endpoint gives the row that a create through Drizzle gives', async () => {
    const source = drizzleAdapter(db(), schema, options())
    await source.migrate()
    await db().insert(things).values({ name: 'theirs' })
    const answer = await endpoint(schema, source).commit(create('things', undefined, { name: 'ours' }))
    expect(answer.status).toBe(200)

    const [theirs, ours] = await rows(
      `select to_jsonb(t) - 'name' - 'updated_at' as row, name from things t order by name desc`,
    )
    const { id, revision, ...same } = theirs!.row
    expect(ours?.row).toEqual({
      ...same,
      id: expect.stringMatching(/^made-\d+$/),
      revision: expect.any(Number),
    })
    expect(ours?.row.id).not.toBe(id)
    expect(ours?.row.revision).toBeGreaterThan(revision)
    expect(answer.body.rows[0]).toMatchObject({
      at: '2020-02-03T04:05:06.789000Z',
      big: '9007199254740993',
      small: '7',
      price: '1.5',
      doc: { a: [1, null] },
      raw: 'AP8=',
      boxed: '<x>',
      level: 'low',
    })
    // the time of the commit, whatever the function says
    expect(Date.parse(answer.body.rows[0].updatedAt)).toBeGreaterThan(Date.parse('2020-01-01'))
  })

  test('an update gets what $onUpdateFn gives, unless it sends the field', async () => {
    const source = drizzleAdapter(db(), schema, options())
    await source.migrate()
    const at = endpoint(schema, source)
    await at.commit(create('things', 'u', { name: 'u' }))
    const [before] = await rows(`select * from things where id = 'u'`)
    const update = (input: object) => at.commit({ type: 'UPDATE', model: 'things', id: 'u', input })
    expect((await update({ name: 'v' })).body.rows[0]).toMatchObject({ name: 'v', level: 'high' })
    const [after] = await rows(`select * from things where id = 'u'`)
    expect(after?.revision).toBeGreaterThan(before?.revision)
    expect(after?.updated_at.getTime()).toBeGreaterThan(before?.updated_at.getTime())
    expect((await update({ level: 'own', revision: 5 })).body.rows[0]).toMatchObject({
      level: 'own',
      revision: 5,
    })
  })

  test('columns that the schema does not show get what Drizzle gives them', async () => {
    const narrow = defineSchema({
      things: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
    })
    const source = drizzleAdapter(db(), narrow, options())
    await source.migrate()
    const at = endpoint(narrow, source)
    const answer = await at.commit(create('things', 'n', { name: 'n' }))
    expect(answer.body.rows).toEqual([{ id: 'n', name: 'n' }])
    const [before] = await rows(`select * from things where id = 'n'`)
    expect(before).toMatchObject({
      boxed: '<x>',
      doc: { a: [1, null] },
      big: '9007199254740993',
      level: 'low',
    })
    await at.commit({ type: 'UPDATE', model: 'things', id: 'n', input: { name: 'm' } })
    const [after] = await rows(`select * from things where id = 'n'`)
    expect(after).toMatchObject({ name: 'm', level: 'high' })
    expect(after?.revision).toBeGreaterThan(before?.revision)
    expect(after?.updated_at.getTime()).toBeGreaterThan(before?.updated_at.getTime())
  })

  test('a retry is the same intent, whatever was made meanwhile', async () => {
    const source = drizzleAdapter(db(), schema, options())
    await source.migrate()
    const endpoint = createEndpoint({ adapter: source as PostgresAdapter, signingKey })
    const request = {
      type: 'commit',
      correlationId: 'once',
      operations: [create('things', undefined, { name: 'once' })],
    }
    const first = await ask(endpoint, request)
    expect(first.status).toBe(200)
    expect((await ask(endpoint, request)).body).toEqual(first.body)
    expect(await rows(`select id from things where name = 'once'`)).toHaveLength(1)
  })

  test('SQL made in the application is refused by name, and nothing is written', async () => {
    const clever = pgTable('things', {
      id: text().primaryKey(),
      name: text().notNull(),
      revision: integer()
        .notNull()
        .$defaultFn(() => sql`1 + 1`),
    })
    const narrow = defineSchema({
      things: model({
        fields: { name: z.string(), revision: z.int32().optional() },
        mutable: true,
        policy: { by: 'none' },
      }),
    })
    const source = drizzleAdapter(drizzle(pool), narrow, { ...options(), tables: { things: clever } })
    await source.migrate()
    const answer = await endpoint(narrow, source).commit(create('things', 'c', { name: 'c' }))
    expect(answer).toMatchObject({ status: 500, body: { error: 'source_adapter_misconfigured' } })
    expect(await rows(`select id from things where id = 'c'`)).toEqual([])
  })
})

describe('schemaFromDrizzle', () => {
  const mood = pgEnum('mood', ['calm', 'wild'])
  const teams = pgTable('teams', {
    id: serial().primaryKey(),
    organizationId: text().notNull(),
    teamName: varchar({ length: 20 }).notNull(),
  })
  const players = pgTable('players', {
    id: uuid().primaryKey().defaultRandom(),
    organizationId: text().notNull(),
    teamId: integer().references(() => teams.id),
    nick: text().notNull(),
    shout: text().generatedAlwaysAs((): SQL => sql`upper(nick)`),
    mood: mood().notNull().default('calm'),
    points: bigint({ mode: 'number' }).notNull().default(0),
    wage: numeric({ precision: 10, scale: 2 }),
    tags: text().array(),
    active: boolean(),
    password: text(),
    updatedAt: timestamp({ withTimezone: true, mode: 'string' }).$onUpdate(() => 'never used'),
  })
  const teamRelations = relations(teams, ({ many }) => ({ players: many(players) }))
  const playerRelations = relations(players, ({ one }) => ({
    team: one(teams, { fields: [players.teamId], references: [teams.id] }),
  }))
  const tables = { mood, teams, players, teamRelations, playerRelations }
  const schema = schemaFromDrizzle(
    tables,
    {
      teams: { fields: ['organizationId', 'teamName'], mutable: ['CREATE'] },
      players: {
        fields: [
          'organizationId',
          'teamId',
          'nick',
          'shout',
          'mood',
          'points',
          'wage',
          'tags',
          'active',
          'updatedAt',
        ],
        mutable: true,
      },
    },
    { casing: 'snake_case' },
  )

  beforeAll(() =>
    pool.query(`
      create type mood as enum ('calm', 'wild');
      create table teams (id serial primary key, organization_id text not null, team_name varchar(20) not null);
      create table players (
        id uuid primary key default gen_random_uuid(), organization_id text not null, team_id int references teams,
        nick text not null, shout text generated always as (upper(nick)) stored, mood mood not null default 'calm',
        points bigint not null default 0, wage numeric(10, 2), tags text[], active boolean, password text,
        updated_at timestamptz);
    `),
  )

  test('fields, keys, kinds, relations and what may be written are those of the tables', () => {
    expect([...schema.models.keys()]).toEqual(['teams', 'players'])
    const { fields, primaryKey: key, relations: own, tenantField, table } = schema.models.get('players')!
    expect(table.name).toBe('players')
    expect(key.kind).toBe('uuid')
    expect(tenantField?.name).toBe('organizationId')
    expect(
      [...fields.values()].map(({ name, column, kind, optional, writable, touch }) => [
        name,
        column,
        kind,
        optional,
        writable,
        touch,
      ]),
    ).toEqual([
      ['id', 'id', 'uuid', true, false, false],
      ['organizationId', 'organization_id', 'text', false, false, false],
      ['teamId', 'team_id', 'integer', true, true, false],
      ['nick', 'nick', 'text', false, true, false],
      ['shout', 'shout', 'text', true, false, false],
      ['mood', 'mood', 'text', true, true, false],
      ['points', 'points', 'bigint', true, true, false],
      ['wage', 'wage', 'numeric', true, true, false],
      ['tags', 'tags', 'array', true, true, false],
      ['active', 'active', 'boolean', true, true, false],
      ['updatedAt', 'updated_at', 'timestamp', true, true, true],
    ])
    expect(Object.fromEntries(own)).toEqual({ team: relation.belongsTo('teams', 'teamId') })
    expect(Object.fromEntries(schema.models.get('teams')!.relations)).toEqual({
      players: relation.hasMany('players', 'teamId'),
    })
  })

  test('it serves as it is', async () => {
    const source = drizzleAdapter(drizzle(pool, { casing: 'snake_case' }), schema, options())
    await source.migrate()
    const at = endpoint(schema, source)
    const team = await at.commit(create('teams', undefined, { teamName: 'Reds' }))
    const teamId = team.body.rows[0].id
    const player = await at.commit(create('players', undefined, { nick: 'ada', teamId, wage: '12.50' }))
    expect(player.body.rows[0]).toMatchObject({
      nick: 'ada',
      shout: 'ADA',
      mood: 'calm',
      points: '0',
      wage: '12.50',
      teamId,
    })
    expect(player.body.rows[0]).not.toHaveProperty('password')
    const list = await at.list('teams', { related: ['players'] })
    expect(list.body.rows[0].players).toEqual(player.body.rows)
    expect((await at.commit(create('players', undefined, { nick: 'b', mood: 'odd' }))).status).toBe(400)
    expect((await at.commit(create('players', undefined, { nick: 'b', password: 'x' }))).status).toBe(400)
    expect((await at.commit(create('players', undefined, { nick: 'b', shout: 'B' }))).status).toBe(400)
    expect((await at.commit({ type: 'DELETE', model: 'teams', id: teamId })).status).toBe(400)
  })
})

test('hooks write through the Drizzle transaction, with its own queries', async () => {
  const orders = pgTable('orders', { id: text().primaryKey(), total: integer().notNull() })
  const audit = pgTable('audit', { id: serial().primaryKey(), note: text().notNull() })
  await pool.query(
    'create table orders (id text primary key, total int not null); create table audit (id serial primary key, note text not null)',
  )
  const schema = schemaFromDrizzle({ orders } satisfies DrizzleTables, {
    orders: { fields: ['total'], policy: { by: 'none' }, mutable: true },
  })
  const db = drizzle(pool)
  const source = drizzleAdapter(db, schema, {
    ...options(),
    hooks: {
      async beforeCommit({ tx, operations }) {
        for (const { input } of operations)
          await tx.insert(audit).values({ note: `asked for ${input.total}` })
      },
      async afterCommit({ tx }) {
        const [sum] = await tx.select({ total: sql<number>`sum(${orders.total})::int` }).from(orders)
        if (sum !== undefined && sum.total > 10)
          throw new Rejection('over_budget', `${sum.total} is too much.`)
      },
    },
  })
  await source.migrate()
  const at = endpoint(schema, source)
  expect((await at.commit(create('orders', 'a', { total: 7 }))).status).toBe(200)
  expect(await at.commit(create('orders', 'b', { total: 7 }))).toMatchObject({
    status: 422,
    body: { error: 'over_budget', message: '14 is too much.' },
  })
  expect(await db.select({ note: audit.note }).from(audit)).toEqual([{ note: 'asked for 7' }])
  expect(await db.select().from(orders)).toEqual([{ id: 'a', total: 7 }])
})
