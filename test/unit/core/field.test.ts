import { expect, expectTypeOf, test } from 'vitest'
import { z as mini } from 'zod/mini'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createClient } from '../../../src/client/index.ts'
import { createEndpoint, defineSchema, field, model, type Row } from '../../../src/index.ts'
import { org, signingKey } from '../../support/source.ts'

/** As another library would make it: not a zod type, but what Standard Schema asks for. */
const standard = <T>(
  validate: (value: unknown) => { value: T } | { issues: { message: string; path?: PropertyKey[] }[] },
) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate,
    types: undefined as { input: T; output: T } | undefined,
  },
})

const lowerCase = standard<string>((value) =>
  String(value).includes('@')
    ? { value: String(value).toLowerCase() }
    : { issues: [{ message: 'not an address' }] },
)
const point = standard<{ x: number }>((value) =>
  typeof (value as { x?: unknown })?.x === 'number'
    ? { value: value as { x: number } }
    : { issues: [{ message: 'not a number', path: ['x'] }] },
)
const slow = {
  '~standard': { version: 1 as const, vendor: 'test', validate: async (value: unknown) => ({ value }) },
}

const schema = defineSchema({
  people: model({
    fields: {
      email: field.text(lowerCase),
      home: field.json(point).optional(),
      age: field.integer().optional(),
      nick: mini.optional(mini.string()),
      slow: field.text(slow).optional(),
    },
    mutable: true,
  }),
})

const client = createClient<typeof schema>({
  url: 'http://postern.test',
  signingKey,
  scope: org,
  fetch: (url, init) => endpoint.fetch(new Request(url, init)),
})
const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(schema) })
let key = 0
const create = (input: object) =>
  client.commit({
    idempotencyKey: `k${++key}`,
    operations: [{ type: 'CREATE', model: 'people', id: `p${key}`, input: input as never }],
  })

test('a validator of another library judges a field, and what it gives is stored', async () => {
  const { rows } = await create({ email: 'Ada@Example.com', home: { x: 1 }, age: 36, nick: 'ada' })
  expect(rows[0]).toMatchObject({ email: 'ada@example.com', home: { x: 1 }, age: 36, nick: 'ada' })
  expectTypeOf<Row<typeof schema, 'people'>['home']>().toEqualTypeOf<{ x: number } | null>()
})

test.each([
  ['its message', { email: 'nobody' }, '/operations/0/input/email', 'not an address'],
  ['its path', { email: 'a@b', home: { x: 'y' } }, '/operations/0/input/home/x', 'not a number'],
  ['the kind before it', { email: 5 }, '/operations/0/input/email', 'expected a string'],
  ['an asynchronous one', { email: 'a@b', slow: 'x' }, '/operations/0/input/slow', 'asynchronous'],
  ['a type of zod/mini', { email: 'a@b', nick: 5 }, '/operations/0/input/nick', 'string'],
])('a refusal says %s', async (_, input, pointer, message) => {
  await expect(create(input)).rejects.toMatchObject({
    code: 'source_commit_invalid',
    details: { issues: [{ pointer, message: expect.stringContaining(message) }] },
  })
})
