import type * as Drizzle from 'drizzle-orm'
import { expect, test, vi } from 'vitest'
import { drizzleAdapter, schemaFromDrizzle } from '../../src/adapters/drizzle/index.ts'
import { defineSchema, model, z } from '../../src/index.ts'

// As version 1.0 has it: relations are declared otherwise, and these names are gone from the package's entry.
vi.mock('drizzle-orm', async (original) => ({
  ...(await original<typeof Drizzle>()),
  createTableRelationsHelpers: undefined,
  extractTablesRelationalConfig: undefined,
  normalizeRelation: undefined,
}))

const sentence =
  ': this version of drizzle-orm is not served; install one from 0.45 on and before 1.0, whose relations() are read.'

test('a version of Drizzle that is not served is refused in a sentence, before anything is read of it', () => {
  expect(() => schemaFromDrizzle({}, {})).toThrow(new TypeError(`schemaFromDrizzle${sentence}`))
  const schema = defineSchema({ notes: model({ fields: { text: z.string() } }) })
  expect(() => drizzleAdapter({} as never, schema)).toThrow(new TypeError(`drizzleAdapter${sentence}`))
})
