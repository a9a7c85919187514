import pg from 'pg'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../src/index.ts'
import { freshDatabase, type TestDatabase, templateDatabase } from './db.ts'

/** One global model with a name, for tests that are about connections and not about rows. */
export const itemsSchema = defineSchema({
  items: model({ fields: { name: z.string() }, policy: { by: 'none' }, mutable: true }),
})

/** A database with its table and the engine. */
export async function itemsDatabase(): Promise<TestDatabase> {
  const template = await templateDatabase('items', async (url) => {
    const client = new pg.Client(url)
    await client.connect()
    await client.query('create table items (id text primary key, name text not null)')
    await pgAdapter(client, itemsSchema).migrate()
    await client.end()
  })
  return freshDatabase({ template })
}
