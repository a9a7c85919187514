import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshKey, majors, type OpenSource, openSource, refused } from '../support/postgres-source.ts'
import { specimens, specimenTables } from '../support/specimens.ts'

const long = Buffer.from(Array.from({ length: 300 }, (_, n) => n % 256)).toString('base64')
const uuid = 'abcdefab-cdef-4abc-8def-abcdefabcdef'

/** Field, value as sent, value as it must come back when that is another spelling. */
const exact: [string, unknown, unknown?][] = [
  ['text', ''],
  ['text', 'plain'],
  ['text', 'quotes " and \' and \\ and $$ and \u2028 and \t\r\n and \u0001\u001f\u007f'],
  ['text', 'emoji 👩‍👩‍👧 and ünïcödé and null'],
  ['text', 'null'],
  ['text', '{"looks":"like json"}'],
  ['text', 'x'.repeat(100_000)],
  ['varchar', 'abcde'],
  ['char', 'abcde'],
  ['domainText', 'a "label"'],
  ['mood', 'happy'],
  ['uuid', uuid],
  ['uuid', uuid.toUpperCase(), uuid],
  ['uuidAsText', uuid],
  ['bool', true],
  ['bool', false],
  ['int2', -32768],
  ['int4', 2147483647],
  ['int8', '9223372036854775807'],
  ['int8', '-9223372036854775808'],
  ['numeric', '0.1000'],
  ['numeric', '12345678901234567890123456789012345678901234567890.123456789012345678901234567890'],
  ['numeric', '-0.000000000000000000000000000000000001'],
  ['price', '123456.78'],
  ['price', '1', '1.00'],
  ['price', '1.500', '1.50'],
  ['domainNumeric', '123456.78'],
  ['float4', 0.5],
  ['float4', 0.1],
  ['float8', 0.1],
  ['float8', 1.7976931348623157e308],
  ['float8', 5e-324],
  ['float8', 123456789.12345679],
  ['float8', -0, 0],
  ['timestamptz', '2025-01-02T03:04:05Z', '2025-01-02T03:04:05.000000Z'],
  ['timestamptz', '2025-01-02T03:04:05.123456Z'],
  ['timestamptz', '2025-07-02T03:04:05.5+02:30', '2025-07-02T00:34:05.500000Z'],
  ['timestamptz', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
  ['timestamptz', '9999-12-31T23:59:59.999999Z'],
  ['timestamptz0', '2025-01-02T03:04:05Z', '2025-01-02T03:04:05.000000Z'],
  ['timestamp', '2025-01-02T03:04:05.123456Z'],
  ['timestamp', '2025-07-02T03:04:05+02:00', '2025-07-02T01:04:05.000000Z'],
  ['date', '2024-02-29'],
  ['date', '0001-01-01'],
  ['bytes', ''],
  ['bytes', 'AAEC/w=='],
  ['bytes', long],
  ['jsonb', { b: 1, a: [null, 'x', { deep: true }], n: 12.5 }],
  ['jsonb', 'a string'],
  ['jsonb', 17],
  ['jsonb', false],
  ['jsonb', []],
  ['json', { b: 1, a: 2 }],
  ['interval', '1 year 2 mons 3 days 04:05:06.789'],
  ['time', '04:05:06.789'],
  ['inet', '192.168.0.0/16'],
  ['texts', []],
  ['texts', ['a', '', 'quo"te', 'back\\slash', 'comma, {brace}', 'NULL', 'ünï']],
  ['moods', ['happy', 'sad']],
  ['uuids', [uuid, uuid.toUpperCase()], [uuid, uuid]],
  ['bools', [true, false]],
  ['ints', [1, -2, 2147483647]],
  ['bigints', ['9223372036854775807', '1']],
  ['numerics', ['1.10', '99999999999999999999.9']],
  ['prices', ['1.10', '2.00']],
  ['floats', [0.1, 1e300]],
  [
    'times',
    ['2025-01-02T03:04:05.123456Z', '2025-01-02T03:04:05+01:00'],
    ['2025-01-02T03:04:05.123456Z', '2025-01-02T02:04:05.000000Z'],
  ],
  ['dates', ['2024-02-29']],
  ['blobs', ['AAEC/w==', '', long]],
  ['nested', [{ a: 1 }, { a: 2 }]],
]

/** What the column would keep as something else than was sent. */
const rounded: [string, unknown][] = [
  ['price', '1.234'],
  ['domainNumeric', '1.234'],
  ['prices', ['1.10', '1.234']],
  ['timestamptz0', '2025-01-02T03:04:05.5Z'],
  ['times0', ['2025-01-02T03:04:05.5Z']],
  ['time0', '04:05:06.789'],
  ['float4', 0.123456789],
  ['float4', 16777217],
  ['varchar', 'abcde   '],
  ['char', 'abc  '],
]

/** What the column cannot hold at all. */
const impossible: [string, unknown][] = [
  ['varchar', 'abcdef'],
  ['char', 'abcdef'],
  ['int2', 40000],
  ['int4', 2147483648],
  ['price', '1234567.00'],
  ['prices', ['1234567.00']],
  ['domainNumeric', '12345678'],
  ['float4', 1e300],
  ['uuidAsText', 'no uuid'],
  ['interval', 'no interval'],
  ['time', '25:00'],
  ['inet', '300.0.0.1'],
]

describe.each(majors)('Postgres %i: values', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema: specimens, tables: specimenTables, major })
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const create = (id: string, input: object) =>
    ({ type: 'CREATE', model: 'specimens', id, input: { ...input } }) as const
  /** The cursor after everything so far. */
  let cursor: string | undefined
  const end = async (): Promise<string> => {
    for (;;) {
      const page = await open.events(cursor)
      cursor = page.nextCursor
      if (page.events.length === 0) return cursor
    }
  }
  const show = (value: unknown): string => {
    const text = JSON.stringify(value)
    return text.length > 60 ? `${text.slice(0, 57)}...` : text
  }

  test.each(exact.map((one) => [one[0], show(one[1]), one] as const))(
    '%s %s comes back as it was sent: from create, update, load, list and feed',
    async (_, __, [name, sent, back = sent]) => {
      const [one, many, updated] = [freshKey(), freshKey(), freshKey()]
      const start = await end()
      const answers = [
        await open.commit(create(one, { [name]: sent })),
        await open.commit([create(many, { [name]: sent }), create(updated, {})]),
        await open.commit({ type: 'UPDATE', model: 'specimens', id: updated, input: { [name]: sent } }),
        await open.commit([
          { type: 'UPDATE', model: 'specimens', id: updated, input: { [name]: sent } },
          { type: 'UPDATE', model: 'specimens', id: one, input: { [name]: sent } },
        ]),
      ]
      const rows = answers
        .flatMap((answer) => answer.rows)
        .filter((row) => row?.id !== updated || row[name] !== null)
      expect(rows).toHaveLength(5)
      for (const row of rows) expect(row?.[name]).toStrictEqual(back)
      for (const id of [one, many, updated]) {
        const text = JSON.stringify((await open.load('specimens', id)).row)
        expect(JSON.parse(text)[name]).toStrictEqual(JSON.parse(JSON.stringify(back)))
        const listed = await open.list('specimens', { where: [['id', id]] })
        expect(JSON.stringify(listed.rows[0])).toBe(text)
        const last = (await open.feed(start)).findLast((event) => event.entityId === id)
        expect(JSON.stringify(last?.data)).toBe(text)
      }
      // what was stored is what is told: writing the same value again changes nothing
      expect((await open.feed(start)).at(-1)?.changed).toEqual([])
    },
  )

  test('a field left out is null, in every type', async () => {
    const { rows } = await open.commit(create(freshKey(), {}))
    const values = Object.entries(rows[0] ?? {}).filter(([name]) => name !== 'id')
    expect(values.length).toBeGreaterThan(40)
    expect(values.filter(([, value]) => value !== null)).toEqual([])
  })

  test('null members of arrays stay', async () => {
    const input = {
      texts: ['a', null],
      times: [null],
      blobs: [null, 'AA=='],
      moods: [null],
      numerics: [null],
    }
    const id = freshKey()
    await open.sql(
      `insert into specimens (id, texts, times, blobs, moods, numerics)
       values ($1, '{a,null}', '{null}', array[null, '\\x00'::bytea], '{null}', '{null}')`,
      [id],
    )
    expect((await open.load('specimens', id)).row).toMatchObject(input)
  })

  test.each(rounded.map((one) => [one[0], show(one[1]), one[1]] as const))(
    '%s %s, which the column would keep as another value, is refused',
    async (name, _, sent) => {
      const id = freshKey()
      await open.commit(create(id, {}))
      const before = await open.load('specimens', id)
      const attempts = [
        [create(freshKey(), { [name]: sent })],
        [create(freshKey(), {}), create(freshKey(), { [name]: sent })],
        [{ type: 'UPDATE' as const, model: 'specimens', id, input: { [name]: sent } }],
        [
          create(freshKey(), {}),
          { type: 'UPDATE' as const, model: 'specimens', id, input: { [name]: sent } },
        ],
      ]
      for (const operations of attempts) {
        const error = await refused(open.commit(operations), 'source_commit_invalid')
        expect(error.details).toMatchObject({ index: operations.length - 1, model: 'specimens' })
      }
      expect(await open.load('specimens', id)).toEqual(before)
    },
  )

  test.each(impossible.map((one) => [one[0], show(one[1]), one[1]] as const))(
    '%s %s, which the column cannot hold, is the request’s fault, and the operation is named',
    async (name, _, sent) => {
      await refused(open.commit(create(freshKey(), { [name]: sent })), 'source_commit_invalid')
      const error = await refused(
        open.commit([create(freshKey(), {}), create(freshKey(), { [name]: sent })]),
        'source_commit_invalid',
      )
      // by place in the request when it is seen before anything is sent, else by the database's word
      const pointer = [{ pointer: `/operations/1/input/${name}` }]
      expect(error.details).toMatchObject(
        error.details?.issues ? { issues: pointer } : { index: 1, model: 'specimens' },
      )
    },
  )

  test('what only SQL can have written still travels as JSON that parses', async () => {
    const id = freshKey()
    await open.sql(
      `insert into specimens (id, float8, float4, numeric, timestamptz, timestamp, date, floats, times, json, jsonb)
       values ($1, 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', 'infinity', '{NaN,1}', '{infinity}', '{"a": 1}', 'null')`,
      [id],
    )
    const { row } = await open.load('specimens', id)
    expect(row).toMatchObject({
      float8: 'NaN',
      float4: '-Infinity',
      numeric: 'NaN',
      timestamptz: 'infinity',
      timestamp: '-infinity',
      date: 'infinity',
      floats: ['NaN', 1],
      times: ['infinity'],
      jsonb: null,
    })
    const { rows } = await open.commit({ type: 'UPDATE', model: 'specimens', id, input: { text: 'x' } })
    expect(rows[0]).toEqual({ ...row, text: 'x' })
    expect((await open.feed()).at(-1)).toMatchObject({ changed: ['text'], data: rows[0] })
  })

  test('a value that was not sent stays as it is, even one that this endpoint would not take', async () => {
    const id = freshKey()
    await open.sql(`insert into specimens (id, char, varchar, numeric) values ($1, 'ab', 'a    ', 'NaN')`, [
      id,
    ])
    await open.commit({ type: 'UPDATE', model: 'specimens', id, input: { text: 'x' } })
    expect(await open.sql(`select varchar, numeric::text as n from specimens where id = $1`, [id])).toEqual([
      { varchar: 'a    ', n: 'NaN' },
    ])
  })
})

