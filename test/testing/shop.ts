import { randomBytes } from 'node:crypto'
import { inject, onTestFinished } from 'vitest'
import { defineSchema, model, z } from '../../src/index.ts'
import { type BaseDatabase, type Fixture, type FixtureOptions, fixture } from '../../src/testing/index.ts'
import type { PgMajor } from '../support/db.ts'

export const schema = defineSchema({
  orders: model({ title: z.string(), state: z.enum(['open', 'paid']).default('open') }),
})

export const org = { organizationId: 'org_1' }

export const tables = `create table orders (
  id text primary key, organization_id text not null, title text not null, state text not null
)`

/** Three rows that were committed, so that there is a log before the sessions', and one that bypassed the endpoint. */
export async function populate({ sql, adapter, client }: BaseDatabase<typeof schema>): Promise<void> {
  await sql(tables)
  await adapter.migrate()
  for (const id of ['o1', 'o2', 'o3']) {
    const operations = [{ type: 'CREATE', model: 'orders', id, input: { title: `Order ${id}` } }] as const
    await client.commit({ key: `seed:${id}`, operations }, org)
  }
  await sql(`insert into orders values ('old', 'org_1', 'From before', 'paid')`)
}

export const serverUrl = (major: PgMajor): string => inject(major === 15 ? 'pg15Url' : 'pgUrl')

export type Options = Partial<FixtureOptions<typeof schema>> & {
  readonly major?: PgMajor
  readonly name?: string
}

/** A fixture under a name of its own; what it leaves on the server goes with the test. */
export function shop({
  major = 18,
  name = `shop ${randomBytes(6).toString('hex')}`,
  ...options
}: Options = {}) {
  const made = fixture(name, {
    schema,
    connection: serverUrl(major),
    populate,
    // the timing of strategies has a test of its own
    strategy: 'file_copy',
    ...options,
  })
  onTestFinished(() => remove(made))
  return made
}

export async function remove(made: Fixture<typeof schema>): Promise<void> {
  await made.destroy()
  await made[Symbol.asyncDispose]()
}

export const ids = (rows: readonly { id?: unknown }[]): unknown[] => rows.map(({ id }) => id)
