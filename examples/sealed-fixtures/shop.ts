import { readFile } from 'node:fs/promises'
import { fixture } from 'postern/testing'
import { schema, tables } from './schema.ts'

const seed = new URL('seed.json', import.meta.url)

export const org = { organizationId: 'org_1' }

export const shop = fixture('sealed-fixtures example', {
  schema,
  connection: process.env.DATABASE_URL ?? 'postgres://postgres@localhost/postgres',
  inputs: { files: [seed], values: { tables } },
  async populate({ sql, adapter, client }) {
    await sql(tables)
    await adapter.migrate()
    for (const { id, ...input } of JSON.parse(await readFile(seed, 'utf8'))) {
      await client.commit(
        { idempotencyKey: `seed:${id}`, operations: [{ type: 'CREATE', model: 'products', id, input }] },
        { scope: org },
      )
    }
  },
})
