import { checks } from '../check.ts'
import { create, update } from '../source.ts'
import { refused, roundTrip, shown } from './round-trip.ts'

/** Every byte, so that padding, line breaks and signs all show. */
const everyByte = btoa(String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte)))

const texts = [
  '',
  ' ',
  'NULL',
  'a "quoted" \\ text',
  "O'Brien; drop table conformance_values --",
  'tab\tnewline\nreturn\r',
  '\u0001\u001f\u007f\u0085\u2028\u2029\ufeff',
  'Zoë é e\u0301 ﬁ İı ß',
  '😀👩‍👩‍👧‍👦 𝒳 \u{10ffff}',
  '{"json":[1]}',
  '%s $1 :name ? {0} <b>',
  'x'.repeat(100_000),
]

/** What is sent comes back, whatever it is. */
export const valueChecks = checks(
  'values',
  [
    {
      id: 'VALUE-01',
      must: 'A bigint MUST keep all its digits, and travel as a string.',
      run: (context) =>
        roundTrip(context, 'big', [
          ['0'],
          ['-1'],
          ['9007199254740993'],
          ['-9007199254740993'],
          ['9223372036854775807'],
          ['-9223372036854775808'],
          [null],
        ]),
    },
    {
      id: 'VALUE-02',
      must: 'A numeric MUST keep all its digits and its scale, and travel as a string.',
      run: (context) =>
        roundTrip(context, 'exact', [
          ['0'],
          ['1.50'],
          ['-0.000000000000000000001'],
          ['123456789012345678901234567890.123456789012345678901234567890'],
          ['-99999999999999999999999999999999999999.99'],
          ['0.1'],
          ['100'],
          ['0.00'],
          [null],
        ]),
    },
    {
      id: 'VALUE-03',
      must: 'A time MUST keep its microseconds, and travel as RFC 3339 in UTC with six of them.',
      run: (context) =>
        roundTrip(context, 'at', [
          ['2026-01-02T03:04:05.123456Z'],
          ['2026-01-02T03:04:05.000001Z'],
          ['2026-01-02T03:04:05.100Z', '2026-01-02T03:04:05.100000Z'],
          ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000000Z'],
          ['2026-01-01T00:30:00.654321+05:45', '2025-12-31T18:45:00.654321Z'],
          ['2024-02-29T23:59:59.999999-08:00', '2024-03-01T07:59:59.999999Z'],
          ['1969-12-31T23:59:59.999999Z'],
          ['0001-01-01T00:00:00.000000Z'],
          ['9999-12-31T23:59:59.999999Z'],
          [null],
        ]),
    },
    {
      id: 'VALUE-04',
      must: 'JSON objects MUST come back equal, whatever they hold.',
      run: (context) =>
        roundTrip(context, 'doc', [
          [{}],
          [{ a: 1, b: [true, null, 'x'], c: { d: {} } }],
          [{ '': 'empty name', 'a.b': 1, 'a/b~c': 2, $where: 3 }],
          [{ deep: [[[[[[{ x: [] }]]]]]] }],
          [{ number: 1.5, large: 1e20, small: 1e-7, negative: -0.5 }],
          [{ text: '😀 "\\\n' }],
        ]),
    },
    {
      id: 'VALUE-05',
      must: 'A JSON value at the top level MUST come back equal: arrays, also empty and of objects.',
      run: (context) =>
        roundTrip(context, 'doc', [
          [[]],
          [[1, 'two', null, [3]]],
          [[{ a: 1 }, { b: 2 }]],
          [['{1,2}']],
          [[null]],
        ]),
    },
    {
      id: 'VALUE-06',
      must: 'A JSON scalar at the top level MUST come back as itself: text, number, true, false.',
      run: (context) =>
        roundTrip(context, 'doc', [['text'], [''], ['"quoted"'], ['null'], [0], [-1.5], [true], [false]]),
    },
    {
      id: 'VALUE-07',
      must: 'JSON null MUST be the absence of a value where the column allows it: it is found by IS null.',
      async run(context) {
        const { a, id, expect } = context
        await roundTrip(context, 'doc', [[null]])
        const one = id()
        await a.commit(create('values', one, { doc: { a: 1 } }))
        await a.commit(update('values', one, { doc: null }))
        const { rows } = await a.list('values', {
          where: [
            ['doc', 'IS', null],
            ['id', one],
          ],
        })
        expect.equal(rows.length, 1, 'a null must be found as one')
      },
    },
    {
      id: 'VALUE-08',
      must: 'An array of texts MUST keep members, order, nulls, quotes, commas and emptiness.',
      run: (context) =>
        roundTrip(context, 'tags', [
          [[]],
          [['']],
          [['a', 'b', 'a']],
          [['a,b', '{c}', '"d"', '\\', "e'f", ' ']],
          [['NULL', 'null', null]],
          [['😀', 'tab\t', 'new\nline']],
          [null],
        ]),
    },
    {
      id: 'VALUE-09',
      must: 'An array of bigints MUST keep the digits of every member.',
      run: (context) =>
        roundTrip(context, 'bigs', [[[]], [['9007199254740993', '-9223372036854775808', null, '0']], [null]]),
    },
    {
      id: 'VALUE-10',
      must: 'Bytes MUST come back exactly, and travel as base64 without line breaks.',
      run: (context) =>
        roundTrip(context, 'bytes', [
          [''],
          ['AA=='],
          ['/+8='],
          [everyByte],
          [btoa('x'.repeat(5000))],
          [btoa('\\x41')],
          [null],
        ]),
    },
    {
      id: 'VALUE-11',
      must: 'A UUID MUST come back in lower case.',
      run: (context) =>
        roundTrip(context, 'ref', [
          ['6f1c2e9a-0b3d-4c5e-8f70-123456789abc'],
          ['6F1C2E9A-0B3D-4C5E-8F70-ABCDEFABCDEF', '6f1c2e9a-0b3d-4c5e-8f70-abcdefabcdef'],
          ['00000000-0000-0000-0000-000000000000'],
          [null],
        ]),
    },
    {
      id: 'VALUE-12',
      must: 'A member of an enum MUST come back as itself, and another word be refused.',
      async run(context) {
        await roundTrip(context, 'mood', [['calm'], ['wild'], ['très content'], [null]])
        await refused(context, 'mood', ['angry', 'Calm', '', 1])
      },
    },
    {
      id: 'VALUE-13',
      must: 'A date MUST stay the date that it is, in every time zone.',
      run: (context) =>
        roundTrip(context, 'day', [
          ['2026-01-01'],
          ['2024-02-29'],
          ['1969-12-31'],
          ['0001-01-01'],
          ['9999-12-31'],
          [null],
        ]),
    },
    {
      id: 'VALUE-14',
      must: 'A boolean MUST come back as true, false or null, three different things.',
      run: (context) => roundTrip(context, 'flag', [[true], [false], [null]]),
    },
    {
      id: 'VALUE-15',
      must: 'A text MUST come back exactly: empty, quoted, of control characters, beyond the basic plane, long.',
      async run(context) {
        const { a, id, expect } = context
        for (const text of texts) {
          const one = id()
          const answer = await a.commit(create('values', one, { text }))
          expect.equal(answer.only.text, text, `the text ${shown(text)} must come back exactly from a commit`)
          expect.equal(
            (await a.load('values', one)).row?.text,
            text,
            `the text ${shown(text)} must come back exactly from a load`,
          )
          const [event] = await a.eventsOf('values', one)
          expect.equal(event?.data.text, text, `the text ${shown(text)} must come back exactly from an event`)
        }
      },
    },
    {
      id: 'VALUE-16',
      must: 'The empty text and null MUST stay two values.',
      async run(context) {
        const { a, id, expect } = context
        const [empty, none] = [id(), id()]
        await a.commit([create('values', empty, { text: '' }), create('values', none, { text: null })])
        const found = async (condition: unknown[]): Promise<unknown[]> =>
          (await a.list('values', { where: [condition] })).rows.map((row) => row?.id)
        expect.equal(await found(['text', 'IS', null]), [none], 'null must be found as null alone')
        expect.equal(await found(['text', '']), [empty], 'the empty text must be found as itself alone')
      },
    },
    {
      id: 'VALUE-17',
      must: 'A whole number of 32 bits MUST come back as a number.',
      run: (context) => roundTrip(context, 'count', [[0], [-1], [2147483647], [-2147483648], [null]]),
    },
    {
      id: 'VALUE-18',
      must: 'A floating-point number MUST come back as the same double.',
      run: (context) =>
        roundTrip(context, 'ratio', [
          [0],
          [0.1],
          [-1.5],
          [1e21],
          [5e-324],
          [1.7976931348623157e308],
          [1 / 3],
          [null],
        ]),
    },
  ],
  ['values'],
)
