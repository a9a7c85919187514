import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { createEndpoint, defineSchema, model, z } from '../../src/index.ts'
import { type Opening, type ServerAdapter, serverAdapters } from '../support/adapters.ts'
import { freshDatabase, type TestDatabase, templateDatabase } from '../support/db.ts'
import { type AnyAnswer, ask, signingKey } from '../support/source.ts'
import { startProxy } from '../system/faults/proxy.ts'

/**
 * Each library wraps the errors of Postgres in its own, or replaces those of the network. What a caller is told must
 * be the same: whether it was the request's fault, whether to send it again, and whether it may have happened.
 */

const schema = defineSchema({
  items: model({
    fields: {
      name: z.string().nullable(),
      code: z.string().optional(),
      size: z.int().optional(),
      parentId: z.string().optional(),
    },
    mutable: true,
  }),
})

// names make the table raise what a caller must be told about
const tables = `
create table items (
  id text primary key, organization_id text not null, name text not null, code text unique,
  size int constraint items_size_check check (size >= 0), parent_id text references items
);
create sequence tries;
create sequence deaths;
create function misbehave() returns trigger language plpgsql as $$
begin
  if new.name is null then return new; end if;
  if new.name = 'met twice' and nextval('tries') < 3 then raise exception 'again' using errcode = '40001'; end if;
  if new.name = 'always met' then raise exception 'again' using errcode = '40P01'; end if;
  if new.name = 'refused' then raise exception 'secret of the trigger'; end if;
  if new.name = 'killed once' and nextval('deaths') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
  return new;
end $$;
create trigger misbehave before insert or update on items for each row execute function misbehave();
`

interface OpenEndpoint {
  commit(key: string, ...operations: object[]): Promise<AnyAnswer>
  load(id: string): Promise<AnyAnswer>
  close(): Promise<unknown>
}

const scope = { organizationId: 'org_1' }

async function endpoint(
  listed: ServerAdapter,
  url: string,
  options: Partial<Opening> = {},
): Promise<OpenEndpoint> {
  const { adapter, close } = await listed.open(url, { schema, ...options })
  const endpoint = createEndpoint({ adapter, signingKey })
  return {
    commit: (correlationId, ...operations) =>
      ask(endpoint, { type: 'commit', correlationId, operations, scope }),
    load: (id) => ask(endpoint, { type: 'load', model: 'items', id, scope }),
    close,
  }
}

const create = (id: string, name: string | null, more: object = {}) => ({
  type: 'CREATE',
  model: 'items',
  id,
  input: { name, ...more },
})

/** With hooks a commit is a transaction that the library opens; without, one statement. */
const ways: [string, Partial<Opening>][] = [
  ['in one statement', {}],
  ['in a transaction', { hooks: { async afterCommit() {} } }],
]
const cases = serverAdapters.flatMap((listed) => ways.map(([way, options]) => ({ listed, way, options })))

