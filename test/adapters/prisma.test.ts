import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prismaAdapter, schemaFromPrisma } from '../../src/adapters/prisma/index.ts'
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
import { generatePrismaClient } from './prisma/generate.ts'

/** As `prisma db push` makes them, less every default: what is there, Prisma has put there. */
const tables = `
create schema app;
create type app.role as enum ('M', 'A // not a comment');
create table app."Person" (
  id text primary key, "organizationId" text not null, "full name" text not null, role app.role not null, token uuid not null,
  "sortKey" text not null, score double precision not null, balance numeric not null, big bigint not null,
  active boolean not null, motto text not null, settings jsonb not null, tags text[], birthday date,
  "joinedAt" timestamptz(3) not null, seen_at timestamptz not null, secret text
);
create table app.post (
  id serial primary key, author_id text not null references app."Person", editor_id text references app."Person",
  title text not null
);
`

async function newClient(url: string) {
  await generatePrismaClient()
  const { PrismaClient } = await import('./prisma/generated/client.ts')
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }) })
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
const options = () => ({ namespace: `postern_${installations++}` })
const generators = { cuid: () => `c${String(Math.random()).slice(2)}` }
const rows = async (text: string) => (await client.query(text)).rows

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

/** What one writes by hand; nothing in it says how a table or a column is called. */
const schema = defineSchema({
  person: model({
    fields: {
      name: z.string(),
      role: z.enum(['M', 'A // not a comment']).optional(),
      token: field.uuid().optional(),
      sortKey: z.string().optional(),
      score: z.number().optional(),
      balance: field.numeric().optional(),
      big: field.bigint().optional(),
      active: z.boolean().optional(),
      motto: z.string().optional(),
      settings: field.json().optional(),
      tags: z.array(z.string()).optional(),
      birthday: field.date().optional(),
      joinedAt: field.timestamp().optional(),
      seenAt: field.timestamp().optional(),
    },
    mutable: true,
  }),
})

