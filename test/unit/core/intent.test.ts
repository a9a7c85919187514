import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { describe, expect, test } from 'vitest'
import { commitIntent, type IntentOperation } from '../../../src/core/protocol/intent.ts'
import rfc8785 from '../../vectors/rfc8785-jcs.json' with { type: 'json' }

const base = {
  type: 'UPDATE',
  model: 'tasks',
  id: 't1',
  input: { title: 'x', done: false },
  readAt: 7,
} as const
const other: IntentOperation = { type: 'DELETE', model: 'tasks', id: 't2' }
const hash = (...operations: object[]) => commitIntent('org_1', operations as IntentOperation[])

test('is SHA-256 in base64url over canonical JSON, so that it is the same in every version and runtime', () => {
  const canonical =
    '["org_1",[{"id":"t1","input":{"done":false,"title":"x"},"model":"tasks","readAt":7,"type":"UPDATE"}]]'
  expect(hash(base)).toBe(createHash('sha256').update(canonical).digest('base64url'))
  expect(hash(base)).toBe('Fmk72J_zk1-RWVPmPz2QNblUYqyZ0eVS_uSF-3RBFpg')
})

test.each(rfc8785.vectors)('canonicalises input as RFC 8785 says: $name', (vector) => {
  const value = JSON.parse(Buffer.from(vector.input_hex, 'hex').toString())
  const expected = Buffer.from(vector.output_hex, 'hex').toString()
  const canonical = `["org_1",[{"input":{"v":${expected}},"model":"m","type":"CREATE"}]]`
  expect(hash({ type: 'CREATE', model: 'm', input: { v: value } })).toBe(
    createHash('sha256').update(canonical).digest('base64url'),
  )
})

describe('says the same of', () => {
  test.each<[string, object]>([
    [
      'members in another order',
      { readAt: 7, input: { done: false, title: 'x' }, id: 't1', model: 'tasks', type: 'UPDATE' },
    ],
    ['another transactionId', { ...base, transactionId: 'tx_2' }],
    ['members of a newer caller', { ...base, hint: { a: 1 } }],
    ['the default rule spelled out', { ...base, onStale: 'reject' }],
    ['null for an absent member', { ...base, onStale: null }],
  ])('%s', (_, operation) => {
    expect(hash(operation)).toBe(hash(base))
  })

  test('the two names of one rule', () => {
    expect(hash({ ...base, onStale: 'force' })).toBe(hash({ ...base, onStale: 'overwrite' }))
    expect(hash({ ...base, onStale: 'flag' })).toBe(hash({ ...base, onStale: 'notify' }))
  })

  test('a rule without a readAt to be stale against, and none', () => {
    expect(hash({ ...other, onStale: 'merge', readAt: null, id: 't2' })).toBe(hash(other))
  })
})

describe('differs for', () => {
  test.each<[string, object]>([
    ['another type', { ...base, type: 'CREATE' }],
    ['another model', { ...base, model: 'projects' }],
    ['another id', { ...base, id: 't2' }],
    ['another value', { ...base, input: { title: 'y', done: false } }],
    ['a value of another type', { ...base, input: { title: 'x', done: 'false' } }],
    ['a field less', { ...base, input: { title: 'x' } }],
    ['a field set to null', { ...base, input: { title: 'x', done: false, note: null } }],
    ['no input', { ...base, input: undefined }],
    ['another readAt', { ...base, readAt: 8 }],
    ['no readAt', { ...base, readAt: undefined }],
    ['another rule', { ...base, onStale: 'merge' }],
  ])('%s', (_, operation) => {
    expect(hash(operation)).not.toBe(hash(base))
  })

  test('a row that the log knows no change of (readAt 0) and no readAt at all', () => {
    expect(hash({ ...base, readAt: 0 })).not.toBe(hash({ ...base, readAt: undefined }))
  })

  test('another order of operations, one more and one less', () => {
    const hashes = [hash(base, other), hash(other, base), hash(base), hash(base, other, other), hash()]
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  test('another tenant, and none', () => {
    const hashes = ['org_1', 'org_2', '', null].map((tenant) => commitIntent(tenant, [base]))
    expect(new Set(hashes).size).toBe(4)
    expect(commitIntent(undefined, [base])).toBe(hashes[3])
  })

  test('what only naive concatenation would confuse', () => {
    expect(hash({ ...other, model: 'a', id: 'b,c' })).not.toBe(hash({ ...other, model: 'a,b', id: 'c' }))
    expect(hash({ ...base, input: { 'a":1,"b': 2 } })).not.toBe(hash({ ...base, input: { a: 1, b: 2 } }))
  })
})

test('a value that has no JSON form is an error and not a hash', () => {
  expect(() => hash({ ...base, input: { x: Number.NaN } })).toThrow()
  expect(() => hash({ ...base, input: { x: '\ud800' } })).toThrow()
})

test('keeps nothing of the operations it was given', () => {
  const frozen = Object.freeze({ ...base, input: Object.freeze({ ...base.input }) })
  expect(hash(frozen)).toBe(hash(base))
  expect(canonicalize(frozen)).toContain('"readAt":7')
})
