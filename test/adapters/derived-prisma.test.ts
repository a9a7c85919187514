import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prismaAdapter, schemaFromPrisma } from '../../src/adapters/prisma/index.ts'
import { createEndpoint, defineSchema, model, type Schema, z } from '../../src/index.ts'
import type { PostgresAdapter } from '../../src/postgres/index.ts'
import { freshDatabase, type TestDatabase } from '../support/db.ts'
import { ask, signingKey } from '../support/source.ts'
import { generatePrismaClient } from './prisma/generate.ts'

/** As `prisma db push` makes them, less every default: what is there, Prisma has put there. */
const tables = `
create schema app;
create type app.mood as enum ('c', 'wild');
create table app.clients (
  id text primary key, name text not null, day date not null, at time(3) not null, at_zone timetz(3) not null,
  plain timestamp(3) not null, stamp timestamptz(3) not null, fixed_day date not null, fixed_at time(3) not null,
  doc jsonb not null, ints int[], bigs bigint[], moods app.mood[], raw bytea not null, money numeric(10, 2) not null,
  "toString" text not null, changed_on date not null
);
create table app.dbs (code text primary key, name text not null);
create table app.places (slug text not null unique, first_code text not null references app.dbs, second_code text not null references app.dbs);
create table public.dbs (code text primary key, title text);
`
const free = { by: 'none' } as const

async function newClient(url: string, options: { schema?: string } = {}) {
  await generatePrismaClient()
  const { PrismaClient } = await import('./prisma/generated/client.ts')
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }, options) })
}

let database: TestDatabase
let client: pg.Client
let prisma: Awaited<ReturnType<typeof newClient>>

beforeAll(async () => {
  database = await freshDatabase()
  client = new pg.Client(database.url)
  await client.connect()
  await client.query(tables)
  prisma = await newClient(database.url)
})
afterAll(async () => {
  await prisma.$disconnect()
  await client.end()
  await database.drop()
})

let installations = 0
const create = (name: string, id: string | undefined, input: object = {}) => ({
  type: 'CREATE',
  model: name,
  id,
  input,
})

async function served(schema: Schema, own: object = prisma) {
  const adapter = prismaAdapter(own as typeof prisma, schema, { namespace: `postern_${installations++}` })
  await adapter.migrate()
  const endpoint = createEndpoint({ adapter: adapter as unknown as PostgresAdapter, signingKey })
  let keys = 0
  return (...operations: object[]) =>
    ask(endpoint, { type: 'commit', correlationId: `k${keys++}`, operations })
}

const times = ['day', 'at', 'atZone', 'plain', 'stamp'] as const
const fields = [
  ...times,
  ...([
    'name',
    'fixedDay',
    'fixedAt',
    'doc',
    'ints',
    'bigs',
    'moods',
    'raw',
    'money',
    'toString',
    'changedOn',
  ] as const),
]

describe('a model named like the generator, with every kind of default', () => {
  test.each([
    ['shown', fields],
    ['hidden', ['name']],
  ] as const)('%s fields get what a create of Prisma’s gets', async (way, shown) => {
    const schema = schemaFromPrisma(prisma, { client: { fields: shown, policy: free, mutable: true } })
    const commit = await served(schema)
    const [theirs, ours] = [`theirs ${way}`, `ours ${way}`]
    await prisma.client.create({ data: { id: theirs, name: 'x' } })
    expect(await commit(create('client', ours, { name: 'x' }))).toMatchObject({ status: 200 })
    const { rows } = await client.query(
      `select to_jsonb(c) - 'id' - 'at' - 'at_zone' - 'plain' - 'stamp' as row, c.doc::text as doc,
        c.at as "at", c.day::text as day, (c.plain - c.stamp at time zone 'UTC')::text as apart,
        (extract(epoch from c.at) - extract(epoch from c.stamp at time zone 'UTC') % 86400)::text as of_day
       from app.clients c where id in ($1, $2) order by id`,
      [theirs, ours],
    )
    const [mine, prismas] = rows
    expect(mine.row).toEqual(prismas.row)
    expect(mine.row).toMatchObject({
      fixed_day: '2024-02-29',
      fixed_at: '23:30:00.123',
      moods: ['c', 'wild'],
    })
    expect(mine.doc).toBe(prismas.doc)
    expect(mine.doc).toContain('9007199254740993')
    // one now() for all of a request
    expect(Number.parseFloat(mine.of_day)).toBe(0)
    expect(mine.apart).toBe('00:00:00')
  })

  test('one now() and ids in order for a whole request; @updatedAt of a date moves, defaults do not', async () => {
    const commit = await served(schemaFromPrisma(prisma, { client: { fields, policy: free, mutable: true } }))
    const many = Array.from({ length: 40 }, (_, index) =>
      create('client', undefined, { name: String(index) }),
    )
    const { body } = await commit(...many)
    const ids = body.rows.map(({ id }: { id: string }) => id)
    expect(ids).toEqual([...ids].sort())
    expect(new Set(ids).size).toBe(40)
    expect(new Set(body.rows.map(({ stamp }: { stamp: string }) => stamp)).size).toBe(1)
    await client.query(`update app.clients set changed_on = '2000-01-01', day = '2000-01-01' where id = $1`, [
      ids[0],
    ])
    const updated = await commit({ type: 'UPDATE', model: 'client', id: ids[0], input: { name: 'y' } })
    expect(updated.body.rows[0]).toMatchObject({ day: '2000-01-01', name: 'y' })
    expect(updated.body.rows[0].changedOn > '2020').toBe(true)
  })
})

