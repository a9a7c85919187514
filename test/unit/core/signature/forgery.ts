import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { createKeyRing, type KeyRing } from '../../../../src/core/signature/keys.ts'
import { createSigner, type SignatureHeaders } from '../../../../src/core/signature/sign.ts'
import { verifyRequest } from '../../../../src/core/signature/verify.ts'
import rfc8037 from '../../../vectors/rfc8037-eddsa.json' with { type: 'json' }
import vectors from '../../../vectors/standard-webhooks.json' with { type: 'json' }

/** Requests made out of signed ones by damage, and the judgement whether the verifier may accept them. */

const NOW = 1_767_225_600_000
const { publicJwk, privateJwk } = rfc8037.jws
const SECRETS = ['sk_live_the_key', vectors.v1[0]!.secret]

export interface Attempt {
  readonly id: string
  readonly timestamp: string
  readonly signature: string
  readonly body: Uint8Array
}

export interface Target {
  readonly ring: KeyRing
  /** What was signed: two requests, each with an entry of every scheme. */
  readonly signed: readonly Attempt[]
}

export async function createTarget(): Promise<Target> {
  const sign = createSigner([...SECRETS, vectors.v1a.whsk, { jwk: { ...privateJwk, kid: 'k1' } }])
  const bodies = ['{"type":"load","model":"tasks","id":"t1"}', '{"type":"events"}'].map((text) =>
    Buffer.from(text),
  )
  const signed = bodies.map(async (body, index) => {
    const now = NOW + index * 1000
    return attemptOf(await sign(body, { id: `msg_${index}`, now: () => now }), body)
  })
  const ring = createKeyRing([...SECRETS, vectors.v1a.whpk, { jwks: [{ ...publicJwk, kid: 'k1' }] }])
  return { ring, signed: await Promise.all(signed) }
}

function attemptOf(headers: SignatureHeaders, body: Uint8Array): Attempt {
  return {
    id: headers['webhook-id'],
    timestamp: headers['webhook-timestamp'],
    signature: headers['webhook-signature'],
    body,
  }
}

/** The answer, and whether an acceptance would be right: what was signed is there, whole, with one of its entries. */
export async function attack({ ring, signed }: Target, attempt: Attempt) {
  let headers: Headers
  try {
    headers = new Headers({
      'webhook-id': attempt.id,
      'webhook-timestamp': attempt.timestamp,
      'webhook-signature': attempt.signature,
    })
  } catch {
    return { outcome: 'no request' } as const
  }
  const entries = headers.get('webhook-signature')!.split(' ').slice(0, 16)
  const genuine = signed.some(
    ({ id, timestamp, signature, body }) =>
      headers.get('webhook-id') === id &&
      headers.get('webhook-timestamp') === timestamp &&
      Buffer.compare(attempt.body, body) === 0 &&
      signature.split(' ').some((entry) => entries.includes(entry)),
  )
  try {
    await verifyRequest(ring, headers, attempt.body, { now: () => NOW })
    return { outcome: 'accepted', genuine } as const
  } catch (error) {
    return { outcome: 'refused', genuine, error } as const
  }
}

const latin1 = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
})
const pieces = fc.constantFrom(
  '.',
  ',',
  ' ',
  ', ',
  '=',
  '==',
  '-',
  '_',
  '+',
  '/',
  'A',
  '0',
  '\t',
  'v1,',
  'v1a,',
  'jws,',
  'V1,',
  'v2,',
  '..',
  'é',
)

/** One change to a text. `other` is the same header of the other signed request. */
const textEdit: fc.Arbitrary<(text: string, other: string) => string> = fc.oneof(
  fc
    .tuple(fc.nat(), fc.nat({ max: 4 }), fc.oneof(pieces, latin1))
    .map(([at, cut, extra]) => (text: string) => {
      const place = at % (text.length + 1)
      return text.slice(0, place) + extra + text.slice(place + cut)
    }),
  fc.nat().map((at) => (text: string) => {
    const place = at % (text.length + 1)
    const char = text.charAt(place)
    const swapped = char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()
    return text.slice(0, place) + swapped + text.slice(place + 1)
  }),
  fc.nat().map((at) => (text: string) => text.slice(0, at % (text.length + 1))),
  fc.constant((text: string) => `${text}, ${text}`),
  fc.constant((_: string, other: string) => other),
  fc.constant((text: string, other: string) => `${text} ${other}`),
  fc.constant((text: string, other: string) => `${text},${other}`),
  fc.constant((text: string) => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')),
  fc.nat({ max: 3 }).map((index) => (text: string) => text.split(' ')[index] ?? ''),
  fc.shuffledSubarray([0, 1, 2, 3]).map((order) => (text: string) => {
    const entries = text.split(' ')
    const values = order.map((from) => entries[from]?.split(',')[1])
    return entries.map((entry, to) => `${entry.split(',')[0]},${values[to] ?? ''}`).join(' ')
  }),
  fc.nat({ max: 20 }).map((count) => (text: string) => `${'v1,AAAA '.repeat(count)}${text}`),
  latin1.map((text) => () => text),
)

const byteEdit: fc.Arbitrary<(bytes: Uint8Array, other: Uint8Array) => Uint8Array> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat({ max: 7 })).map(([at, bit]) => (bytes: Uint8Array) => {
    const copy = Uint8Array.from(bytes)
    if (copy.length > 0) copy[at % copy.length]! ^= 1 << bit
    return copy
  }),
  fc
    .tuple(fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 4 }))
    .map(([at, cut, extra]) => (bytes: Uint8Array) => {
      const place = at % (bytes.length + 1)
      return Uint8Array.from([...bytes.slice(0, place), ...extra, ...bytes.slice(place + cut)])
    }),
  fc.constant((_: Uint8Array, other: Uint8Array) => other),
  fc.constant((bytes: Uint8Array) => Uint8Array.from([0xef, 0xbb, 0xbf, ...bytes])),
  fc.uint8Array().map((bytes) => () => bytes),
)

function edits<T>(edit: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.oneof(fc.constant<T[]>([]), fc.array(edit, { minLength: 1, maxLength: 3 }))
}

/** Attempts at the target: none, one or several of the four parts changed. */
export function forgeries({ signed }: Target): fc.Arbitrary<Attempt> {
  return fc
    .record({
      index: fc.nat({ max: signed.length - 1 }),
      id: edits(textEdit),
      timestamp: edits(textEdit),
      signature: edits(textEdit),
      body: edits(byteEdit),
    })
    .map(({ index, ...changes }) => {
      const from = signed[index]!
      const other = signed[(index + 1) % signed.length]!
      const change = (part: 'id' | 'timestamp' | 'signature') =>
        changes[part].reduce((text, edit) => edit(text, other[part]), from[part])
      return {
        id: change('id'),
        timestamp: change('timestamp'),
        signature: change('signature'),
        body: changes.body.reduce((bytes, edit) => edit(bytes, other.body), from.body),
      }
    })
}
