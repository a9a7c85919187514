import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { type ErrorCode, Rejection } from '../../src/core/errors.ts'
import { defineSchema, field, model, relation, z } from '../../src/index.ts'
import {
  caller,
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
  traces,
  type WireOperation,
} from '../support/postgres-source.ts'

const schema = defineSchema({
  accounts: model({
    fields: {
      email: z.string().optional(),
      nickname: z.string().optional(),
      balance: field.numeric().optional(),
      kind: z.string().optional(),
      ownerId: z.string().optional(),
      managerId: z.string().optional(),
      opens: field.date().optional(),
      closes: field.date().optional(),
      serial: z.int().optional(),
      code: z.string().optional(),
    },
    mutable: true,
    policy: { by: 'none' },
    columns: { nickname: 'nick_name' },
  }),
  bookings: model({ fields: { room: z.string(), day: z.string() }, mutable: true, policy: { by: 'none' } }),
})

const tables = `
create domain positive as numeric check (value >= 0);
create table accounts (
  id text primary key,
  email text constraint accounts_email unique,
  nick_name text not null default 'nobody',
  balance positive,
  kind varchar(8),
  owner_id text constraint accounts_owner references accounts,
  manager_id text constraint accounts_manager references accounts deferrable initially deferred,
  opens date,
  closes date,
  serial int,
  code text,
  constraint accounts_dates check (closes > opens),
  constraint accounts_serial unique (serial) deferrable initially deferred,
  exclude using btree (code with =)
);
create table bookings (
  id text primary key,
  room text not null,
  day text not null,
  unique (room, day)
);
insert into accounts (id, email, code) values ('root', 'secret@example.com', 'secret-code');`

const create = (id: string, input: object = {}): WireOperation => ({
  type: 'CREATE',
  model: 'accounts',
  id,
  input: { nickname: 'n', ...input },
})

describe.each(majors)('Postgres %i: constraints of the database', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema, tables, major })
    await open.commit(create('taken', { serial: 7, email: 'secret-taken@example.com' }))
    await open.commit(create('child', { ownerId: 'root' }))
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const cases: [string, WireOperation, ErrorCode, object][] = [
    [
      'unique',
      create('u', { email: 'secret@example.com' }),
      'unique_violation',
      { constraint: 'accounts_email' },
    ],
    ['primary key', create('root'), 'unique_violation', { constraint: 'accounts_pkey' }],
    [
      'foreign key',
      create('f', { ownerId: 'secret-owner' }),
      'foreign_key_violation',
      { constraint: 'accounts_owner' },
    ],
    [
      'referenced row',
      { type: 'DELETE', model: 'accounts', id: 'root' },
      'foreign_key_violation',
      { constraint: 'accounts_owner' },
    ],
    ['not null', create('n', { nickname: null }), 'not_null_violation', { field: 'nickname' }],
    [
      'check',
      create('c', { opens: '2025-02-02', closes: '2025-02-01' }),
      'check_violation',
      { constraint: 'accounts_dates' },
    ],
    [
      'check of a domain',
      create('d', { balance: '-31337' }),
      'check_violation',
      { constraint: 'positive_check' },
    ],
    [
      'exclusion',
      create('x', { code: 'secret-code' }),
      'constraint_violation',
      { constraint: 'accounts_code_excl' },
    ],
    ['too long a text', create('l', { kind: 'secret-long' }), 'source_commit_invalid', {}],
    [
      'foreign key checked at COMMIT',
      create('fd', { managerId: 'secret-manager' }),
      'foreign_key_violation',
      { constraint: 'accounts_manager' },
    ],
    [
      'unique checked at COMMIT',
      { type: 'UPDATE', model: 'accounts', id: 'root', input: { serial: 7 } },
      'unique_violation',
      { constraint: 'accounts_serial' },
    ],
  ]

  test.each(cases)(
    '%s: the refusal names what was broken, in which operation, and no value',
    async (what, operation, code, named) => {
      const deferred = what.endsWith('COMMIT')
      const before = await traces(open)
      const alone = await refused(open.commit(operation), code)
      expect(alone.details).toMatchObject(
        deferred ? named : { index: 0, model: 'accounts', id: operation.id, ...named },
      )
      const among = await refused(
        open.commit([create(freshKey()), create(freshKey()), operation, create(freshKey())]),
        code,
      )
      expect(among.details).toMatchObject(named)
      // what is checked at COMMIT may be nobody's fault in particular; a wrong name would be worse than none
      expect(among.details?.index).toBeOneOf(deferred ? [2, undefined] : [2])
      for (const { message, detailsJson } of [alone, among]) {
        expect(`${message} ${detailsJson}`).not.toMatch(/secret|31337|2025-02/)
      }
      expect(await traces(open)).toEqual(before)
    },
  )

  test('a refusal burns no key: the same key with a mended commit is applied', async () => {
    const key = freshKey()
    await refused(open.commit(create('retry', { managerId: 'nobody' }), { key }), 'foreign_key_violation')
    await refused(open.commit(create('retry', { email: 'secret@example.com' }), { key }), 'unique_violation')
    const { replayed } = await open.commit(create('retry'), { key })
    expect(replayed).toBe(false)
  })

  test('a deferred constraint that holds at the end of the commit is no objection', async () => {
    const { rows } = await open.commit([
      create('early', { managerId: 'late', serial: 1 }),
      create('late', { serial: 2 }),
    ])
    expect(rows).toHaveLength(2)
    await open.commit([
      { type: 'UPDATE', model: 'accounts', id: 'early', input: { serial: 2 } },
      { type: 'UPDATE', model: 'accounts', id: 'late', input: { serial: 1 } },
    ])
    expect(
      await open.sql(`select id, serial from accounts where id in ('early', 'late') order by id`),
    ).toEqual([
      { id: 'early', serial: 2 },
      { id: 'late', serial: 1 },
    ])
  })

  test('with hooks, a constraint that fails at COMMIT is a refusal too, and nothing stays', async () => {
    const before = await traces(open)
    const hooked = caller(pgAdapter(open.pool, schema, { hooks: { afterCommit() {} } }), schema)
    for (const operations of [
      [create('h', { managerId: 'secret' })],
      [create('h'), create('i', { managerId: 'secret' })],
    ]) {
      await refused(hooked.commit(operations), 'foreign_key_violation')
    }
    expect(await traces(open)).toEqual(before)
  })

  test('two creates of one row in one commit: the second is refused and named', async () => {
    const error = await refused(open.commit([create('twice'), create('twice')]), 'unique_violation')
    expect(error.details).toMatchObject({ index: 1, constraint: 'accounts_pkey' })
  })

  test('of two concurrent creates with one unique value exactly one is applied', async () => {
    const email = `${freshKey()}@example.com`
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => open.commit(create(freshKey(), { email }))),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'unique_violation' })
    }
    expect(await open.sql('select from accounts where email = $1', [email])).toHaveLength(1)
  })
})

