import fc from 'fast-check'
import { afterAll, beforeAll, describe, inject, test } from 'vitest'
import { type Opened, serverAdapterNamed, usualServerAdapters } from '../../support/adapters.ts'
import { createDatabase, type Database } from '../faults/database.ts'
import { cases } from './cases.ts'
import { check } from './check.ts'
import { determined } from './determined.ts'
import { programs } from './program.ts'
import { run, type Stage } from './run.ts'
import { witness, world, worldTables } from './world.ts'

/** How many times the short form; `POSTERN_HISTORIES=100 npx vitest run test/system/histories` for a long one. */
const scale = Number(process.env.POSTERN_HISTORIES ?? 1)
const timeout = 120_000 + scale * 30_000

/** The library makes no difference to the isolation levels, nor they to the libraries. */
const stages: readonly (readonly [string, string, number])[] = [
  ...usualServerAdapters.map(({ name }) => [name, 'read committed', name === 'pg' ? 18 : 5] as const),
  ['pg', 'repeatable read', 10],
  ['pg', 'serializable', 10],
]

describe.each(stages)('histories on %s under %s', (adapter, level, rounds) => {
  let database: Database
  let opened: Opened
  let stage: Stage
  beforeAll(async () => {
    const settings = { default_transaction_isolation: level }
    database = await createDatabase(inject('pgUrl'), { schema: world, tables: worldTables, settings })
    await database.sql(witness)
    opened = await serverAdapterNamed(adapter).open(database.url, { schema: world, max: 8 })
    stage = { source: opened.adapter, sql: retried(database) }
  })
  afterAll(async () => {
    await opened.close()
    await database[Symbol.asyncDispose]()
  })

  // a failure prints its seed and the shrunk program: it goes into cases.ts
  test('one client: every outcome is the model’s', { timeout }, async () => {
    const property = fc.asyncProperty(programs({ min: 1, max: 1 }, 25), async (program) => {
      await check(stage, await run(stage, program, determined(stage)))
    })
    await fc.assert(property, { numRuns: rounds * scale })
  })

  test('several at once: accepted = rows = ledger = events, and every refusal had its reason', {
    timeout,
  }, async () => {
    const property = fc.asyncProperty(programs({ min: 2, max: 6 }, 12), async (program) => {
      await check(stage, await run(stage, program))
    })
    // chance has its part in what several clients do: shrinking would only lose it
    await fc.assert(property, { numRuns: rounds * scale, endOnFailure: true, examples: [...cases] })
  })
})

/** Raw writers under a higher isolation level retry by themselves, as any application must. */
function retried(database: Database): Stage['sql'] {
  return async (text, values) => {
    for (;;) {
      try {
        return await database.sql(text, values)
      } catch (error) {
        if (!['40001', '40P01'].includes((error as { code?: string }).code ?? '')) throw error
      }
    }
  }
}
