import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineSchema, field, model, z } from '../../../src/index.ts'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { signedRequest } from '../../support/source.ts'
import { commit, key, type OpenEndpoint, openEndpoint, org } from './endpoint.ts'

const schema = defineSchema({
  items: model({
    fields: {
      name: z.string(),
      price: z.int().optional(),
      // the schema does not say that the database makes these two by itself
      total: z.int().optional(),
      number: field.bigint().optional(),
      createdBy: z.string().optional(),
      organizationId: z.string().optional(),
    },
    mutable: true,
    readOnly: ['createdBy'],
  }),
  // the shape leaves key and tenant out
  bare: model({ fields: { name: z.string() }, mutable: true, columns: { name: 'label' } }),
  logs: model({ fields: { text: z.string() }, mutable: ['CREATE'] }),
})

const tables = `
create table items (
  id text primary key,
  organization_id text not null,
  name text not null,
  price int,
  total int generated always as (price * 2) stored,
  number bigint generated always as identity,
  created_by text not null default 'system',
  secret text not null default 'none'
);
create table bare (id text primary key, organization_id text not null, label text, secret text default 'none');
create table logs (id text primary key, organization_id text not null, text text);
insert into items (id, organization_id, name, price) values ('i1', 'org_1', 'mine', 1), ('i2', 'org_2', 'theirs', 1);
insert into bare values ('b1', 'org_1', 'mine'), ('b2', 'org_2', 'theirs');
insert into logs values ('l1', 'org_1', 'kept');`

describe('a signed caller', () => {
  let open: OpenSource
  let endpoint: OpenEndpoint
  beforeAll(async () => {
    open = await openSource({ schema, tables })
    endpoint = openEndpoint(open.source)
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const everything = () =>
    open.sql(`select (select json_agg(i order by id) from items i) as items, (select json_agg(b order by id) from bare b) as bare,
      (select json_agg(l order by id) from logs l) as logs, (select count(*) from postern.ledger) as keys`)

  test.each([
    ['items', 'the primary key', { id: 'i9' }],
    ['items', 'the tenant', { organizationId: 'org_2' }],
    ['items', 'the tenant by its column', { organization_id: 'org_2' }],
    ['items', 'a generated column', { total: 7 }],
    ['items', 'an identity column', { number: '7' }],
    ['items', 'a read-only field', { createdBy: 'me' }],
    ['items', 'a column that the schema does not have', { secret: 'x' }],
    ['items', 'a field in other letters', { Name: 'x' }],
    ['items', 'a field with a piece of SQL behind it', { 'name" = $1, "secret': 'x' }],
    ['items', 'a system column', { ctid: '(0,1)' }],
    ['bare', 'the primary key, which the shape leaves out', { id: 'b9' }],
    ['bare', 'the tenant, which the shape leaves out', { organizationId: 'org_1' }],
    ['bare', 'a field by its column', { label: 'x' }],
  ])('cannot write %s: %s', async (model, _, extra) => {
    const before = await everything()
    const own = model === 'items' ? 'i1' : 'b1'
    const [place] = Object.keys(extra)
    const create = { type: 'CREATE', model, id: key(), input: { name: 'x', ...extra } }
    const update = { type: 'UPDATE', model, id: own, input: { ...extra } }
    for (const operations of [create, update, [{ ...create, input: { name: 'x' } }, update]]) {
      const { status, body } = await endpoint.ask(commit(operations))
      expect([status, body.error]).toEqual([400, 'source_commit_invalid'])
      const index = Array.isArray(operations) ? 1 : 0
      expect(body.details.issues).toMatchObject([{ pointer: `/operations/${index}/input/${place}` }])
    }
    expect(await everything()).toEqual(before)
  })

  test.each(['__proto__', 'constructor', 'prototype'])('cannot send a member named %s', async (name) => {
    const before = await everything()
    const text = JSON.stringify({
      ...commit({ type: 'UPDATE', model: 'items', id: 'i1', input: { X: 1 } }),
      scope: org('org_1'),
    })
    const request = await signedRequest(new TextEncoder().encode(text.replace('X', name)))
    const { status, body } = await endpoint.send(request)
    expect([status, body.error]).toEqual([400, 'invalid_json'])
    expect(await everything()).toEqual(before)
  })

  test('may send its own row back whole: key and tenant where they say what is so anyway', async () => {
    const { body } = await endpoint.ask({ type: 'load', model: 'items', id: 'i1' })
    const { total, number, createdBy, ...row } = body.row
    expect([total, number, createdBy]).toEqual([2, '1', 'system'])
    const { status } = await endpoint.ask(commit({ type: 'UPDATE', model: 'items', id: 'i1', input: row }))
    expect(status).toBe(200)
  })

  test('creates rows in its own tenant alone, and gets what the database makes by itself', async () => {
    const id = key()
    const { status, body } = await endpoint.ask(
      commit({ type: 'CREATE', model: 'items', id, input: { name: 'x', price: 4 } }),
    )
    expect([status, body.rows]).toMatchObject([
      200,
      [{ total: 8, createdBy: 'system', organizationId: 'org_1' }],
    ])
    expect(await open.sql('select organization_id, secret from items where id = $1', [id])).toEqual([
      { organization_id: 'org_1', secret: 'none' },
    ])
  })

  test('cannot send operations that the model does not have', async () => {
    const before = await everything()
    for (const type of ['UPDATE', 'DELETE', 'ARCHIVE']) {
      const input = type === 'UPDATE' ? { text: 'x' } : undefined
      const { status, body } = await endpoint.ask(commit({ type, model: 'logs', id: 'l1', input }))
      expect([status, body.details.issues]).toMatchObject([400, [{ pointer: '/operations/0/type' }]])
    }
    expect(await everything()).toEqual(before)
  })
})
