import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PosternError } from '../../src/core/errors.ts'
import { defineSchema, field, model, z } from '../../src/index.ts'
import { majors, type OpenSource, openSource, refused } from '../support/postgres-source.ts'

const schema = defineSchema({
  values: model({
    fields: {
      time: z.string().nullable().optional(),
      time0: z.string().nullable().optional(),
      timetz: z.string().nullable().optional(),
      span: z.string().nullable().optional(),
      float: z.string().nullable().optional(),
      real: z.number().nullable().optional(),
      address: z.string().nullable().optional(),
      net: z.string().nullable().optional(),
      price: field.numeric().nullable().optional(),
      code: z.string().nullable().optional(),
      mail: z.string().nullable().optional(),
      place: z.string().nullable().optional(),
      path: z.string().nullable().optional(),
      doc: z.string().nullable().optional(),
      count: z.string().nullable().optional(),
      big: field.bigint().nullable().optional(),
      at: field.timestamp().nullable().optional(),
      local: field.timestamp().nullable().optional(),
      day: field.date().nullable().optional(),
      times: z.array(z.string().nullable()).nullable().optional(),
      numbers: z.array(z.int32().nullable()).nullable().optional(),
      grid: z.array(z.array(z.int32().nullable())).nullable().optional(),
      moments: z.array(z.array(field.timestamp().nullable())).nullable().optional(),
    },
    policy: { by: 'none' },
    mutable: true,
    columns: { mail: 'mail' },
  }),
})

const tables = `
create domain percent as int check (value between 0 and 100);
create domain mail as text check (value like '%@%');
create type pair as (a int, b text);
create table values (
  id text primary key, time time, time0 time(0), timetz timetz, span interval, float float8, real float4,
  address inet, net cidr, price numeric(10,2), code char(3), mail mail, place point, path jsonpath, doc xml, count int,
  big bigint, at timestamptz, local timestamp, day date, times time[], numbers int[], grid int[][], moments timestamptz[][]
);`

