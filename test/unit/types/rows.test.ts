import { expectTypeOf, test } from 'vitest'
import type { HandlerRow } from '../../../src/adapters/handlers/index.ts'
import { defineSchema, field, model, type Row, z } from '../../../src/index.ts'

const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string(),
      body: z.string().optional(),
      due: field.timestamp().nullable(),
      note: z.string().nullish(),
      done: z.boolean().default(false),
      rest: z.unknown(),
    },
    mutable: true,
  }),
})

// Nothing here runs: `npm run typecheck` is the test.
test('a row that is read has null where a create may leave a field out', () => {
  expectTypeOf<Row<typeof schema, 'tasks'>>().toEqualTypeOf<{
    id: string
    title: string
    body: string | null
    due: string | null
    note: string | null
    done: boolean
    rest: unknown
  }>()
})

test('a handler may give undefined, a Date or leave the field out there, and nowhere else', () => {
  const row = { id: 't1', title: 'Paint', done: true, rest: 1 }
  expectTypeOf<typeof row>().toExtend<HandlerRow<typeof schema, 'tasks'>>()
  expectTypeOf<typeof row & { due: Date; body: undefined }>().toExtend<HandlerRow<typeof schema, 'tasks'>>()
  expectTypeOf<{ id: string }>().not.toExtend<HandlerRow<typeof schema, 'tasks'>>()
})
