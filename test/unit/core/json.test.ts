import canonicalize from 'canonicalize'
import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../src/core/errors.ts'
import { decodeJson } from '../../../src/core/protocol/json.ts'
import rfc8785 from '../../vectors/rfc8785-jcs.json' with { type: 'json' }

const decode = (text: string) => decodeJson(new TextEncoder().encode(text))

function refusalOf(bytes: Uint8Array | string): { pointer: unknown; reason: unknown } {
  try {
    typeof bytes === 'string' ? decode(bytes) : decodeJson(bytes)
  } catch (error) {
    if (!(error instanceof PosternError)) throw error
    expect(error).toMatchObject({ code: 'invalid_json', status: 400 })
    expect(error.cause).toBeUndefined()
    const details = error.details as { pointer: string; reason: string }
    expect(error.message.startsWith(details.pointer === '' ? 'The body: ' : `${details.pointer}: `)).toBe(
      true,
    )
    return details as { pointer: string; reason: string }
  }
  throw new Error('accepted')
}

// The RFC's `values` has 333333333.33333329, which is another number once it is a double.
const [exact, rounded] = [true, false].map((is) =>
  rfc8785.vectors.filter(({ name }) => (name !== 'values') === is),
)

test.each(exact!)(
  'the RFC 8785 input $name is decoded, and canonicalised to the published bytes',
  (vector) => {
    const value = decodeJson(Buffer.from(vector.input_hex, 'hex'))
    expect(Buffer.from(canonicalize(value)!).toString('hex')).toBe(vector.output_hex)
  },
)

test.each(rounded!)('the RFC 8785 input $name is refused for the number that it would round', (vector) => {
  expect(refusalOf(Buffer.from(vector.input_hex, 'hex'))).toEqual({
    pointer: '/numbers/0',
    reason: 'inexact_number',
  })
})

describe('what is JSON and means one thing is given as JSON.parse gives it', () => {
  test.each([
    '0',
    '-0',
    '""',
    'null',
    'true',
    ' [ ] ',
    '{}',
    '[[],[[]],{}]',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}',
    '"\\u0061\\n\\"\\\\"',
    '"\\ud83d\\ude00"',
    '"😀"',
    '{"\\"":1,"\\\\":2,"a\\"b":[3]}',
    '{"":{"":0}}',
    '"\u2028\u2029\ufeff\ufffd\uffff"',
    '{"proto":1,"Constructor":2,"toString":3,"hasOwnProperty":4}',
    '["__proto__","constructor","prototype"]',
    '{"a":"{\\"a\\":1,\\"a\\":2}"}',
    '\t\r\n {"a" : 1 , "b" : [ 1 , 2 ] }\n',
  ])('%s', (text) => {
    expect(decode(text)).toStrictEqual(JSON.parse(text))
  })
})

describe('a number is kept exactly or refused', () => {
  test.each([
    '1',
    '-1',
    '1.0',
    '1.50',
    '0.1',
    '1e2',
    '1E+2',
    '100e-2',
    '0.1e1',
    '0e999999999999',
    '-0.0',
    '123456789012345',
    '9007199254740991',
    '9007199254740992',
    '1e21',
    '1e22',
    '1.7976931348623157e308',
    '5e-324',
    '2.5e-1',
    '123456789012345680000',
    '0.000001',
    '1e-7',
    '4.35',
    '2.2250738585072014e-308',
    `1${'0'.repeat(22)}`,
    `0.${'0'.repeat(330)}1e331`,
    `1.${'0'.repeat(10_000)}`,
  ])('kept: %s', (literal) => {
    expect(decode(literal)).toBe(Number(literal))
    expect(decode(`{"a":[${literal}]}`)).toStrictEqual({ a: [Number(literal)] })
  })

  test.each([
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '0.1234567890123456789',
    '1e309',
    '-1e309',
    '1e999999999999999999999',
    '1e-400',
    '0.1e-999999999999999999',
    '1.7976931348623159e308',
    '4e-324',
    '3.141592653589793238462643383279',
    '1.00000000000000000001',
    '33333333333.333333333333333',
    '1e23000',
    `1${'0'.repeat(400)}`,
    `0.${'0'.repeat(400)}1`,
  ])('refused: %s', (literal) => {
    expect(refusalOf(literal)).toEqual({ pointer: '', reason: 'inexact_number' })
    expect(refusalOf(`{"input":{"x":[0,${literal}]}}`)).toEqual({
      pointer: '/input/x/1',
      reason: 'inexact_number',
    })
  })

  test('one of a million zeros takes no longer than its length', () => {
    expect(refusalOf(`0.${'0'.repeat(1_000_000)}1${'0'.repeat(5)}`).reason).toBe('inexact_number')
  })
})

