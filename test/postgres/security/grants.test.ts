import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { defineSchema, field, model, z } from '../../../src/index.ts'
import { type GrantOptions, grants } from '../../../src/postgres/install/grants.ts'
import {
  caller,
  freshKey,
  type OpenSource,
  openSource,
  type WireOperation,
} from '../../support/postgres-source.ts'
import { openPool } from './endpoint.ts'

const models = (capture: boolean) =>
  defineSchema({
    notes: model({
      fields: { text: z.string(), archivedAt: field.timestamp().optional() },
      mutable: true,
      capture,
    }),
    lines: model({
      fields: { noteId: z.string(), text: z.string() },
      mutable: true,
      capture,
      policy: { by: 'parent', fk: 'noteId', parent: 'notes' },
    }),
    numbers: model({
      fields: { id: field.bigint(), value: z.int(), serial: z.int().optional() },
      mutable: true,
      capture,
    }),
    // locks rows of which it may change nothing
    drafts: model({ fields: { text: z.string() }, mutable: ['CREATE', 'DELETE'], capture }),
    flags: model({ fields: { archivedAt: field.timestamp().optional() }, mutable: ['ARCHIVE'], capture }),
    lists: model({ fields: { text: z.string() }, mutable: false, table: 'reference.lists' }),
  })

// A database that gives nobody anything by default, as careful operators set them up.
const tables = `
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
revoke all on schema public from public;
create schema reference;
create table notes (id text primary key, organization_id text not null, text text, archived_at timestamptz, secret text default 'none');
create table lines (id text primary key, note_id text references notes on delete cascade, text text);
create table numbers (id bigint generated always as identity primary key, organization_id text not null, value int, serial serial);
create table drafts (id text primary key, organization_id text not null, text text);
create table flags (id text primary key, organization_id text not null, archived_at timestamptz);
create table reference.lists (id text primary key, organization_id text not null, text text);
insert into flags values ('f1', 'org_1');
insert into reference.lists values ('l1', 'org_1', 'a');`

