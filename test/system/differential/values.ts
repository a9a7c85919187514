import type { Field } from '../../../src/index.ts'
import type { Random } from './random.ts'

/** Values of each kind: ordinary ones, the ends of ranges, other spellings, and a few that are refused. */
const values: Record<string, readonly unknown[]> = {
  text: [
    'a',
    'b',
    'Ab',
    'aB',
    'a%b',
    'a_b',
    '',
    'ä',
    'z',
    'Z',
    '🙂',
    'O\'Re"il\\ly',
    'null',
    ' \n\t',
    'e\u0301',
  ],
  integer: [0, 1, 1, 2, -1, 7, 2147483647, -2147483648, 1.5, 2147483648],
  number: [
    0, -0, 1, 1.5, -2.25, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 123456789.123,
    100000000000000000000,
  ],
  bigint: [
    '0',
    '1',
    '-1',
    '9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
    5,
    '9223372036854775808',
  ],
  numeric: [
    '0',
    '1.10',
    '1.1',
    '-0.00',
    '12.50',
    '123456789012345678901234567890.123456789',
    1.5,
    1e21,
    1e-7,
    '-3',
    '1e5',
  ],
  boolean: [true, false],
  timestamp: [
    '2011-03-04T05:06:07Z',
    '2011-03-04T06:06:07.000000+01:00',
    '2011-03-04T05:06:07.1Z',
    '1999-12-31T23:59:59.999999Z',
    '0001-01-02T00:00:00Z',
    '9999-12-31T23:59:59.999999Z',
    '2012-02-29T12:00:00-11:30',
    '2011-02-29T00:00:00Z',
    '2011-03-04T05:06:07.1234567Z',
  ],
  date: ['2012-02-29', '0001-01-01', '9999-12-31', '2011-03-04', '2011-02-29'],
  uuid: [
    '6f9619ff-8b86-d011-b42d-00c04fc964ff',
    '6F9619FF-8B86-D011-B42D-00C04FC964FF',
    '00000000-0000-0000-0000-000000000000',
    '6f9619ff8b86d011b42d00c04fc964ff',
  ],
  bytes: [
    '',
    'AAE=',
    '////',
    'aGkgdGhlcmUsIGEgbGluZSBsb25nZXIgdGhhbiA3NiBjaGFyYWN0ZXJzIHRoYXQgTUlNRSB3b3VsZCBicmVhayBoZXJl',
    'a',
  ],
  json: [
    null,
    0,
    1.5,
    -0,
    1e30,
    'x',
    '',
    true,
    [],
    {},
    { b: 1, a: [1, null, { c: '"' }] },
    [1.1, 'é'],
    { '': null },
  ],
}

const arrays: Record<string, readonly unknown[]> = {
  text: [[], ['a'], ['a,b', '"q"', null, '{x}'], ['null', 'NULL', ''], 'a'],
  bigint: [[], ['1', '-9223372036854775808'], [5, '5'], ['x']],
}

/** Enums stay among their members: a database that has the type refuses others before it compares. */
export function valueFor(random: Random, field: Field): unknown {
  if (field.name === 'status') return random.pick(['done', 'in progress', 'todo'])
  const pool = field.kind === 'array' ? arrays[field.element ?? 'text'] : values[field.kind]
  return random.pick(pool ?? [])
}