describe('keys and relations', () => {
  const notes: string[] = []
  const from = (models: object) =>
    schemaFromPrisma(prisma, models as never, { onNote: (note) => notes.push(note) }) as unknown as Schema

  test('@@id of one field, in a model named like the datasource, and two relations to it', () => {
    notes.length = 0
    const schema = from({
      db: { fields: ['name'], policy: free },
      place: { fields: ['firstCode', 'secondCode'], policy: free },
      client: { fields: ['name'], policy: free },
    })
    expect(schema.models.get('db')?.primaryKey.name).toBe('code')
    expect(schema.models.get('db')?.fields.get('name')?.optional).toBe(true)
    // no @id: Prisma knows its rows by the @unique field
    expect(schema.models.get('place')?.primaryKey.name).toBe('slug')
    expect(Object.fromEntries(schema.models.get('place')!.relations)).toMatchObject({
      first: { type: 'belongsTo', model: 'db', field: 'firstCode' },
      second: { type: 'belongsTo', model: 'db', field: 'secondCode' },
    })
    expect([...schema.models.get('db')!.relations.keys()]).toEqual(['first', 'second'])
    expect(notes.map((note) => note.split(':')[0])).toEqual(['db.many', 'client.dbs'])
  })

  test.each<[string, object, string]>([
    ['a model', { clint: { fields: [] } }, 'unknown model "clint"; did you mean "client"?'],
    ['a model named like a member of every object', { valueOf: { fields: [] } }, 'unknown model "valueOf"'],
    ['a field', { client: { fields: ['nme'] } }, 'client: unknown field "nme"; did you mean "name"?'],
    ['a relation as a field', { db: { fields: ['first'] } }, 'db: unknown field "first"'],
    ['the option of before', { client: { omit: ['name'] } }, 'unknown option "omit"'],
    ['no fields', { client: {} }, 'client: name the fields to expose'],
    ['no tenant', { client: { fields: ['name'] } }, 'client: the table has no column organization_id'],
  ])('%s throws with the nearest name', (_, models, message) => {
    expect(() => from(models)).toThrow(message)
  })
})

test('tables are found by schema and name, and `table` goes before a model’s name', async () => {
  const schema = defineSchema({
    db: model({
      fields: { title: z.string().optional() },
      primaryKey: 'code' as never,
      table: 'public.dbs',
      policy: free,
      mutable: true,
    }),
    places: model({
      fields: { name: z.string().optional() },
      primaryKey: 'code' as never,
      table: 'app.dbs',
      policy: free,
      mutable: true,
    }),
  })
  const commit = await served(schema as unknown as Schema)
  expect((await commit(create('db', 'a', { title: 't' }), create('places', 'a'))).status).toBe(200)
  expect((await client.query('select * from public.dbs')).rows).toEqual([{ code: 'a', title: 't' }])
  expect((await client.query('select * from app.dbs')).rows).toEqual([{ code: 'a', name: 'of the database' }])
})

test('client extensions: computed fields, and queries that every operation passes through', async () => {
  const seen: string[] = []
  const extended = prisma
    .$extends({
      result: { db: { shout: { needs: { name: true }, compute: ({ name }) => name.toUpperCase() } } },
    })
    .$extends({
      query: {
        async $allOperations({ operation, args, query }) {
          seen.push(operation)
          return query(args)
        },
      },
    })
  const commit = await served(
    schemaFromPrisma(extended, {
      client: { fields: ['name'], policy: free, mutable: true },
    }) as unknown as Schema,
    extended,
  )
  const answer = await commit(create('client', 'extended', { name: 'x' }))
  expect(answer).toMatchObject({ status: 200, body: { rows: [{ id: 'extended', name: 'x' }] } })
  expect(seen).toContain('$queryRawUnsafe')
})
