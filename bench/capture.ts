import { defineSchema, field, model, z } from 'postern'
import { pgAdapter } from 'postern/pg'
import { poolOf } from '../test/support/pool.ts'
import type { BenchDatabase } from './database.ts'
import { fresh, inputOf, someRow } from './requests.ts'
import type { Contestant, Section } from './rounds.ts'
import { TENANT } from './schema.ts'

/** The same table twice, one of them with capture triggers: what writers that bypass the endpoint pay for being logged. */
const captured = defineSchema({
  captured: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      amount: field.numeric().optional(),
      updatedAt: field.timestamp().optional(),
      archivedAt: field.timestamp().optional(),
    },
    mutable: true,
    touch: 'updatedAt',
    capture: true,
  }),
})

/** Rows of one statement of many. */
const BULK = 1000

export async function* captureSections(database: BenchDatabase): AsyncGenerator<Section> {
  const { admin } = database
  await admin.query(`create table captured (like items including all)`)
  await admin.query(`insert into captured select * from items where id like 'item-%'`)
  await pgAdapter(admin, captured).migrate()
  await admin.query('vacuum analyze captured')
  const pool = poolOf(await database.url(0), 1)
  const single = (name: string, table: string): Contestant => ({
    name,
    step(client) {
      const { title, status } = inputOf(fresh())
      return pool.query({
        text: `update ${table} set title = $1, status = $2, updated_at = now()
where id = $3 and organization_id = $4 returning *`,
        values: [title, status, someRow(client, 1), TENANT],
      })
    },
  })
  const bulk = (name: string, table: string): Contestant => ({
    name,
    step(client) {
      return pool.query({
        text: `update ${table} set title = $1, updated_at = now()
where id in (select id from ${table} where id >= $2 and organization_id = $3 order by id limit ${BULK})`,
        values: [`title ${fresh()}`, someRow(client, 2), TENANT],
      })
    },
  })
  const both = (name: string, title: string, make: typeof single): Section => ({
    name,
    title,
    clients: 1,
    delayMs: 0,
    bases: ['without capture'],
    contestants: [make('without capture', 'items'), make('with capture', 'captured')],
  })
  try {
    yield both('capture', 'a bare UPDATE of a captured table', single)
    yield both('capture_bulk', `one UPDATE of ${BULK} rows of a captured table`, bulk)
  } finally {
    await pool.end()
  }
}
