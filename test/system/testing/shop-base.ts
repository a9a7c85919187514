import { defineSchema, model, z } from '../../../src/index.ts'
import type { BaseDatabase } from '../../../src/testing/index.ts'

export const schema = defineSchema({
  orders: model({
    fields: { title: z.string(), state: z.enum(['open', 'paid']).default('open') },
    mutable: true,
  }),
})

export const org = { organizationId: 'org_1' }

const tables = `create table orders (
  id text primary key, organization_id text not null, title text not null, state text not null
)`

/** Three rows that were committed, so that there is a log before the sessions', and one that bypassed the endpoint. */
export async function populate({ sql, adapter, client }: BaseDatabase<typeof schema>): Promise<void> {
  await sql(tables)
  await adapter.migrate()
  for (const id of ['o1', 'o2', 'o3']) {
    const operations = [{ type: 'CREATE', model: 'orders', id, input: { title: `Order ${id}` } }] as const
    await client.commit({ idempotencyKey: `seed:${id}`, operations }, { scope: org })
  }
  await sql(`insert into orders values ('old', 'org_1', 'From before', 'paid')`)
}
