import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PgAdapterOptions, pgAdapter } from '../../../src/adapters/pg.ts'
import { defineSchema, model, relation, z } from '../../../src/index.ts'
import { grants } from '../../../src/postgres/install/grants.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { missingPgBouncer, startPgBouncer } from '../../support/pgbouncer.ts'
import { freshKey } from '../../support/postgres-source.ts'
import { commit, type OpenEndpoint, openEndpoint, openPool, org, sameBut } from './endpoint.ts'

const schema = defineSchema({
  notes: model({ fields: { text: z.string(), author: z.string().optional() }, mutable: true, capture: true }),
  lines: model({
    fields: { noteId: z.string(), text: z.string() },
    relations: { note: relation.belongsTo('notes', 'noteId') },
    mutable: true,
    capture: true,
    policy: { by: 'parent', fk: 'noteId', parent: 'notes' },
  }),
})

/** The customer's own policies: the tenant, and beyond what we know of, notes that only their author sees. */
const tables = `
create table notes (id text primary key, organization_id text not null, text text not null, author text);
create table lines (id text primary key, note_id text not null references notes on delete cascade, text text);
alter table notes enable row level security, force row level security;
alter table lines enable row level security, force row level security;
create policy tenant on notes using (organization_id = current_setting('app.tenant', true));
create policy author on notes as restrictive
  using (author is null or author = current_setting('app.participant', true));
create policy tenant on lines using (exists (select from notes n where n.id = note_id));`

const suffix = randomBytes(4).toString('hex')
const roles = { owner: `owner_${suffix}`, app: `app_${suffix}` }
const ann = { organizationId: 'org_1', participantId: 'ann' }
const bob = { organizationId: 'org_1', participantId: 'bob' }

/** What the customer's policies read. */
const settings: PgAdapterOptions['settings'] = ({ tenant, scope }) => ({
  'app.tenant': tenant ?? '',
  'app.participant': scope.participantId ?? '',
})

let database: TestDatabase
let admin: pg.Client
let owner: pg.Client
let pool: pg.Pool
let endpoint: OpenEndpoint
let whileForced: unknown

const urlOf = (user: string): string => database.url.replace('postgres@', `${user}@`)
const create = (id: string, input: object = {}): object => ({
  type: 'CREATE',
  model: 'notes',
  id,
  input: { text: 'a', ...input },
})
const update = (id: string, input: object = { text: 'b' }): object => ({
  type: 'UPDATE',
  model: 'notes',
  id,
  input,
})

beforeAll(async () => {
  database = await freshDatabase()
  admin = new pg.Client(database.url)
  await admin.connect()
  await admin.query(`create role ${roles.owner} login; create role ${roles.app} login`)
  await admin.query(`alter database ${new URL(database.url).pathname.slice(1)} owner to ${roles.owner}`)
  owner = new pg.Client(urlOf(roles.owner))
  await owner.connect()
  await owner.query(tables)
  whileForced = await pgAdapter(owner, schema)
    .migrate()
    .catch((error: unknown) => error)
  // what triggers see as the owner of the tables has to be every row
  for (const table of ['notes', 'lines'])
    await owner.query(`alter table ${table} no force row level security`)
  await pgAdapter(owner, schema).migrate()
  for (const statement of grants(roles.app, { tables: schema })) await owner.query(statement)
  pool = openPool({ connectionString: urlOf(roles.app), max: 2 })
  endpoint = openEndpoint(pgAdapter(pool, schema, { settings }))
})
afterAll(async () => {
  await pool.end()
  await owner.end()
  await admin.end()
  await database.drop()
  const server = new pg.Client(database.url.replace(/[^/]*$/, 'postgres'))
  await server.connect()
  await server.query(`drop role ${roles.app}; drop role ${roles.owner}`)
  await server.end()
})

test('policies that hold for the role that migrates are refused with the mending, before anything is installed', () => {
  expect(whileForced).toMatchObject({
    code: 'source_adapter_misconfigured',
    message: expect.stringMatching(/notes.*row-level security.*bypassrls/),
  })
})

test('the set-up is what it says: the role of the endpoint does not pass by the policies', async () => {
  const query = 'select rolsuper or rolbypassrls as passes from pg_roles where rolname = any($1)'
  const { rows } = await admin.query(query, [Object.values(roles)])
  expect(rows).toEqual([{ passes: false }, { passes: false }])
  await endpoint.ask(commit(create('seen')), ann)
  expect((await pool.query('select from notes')).rowCount).toBe(0)
  for (const one of [owner, admin]) expect((await one.query('select from notes')).rowCount).toBe(1)
})

