import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PosternError } from '../../../src/core/errors.ts'
import { decodeJson, type JsonFault } from '../../../src/core/protocol/json.ts'

const FORBIDDEN = ['__proto__', 'constructor', 'prototype']
const SECONDS = Number(process.env.POSTERN_FUZZ_SECONDS ?? 2)

/** Everything that is wrong with a text, found another way: slow, recursive, over parsed pieces. */
function faultsOf(text: string): Set<JsonFault> {
  const faults = new Set<JsonFault>()
  try {
    JSON.parse(text)
  } catch {
    return faults.add('syntax')
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:]/gs) ?? []
  let at = 0
  const readString = () => {
    const string = JSON.parse(tokens[at++]!) as string
    if (/\p{Surrogate}/u.test(string)) faults.add('ill_formed_unicode')
    if (/\0/.test(string)) faults.add('nul')
    return string
  }
  const read = (depth: number): void => {
    const token = tokens[at]!
    if (token === '{' || token === '[') {
      if (depth === 65) faults.add('depth')
      const names: string[] = []
      at++
      while (tokens[at] !== '}' && tokens[at] !== ']') {
        if (tokens[at] === ',') at++
        if (token === '{') {
          names.push(readString())
          at++
        }
        read(depth + 1)
      }
      at++
      if (new Set(names).size < names.length) faults.add('duplicate_member')
      if (names.some((name) => FORBIDDEN.includes(name))) faults.add('forbidden_member')
    } else if (token[0] === '"') readString()
    else if (/^[-0-9]/.test(token) && !isExact(tokens[at++]!)) faults.add('inexact_number')
    else if (!/^[-0-9]/.test(token)) at++
  }
  read(1)
  return faults
}

/** Whether the literal and the double's own shortest spelling are one rational number. */
function isExact(literal: string): boolean {
  const value = Number(literal)
  if (value === 0) return !/[1-9]/.test(literal.split(/e/i)[0]!)
  if (!Number.isFinite(value)) return false
  const [one, other] = [fraction(literal), fraction(String(value))]
  return one[0] * other[1] === other[0] * one[1]
}

function fraction(literal: string): [bigint, bigint] {
  const [mantissa = '', power = '0'] = literal.split(/e/i)
  const [whole = '', decimals = ''] = mantissa.split('.')
  const exponent = BigInt(power) - BigInt(decimals.length)
  const units = BigInt(`${whole}${decimals}`.replace('-', '')) * (mantissa.startsWith('-') ? -1n : 1n)
  return exponent < 0n ? [units, 10n ** -exponent] : [units * 10n ** exponent, 1n]
}

function verdictOf(bytes: Uint8Array): { value: unknown } | { reason: JsonFault } {
  try {
    return { value: decodeJson(bytes) }
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== 'invalid_json') throw error
    return { reason: (error.details as { reason: JsonFault }).reason }
  }
}

function judge(generated: string): void {
  // A cut through a surrogate pair is no text that bytes could carry; its encoding is U+FFFD.
  const text = generated.toWellFormed()
  const faults = faultsOf(text)
  const verdict = verdictOf(new TextEncoder().encode(text))
  if ('value' in verdict) {
    expect([...faults]).toEqual([])
    expect(verdict.value).toStrictEqual(JSON.parse(text))
  } else if (!faults.has('syntax')) expect([...faults]).toContain(verdict.reason)
  else expect(faults.size).toBe(1)
}

const name = fc.constantFrom(
  'a',
  'b',
  '',
  ...FORBIDDEN,
  '\\u0061',
  '\\u005f_proto__',
  'k\\ud800',
  '\\u0000',
  'é',
  '\\"',
)
const string = fc.oneof(
  name,
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text).slice(1, -1)),
)
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
  fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.nat({ max: 99 }),
      fc.stringMatching(/^(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?$/),
    )
    .map((parts) => parts.join('')),
)
const space = fc.constantFrom('', '', '', ' ', '\n\t')

/** JSON text with every liberty that JSON leaves, most of it acceptable. */
const document = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.constantFrom('true', 'false', 'null'),
    number,
    string.map((text) => `"${text}"`),
    fc
      .tuple(space, fc.array(tie('node'), { maxLength: 5 }))
      .map(([gap, items]) => `[${items.join(`${gap},`)}${gap}]`),
    fc
      .tuple(space, fc.array(fc.tuple(string, tie('node')), { maxLength: 5 }))
      .map(
        ([gap, members]) => `{${members.map(([key, value]) => `"${key}"${gap}:${value}`).join(`,${gap}`)}}`,
      ),
  ),
})).node

const deep = fc
  .tuple(
    fc.integer({ min: 60, max: 68 }),
    fc.constantFrom(['[', ']'], ['{"a":', '}'], ['[0,{"b":[],"a":', '}]']),
    document,
  )
  .map(([levels, [open, close], inner]) => open!.repeat(levels) + inner + close!.repeat(levels))

const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', ' ', 'e', '-', '.'),
      number,
      string.map((s) => `"${s}"`),
    ),
  )
  .map((tokens) => tokens.join(''))

const damaged = fc
  .tuple(document, fc.nat(), fc.nat({ max: 3 }), fc.string({ maxLength: 2 }))
  .map(([text, at, cut, extra]) => {
    const place = text.length === 0 ? 0 : at % text.length
    return text.slice(0, place) + extra + text.slice(place + cut)
  })

const timeBox = { numRuns: 1e9, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false }

test(
  'whatever the text: accepted with the value of JSON.parse, or refused for a reason that is there',
  () => {
    fc.assert(fc.property(fc.oneof(document, document, deep, soup, damaged), judge), timeBox)
  },
  SECONDS * 1000 + 30_000,
)

test(
  'whatever the bytes: a value of JSON.parse over valid UTF-8, or a refusal, and nothing else thrown',
  () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.tuple(document, fc.nat(), fc.nat({ max: 255 })).map(([text, at, byte]) => {
        const encoded = new TextEncoder().encode(text)
        encoded[at % encoded.length] = byte
        return encoded
      }),
    )
    const check = (input: Uint8Array) => {
      const verdict = verdictOf(input)
      if (!('value' in verdict)) return
      const text = Buffer.from(input).toString('utf8')
      expect(Buffer.from(text).equals(input)).toBe(true)
      expect(verdict.value).toStrictEqual(JSON.parse(text))
    }
    fc.assert(fc.property(bytes, check), { ...timeBox, interruptAfterTimeLimit: SECONDS * 500 })
  },
  SECONDS * 1000 + 30_000,
)

test('the generated documents are of both kinds, so that the properties above mean something', () => {
  const sample = fc.sample(document, { numRuns: 2_000, seed: 1 }).map((text) => faultsOf(text).size === 0)
  const clean = sample.filter(Boolean).length / sample.length
  expect(clean).toBeGreaterThan(0.3)
  expect(clean).toBeLessThan(0.9)
})
