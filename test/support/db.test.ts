import pg from 'pg'
import { expect, test } from 'vitest'
import { freshDatabase, type TestDatabase, templateDatabase } from './db.ts'

async function query(database: TestDatabase, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test.each([18, 15] as const)(
  'a copy of a template on Postgres %i is filled, and nobody else writes to it',
  async (major) => {
    let prepared = 0
    const prepare = async (url: string): Promise<void> => {
      prepared++
      const client = new pg.Client(url)
      await client.connect()
      await client.query('create table seeds (id int); insert into seeds values (1)')
      await client.end()
    }
    const ask = () => templateDatabase('support', prepare, { major })
    const [template] = await Promise.all([ask(), ask(), ask()])
    expect(prepared).toBe(1)

    await using one = await freshDatabase({ template })
    await using other = await freshDatabase({ template })
    await query(one, 'insert into seeds values (2)')
    expect(await query(one, 'select id from seeds order by id')).toEqual([{ id: 1 }, { id: 2 }])
    expect(await query(other, 'select id from seeds')).toEqual([{ id: 1 }])
  },
)

test('a template whose preparation failed is prepared anew, never cloned half filled', async () => {
  const broken = templateDatabase('half', async () => {
    throw new Error('migration failed')
  })
  await expect(broken).rejects.toThrow('migration failed')
  const template = await templateDatabase('half', async (url) => {
    const client = new pg.Client(url)
    await client.connect()
    await client.query('create table whole ()')
    await client.end()
  })
  await using database = await freshDatabase({ template })
  expect(await query(database, 'select from whole')).toEqual([])
})

test('a dropped database is gone, even under an open connection', async () => {
  const database = await freshDatabase()
  const left = new pg.Client(database.url)
  left.on('error', () => {}) // the server ends it
  await left.connect()
  await database.drop()
  await expect(query(database, 'select 1')).rejects.toMatchObject({ code: '3D000' })
})
