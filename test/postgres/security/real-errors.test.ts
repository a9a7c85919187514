import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { type ErrorCode, errors } from '../../../src/core/errors.ts'
import { defineSchema, field, model, z } from '../../../src/index.ts'
import { freshDatabase } from '../../support/db.ts'
import { missingPgBouncer, startPgBouncer } from '../../support/pgbouncer.ts'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { type Answer, commit, key, type OpenEndpoint, openEndpoint, openPool } from './endpoint.ts'

/** Values that stand in rows and in what is sent: none may come back in an error or a log line. */
const VALUE = 'CANARY-91c3'

const schema = defineSchema({
  things: model({
    fields: {
      name: z.string().optional(),
      short: z.string().optional(),
      small: z.int().optional(),
      amount: field.numeric().optional(),
      color: z.string().optional(),
      address: z.string().optional(),
      span: z.string().optional(),
      clock: z.string().optional(),
      other: z.string().optional(),
      indexed: z.string().optional(),
      behave: z.string().optional(),
    },
    mutable: true,
  }),
})

const tables = `
create type color as enum ('red', 'green');
create table things (
  id text primary key,
  organization_id text not null,
  name text not null default 'none' constraint things_name unique constraint things_polite check (name !~ 'rude'),
  short varchar(8),
  small smallint,
  amount numeric(6,2),
  color color,
  address inet,
  span interval,
  clock timetz,
  other text constraint things_other references things on delete restrict,
  indexed text,
  behave text,
  exclude using btree (short with =)
);
create index on things (indexed);
create function behave() returns trigger language plpgsql as $$
begin
  case new.behave
    when 'recurse' then insert into things (id, organization_id, behave) values (new.id || 'x', 'org_1', 'recurse');
    when 'sleep' then perform pg_sleep(30);
    when 'raise' then raise exception 'no: %', new.name using detail = new.name;
    when 'assert' then assert false, new.name;
    when 'divide' then perform 1 / 0;
    when 'skip' then return null;
  end case;
  return new;
end $$;
create trigger behave before insert on things for each row when (new.behave is not null) execute function behave();
insert into things (id, organization_id, name, short) values ('kept', 'org_1', '${VALUE}', 'CANARY-9');
insert into things (id, organization_id, name, other) values ('child', 'org_1', 'child', 'kept')`

const create = (input: object, id = key()): object => ({ type: 'CREATE', model: 'things', id, input })
const where = (...condition: unknown[]): object => ({
  type: 'list',
  model: 'things',
  query: { where: [condition] },
})

/** Holds an answer to the registry, and everything said so far to saying no value and nothing of the inside. */
function expectCode(answer: Answer, code: ErrorCode, endpoint: OpenEndpoint): void {
  expect([answer.status, answer.body.error], answer.text).toEqual([errors[code].status, code])
  expect(answer.body.retryable).toBe(errors[code].retryable)
  expect(answer.headers.has('retry-after')).toBe(answer.status === 503)
  expect(endpoint.said.join('\n')).not.toMatch(
    /CANARY|select |insert into|PL\/pgSQL|postgres:\/\/|node_modules/,
  )
}

