import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { tracker } from '../../support/tracker.ts'

/** Requests as somebody sends them who has a key, knows the schema, and means no good. */

/** The tenant that the fuzzer writes under. */
const OWN = '11111111-1111-4111-8111-111111111111'

interface Ids {
  readonly own: readonly string[]
  /** Rows of the other tenant; everything else of these rows is a canary. */
  readonly foreign: readonly string[]
}

/** Few ids, so that requests meet rows. */
const ids: Readonly<Record<string, Ids>> = {
  text: { own: ['t1', 't2', 't3'], foreign: ['x1', 'x2'] },
  bigint: { own: ['1', '2', '3'], foreign: ['900001'] },
  uuid: {
    own: ['22222222-2222-4222-8222-222222222221', '22222222-2222-4222-8222-222222222222'],
    foreign: ['33333333-3333-4333-8333-333333333333'],
  },
}
export const FOREIGN_IDS = Object.values(ids).flatMap(({ foreign }) => foreign)

const odd = fc.constantFrom<unknown>(
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udc00x',
  '\u202e',
  '\ufeff',
  "'",
  '"',
  '\\',
  '%',
  '_',
  '%_%\\',
  "'; drop table tasks; --",
  '$1',
  '{"a":1}',
  '[',
  'null',
  'NaN',
  'Infinity',
  '-0',
  '1e400',
  '0x10',
  '05',
  '+5',
  '5.',
  '١٢',
  'true',
  'now()',
  'infinity',
  '2024-02-30',
  '2024-02-29T24:00:00Z',
  '0001-01-01T00:00:00Z',
  '294276-12-31',
  '9999-12-31T23:59:59.999999Z',
  '-1',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '00000000-0000-0000-0000-000000000000',
  'AAAA',
  'A===',
  '\n',
  'a'.repeat(3000),
  '😀'.repeat(100),
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  0,
  -0,
  1,
  -1,
  0.1,
  1e21,
  1e-7,
  2 ** 31,
  2 ** 48 - 1,
  2 ** 48,
  2 ** 53,
  Number.MAX_VALUE,
  true,
  false,
  null,
  [],
  {},
  [null],
  [[]],
  [{}],
  { a: null },
  ['a', 1, null],
  { toJSON: 1 },
  [['id', '=', 't1']],
)
const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: odd },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.integer() },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
)
const text = fc.oneof(
  fc.constantFrom('a', 'b', 'forbidden', 'todo', 'done', 'taken'),
  fc.string({ maxLength: 10 }),
)
const idOf = (kind: string): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom<unknown>(...(ids[kind]?.own ?? [])) },
    { weight: 12, arbitrary: fc.constantFrom<unknown>(...(ids[kind]?.foreign ?? [])) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(...FOREIGN_IDS) },
    { weight: 1, arbitrary: anything },
  )
const keyOf = (model: (typeof models)[number]): fc.Arbitrary<unknown> => idOf(model.primaryKey.kind)

/** Mostly a value that the field takes, so that a good part of all commits gets as far as the tables. */
const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  text,
  integer: fc.integer({ min: -5, max: 5 }),
  bigint: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  numeric: fc
    .tuple(fc.integer({ min: -99999, max: 99999 }), fc.nat(99))
    .map(([whole, rest]) => `${whole}.${rest + 10}`),
  timestamp: fc
    .date({ noInvalidDate: true, min: new Date('0001-01-02'), max: new Date('9999-01-01') })
    .map((date) => date.toISOString()),
  json: fc.jsonValue({ maxDepth: 3 }),
  array: fc.array(text, { maxLength: 3 }),
}
const models = [...tracker.models.values()]
const references = ['taskId', 'commentId', 'projectId']

const fieldValue = (name: string, kind: string): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 60, arbitrary: references.includes(name) ? idOf('text') : (values[kind] ?? anything) },
    { weight: 1, arbitrary: anything },
  )

const inputOf = (model: (typeof models)[number]): fc.Arbitrary<unknown> => {
  const shape = [...model.fields.values()].filter(({ writable }) => writable)
  const known = fc.record(Object.fromEntries(shape.map(({ name, kind }) => [name, fieldValue(name, kind)])), {
    requiredKeys: shape.filter(({ optional }) => !optional).map(({ name }) => name),
  })
  const unknown = fc.dictionary(
    fc.constantFrom(
      'id',
      'organizationId',
      'organization_id',
      'secret',
      'ctid',
      'x"y',
      ...shape.map(({ name }) => name),
    ),
    anything,
  )
  return fc.oneof(
    { weight: 8, arbitrary: known },
    { weight: 1, arbitrary: unknown },
    { weight: 1, arbitrary: anything },
  )
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>, rarely = 9): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: rarely, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