describe.each([
  [18, false],
  [18, true],
  [15, true],
] as const)('Postgres %i, capture triggers %s: an ordinary role', (major, capture) => {
  const schema = models(capture)
  const role = `postern's "app" ${randomBytes(4).toString('hex')}`
  const name = pg.escapeIdentifier(role)
  let open: OpenSource
  let owner: pg.Client
  let app: pg.Pool

  beforeAll(async () => {
    open = await openSource({ schema, tables, major })
    owner = await open.client()
    await owner.query(`create role ${name} login`)
    const url = new URL(open.url)
    url.username = encodeURIComponent(role)
    app = openPool({ connectionString: url.href, max: 2 })
  })
  afterAll(async () => {
    await app.end()
    await owner.query(`drop owned by ${name}`)
    await owner.query(`drop role ${name}`)
    await open[Symbol.asyncDispose]()
  })

  /** Takes everything from the role and gives it these. */
  const give = async (statements: readonly string[]): Promise<void> => {
    const all = 'in schema public, reference, postern'
    await owner.query(`
      revoke all on all tables ${all} from ${name}; revoke all on all sequences ${all} from ${name};
      revoke all on all functions in schema postern from ${name};
      revoke all on schema public, reference, postern from ${name}`)
    // where the models name no schema of their tables, whoever granted the search path has granted its use
    await owner.query([`grant usage on schema public to ${name}`, ...statements].join(';'))
  }

  /** Everything that a source does for requests, and for its operator as far as asked. */
  const work = async ({ prune, acknowledge }: GrantOptions): Promise<void> => {
    const source = pgAdapter(app, schema)
    const call = caller(source, schema)
    const [a, b, c] = [freshKey(), freshKey(), freshKey()]
    const create = (model: string, id: string | undefined, input: object): WireOperation => ({
      type: 'CREATE',
      model,
      ...(id !== undefined && { id }),
      input: { ...input },
    })
    const { stamps } = await call.commit(create('notes', a, { text: 'a' }))
    await call.commit([create('notes', b, { text: 'b' }), create('lines', b, { noteId: b, text: 'b' })])
    await call.commit(create('lines', a, { noteId: a, text: 'b' }))
    await call.commit([create('numbers', undefined, { value: 1 }), create('drafts', a, { text: 'd' })])
    const id = (await call.commit(create('numbers', undefined, { value: 1 }))).rows[0]?.id as string
    const readAt = stamps[0] as number
    await call.commit({ type: 'UPDATE', model: 'notes', id: a, input: { text: 'c' }, readAt })
    await call.commit({
      type: 'UPDATE',
      model: 'notes',
      id: a,
      input: { text: 'd' },
      readAt,
      onStale: 'notify',
    })
    await call.commit([
      { type: 'UPDATE', model: 'numbers', id, input: { value: 2 } },
      { type: 'ARCHIVE', model: 'notes', id: a },
      { type: 'ARCHIVE', model: 'flags', id: 'f1' },
      { type: 'DELETE', model: 'lines', id: a },
    ])
    await call.commit({ type: 'UNARCHIVE', model: 'notes', id: a })
    await call.commit({ type: 'DELETE', model: 'drafts', id: a })
    await call.commit({ type: 'DELETE', model: 'numbers', id })
    await call.commit([{ type: 'DELETE', model: 'notes', id: b }])
    await call.load('notes', a)
    for (const model of schema.models.keys()) await call.list(model, { orderBy: 'id', limit: 1 })
    const { nextCursor } = await call.events()
    await source.feedStatus()
    if (!capture) {
      const tx = await app.connect()
      try {
        await tx.query(`insert into notes (id, organization_id, text) values ('${c}', 'org_1', 'raw')`)
        await source.recordChange(tx, { model: 'notes', id: c, type: 'CREATE' })
      } finally {
        tx.release()
      }
    }
    if (acknowledge) {
      await source.acknowledge('nightly', nextCursor, 'org_1')
      await source.acknowledge('nightly', null)
    }
    if (prune) {
      await owner.query(`update postern.log set at = '2020-01-01'`)
      await owner.query(`update postern.ledger set at = '2020-01-01'`)
      const { events, keys } = await source.prune()
      expect(Math.min(events, keys)).toBeGreaterThan(0)
    }
  }

  const everything = { tables: schema, prune: true, acknowledge: true }

  test('can do with the grants all that a source does', async () => {
    await give(grants(role, { tables: schema }))
    await work({})
    await give(grants(role, everything))
    await work(everything)
  })

  // which right a statement needs depends neither on triggers nor on the version
  if (major === 18 && !capture) {
    test('needs every one of them', async () => {
      const statements = grants(role, everything)
      const idle: string[] = []
      for (const one of statements) {
        await give(statements.filter((statement) => statement !== one))
        await work(everything).then(
          () => idle.push(one),
          () => {},
        )
      }
      expect(idle).toEqual([])
    })
  }

  test('can with them neither rewrite the log nor move a row to another tenant, by no statement of its own', async () => {
    await give(grants(role, { tables: schema }))
    const refused = [
      `update postern.log set data = ''`,
      `delete from postern.log`,
      `update postern.ledger set body = ''`,
      `delete from postern.ledger`,
      `update postern.meta set pruned_through = 0`,
      `insert into postern.model values ('x', 'x', 1, '{}', '{}')`,
      `insert into postern.follower values ('x')`,
      `select setval('postern.position_seq', 1)`,
      `create table postern.mine ()`,
      `update notes set organization_id = 'org_2'`,
      `update notes set id = 'x'`,
      `update notes set secret = 'x'`,
      `insert into notes (id, organization_id, secret) values ('x', 'org_1', 'x')`,
      `truncate notes`,
      `insert into reference.lists values ('x', 'org_1', 'x')`,
      `delete from flags`,
    ]
    for (const statement of refused) {
      await expect(app.query(statement), statement).rejects.toMatchObject({ code: '42501' })
    }
  })
})