test('under the tenant’s own settings every request works as ever, capture triggers included', async () => {
  const answers = [
    await endpoint.ask(
      commit([
        create('n1'),
        { type: 'CREATE', model: 'lines', id: 'l1', input: { noteId: 'n1', text: 't' } },
      ]),
      ann,
    ),
    await endpoint.ask(commit(update('n1')), ann),
    await endpoint.ask({ type: 'list', model: 'lines', query: { related: ['note'] } }, ann),
    await endpoint.ask(
      commit([update('n1', { text: 'c' }), { type: 'DELETE', model: 'lines', id: 'l1' }]),
      ann,
    ),
    await endpoint.ask({ type: 'load', model: 'notes', id: 'n1' }, ann),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(answers[2]?.body.rows).toMatchObject([{ id: 'l1', note: { text: 'b' } }])
  expect(answers[4]?.body.row).toMatchObject({ text: 'c' })
  const { body } = await endpoint.ask({ type: 'events' }, ann)
  const changes = body.events.filter(({ entityId }: { entityId: string }) => /^[nl]1$/.test(entityId))
  expect(changes.map(({ type }: { type: string }) => type)).toEqual([
    'CREATE',
    'CREATE',
    'UPDATE',
    'UPDATE',
    'DELETE',
  ])
})

test('a row that a policy hides is a missing row, byte for byte', async () => {
  await endpoint.ask(commit(create('hidden', { author: 'ann', text: 'secret' })), ann)
  for (const request of [
    (id: string) => ({ type: 'list', model: 'notes', query: { where: [['id', id]] } }),
    (id: string) => commit(update(id), freshKey()),
    (id: string) => commit({ type: 'DELETE', model: 'notes', id }),
    (id: string) => commit([create(freshKey()), update(id)]),
    (id: string) =>
      commit({ type: 'CREATE', model: 'lines', id: freshKey(), input: { noteId: id, text: 't' } }),
  ]) {
    const [hidden, missing] = [
      await endpoint.ask(request('hidden'), bob),
      await endpoint.ask(request('missing'), bob),
    ]
    expect(sameBut(hidden, 'hidden')).toBe(sameBut(missing, 'missing'))
  }
  const seen = await endpoint.ask({ type: 'load', model: 'notes', id: 'hidden' }, bob)
  expect(seen.body.row).toBeNull()
  expect((await endpoint.ask({ type: 'load', model: 'notes', id: 'hidden' }, ann)).body.row).toMatchObject({
    text: 'secret',
  })
})

test('a write that a policy refuses is forbidden, names no policy and leaves nothing', async () => {
  await endpoint.ask(commit(create('mine')), ann)
  const count = 'select (select count(*) from notes) as rows, (select count(*) from postern.ledger) as keys'
  const before = (await admin.query(count)).rows
  for (const operations of [
    create('other', { author: 'bob' }),
    [create('other', { author: 'bob' }), create(freshKey())],
    update('mine', { author: 'bob' }),
  ]) {
    const { status, text, body } = await endpoint.ask(commit(operations), ann)
    expect([status, body.error]).toEqual([403, 'source_forbidden'])
    expect(text).not.toMatch(/polic|row-level|42501|bob/)
  }
  expect((await admin.query(count)).rows).toEqual(before)
})

test('a right that the role lacks is a fault of the set-up, not the caller’s', async () => {
  await owner.query(`revoke insert on notes from ${roles.app}`)
  try {
    const { status, body } = await endpoint.ask(commit(create(freshKey())), ann)
    expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
  } finally {
    for (const statement of grants(roles.app, { tables: schema })) await owner.query(statement)
  }
})

test('where the settings are not given the policies show nothing and take nothing', async () => {
  await endpoint.ask(commit(create('kept')), ann)
  const bare = openEndpoint(pgAdapter(pool, schema))
  expect((await bare.ask({ type: 'load', model: 'notes', id: 'kept' }, ann)).body.row).toBeNull()
  expect((await bare.ask({ type: 'list', model: 'notes' }, ann)).body.rows).toEqual([])
  expect((await bare.ask(commit(update('kept')), ann)).body.error).toBe('entity_not_found')
  expect((await bare.ask(commit(create(freshKey())), ann)).body.error).toBe('source_forbidden')
})

test('nothing of a request’s settings stays on its connection', async () => {
  await endpoint.ask(commit(create('x', { author: 'bob' })), ann)
  await Promise.all(
    ['org_1', 'org_2', 'org_3'].map((id) => endpoint.ask({ type: 'list', model: 'notes' }, org(id))),
  )
  const clients = await Promise.all([pool.connect(), pool.connect()])
  for (const client of clients) {
    const { rows } = await client.query(`select current_setting('app.tenant', true) as left`)
    expect(rows[0].left || null).toBeNull()
    client.release()
  }
})

const missing = missingPgBouncer()
describe.skipIf(missing)(
  `PgBouncer in transaction mode, one server connection${missing ? `: ${missing}` : ''}`,
  () => {
    test('callers of different tenants share it and never see each other', async () => {
      await using bouncer = await startPgBouncer(urlOf(roles.app))
      const clients = openPool({ connectionString: bouncer.url, max: 8 })
      const shared = openEndpoint(pgAdapter(clients, schema, { settings }))
      const tenants = ['org_a', 'org_b', 'org_c']
      try {
        const pids = new Set<number>()
        await Promise.all(
          Array.from({ length: 90 }, async (_, index) => {
            const tenant = tenants[index % 3] as string
            const id = `${tenant}-${index}`
            const made = await shared.ask(commit(create(id, { text: tenant })), org(tenant))
            const read = await shared.ask({ type: 'load', model: 'notes', id }, org(tenant))
            const page = await shared.ask(
              { type: 'list', model: 'notes', query: { limit: 1000 } },
              org(tenant),
            )
            expect([made.status, read.status, page.status]).toEqual([200, 200, 200])
            expect(read.body.row).toMatchObject({ id })
            expect(new Set(page.body.rows.map(({ text }: { text: string }) => text))).toEqual(
              new Set([tenant]),
            )
            // a stranger on the same server connection, in between
            const { rows } =
              await clients.query(`select pg_backend_pid() as pid, current_setting('app.tenant', true) as tenant,
            (select count(*)::int from notes) as visible`)
            expect(rows[0]).toMatchObject({ visible: 0 })
            expect(rows[0].tenant || null).toBeNull()
            pids.add(rows[0].pid)
          }),
        )
        expect(pids.size).toBe(1)
      } finally {
        await clients.end()
      }
    })
  },
)