const operation = fc
  .constantFrom(...models)
  .chain((model) =>
    fc.record({
      type: fc.oneof(
        {
          weight: 30,
          arbitrary: fc.constantFrom<unknown>('CREATE', 'UPDATE', 'UPDATE', 'DELETE', 'ARCHIVE', 'UNARCHIVE'),
        },
        { weight: 1, arbitrary: anything },
      ),
      model: fc.oneof(
        { weight: 40, arbitrary: fc.constant<unknown>(model.name) },
        { weight: 1, arbitrary: anything },
      ),
      id: fc.oneof({ weight: 9, arbitrary: keyOf(model) }, { weight: 1, arbitrary: fc.constant(undefined) }),
      input: inputOf(model),
      readAt: maybe(fc.oneof(fc.nat(5000), fc.constantFrom<unknown>(0, 2 ** 48 - 1), anything), 3),
      onStale: maybe(
        fc.oneof(
          fc.constantFrom<unknown>('reject', 'overwrite', 'force', 'notify', 'flag', 'merge'),
          anything,
        ),
        2,
      ),
      transactionId: maybe(anything),
    }),
  )
  .map((made) => (made.type === 'CREATE' || made.type === 'UPDATE' ? made : { ...made, input: undefined }))

const scope = fc.oneof(
  { weight: 40, arbitrary: fc.constant<unknown>({ organizationId: OWN }) },
  {
    weight: 1,
    arbitrary: fc.record({
      organizationId: fc.oneof(fc.constant<unknown>(OWN), anything),
      participantId: anything,
      participantKind: anything,
      mode: anything,
    }),
  },
  { weight: 1, arbitrary: anything },
)

const commit = fc.record({
  type: fc.constant('commit'),
  correlationId: fc.oneof(
    { weight: 8, arbitrary: fc.uuid() as fc.Arbitrary<unknown> },
    { weight: 2, arbitrary: fc.constantFrom<unknown>('k1', 'k2', 'k3') },
    { weight: 1, arbitrary: anything },
  ),
  clientTxId: maybe(fc.oneof(fc.constant<unknown>('k1'), anything), 20),
  intentHash: maybe(fc.oneof(fc.constant<unknown>('h'), anything), 20),
  echo: maybe(anything, 50),
  operations: fc.oneof(
    { weight: 40, arbitrary: fc.array(operation, { minLength: 1, maxLength: 5 }) as fc.Arbitrary<unknown> },
    { weight: 1, arbitrary: anything },
  ),
  scope,
})

const modelName = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<unknown>(...models.map(({ name }) => name)) },
  { weight: 1, arbitrary: anything },
)
/** What the kind can be compared by. */
const operatorsOf = (kind: string): string[] =>
  kind === 'json' || kind === 'array'
    ? ['IS', 'IS NOT', 'CONTAINS']
    : operators.slice(0, kind === 'text' ? 15 : 10)

const operators = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'IN',
  'NOT IN',
  'IS',
  'IS NOT',
  'LIKE',
  'NOT LIKE',
  'ILIKE',
  'NOT ILIKE',
  'STARTS WITH',
]

const sealed = (parts: unknown): string => Buffer.from(JSON.stringify(parts)).toString('base64url')

/** A cursor's outside is no secret: whoever has read the source makes one up. */
const forgedCursor = fc
  .tuple(fc.constantFrom('l', 'f', 'x'), anything, anything, anything, maybe(anything, 1))
  .map((parts) => sealed(parts.filter((part) => part !== undefined)) as unknown)

