import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PgAdapterOptions, pgAdapter } from '../../src/adapters/pg.ts'
import { createEndpoint } from '../../src/index.ts'
import type { TestDatabase } from '../support/db.ts'
import { itemsDatabase, itemsSchema } from '../support/items.ts'
import { ask, signingKey } from '../support/source.ts'

/** Statements are prepared where that works, and nothing is lost or done twice where it does not. */

let database: TestDatabase

beforeAll(async () => {
  database = await itemsDatabase()
})
afterAll(() => database.drop())

let made = 0

/** An endpoint over one connection, which the test may use beside it. */
function open(options: PgAdapterOptions = {}) {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  const endpoint = createEndpoint({ adapter: pgAdapter(pool, itemsSchema, options), signingKey })
  const create = async () => {
    const id = `i${made++}`
    const operations = [{ type: 'CREATE', model: 'items', id, input: { name: id } }]
    const answer = await ask(endpoint, { type: 'commit', correlationId: id, operations })
    expect(answer).toMatchObject({ status: 200, body: { rows: [{ id, name: id }] } })
    const log = await pool.query('select from postern.log where key = $1', [id])
    expect(log.rowCount).toBe(1)
  }
  const names = async (): Promise<string[]> => {
    const { rows } = await pool.query(`select name from pg_prepared_statements where name like 'postern%'`)
    return rows.map(({ name }) => name)
  }
  return { pool, endpoint, create, names, [Symbol.asyncDispose]: () => pool.end() }
}

describe('node-postgres', () => {
  test('a commit’s statement is prepared once', async () => {
    await using one = open()
    await one.create()
    const names = await one.names()
    expect(names).not.toEqual([])
    await one.create()
    expect(await one.names()).toEqual(names)
  })

  test('not with prepare: false', async () => {
    await using one = open({ prepare: false })
    await one.create()
    expect(await one.names()).toEqual([])
  })

  test('a name that is gone (26000): the commit is applied once, and no name is used any more', async () => {
    await using one = open()
    await one.create()
    await one.pool.query('deallocate all')
    await one.create()
    await one.create()
    expect(await one.names()).toEqual([])
  })

  test('a name that another client has given (42P05): the same', async () => {
    await using first = open()
    await first.create()
    const names = await first.names()
    await using second = open()
    for (const name of names) await second.pool.query(`prepare "${name}" as select 1`)
    await second.create()
    await second.create()
    expect((await second.names()).sort()).toEqual(names.sort())
  })

  test('an error of the statement itself is no refusal of its name', async () => {
    await using one = open()
    await one.create()
    const names = await one.names()
    const operations = [{ type: 'CREATE', model: 'items', id: 'i0', input: { name: 'again' } }]
    const twice = await ask(one.endpoint, { type: 'commit', correlationId: `again ${made++}`, operations })
    expect(twice.status).toBe(409)
    await one.create()
    expect(await one.names()).toEqual(expect.arrayContaining(names))
  })

  test('at most a hundred texts of lists and all others', async () => {
    await using one = open()
    const fields = ['id', 'name']
    for (let conditions = 1; conditions <= 120; conditions += 1) {
      const where = Array.from({ length: conditions }, (_, at) => [fields[at % 2], '!=', 'x'])
      const answer = await ask(one.endpoint, { type: 'list', model: 'items', query: { where } })
      if (answer.status !== 200) break
    }
    await one.create()
    expect((await one.names()).length).toBeLessThanOrEqual(100)
  })

  test.each([true, 'always', 1])('prepare: %j is no option', (prepare) => {
    expect(() => open({ prepare } as never)).toThrow(/option "prepare" must be/)
  })
})
