import pg from 'pg'
import { expect, test } from 'vitest'
import { pgConnection } from '../../src/adapters/over-pg.ts'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../src/index.ts'
import { uninstall } from '../../src/postgres/install/uninstall.ts'
import { freshDatabase } from '../support/db.ts'
import { caller } from '../support/postgres-source.ts'

const schema = defineSchema({
  items: model({ fields: { name: z.string() }, mutable: true, capture: true }),
})

/** What every version of every library reads. Prisma 6.16 fails at `name`, of which the catalogue is full. */
const known = new Set([
  'bool',
  'int2',
  'int4',
  'int8',
  'text',
  'json',
  'jsonb',
  'timestamptz',
  '_text',
  'void',
])

test('no statement of ours gives a column of a type that a client library may not know', async () => {
  await using database = await freshDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  const types = await pool.query<{ oid: number; typname: string }>('select oid::int, typname from pg_type')
  const nameOf = new Map(types.rows.map(({ oid, typname }) => [oid, typname]))
  const odd: string[] = []
  const watched = (client: pg.PoolClient): pg.PoolClient =>
    new Proxy(client, {
      get(target, member) {
        if (member !== 'query') {
          const value = Reflect.get(target, member)
          return typeof value === 'function' ? value.bind(target) : value
        }
        return async (given: pg.QueryConfig) => {
          const result = await target.query(given)
          for (const { name, dataTypeID } of result.fields ?? []) {
            const type = nameOf.get(dataTypeID) ?? String(dataTypeID)
            if (!known.has(type)) odd.push(`${name} ${type}: ${given.text.slice(0, 100)}`)
          }
          return result
        }
      },
    })
  const proxies = new WeakMap<pg.PoolClient, pg.PoolClient>()
  const proxyOf = (client: pg.PoolClient): pg.PoolClient => {
    const proxy = proxies.get(client) ?? watched(client)
    proxies.set(client, proxy)
    return proxy
  }
  const watching = new Proxy(pool, {
    get(target, member) {
      if (member === 'connect') return async () => proxyOf(await target.connect())
      const value = Reflect.get(target, member)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  try {
    await pool.query(
      'create table items (id text primary key, organization_id text not null, name text not null)',
    )
    const adapter = pgAdapter(watching, schema)
    await adapter.migrate()
    await adapter.migrate()
    await adapter.check()
    const { commit, load, feed, list } = caller(adapter, schema)
    const { stamps } = await commit({ type: 'CREATE', model: 'items', id: '1', input: { name: 'x' } })
    await commit([
      { type: 'UPDATE', model: 'items', id: '1', input: { name: 'y' }, readAt: stamps[0] as number },
      { type: 'CREATE', model: 'items', id: '2', input: { name: 'z' } },
    ])
    await load('items', '1')
    await list('items')
    expect(await feed()).toHaveLength(3)
    await adapter.prune()
    await adapter.feedStatus()
    await adapter.renewLog()
    await uninstall(pgConnection(watching), {})
    expect(odd).toEqual([])
  } finally {
    await pool.end()
  }
})