describe.each(majors)('Postgres %i: exact or refused', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema, tables, major })
  })
  afterAll(() => open?.[Symbol.asyncDispose]())

  let next = 0
  const send = async (input: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const id = `v${++next}`
    const { rows } = await open.commit({ type: 'CREATE', model: 'values', id, input })
    const { row } = await open.load('values', id)
    expect(rows[0]).toEqual(row)
    // what was read can be sent back as it is
    await open.commit({
      type: 'UPDATE',
      model: 'values',
      id,
      input: Object.fromEntries(Object.keys(input).map((name) => [name, row?.[name]])),
    })
    expect((await open.load('values', id)).row).toEqual(row)
    return row ?? {}
  }

  test.each<[string, unknown, unknown?]>([
    ['time', '10:00', '10:00:00'],
    ['time', '10:00:00.100000', '10:00:00.1'],
    ['time', '23:59:59.123456'],
    ['timetz', '10:00:00+02'],
    // as libraries spell a time: with zeros that the type leaves out
    ['timetz', '10:00:00.610+00:00', '10:00:00.61+00'],
    ['timetz', '10:00Z', '10:00:00+00'],
    ['span', '1 day 02:03:04.000005'],
    ['float', '0.1'],
    ['float', '9007199254740992', '9.007199254740992e+15'],
    ['real', 0.1],
    ['address', '192.168.1.5'],
    ['address', '192.168.1.0/24'],
    ['net', '10.0.0.0/8'],
    ['price', '1.50'],
    ['code', 'abc'],
    ['mail', 'a@b'],
    ['place', '(1,2.5)'],
    ['path', '$."a"[*]'],
    ['doc', '<a>1</a>'],
    // an integer under a text travels as a text, as TypeScript says
    ['count', '42'],
    ['big', '9007199254740993'],
    ['at', 'infinity'],
    ['at', '-infinity'],
    ['at', '0044-03-15T12:00:00.000001Z BC'],
    ['at', '10000-01-01T00:00:00.000000Z'],
    ['local', '0001-01-01T00:00:00.000000Z BC'],
    ['local', 'infinity'],
    ['day', '0044-03-15 BC'],
    ['day', 'infinity'],
    ['day', '10000-12-31'],
    ['times', ['10:00:00', null]],
    ['numbers', [1, null, 3]],
    ['numbers', []],
    [
      'grid',
      [
        [1, null],
        [3, 4],
      ],
    ],
    ['grid', []],
    [
      'moments',
      [
        ['2026-01-01T00:00:00.000000Z', null],
        ['infinity', '0044-03-15T12:00:00.000000Z BC'],
      ],
    ],
  ])('%s %j is kept', async (name, sent, kept = sent) => {
    expect((await send({ [name]: sent }))[name]).toEqual(kept)
  })

  test.each<[string, unknown]>([
    ['time', '10:00:00.1234567'],
    ['time', '23:59:60'],
    ['time0', '10:00:00.5'],
    ['timetz', '10:00:00.0000001+02'],
    ['span', '0.0000004 s'],
    ['span', 'nonsense'],
    ['float', '9007199254740993'],
    ['real', 0.123456789],
    ['address', '192.168.1.5/32'],
    ['address', 'nowhere'],
    ['price', '1.005'],
    ['code', 'ab '],
    ['code', 'abcd'],
    ['mail', 'nobody'],
    ['place', '(1, 2.5)'],
    ['place', '(0.1000000000000000055511151231257827,2)'],
    ['count', '42.5'],
    ['count', '2147483648'],
    ['times', ['10:00:00', '10:00:00.1234567']],
    ['grid', [[1, 2], [3]]],
    [
      'grid',
      [
        [1, 2],
        ['x', 4],
      ],
    ],
    ['at', '2026-02-30T00:00:00Z'],
    ['day', '2026-02-30'],
  ])('%s %j is refused, and the answer names the field', async (name, sent) => {
    const id = `r${++next}`
    const good = { type: 'CREATE', model: 'values', id: `${id}a`, input: { time: '10:00:00' } } as const
    const bad = { type: 'CREATE', model: 'values', id, input: { big: '1', [name]: sent } } as const
    for (const [operations, at] of [
      [[bad], 0],
      [[good, bad], 1],
    ] as const) {
      const error: PosternError = await open.commit(operations).then(
        () => expect.fail('it was applied'),
        (reason) => reason,
      )
      expect(['source_commit_invalid', 'check_violation']).toContain(error.code)
      expect(error.retryable).toBe(false)
      const { issues } = error.details as { issues: { pointer: string }[] }
      expect(issues.map(({ pointer }) => pointer)).toContain(`/operations/${at}/input/${name}`)
    }
    expect((await open.load('values', id)).row).toBeNull()
    expect((await open.load('values', `${id}a`)).row).toBeNull()
  })

  test('conditions and orders on types without operators of their own are answered', async () => {
    await open.commit({ type: 'CREATE', model: 'values', id: 'w', input: { place: '(7,7)', path: '$."w"' } })
    for (const [name, value] of [
      ['place', '(7,7)'],
      ['path', '$."w"'],
    ] as const) {
      expect((await open.list('values', { where: [[name, value]] })).rows.map(({ id }) => id)).toEqual(['w'])
      expect((await open.list('values', { where: [[name, 'IN', [value]]] })).rows).toHaveLength(1)
      const ordered = await open.listAll('values', { orderBy: name, limit: 3 })
      expect(new Set(ordered.map(({ id }) => id)).size).toBe(ordered.length)
    }
    await refused(open.list('values', { where: [['place', '<', 'nonsense']] }), 'invalid_query')
  })

  test('a session with other settings reads and writes the same bytes', async () => {
    await open.commit({
      type: 'CREATE',
      model: 'values',
      id: 's',
      input: {
        at: '0044-03-15T12:00:00.000001Z BC',
        day: '2026-03-04',
        span: '1 day 02:00:00',
        float: '0.3',
        address: '10.1.1.1',
      },
    })
    const { row } = await open.load('values', 's')
    await open.sql(`do $$ begin execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database());
      execute format('alter database %I set datestyle = ''German''', current_database());
      execute format('alter database %I set intervalstyle = ''iso_8601''', current_database());
      execute format('alter database %I set extra_float_digits = -5', current_database()); end $$`)
    await using other = await openAnew(open)
    expect((await other.load('values', 's')).row).toEqual(row)
  })
})

async function openAnew({ url }: OpenSource) {
  const { default: pg } = await import('pg')
  const { pgAdapter } = await import('../../src/adapters/pg.ts')
  const { caller } = await import('../support/caller.ts')
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  pool.on('error', () => {})
  return { ...caller(pgAdapter(pool, schema), schema), [Symbol.asyncDispose]: () => pool.end() }
}