describe('names and values', () => {
  test('a create through the endpoint gives the row that a create through Prisma gives', async () => {
    const source = prismaAdapter(prisma, schema, { ...options(), generators })
    await source.migrate()
    await prisma.person.create({ data: { name: 'theirs', organizationId: 'org_1' } })
    const answer = await endpoint(schema, source).commit(create('person', undefined, { name: 'ours' }))
    expect(answer.status).toBe(200)

    const [ours, theirs] = await rows('select * from app."Person" order by "full name"')
    const anyTime = expect.any(Date)
    const uuid = (version: number) =>
      expect.stringMatching(new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab]`))
    for (const row of [ours, theirs]) {
      expect(row).toMatchObject({ token: uuid(4), sortKey: uuid(7), joinedAt: anyTime, seen_at: anyTime })
    }
    const made = { id: 0, token: 0, sortKey: 0, joinedAt: 0, seen_at: 0, 'full name': 0 }
    expect({ ...ours, ...made }).toEqual({ ...theirs, ...made })
    expect(ours).toMatchObject({
      organizationId: 'org_1',
      role: 'M',
      score: -1.5,
      motto: 'say "@updatedAt" (twice)',
    })
    expect(ours?.id).toMatch(/^c\d+$/)
    // a version 7 sorts by its time, whoever made it
    expect(ours?.sortKey > theirs?.sortKey).toBe(true)
    expect(await source.check()).not.toContainEqual(expect.objectContaining({ level: 'error' }))
  })

  test('@updatedAt moves with an update through the endpoint', async () => {
    const source = prismaAdapter(prisma, schema, { ...options(), generators })
    await source.migrate()
    const at = endpoint(schema, source)
    await at.commit(create('person', 'u', { name: 'u' }))
    await client.query(`update app."Person" set seen_at = '2000-01-01' where id = 'u'`)
    const answer = await at.commit({ type: 'UPDATE', model: 'person', id: 'u', input: { score: 2 } })
    expect(answer.body.rows[0]).toMatchObject({ score: 2, joinedAt: expect.any(String) })
    expect(Date.parse(answer.body.rows[0].seenAt)).toBeGreaterThan(Date.parse('2020-01-01'))
  })

  test('columns that the schema does not show get what Prisma gives them', async () => {
    const narrow = defineSchema({
      person: model({
        fields: { name: z.string(), motto: z.string().optional() },
        mutable: true,
        readOnly: ['motto'],
      }),
    })
    const source = prismaAdapter(prisma, narrow, { ...options(), generators })
    await source.migrate()
    const at = endpoint(narrow, source)
    await prisma.person.create({ data: { id: 'n1', name: 'theirs', organizationId: 'org_1' } })
    const answer = await at.commit(create('person', 'n2', { name: 'ours' }))
    expect(answer.body.rows).toEqual([{ id: 'n2', name: 'ours', motto: 'say "@updatedAt" (twice)' }])
    const [theirs, ours] = await rows(`select * from app."Person" where id in ('n1', 'n2') order by id`)
    const made = { id: 0, token: 0, sortKey: 0, joinedAt: 0, seen_at: 0, 'full name': 0 }
    expect({ ...ours, ...made }).toEqual({ ...theirs, ...made })

    await client.query(`update app."Person" set seen_at = '2000-01-01' where id = 'n2'`)
    const merged = { type: 'UPDATE', model: 'person', id: 'n2', input: { name: 'more' } }
    expect((await at.commit(merged)).status).toBe(200)
    const [after] = await rows(`select seen_at from app."Person" where id = 'n2'`)
    expect(after?.seen_at.getFullYear()).toBeGreaterThan(2000)
    // what is hidden stays out of the log's fields too
    const [event] = await rows(
      `select data::jsonb as data, changed from postern_${installations - 1}.changes order by position desc limit 1`,
    )
    expect(event).toEqual({
      data: expect.not.objectContaining({ seenAt: expect.anything() }),
      changed: ['name'],
    })
    for (const input of [
      { name: 'x', token: null },
      { name: 'x', motto: 'mine' },
    ]) {
      expect((await at.commit(create('person', 'n3', input))).status).toBe(400)
    }
  })

  test('an id that only Prisma could make is asked for by name', async () => {
    const source = prismaAdapter(prisma, schema, options())
    await source.migrate()
    const at = endpoint(schema, source)
    expect((await at.commit(create('person', undefined, { name: 'x' }))).body.error).toBe(
      'source_adapter_misconfigured',
    )
    expect((await at.commit(create('person', 'own', { name: 'own' }))).status).toBe(200)
  })

  test('a model is found under Prisma’s name, the client’s name, its table’s name, or the one that is told', async () => {
    const shape = { title: z.string(), authorId: z.string() }
    const free = { policy: { by: 'none' } } as const
    for (const [name, more] of [
      ['post', {}],
      ['Post', {}],
      ['articles', { models: { articles: 'Post' } }],
    ] as const) {
      const own = defineSchema({
        [name]: model({ fields: { id: z.int(), ...shape }, mutable: true, ...free }),
      })
      const source = prismaAdapter(prisma, own as Schema, { ...options(), ...more })
      const { statements } = await source.migrate()
      expect(statements.map(({ text }) => text).join()).toContain('app.post')
    }
    expect(() => prismaAdapter(prisma, schema, { models: { person: 'Nobody' } })).toThrow(
      'person: Prisma has no model Nobody',
    )
  })

  test('an extended client serves as the plain one does', async () => {
    const extended = prisma.$extends({ name: 'extended', model: { person: { greet: () => 'hello' } } })
    const source = prismaAdapter(extended, schema, options())
    await source.migrate()
    expect((await endpoint(schema, source).commit(create('person', 'e', { name: 'e' }))).status).toBe(200)
  })
})

describe('schemaFromPrisma', () => {
  const fromPrisma = () =>
    schemaFromPrisma(prisma, {
      person: {
        fields: [
          'organizationId',
          'name',
          'role',
          'token',
          'sortKey',
          'score',
          'balance',
          'big',
          'active',
          'motto',
          'settings',
          'tags',
          'birthday',
          'joinedAt',
          'seenAt',
        ],
        readOnly: ['birthday'],
        mutable: true,
      },
      post: {
        fields: ['authorId', 'editorId', 'title'],
        policy: { by: 'parent', fk: 'authorId', parent: 'person' },
        mutable: true,
      },
    })

  test('fields, kinds, enums and relations are Prisma’s; only what is named is exposed', () => {
    const schema = fromPrisma()
    expect([...schema.models.keys()]).toEqual(['person', 'post'])
    const person = schema.models.get('person')!
    expect(person.table).toEqual({ schema: 'app', name: 'Person' })
    expect(person.policy).toEqual({ by: 'column', column: 'organizationId' })
    const told = [...person.fields.values()].map(({ name, column, kind, optional, writable, touch }) => [
      name,
      column,
      kind,
      optional,
      writable,
      touch,
    ])
    expect(told).toEqual([
      ['id', 'id', 'text', true, false, false],
      ['organizationId', 'organizationId', 'text', false, false, false],
      ['name', 'full name', 'text', false, true, false],
      ['role', 'role', 'text', true, true, false],
      ['token', 'token', 'uuid', true, true, false],
      ['sortKey', 'sortKey', 'text', true, true, false],
      ['score', 'score', 'number', true, true, false],
      ['balance', 'balance', 'numeric', true, true, false],
      ['big', 'big', 'bigint', true, true, false],
      ['active', 'active', 'boolean', true, true, false],
      ['motto', 'motto', 'text', true, true, false],
      ['settings', 'settings', 'json', true, true, false],
      ['tags', 'tags', 'array', true, true, false],
      ['birthday', 'birthday', 'date', true, false, false],
      ['joinedAt', 'joinedAt', 'timestamp', true, true, false],
      ['seenAt', 'seen_at', 'timestamp', true, true, true],
    ])
    expect(Object.fromEntries(person.relations)).toEqual({
      posts: relation.hasMany('post', 'authorId'),
      drafts: relation.hasMany('post', 'editorId'),
    })
    expect(Object.fromEntries(schema.models.get('post')!.relations)).toEqual({
      author: relation.belongsTo('person', 'authorId'),
      editor: relation.belongsTo('person', 'editorId'),
    })
    expect(() => schemaFromPrisma(prisma, { persn: { fields: [] } } as object)).toThrow(
      'did you mean "person"?',
    )
  })

  test('it serves as it is', async () => {
    const schema = fromPrisma()
    const source = prismaAdapter(prisma, schema, { ...options(), generators })
    await source.migrate()
    const at = endpoint(schema, source)
    const person = await at.commit(create('person', 'p1', { name: 'Ada', role: 'A // not a comment' }))
    expect(person.body.rows[0]).toMatchObject({
      id: 'p1',
      role: 'A // not a comment',
      settings: { theme: 'dark' },
    })
    const post = await at.commit(create('post', undefined, { authorId: 'p1', title: 'First' }))
    expect(post.status).toBe(200)
    const list = await at.list('person', { where: [['id', 'p1']], related: ['posts', 'drafts'] })
    expect(list.body.rows[0]).toMatchObject({ posts: [{ title: 'First', authorId: 'p1' }], drafts: [] })
    expect((await at.commit(create('person', 'p2', { name: 'x', secret: 'x' }))).status).toBe(400)
    expect((await at.commit(create('person', 'p2', { name: 'x', role: 'admin' }))).status).toBe(400)
  })
})

test('hooks write through the Prisma transaction, with its own queries', async () => {
  const source = prismaAdapter(prisma, schema, {
    ...options(),
    hooks: {
      async beforeCommit({ tx, operations }) {
        for (const { id } of operations) {
          await tx.person.create({ data: { id: `shadow of ${id}`, name: 'shadow', organizationId: 'org_2' } })
        }
      },
      async afterCommit({ tx }) {
        const count = await tx.person.count({ where: { organizationId: 'org_2' } })
        if (count > 1) throw new Rejection('too_many', `${count} are too many.`)
      },
    },
  })
  await source.migrate()
  const at = endpoint(schema, source)
  expect((await at.commit(create('person', 'h1', { name: 'h1' }))).status).toBe(200)
  expect(await at.commit(create('person', 'h2', { name: 'h2' }))).toMatchObject({
    status: 422,
    body: { error: 'too_many', message: '2 are too many.' },
  })
  const found = await prisma.person.findMany({
    where: { id: { in: ['h1', 'h2', 'shadow of h1', 'shadow of h2'] } },
  })
  expect(found.map(({ id }) => id).sort()).toEqual(['h1', 'shadow of h1'])
})