/** Knows the fields of the model; the cursor is put in by whoever has seen one, see `withCursor`. */
const list = fc.constantFrom(...models).chain((model) => {
  const fields = [...model.fields.values()]
  const condition = fc.constantFrom(...fields).chain(({ name, kind }) =>
    fc.constantFrom(...operatorsOf(kind)).chain((operator) => {
      const value = name === 'id' ? keyOf(model) : fieldValue(name, kind)
      const one =
        operator === 'CONTAINS' ? value.map((given) => (Array.isArray(given) ? given[0] : given)) : value
      const fitting: fc.Arbitrary<unknown> = operator.endsWith('IN')
        ? fc.array(one, { maxLength: 4 })
        : operator.startsWith('IS')
          ? fc.constant(null)
          : one
      return fc.tuple(
        fc.oneof({ weight: 40, arbitrary: fc.constant<unknown>(name) }, { weight: 1, arbitrary: anything }),
        fc.oneof(
          { weight: 40, arbitrary: fc.constant<unknown>(operator) },
          { weight: 1, arbitrary: anything },
        ),
        fc.oneof({ weight: 20, arbitrary: fitting }, { weight: 1, arbitrary: anything }),
      )
    }),
  )
  const { joined } = fc.letrec<{ joined: unknown }>((tie) => ({
    joined: fc.oneof(
      { maxDepth: 10, depthSize: 'medium' },
      { weight: 6, arbitrary: condition },
      {
        weight: 1,
        arbitrary: fc.oneof(
          fc.record({ or: fc.array(tie('joined'), { maxLength: 3 }) }),
          fc.record({ and: fc.array(tie('joined'), { maxLength: 3 }) }),
          fc.record({ not: tie('joined') }),
        ),
      },
    ),
  }))
  return fc.record({
    type: fc.constant('list'),
    model: fc.oneof(
      { weight: 40, arbitrary: fc.constant<unknown>(model.name) },
      { weight: 1, arbitrary: modelName },
    ),
    query: fc.oneof(
      {
        weight: 30,
        arbitrary: fc.record(
          {
            where: fc.oneof(
              { weight: 30, arbitrary: fc.array(joined, { maxLength: 3 }) as fc.Arbitrary<unknown> },
              { weight: 1, arbitrary: anything },
            ),
            orderBy: fc.oneof(
              { weight: 30, arbitrary: fc.constantFrom<unknown>(...fields.map(({ name }) => name)) },
              { weight: 1, arbitrary: anything },
            ),
            order: fc.oneof(
              { weight: 30, arbitrary: fc.constantFrom<unknown>('asc', 'desc') },
              { weight: 1, arbitrary: anything },
            ),
            limit: fc.oneof(
              { weight: 30, arbitrary: fc.integer({ min: 1, max: 5 }) as fc.Arbitrary<unknown> },
              { weight: 1, arbitrary: anything },
            ),
            cursor: maybe(fc.oneof(forgedCursor, anything), 20),
            related: fc.oneof(
              { weight: 6, arbitrary: fc.subarray([...model.relations.keys()]) as fc.Arbitrary<unknown> },
              { weight: 1, arbitrary: anything },
            ),
          },
          { requiredKeys: [] },
        ) as fc.Arbitrary<unknown>,
      },
      { weight: 1, arbitrary: anything },
    ),
    scope,
  })
})

const load = fc.record({
  type: fc.constant('load'),
  model: modelName,
  id: fc.oneof(idOf('text'), idOf('bigint'), idOf('uuid')),
  scope,
})
const events = fc.record({
  type: fc.constant('events'),
  limit: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) as fc.Arbitrary<unknown> },
    { weight: 1, arbitrary: anything },
  ),
  cursor: maybe(fc.oneof(forgedCursor, anything), 4),
  scope,
})

const request: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 10, arbitrary: commit },
  { weight: 6, arbitrary: list },
  { weight: 2, arbitrary: load },
  { weight: 2, arbitrary: events },
  { weight: 1, arbitrary: anything },
)

/** What is done to a page's cursor before it is handed back: nothing, or another value, id or position within it. */
const tampering = fc.option(fc.record({ at: fc.nat(4), value: anything }), { freq: 3 })

/** Damage to the text of a body, behind which the signature is right again. */
const damage = fc.array(
  fc.record({
    at: fc.nat(),
    cut: fc.nat(4),
    put: fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        '{',
        '}',
        '[',
        ',',
        ':',
        '\\u0000',
        '\\ud800',
        '1e999',
        '"__proto__":1,',
        '\ufeff',
      ),
      fc.string({ maxLength: 3 }),
    ),
  }),
  { maxLength: 3 },
)

export interface Body {
  readonly request: unknown
  /** Puts the last cursor in, changed in one of its parts or as it was. */
  readonly cursor: { at: number; value: unknown } | null | undefined
  readonly damage: readonly { at: number; cut: number; put: string }[]
  readonly bytes: Uint8Array | undefined
}

export const body: fc.Arbitrary<Body> = fc.record({
  request,
  cursor: maybe(tampering, 3),
  damage: fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: damage }),
  bytes: maybe(fc.uint8Array({ maxLength: 40 }), 60),
})

/** A cursor that an answer gave, with the request that it goes on. */
export interface Seen {
  readonly request: object
  readonly cursor: string
}

/** The bytes to sign and send. `seen`: the last list or feed page that had a cursor. */
export function bytesOf(
  made: Body,
  seen: Seen | undefined,
): { request: unknown; bytes: Uint8Array<ArrayBuffer> } {
  const request = made.cursor === undefined || seen === undefined ? made.request : goingOn(seen, made.cursor)
  let text = JSON.stringify(request) ?? ''
  for (const { at, cut, put } of made.damage) {
    const place = at % (text.length + 1)
    text = text.slice(0, place) + put + text.slice(place + cut)
  }
  return { request, bytes: new Uint8Array(made.bytes ?? new TextEncoder().encode(text)) }
}

function goingOn({ request, cursor }: Seen, change: { at: number; value: unknown } | null): unknown {
  let changed = cursor
  if (change !== null) {
    const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    parts[change.at] = change.value
    changed = sealed(parts)
  }
  const list = request as { type?: unknown; query?: object }
  return list.type === 'events'
    ? { ...list, cursor: changed }
    : { ...list, query: { ...list.query, cursor: changed } }
}