describe('a member twice in one object is refused, wherever and however it is written', () => {
  test.each([
    ['{"type":"load","type":"commit"}', '/type'],
    ['{"a":1,"\\u0061":2}', '/a'],
    ['{"operations":[{"id":"1"},{"id":"2","input":{"x":1,"y":2,"x":1}}]}', '/operations/1/input/x'],
    ['{"a":{},"b":[{"c":[]}],"a":{}}', '/a'],
    ['{"":1,"":2}', '/'],
    ['{"a/b~c":1,"a/b~c":2}', '/a~1b~0c'],
  ])('%s', (text, pointer) => {
    expect(refusalOf(text)).toEqual({ pointer, reason: 'duplicate_member' })
  })
})

describe('a member that could reach a prototype is refused, at any depth and in any spelling', () => {
  test.each([
    ['{"__proto__":{"admin":true}}', '/__proto__'],
    ['{"operations":[{"input":{"constructor":1}}]}', '/operations/0/input/constructor'],
    ['{"a":{"prototype":null}}', '/a/prototype'],
    ['{"\\u005f_proto_\\u005f":1}', '/__proto__'],
  ])('%s', (text, pointer) => {
    expect(refusalOf(text)).toEqual({ pointer, reason: 'forbidden_member' })
  })
})

describe('text that Postgres would merge or refuse is refused here', () => {
  test.each([
    ['"\\ud800"', '', 'ill_formed_unicode'],
    ['{"id":"k\\ud800"}', '/id', 'ill_formed_unicode'],
    ['{"id":"k\\udc00\\ud800"}', '/id', 'ill_formed_unicode'],
    ['["a",{"b":["\\uDFFF"]}]', '/1/b/0', 'ill_formed_unicode'],
    ['{"a":{"k\\ud800":1}}', '/a', 'ill_formed_unicode'],
    ['{"x":1,"k\\ud800":1}', '', 'ill_formed_unicode'],
    ['{"id":"a\\u0000b"}', '/id', 'nul'],
    ['{"a":[{"\\u0000":1}]}', '/a/0', 'nul'],
  ])('%s', (text, pointer, reason) => {
    expect(refusalOf(text)).toEqual({ pointer, reason })
  })
})

describe('bytes that are no UTF-8 text are refused', () => {
  test.each<[string, number[]]>([
    ['a stray byte', [0x22, 0xff, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a sequence cut off', [0x22, 0xe2, 0x82]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('%s', (_, bytes) => {
    expect(refusalOf(Uint8Array.from(bytes))).toEqual({ pointer: '', reason: 'encoding' })
  })

  test('a byte order mark', () => {
    expect(refusalOf('\ufeff{}')).toEqual({ pointer: '', reason: 'byte_order_mark' })
    expect(refusalOf('{}\ufeff')).toEqual({ pointer: '', reason: 'syntax' })
  })
})

describe('depth', () => {
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

  test('64 levels are accepted, 65 refused', () => {
    expect(decode(nested(64))).toStrictEqual(JSON.parse(nested(64)))
    expect(refusalOf(nested(65))).toEqual({ pointer: '/0'.repeat(64), reason: 'depth' })
    const objects = `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`
    expect(refusalOf(objects)).toEqual({ pointer: '/a'.repeat(64), reason: 'depth' })
    expect(decode(`[${nested(63)},${nested(63)}]`)).toHaveLength(2)
  })

  test('a million brackets cost no stack', () => {
    expect(refusalOf('['.repeat(1_000_000)).reason).toBe('depth')
    expect(refusalOf('{"a":'.repeat(200_000)).reason).toBe('depth')
    expect(refusalOf(']'.repeat(1_000_000)).reason).toBe('syntax')
  })
})

describe('what is no JSON is refused', () => {
  test.each([
    '',
    ' ',
    '{',
    '}',
    ']',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    "{'a':1}",
    '{a:1}',
    '01',
    '1.',
    '.5',
    '+1',
    '1e',
    '--1',
    '0x10',
    'NaN',
    'Infinity',
    'undefined',
    'nul',
    '"',
    '"\\',
    '"\\"',
    '"\\x"',
    '"\\u12"',
    '"a\nb"',
    '"\u0000"',
    '[1}',
    '{"a":1]',
    '[1 2]',
    '{"a":1 "b":2}',
    '// x\n1',
    '1 1',
    ',',
    ':',
    '{"a"::1}',
    '1.e5',
    '1-2',
  ])('%j', (text) => {
    expect(refusalOf(text)).toEqual({ pointer: '', reason: 'syntax' })
    expect(() => JSON.parse(text)).toThrow()
  })

  test('the refusal quotes nothing of the body', () => {
    const error: unknown = (() => {
      try {
        return decode('{"password":"planted-canary" oops')
      } catch (thrown) {
        return thrown
      }
    })()
    expect(`${error} ${JSON.stringify(error)} ${(error as Error).cause}`).not.toContain('canary')
  })
})

test('a path too long for a pointer is given up to the ancestor that fits', () => {
  const long = 'x'.repeat(400)
  expect(refusalOf(`{"a":{"${long}":{"${long}":{"b":1e999}}}}`)).toEqual({
    pointer: `/a/${long}`,
    reason: 'inexact_number',
  })
})
