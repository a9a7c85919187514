import { defineSchema, model, z } from 'postern'
import { pgAdapter } from 'postern/pg'
import { poolOf } from '../test/support/pool.ts'
import type { BenchDatabase } from './database.ts'
import { freshKey, intent, requestContext } from './requests.ts'
import type { Section } from './rounds.ts'
import { TENANT } from './schema.ts'

/** The same write under schemas of 1, 10 and 100 models. */
export async function* modelSections(database: BenchDatabase): AsyncGenerator<Section> {
  const opened = []
  for (const count of [1, 10, 100]) {
    const name = `models_${count}`
    await database.admin.query(`create database ${name}`)
    const url = new URL(await database.url(0))
    url.pathname = `/${name}`
    const pool = poolOf(url.href, 1)
    const names = Array.from({ length: count }, (_, n) => `model${n}`)
    for (const table of names) {
      await pool.query(
        `create table ${table} (id text primary key, organization_id text not null, title text not null)`,
      )
    }
    await pool.query(
      `insert into model0 select 'row-' || n, '${TENANT}', 'title' from generate_series(0, 999) n`,
    )
    const schema = defineSchema(
      Object.fromEntries(names.map((one) => [one, model({ fields: { title: z.string() }, mutable: true })])),
    )
    const started = performance.now()
    await pgAdapter(pool, schema).migrate()
    const migrated = performance.now()
    // as an application that starts: it reads what was compiled, then its first connection compiles the plans
    const source = pgAdapter(pool, schema)
    const bound = schema.models.get('model0')!
    await source.load({ ...requestContext, model: bound, id: 'row-0' })
    const first = performance.now()
    console.log(
      `${count} ${count === 1 ? 'model' : 'models'}: migrate ${(migrated - started).toFixed(0)} ms, first request ${(first - migrated).toFixed(1)} ms`,
    )
    opened.push({ count, pool, source, bound })
  }
  yield {
    name: 'models',
    title: 'one UPDATE under schemas of so many models',
    clients: 1,
    delayMs: 0,
    bases: ['1 model'],
    contestants: opened.map(({ count, source, bound }) => ({
      name: count === 1 ? '1 model' : `${count} models`,
      step: () =>
        source.commit({
          ...requestContext,
          idempotencyKey: freshKey(),
          intent,
          intentHash: null,
          answerBytes: 16_777_216,
          echo: undefined,
          operations: [
            {
              index: 0,
              type: 'UPDATE',
              model: bound,
              id: `row-${Math.floor(Math.random() * 1000)}`,
              input: { title: freshKey() },
              readAt: null,
              onStale: 'reject',
              transactionId: null,
            },
          ],
        }),
    })),
  }
  for (const { pool } of opened) await pool.end()
}