describe('values and rules', () => {
  let open: OpenSource
  let endpoint: OpenEndpoint
  beforeAll(async () => {
    open = await openSource({ schema, tables, settings: { max_stack_depth: '200kB' } })
    endpoint = openEndpoint(open.source)
  })
  afterAll(() => open[Symbol.asyncDispose]())

  test.each<[string, object, ErrorCode]>([
    ['23505', create({ name: VALUE }), 'unique_violation'],
    ['23505 of the key', create({ name: 'x' }, 'kept'), 'unique_violation'],
    ['23503', create({ name: key(), other: VALUE }), 'foreign_key_violation'],
    ['23001 or 23503', { type: 'DELETE', model: 'things', id: 'kept' }, 'foreign_key_violation'],
    ['23502', create({ name: null, address: '10.0.0.1' }), 'not_null_violation'],
    ['23514', create({ name: `${VALUE} rude` }), 'check_violation'],
    ['23P01', create({ name: key(), short: 'CANARY-9' }), 'constraint_violation'],
    ['22001', create({ name: key(), short: `${VALUE} is too long` }), 'source_commit_invalid'],
    ['22003', create({ name: key(), small: 91_000_000 }), 'source_commit_invalid'],
    ['22003 of a numeric', create({ name: key(), amount: '91000000.25' }), 'source_commit_invalid'],
    ['more digits than are kept', create({ name: key(), amount: '1.257' }), 'source_commit_invalid'],
    ['22P02 of an enum', create({ name: key(), color: VALUE }), 'source_commit_invalid'],
    ['22P02 of an address', create({ name: key(), address: VALUE }), 'source_commit_invalid'],
    ['22007', create({ name: key(), span: VALUE }), 'source_commit_invalid'],
    ['22008', create({ name: key(), clock: '25:61:00Z' }), 'source_commit_invalid'],
    ['22009', create({ name: key(), clock: '10:00:00+99' }), 'source_commit_invalid'],
    ['54000', create({ name: key(), indexed: randomBytes(6000).toString('hex') }), 'source_commit_invalid'],
    ['54001', create({ name: VALUE, behave: 'recurse' }, 'deep'), 'source_commit_invalid'],
    ['P0001', create({ name: VALUE, behave: 'raise' }), 'constraint_violation'],
    ['P0004', create({ name: VALUE, behave: 'assert' }), 'constraint_violation'],
    ['22012 of a trigger', create({ name: VALUE, behave: 'divide' }), 'source_commit_invalid'],
    ['a write that a trigger suppresses', create({ name: VALUE, behave: 'skip' }), 'constraint_violation'],
    ['22P02 in a query', where('color', VALUE), 'invalid_query'],
    ['22P02 in a set', where('address', 'IN', ['10.0.0.1', VALUE]), 'invalid_query'],
    ['22003 in a query', where('small', '<', 91_000_000), 'invalid_query'],
    ['22007 in a query', where('span', '>', VALUE), 'invalid_query'],
  ])('%s', async (_, request, code) => {
    endpoint.forget()
    const count =
      'select (select count(*) from things) as rows, (select count(*) from postern.ledger) as keys'
    const before = await open.sql(count)
    expectCode(
      await endpoint.ask('type' in request && request.type === 'list' ? request : commit(request)),
      code,
      endpoint,
    )
    if (!('query' in request)) {
      expectCode(await endpoint.ask(commit([create({ name: key() }), request])), code, endpoint)
    }
    expect(await open.sql(count)).toEqual(before)
  })

  test('22P05: a text that the database’s encoding does not have', async () => {
    await using latin = await latinDatabase(open)
    const there = openEndpoint(latin.source)
    expectCode(await there.ask(commit(create({ name: `${VALUE} й` }))), 'source_commit_invalid', there)
    expectCode(await there.ask(where('name', `${VALUE} й`)), 'invalid_query', there)
    expect((await there.ask(commit(create({ name: 'é' })))).status).toBe(200)
  })
})

/** The same tables in a database of Latin-1. */
async function latinDatabase({ client }: OpenSource) {
  const name = `latin_${randomBytes(6).toString('hex')}`
  const admin = await client()
  await admin.query(`create database ${name} template template0 encoding 'LATIN1' locale 'C'`)
  const pool = openPool({ host: admin.host, port: admin.port, user: 'postgres', database: name })
  await pool.query(tables)
  const source = pgAdapter(pool, schema)
  await source.migrate()
  return {
    source,
    async [Symbol.asyncDispose]() {
      await pool.end()
      await admin.query(`drop database ${name} with (force)`)
    },
  }
}

describe('a set-up that is not what it was', () => {
  const cases: [string, string, ErrorCode][] = [
    ['42P01: the table is gone', 'drop table things cascade', 'source_adapter_misconfigured'],
    ['42703: a column is gone', 'alter table things drop column amount', 'source_adapter_misconfigured'],
    ['42883: the functions are gone', 'drop schema postern cascade', 'source_adapter_misconfigured'],
    ['25006: the database is read only', '', 'source_unavailable'],
  ]
  test.each(cases)('%s', async (what, sql, code) => {
    const settings = what.startsWith('25006') ? { default_transaction_read_only: 'on' } : {}
    await using open = await openSource({ schema, tables, settings })
    const endpoint = openEndpoint(open.source)
    expect((await endpoint.ask({ type: 'load', model: 'things', id: 'kept' })).status).toBe(200)
    if (sql !== '') await open.sql(sql)
    endpoint.forget()
    expectCode(await endpoint.ask(commit(create({ name: VALUE }))), code, endpoint)
    expectCode(await endpoint.ask(commit([create({ name: VALUE }), create({})])), code, endpoint)
    if (sql !== '')
      expectCode(await endpoint.ask({ type: 'load', model: 'things', id: 'kept' }), code, endpoint)
    expect(endpoint.faults.length).toBeGreaterThan(0)
  })

  test('no migration, or one to another schema: the answer names the command', async () => {
    await using database = await freshDatabase()
    const pool = openPool({ connectionString: database.url, max: 1 })
    const endpoint = openEndpoint(pgAdapter(pool, schema))
    const answer = await endpoint.ask({ type: 'load', model: 'things', id: 'kept' })
    expectCode(answer, 'source_adapter_misconfigured', endpoint)
    expect(answer.body.message).toContain('migrate')
    await pool.end()
  })
})