describe.each(cases)('$listed.name, $way', ({ listed, options }) => {
  let database: TestDatabase
  let at: OpenEndpoint

  beforeAll(async () => {
    const template = await templateDatabase('errors of libraries', async (url) => {
      const client = new pg.Client(url)
      await client.connect()
      await client.query(tables)
      await pgAdapter(client, schema, { lockTimeoutMs: 300 }).migrate()
      await client.end()
    })
    database = await freshDatabase({ template })
    at = await endpoint(listed, database.url, options)
    expect((await at.commit('first', create('a', 'first', { code: 'A' }))).status).toBe(200)
  })

  afterAll(async () => {
    await at.close()
    await database.drop()
  })

  test.each([
    ['unique_violation', 409, { code: 'A' }, { constraint: 'items_code_key' }],
    ['foreign_key_violation', 409, { parentId: 'nowhere' }, { constraint: 'items_parent_id_fkey' }],
    ['check_violation', 400, { size: -1 }, { constraint: 'items_size_check' }],
    ['not_null_violation', 400, { name: null }, { field: 'name' }],
    ['source_commit_invalid', 400, { size: 3_000_000_000 }, {}],
  ])('%s names the operation and the rule, and burns no key', async (error, status, input, details) => {
    const bad = create('b', 'b', input)
    const alone = await at.commit(`alone ${error}`, bad)
    expect(alone).toMatchObject({ status, body: { error, retryable: false } })
    const among = await at.commit(`among ${error}`, create('c', 'c'), bad)
    expect(among).toMatchObject({ status, body: { error } })
    if (error !== 'source_commit_invalid') {
      // a value that a field cannot take is pointed at, too
      const pointed = (index: number) =>
        'field' in details
          ? {
              issues: [
                { pointer: `/operations/${index}/input/${details.field}`, message: expect.any(String) },
              ],
            }
          : {}
      expect(alone.body.details).toEqual({ index: 0, model: 'items', id: 'b', ...details, ...pointed(0) })
      expect(among.body.details).toEqual({ index: 1, model: 'items', id: 'b', ...details, ...pointed(1) })
    }
    expect((await at.load('c')).body.row).toBeNull()
    const again = await at.commit(`alone ${error}`, create(`b ${error}`, 'b'))
    expect(again.status).toBe(200)
  })

  test("a trigger's refusal is the caller's, and its words stay here", async () => {
    const answer = await at.commit('trigger', create('d', 'refused'))
    expect(answer).toMatchObject({ status: 400, body: { error: 'constraint_violation' } })
    expect(JSON.stringify(answer.body)).not.toContain('secret')
  })

  test('a serialization failure is tried again, and said only when it stays', async () => {
    expect((await at.commit('met', create('e', 'met twice'))).status).toBe(200)
    const answer = await at.commit('always', create('f', 'always met'))
    expect(answer).toMatchObject({ status: 503, body: { error: 'source_busy', retryable: true } })
  })

  test('a connection that dies under a commit leaves the outcome open, and the same key settles it', async () => {
    const first = await at.commit('killed', create('g', 'killed once'))
    expect(first).toMatchObject({ status: 503, body: { error: 'commit_outcome_unknown', retryable: true } })
    const second = await at.commit('killed', create('g', 'killed once'))
    expect(second).toMatchObject({ status: 200, body: { rows: [{ id: 'g' }] } })
  })

  test('a lock that is not given up in time is said to be busy', async () => {
    const holder = new pg.Client(database.url)
    await holder.connect()
    try {
      await holder.query(`begin; select from items where id = 'a' for update`)
      const answer = await at.commit('held', {
        type: 'UPDATE',
        model: 'items',
        id: 'a',
        input: { name: 'b' },
      })
      expect(answer).toMatchObject({ status: 503, body: { error: 'source_busy', retryable: true } })
    } finally {
      await holder.end()
    }
  })

  test('where nobody listens, nothing was sent', async () => {
    const nowhere = await endpoint(listed, 'postgres://postgres@127.0.0.1:1/none', options)
    for (const answer of [await nowhere.commit('nowhere', create('h', 'h')), await nowhere.load('a')]) {
      expect(answer).toMatchObject({ status: 503, body: { error: 'source_unavailable', retryable: true } })
    }
    await nowhere.close()
  })

  test('a server that went away between two requests is away, and nothing is in doubt', async () => {
    await using proxy = await startProxy(database.url)
    const gone = await endpoint(listed, proxy.url, options)
    expect((await gone.load('a')).status).toBe(200)
    await proxy.refuse()
    proxy.cut()
    // postgres.js never settles what it is given between the reset and its notice of it
    await setTimeout(100)
    // the load finds out that its connection is gone; the commit finds nobody to connect to
    expect(await gone.load('a')).toMatchObject({ status: 503, body: { error: 'source_unavailable' } })
    const answer = await gone.commit('gone', create('i', 'i'))
    expect(answer).toMatchObject({ status: 503, body: { error: 'source_unavailable', retryable: true } })
    await gone.close()
  })

  test('a database that does not exist is the operator’s to mend', async () => {
    const url = new URL(database.url)
    url.pathname = '/no_such_database'
    const wrong = await endpoint(listed, url.href, options)
    const answer = await wrong.load('a')
    expect(answer).toMatchObject({ status: 500, body: { error: 'source_adapter_misconfigured' } })
    await wrong.close()
  })
})