describe('hooks: the application’s own rules inside the commit', () => {
  test('what a hook writes stands or falls with the commit, and a replay runs no hook', async () => {
    await using open = await openSource({ schema, tables: `${tables} create table seen (id text)` })
    const ran: string[] = []
    const hooked = caller(
      pgAdapter(open.pool, schema, {
        hooks: {
          async beforeCommit({ tx, operations }) {
            ran.push('before')
            for (const { id } of operations)
              await tx.query({ text: 'insert into seen values ($1)', values: [id] })
          },
          async afterCommit({ rows }) {
            ran.push(`after ${rows.length}`)
          },
        },
      }),
      schema,
    )
    const key = freshKey()
    await hooked.commit([create('a'), create('b')], { key })
    expect((await hooked.commit([create('a'), create('b')], { key })).replayed).toBe(true)
    await refused(hooked.commit(create('a')), 'unique_violation')
    expect(ran).toEqual(['before', 'after 2', 'before'])
    expect(await open.sql('select id from seen order by id')).toEqual([{ id: 'a' }, { id: 'b' }])
  })

  test('a rule of the application that says no is passed on as it is, and nothing stays', async () => {
    await using open = await openSource({ schema, tables })
    const before = await traces(open)
    const key = freshKey()
    const refuse = {
      afterCommit: () => Promise.reject(new Rejection('over_budget', 'No budget left.')),
    }
    const hooked = caller(pgAdapter(open.pool, schema, { hooks: refuse }), schema)
    await expect(hooked.commit(create('a'), { key })).rejects.toMatchObject({
      code: 'over_budget',
      status: 422,
    })
    expect(await traces(open)).toEqual(before)
    expect((await open.commit(create('a'), { key })).replayed).toBe(false)
  })

  test.each(['beforeCommit', 'afterCommit'] as const)(
    'an error thrown by %s is a fault of the application, not a lost connection',
    async (hook) => {
      await using open = await openSource({ schema, tables })
      const before = await traces(open)
      const broken = caller(
        pgAdapter(open.pool, schema, {
          hooks: { [hook]: () => Promise.reject(new TypeError('x is undefined')) },
        }),
        schema,
      )
      await refused(broken.commit(create('a')), 'internal_error')
      expect(await traces(open)).toEqual(before)
      // the connection is still good and stays in the pool
      expect(open.pool.totalCount).toBe(open.pool.idleCount)
      expect(open.pool.totalCount).toBeGreaterThan(0)
    },
  )

  test('a hook that swallows a database error cannot make a broken transaction look committed', async () => {
    await using open = await openSource({ schema, tables })
    const before = await traces(open)
    const hooked = caller(
      pgAdapter(open.pool, schema, {
        hooks: {
          afterCommit: async ({ tx }) => {
            await tx.query({ text: 'select 1 / 0', values: [] }).catch(() => {})
          },
        },
      }),
      schema,
    )
    await expect(hooked.commit(create('a'))).rejects.toMatchObject({ code: 'internal_error' })
    expect(await traces(open)).toEqual(before)
    expect(await open.sql(`select from accounts where id = 'a'`)).toHaveLength(0)
  })
})

describe.each(majors)('Postgres %i: rows that refer to rows of their own model', (major) => {
  const schema = defineSchema({
    nodes: model({
      fields: { name: z.string(), parentId: z.string().optional() },
      relations: { parent: relation.belongsTo('nodes', 'parentId') },
      mutable: true,
      policy: { by: 'none' },
    }),
  })
  const tables =
    'create table nodes (id text primary key, name text not null, parent_id text references nodes)'
  const create = (id: string, parentId?: string): WireOperation => ({
    type: 'CREATE',
    model: 'nodes',
    id,
    input: { name: id, ...(parentId !== undefined && { parentId }) },
  })

  test('are written in the order given: a child before its mother is refused, behind her it is taken', async () => {
    await using open = await openSource({ schema, tables, major })
    const early = await refused(
      open.commit([create('child', 'mother'), create('mother')]),
      'entity_not_found',
    )
    expect(early.details).toEqual({ operations: [{ index: 0, model: 'nodes' }] })
    const { rows } = await open.commit([create('mother'), create('other'), create('child', 'mother')])
    expect(rows.map((row) => row?.id)).toEqual(['mother', 'other', 'child'])
    expect((await open.feed()).map(({ entityId }) => entityId)).toEqual(['mother', 'other', 'child'])
  })
})