describe('a connection that is not given', () => {
  const suffix = randomBytes(4).toString('hex')
  const roles = [`locked_${suffix}`, `full_${suffix}`]
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema, tables })
    await open.sql(`create role ${roles[0]} nologin; create role ${roles[1]} login connection limit 0`)
  })
  afterAll(async () => {
    await open.sql(`drop role ${roles[0]}; drop role ${roles[1]}`)
    await open[Symbol.asyncDispose]()
  })

  const at = (change: (url: URL) => void): string => {
    const url = new URL(open.url)
    change(url)
    return url.href
  }
  const asking = async (url: string, code: ErrorCode): Promise<void> => {
    const pool = openPool({ connectionString: url, max: 1 })
    const endpoint = openEndpoint(pgAdapter(pool, schema))
    try {
      expectCode(await endpoint.ask({ type: 'load', model: 'things', id: 'kept' }), code, endpoint)
      expectCode(await endpoint.ask(commit(create({ name: VALUE }))), code, endpoint)
      expect(endpoint.said.join()).not.toContain(suffix)
      expect(endpoint.said.join()).not.toContain(open.url)
    } finally {
      await pool.end()
    }
  }

  test('28000: the role may not log in', () =>
    asking(
      at((url) => {
        url.username = roles[0] as string
      }),
      'source_adapter_misconfigured',
    ))
  test('28000: there is no such role', () =>
    asking(
      at((url) => {
        url.username = `nobody_${suffix}`
      }),
      'source_adapter_misconfigured',
    ))
  test('3D000: there is no such database', () =>
    asking(
      at((url) => {
        url.pathname = `/none_${suffix}`
      }),
      'source_adapter_misconfigured',
    ))
  test('53300: too many connections', () =>
    asking(
      at((url) => {
        url.username = roles[1] as string
      }),
      'source_unavailable',
    ))
  test('nobody listens', () =>
    asking(
      at((url) => {
        url.port = '1'
      }),
      'source_unavailable',
    ))

  const missing = missingPgBouncer()
  test.skipIf(missing)(
    `08P01 of a pooler without a free server connection${missing ? `: ${missing}` : ''}`,
    async () => {
      await using pooler = await startPgBouncer(open.url, { query_wait_timeout: 1 })
      const pool = openPool({ connectionString: pooler.url, max: 2 })
      const endpoint = openEndpoint(pgAdapter(pool, schema))
      await endpoint.ask({ type: 'load', model: 'things', id: 'kept' })
      const other = new pg.Client(pooler.url)
      other.on('error', () => {})
      await other.connect()
      await other.query('begin')
      endpoint.forget()
      const answers = await Promise.all([
        endpoint.ask({ type: 'load', model: 'things', id: 'kept' }),
        endpoint.ask(commit(create({ name: VALUE }))),
      ])
      expectCode(answers[0] as Answer, 'source_unavailable', endpoint)
      expectCode(answers[1] as Answer, 'commit_outcome_unknown', endpoint)
      await other.end()
      await pool.end()
    },
  )
})

describe('a transaction that is cut short', () => {
  let open: OpenSource
  let endpoint: OpenEndpoint
  beforeAll(async () => {
    open = await openSource({
      schema,
      tables,
      settings: { deadlock_timeout: '20ms', transaction_timeout: '400ms' },
    })
    endpoint = openEndpoint(open.source)
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const backend = async (): Promise<number> => {
    const running = `select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
    await expect.poll(async () => (await open.sql(running)).length, { interval: 5 }).toBe(1)
    return (await open.sql(running))[0]?.pid as number
  }

  test('57014: somebody cancels the statement', async () => {
    const answer = endpoint.ask(commit(create({ name: VALUE, behave: 'sleep' })))
    await open.sql('select pg_cancel_backend($1)', [await backend()])
    expectCode(await answer, 'source_busy', endpoint)
  })

  test('57P01: somebody ends the connection', async () => {
    const answer = endpoint.ask(commit(create({ name: VALUE, behave: 'sleep' })))
    await open.sql('select pg_terminate_backend($1)', [await backend()])
    expectCode(await answer, 'commit_outcome_unknown', endpoint)
  })

  test('25P04: the transaction takes longer than the database lets it', async () => {
    expectCode(await endpoint.ask(commit(create({ name: VALUE, behave: 'sleep' }))), 'source_busy', endpoint)
    expect(await open.sql(`select from things where behave = 'sleep'`)).toEqual([])
  })

  test('40P01: a deadlock is resolved by running the commit again', async () => {
    await endpoint.ask(commit([create({ name: 'a' }, 'a'), create({ name: 'b' }, 'b')]))
    const other = await open.client()
    await other.query(
      `set transaction_timeout = 0; set deadlock_timeout = '10s'; begin; update things set small = 1 where id = 'b'`,
    )
    const update = (id: string) => ({ type: 'UPDATE', model: 'things', id, input: { small: 2 } })
    const answer = endpoint.ask(commit([update('a'), update('b')]))
    await expect
      .poll(async () => (await open.sql('select from pg_locks where not granted')).length, { interval: 2 })
      .toBeGreaterThan(0)
    await other.query(`update things set small = 1 where id = 'a'`)
    await other.query('commit')
    expect((await answer).status).toBe(200)
    expect(await open.sql(`select small from things where id in ('a', 'b')`)).toEqual([
      { small: 2 },
      { small: 2 },
    ])
  })
})
