import { setTimeout } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { expect, test } from 'vitest'
import { drizzleAdapter } from '../../src/adapters/drizzle/index.ts'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { createEndpoint, defineSchema, model, Rejection, z } from '../../src/index.ts'
import { type Opened, type Opening, pgliteAdapters, type Run, serverAdapters } from '../support/adapters.ts'
import { freshDatabase } from '../support/db.ts'
import { ask, signingKey } from '../support/source.ts'

const schema = defineSchema({
  orders: model({ fields: { total: z.int32() }, mutable: true, policy: { by: 'none' } }),
})

const tables = `
create table orders (id text primary key, total int not null);
create table audit (id serial primary key, note text not null);
`

interface Openable {
  readonly name: string
  open(url: string, options: Opening): Promise<Closable>
}

type Closable = Pick<Opened, 'adapter' | 'close'>

interface Place {
  open(options: Opening): Promise<Closable>
  query: (text: string) => Promise<Record<string, unknown>[]>
  [Symbol.asyncDispose](): Promise<void>
}

const onServer = (library: Openable) => ({
  name: library.name,
  make: async (): Promise<Place> => {
    const database = await freshDatabase()
    const client = new pg.Client(database.url)
    await client.connect()
    await client.query(tables)
    return {
      open: (options) => library.open(database.url, options),
      query: async (text) => (await client.query(text)).rows,
      async [Symbol.asyncDispose]() {
        await client.end()
        await database.drop()
      },
    }
  },
})

const places = [
  ...serverAdapters.map(onServer),
  ...pgliteAdapters.map((library) => ({
    name: library.name,
    make: async (): Promise<Place> => {
      const client = await PGlite.create()
      await client.exec(tables)
      return {
        open: (options) => library.open(client, options),
        query: async (text) => (await client.query<Record<string, unknown>>(text)).rows,
        [Symbol.asyncDispose]: async () => {},
      }
    },
  })),
]

test.each(places)(
  '$name: what a hook writes stands or falls with the commit',
  async ({ make }) => {
    await using place = await make()
    const note = (sql: Run, text: string) =>
      sql(`insert into audit (note) values ('${text}') returning id::text`)
    let afterwards: (sql: Run) => Promise<unknown> = async () => {}
    let runs = 0
    const { adapter, close } = await place.open({
      schema,
      hooks: {
        async beforeCommit(sql) {
          runs += 1
          await note(sql, 'before')
        },
        async afterCommit(sql) {
          await note(sql, 'after')
          await afterwards(sql)
        },
      },
    })
    try {
      await adapter.migrate()
      const endpoint = createEndpoint({ adapter, signingKey })
      const create = (id: string, correlationId = id) =>
        ask(endpoint, {
          type: 'commit',
          correlationId,
          operations: [{ type: 'CREATE', model: 'orders', id, input: { total: 5 } }],
        })
      const written = async () => ({
        orders: (await place.query('select id from orders order by id')).map(({ id }) => id),
        notes: (await place.query('select note from audit order by id')).map((row) => row.note),
        ledger: (await place.query('select key from postern.ledger order by key')).map(({ key }) => key),
        events: (await place.query('select entity_id from postern.changes order by position')).map(
          (row) => row.entity_id,
        ),
      })

      expect((await create('a')).status).toBe(200)
      const first = { orders: ['a'], notes: ['before', 'after'], ledger: ['a'], events: ['a'] }
      expect(await written()).toEqual(first)

      // a replay is the old answer, and runs no rule again
      expect((await create('a')).status).toBe(200)
      expect(runs).toBe(1)
      expect(await written()).toEqual(first)

      // the customer's own refusal, with the code and status that he gave it
      afterwards = () => {
        throw new Rejection('over_budget', 'No budget left.', { status: 409, details: { left: 2 } })
      }
      expect(await create('b')).toMatchObject({
        status: 409,
        body: { error: 'over_budget', message: 'No budget left.', retryable: false, details: { left: 2 } },
      })
      expect(await written()).toEqual(first)

      // a bug of the hook is no refusal
      afterwards = async () => {
        throw new TypeError('secret of the hook')
      }
      const bug = await create('b')
      expect(bug).toMatchObject({ status: 500, body: { error: 'internal_error' } })
      expect(JSON.stringify(bug.body)).not.toContain('secret')
      expect(await written()).toEqual(first)

      // an error of the database that a hook keeps to itself has undone the transaction: nothing may be acknowledged
      afterwards = (sql) => sql('select 1 / 0').catch(() => {})
      expect((await create('b')).status).toBeGreaterThanOrEqual(400)
      expect(await written()).toEqual(first)

      // a constraint that a hook meets is the caller's
      afterwards = (sql) => sql(`insert into orders values ('a', 1)`)
      expect(await create('b')).toMatchObject({ status: 409, body: { error: 'unique_violation' } })
      expect(await written()).toEqual(first)

      // none of it has burnt the key
      afterwards = async () => {}
      expect((await create('b')).status).toBe(200)
      expect(await written()).toMatchObject({ orders: ['a', 'b'], ledger: ['a', 'b'], events: ['a', 'b'] })
    } finally {
      await close()
    }
  },
  60_000,
)

const single: Openable[] = [
  {
    name: 'pg, one client',
    open: (url, given) =>
      overClient(url, (client) => pgAdapter(client, given.schema, { hooks: given.hooks } as object)),
  },
  {
    name: 'drizzle, one client',
    open: (url, given) =>
      overClient(url, (client) =>
        drizzleAdapter(drizzle(client), given.schema, { hooks: given.hooks } as object),
      ),
  },
]

async function overClient(url: string, open: (client: pg.Client) => unknown): Promise<Closable> {
  const client = new pg.Client(url)
  await client.connect()
  return { adapter: open(client) as Opened['adapter'], close: () => client.end() }
}

test.each([...single.map(onServer), ...places.filter(({ name }) => name.includes('pglite'))])(
  '$name: on one connection, no request comes between the statements of another',
  async ({ make }) => {
    await using place = await make()
    let second: Promise<{ status: number }> | undefined
    const { adapter, close } = await place.open({
      schema,
      hooks: {
        async afterCommit() {
          if (second !== undefined) return
          // asked for while the first is inside its transaction, which is then rolled back
          second = commit('second')
          await setTimeout(20)
          throw new Rejection('no', 'No.')
        },
      },
    })
    const endpoint = createEndpoint({ adapter, signingKey })
    const commit = (id: string) =>
      ask(endpoint, {
        type: 'commit',
        correlationId: id,
        operations: [{ type: 'CREATE', model: 'orders', id, input: { total: 1 } }],
      })
    try {
      await adapter.migrate()
      expect((await commit('first')).status).toBe(422)
      expect((await second)?.status).toBe(200)
      expect(await place.query('select id from orders')).toEqual([{ id: 'second' }])
    } finally {
      await close()
    }
  },
  60_000,
)