describe.each(majors)('Postgres %i: the session’s settings', (major) => {
  const input = {
    timestamptz: '2025-07-02T03:04:05.123456Z',
    timestamp: '2025-07-02T03:04:05.123456Z',
    date: '2025-03-04',
    float8: 0.1 + 0.2,
    float4: 0.1,
    floats: [0.1 + 0.2],
    bytes: 'AAEC/w==',
    blobs: ['AAEC/w=='],
    interval: '1 year 2 mons -3 days +04:05:06',
    times: ['2025-07-02T03:04:05.123456Z'],
    dates: ['2025-03-04'],
    span: '["2025-07-02 03:04:05+00","2025-07-03 00:00:00+00")',
    jsonb: { n: 0.1 },
  }
  const settings: Record<string, string>[] = [
    { timezone: 'America/St_Johns', datestyle: 'SQL, DMY' },
    { timezone: 'Asia/Kathmandu', datestyle: 'German', intervalstyle: 'sql_standard' },
    { datestyle: 'Postgres, MDY', intervalstyle: 'iso_8601' },
    { bytea_output: 'escape', extra_float_digits: '0' },
    { extra_float_digits: '-15', lc_messages: 'C', xmloption: 'content' },
    { standard_conforming_strings: 'on', backslash_quote: 'on', search_path: '"$user", public' },
    { plan_cache_mode: 'force_custom_plan', jit: 'on', enable_seqscan: 'off' },
    { default_transaction_isolation: 'serializable', transform_null_equals: 'on' },
  ]

  const told = async (defaults: Readonly<Record<string, string>>) => {
    await using open = await openSource({
      schema: specimens,
      tables: specimenTables,
      major,
      settings: defaults,
    })
    const { rows } = await open.commit({ type: 'CREATE', model: 'specimens', id: 'a', input })
    await open.commit([
      { type: 'UPDATE', model: 'specimens', id: 'a', input },
      { type: 'CREATE', model: 'specimens', id: 'b', input },
    ])
    const where = [
      ['date', input.date],
      ['timestamptz', input.timestamptz],
      ['interval', input.interval],
    ]
    return {
      created: rows[0],
      loaded: (await open.load('specimens', 'a')).row,
      listed: (await open.list('specimens', { where })).rows,
      events: (await open.feed()).map(({ data, changed }) => [data, changed ?? null]),
    }
  }
  const plain = lazy(() => told({}))

  test.each(settings.map((one) => [JSON.stringify(one), one] as const))(
    '%s does not show in any value',
    async (_, one) => {
      expect(await told(one)).toEqual(await plain())
    },
  )

  test('the values of a plain session are the ones that were sent', async () => {
    const { created, listed } = await plain()
    const { jsonb: _, interval: __, span: ___, ...sent } = input
    expect(created).toMatchObject(sent)
    expect(listed).toHaveLength(2)
  })
})

function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}
