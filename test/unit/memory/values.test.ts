import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareDecimal, compareText, compareTime } from '../../../src/core/schema/exact.ts'
import type { ScalarKind } from '../../../src/core/schema/kind.ts'
import { canonicalValue, compareValues, refusal, sameValue } from '../../../src/core/schema/kind.ts'

describe('values', () => {
  test.each<[ScalarKind, unknown, unknown]>([
    ['bigint', 42, '42'],
    ['bigint', '-9223372036854775808', '-9223372036854775808'],
    ['numeric', '1.50', '1.50'],
    ['numeric', '-0', '0'],
    ['numeric', '-0.00', '0.00'],
    ['numeric', 1e21, '1000000000000000000000'],
    ['numeric', 1.25e-7, '0.000000125'],
    ['numeric', -12.5, '-12.5'],
    ['numeric', '123456789012345678901234567890.123456789', '123456789012345678901234567890.123456789'],
    ['timestamp', '2026-01-01T00:30:00+01:30', '2025-12-31T23:00:00.000000Z'],
    ['timestamp', '2026-06-30T23:59:59.123456Z', '2026-06-30T23:59:59.123456Z'],
    ['timestamp', '0001-01-01T00:00:00.5Z', '0001-01-01T00:00:00.500000Z'],
    ['timestamp', '0001-01-01T00:00:00+01:00', '0001-12-31T23:00:00.000000Z BC'],
    ['timestamp', '0044-03-15T00:30:00+01:00 BC', '0044-03-14T23:30:00.000000Z BC'],
    ['timestamp', '12026-12-31T23:30:00-01:00', '12027-01-01T00:30:00.000000Z'],
    ['timestamp', '-infinity', '-infinity'],
    ['date', '0044-03-15 BC', '0044-03-15 BC'],
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['bytes', 'QR==', 'QQ=='],
    ['number', -0, 0],
    ['date', '2024-02-29', '2024-02-29'],
  ])('a %s sent as %s is kept as %s', (kind, sent, kept) => {
    expect(canonicalValue({ kind }, sent)).toBe(kept)
    expect(canonicalValue({ kind: 'array', element: kind }, [sent, null])).toEqual([kept, null])
  })

  test('numerics are compared exactly, at any length', () => {
    const decimal = fc
      .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat({ max: 12 }))
      .map(([digits, scale]) => ({ digits, scale }))
    const text = ({ digits, scale }: { digits: bigint; scale: number }): string => {
      const all = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
      const plain = scale === 0 ? all : `${all.slice(0, -scale)}.${all.slice(-scale)}`
      return digits < 0n ? `-${plain}` : plain
    }
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        const [x, y] = [a.digits * 10n ** BigInt(b.scale), b.digits * 10n ** BigInt(a.scale)]
        expect(Math.sign(compareDecimal(text(a), text(b)))).toBe(x < y ? -1 : x > y ? 1 : 0)
      }),
    )
    expect(compareDecimal('1.50', '1.5')).toBe(0)
    expect(compareDecimal('-0.5', '0.4')).toBe(-1)
  })

  test('texts are ordered by their UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 4 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
    expect(['😀', '～', 'z', 'Z', ''].sort(compareText)).toEqual(['', 'Z', 'z', '～', '😀'])
  })

  test('times are ordered by value, years before 1 and infinity included', () => {
    const times = [
      '-infinity',
      '0044-03-15 BC',
      '0001-01-01 BC',
      '0001-01-01',
      '9999-12-31',
      '10000-01-01',
      'infinity',
    ]
    expect([...times].reverse().sort(compareTime)).toEqual(times)
  })

  test('arrays of several dimensions are kept as Postgres can keep them, or refused', () => {
    const info = { kind: 'array', element: 'integer', dimensions: 2 } as const
    expect(
      refusal(info, [
        [1, null],
        [3, 4],
      ]),
    ).toBeNull()
    expect(refusal(info, [])).toBeNull()
    expect(refusal(info, [[1], [2, 3]])).toMatch(/one length/)
    expect(refusal(info, [[], []])).toMatch(/empty/)
    expect(refusal(info, [1, 2])).toMatch(/member 0/)
    expect(refusal(info, [null])).toMatch(/member 0/)
    expect(refusal(info, [['1']])).toBe('member 0: member 0: expected a whole number')
  })

  test.each<[ScalarKind, unknown]>([
    ['timestamp', '0000-01-01T00:00:00Z'],
    ['timestamp', '01234-01-01T00:00:00Z'],
    ['timestamp', '2023-02-29T00:00:00Z'],
    ['timestamp', '0005-02-30T00:00:00Z BC'],
    ['timestamp', 'Infinity'],
    ['timestamp', '2026-01-01T24:00:00Z'],
    ['timestamp', '2026-01-01T00:00:00.1234567Z'],
    ['date', '2023-02-29'],
    ['date', '0002-02-29 BC'],
    ['bigint', '9223372036854775808'],
    ['integer', 2 ** 53],
  ])('a %s that says %j is refused', (kind, value) => {
    expect(refusal({ kind }, value)).not.toBeNull()
  })

  test('bytes are ordered by byte and not by their base64', () => {
    expect(Math.sign(compareValues({ kind: 'bytes' }, '+w==', 'AA=='))).toBe(1)
  })

  test('what is the same value does not count as a change', () => {
    // what travels differs: a merge must not go over it
    expect(sameValue({ kind: 'numeric' }, '1.50', '1.5')).toBe(false)
    expect(sameValue({ kind: 'text' }, '1.50', '1.5')).toBe(false)
    expect(sameValue({ kind: 'json' }, { a: [1, { b: null }] }, { a: [1, { b: null }] })).toBe(true)
    expect(sameValue({ kind: 'json' }, { a: undefined }, { b: undefined })).toBe(false)
    expect(sameValue({ kind: 'json' }, [1, 2], [2, 1])).toBe(false)
    expect(sameValue({ kind: 'json' }, [], {})).toBe(false)
    expect(sameValue({ kind: 'array', element: 'numeric' }, ['1.0'], ['1.0'])).toBe(true)
    expect(sameValue({ kind: 'array', element: 'text' }, ['a', null], ['a'])).toBe(false)
    expect(sameValue({ kind: 'numeric' }, null, '0')).toBe(false)
  })
})
