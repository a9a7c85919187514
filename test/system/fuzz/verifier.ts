import { Buffer } from 'node:buffer'
import { PosternError } from '../../../src/core/errors.ts'
import { createKeyRing } from '../../../src/core/signature/keys.ts'
import { createSigner } from '../../../src/core/signature/sign.ts'
import { type Attempt, attack, createTarget, type Target } from '../../unit/core/signature/forgery.ts'

/** Numbers that look random and are the same for the same seed: from 0 to below `below`. */
export type Dice = (below: number) => number

/** mulberry32: small, fast, and good enough to choose where to break something. */
function dice(seed: number): Dice {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export interface VerifierReport {
  /** Requests that the verifier was asked about. */
  readonly inputs: number
  /** Of these, refused. */
  readonly refused: number
  /** Accepted, although what was signed is not there whole; and refusals that are none of the protocol's. */
  readonly failures: readonly { readonly case: number; readonly what: string; readonly attempt: Attempt }[]
}

const PIECES = [
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
  '..',
  '\u00e9',
  '%',
  '\u00a0',
]

/** One change to a header, in place of a chain of arbitraries: a plain loop tries a hundred times as many. */
function edited(text: string, other: string, roll: Dice): string {
  const at = roll(text.length + 1)
  switch (roll(14)) {
    case 0:
      return text.slice(0, at) + PIECES[roll(PIECES.length)] + text.slice(at)
    case 1:
      return text.slice(0, at) + PIECES[roll(PIECES.length)] + text.slice(at + 1 + roll(3))
    case 2:
    case 3:
      return text.slice(0, at) + String.fromCharCode(0x20 + roll(0xdf)) + text.slice(at + 1)
    case 4:
      return text.slice(0, at) + text.slice(at + 1)
    case 5:
      return text.slice(0, at)
    case 6:
      return text.slice(at)
    case 7: {
      const char = text.charAt(at)
      return (
        text.slice(0, at) +
        (char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()) +
        text.slice(at + 1)
      )
    }
    case 8:
      return other
    case 9:
      return `${text}${PIECES[roll(4)]}${other}`
    case 10:
      return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    case 11:
      return `${'v1,AAAA '.repeat(roll(20))}${text}`
    case 12:
      return text.split(' ')[roll(4)] ?? ''
    default: {
      // the values of two schemes change places
      const entries = text.split(' ')
      const value = entries[roll(entries.length)]?.split(',')[1] ?? ''
      return entries.map((entry) => `${entry.split(',')[0]},${value}`).join(' ')
    }
  }
}

function editedBytes(bytes: Uint8Array, other: Uint8Array, roll: Dice): Uint8Array {
  const at = roll(bytes.length)
  switch (roll(6)) {
    case 0:
    case 1: {
      const copy = Uint8Array.from(bytes)
      copy[at] = (copy[at] as number) ^ (1 << roll(8))
      return copy
    }
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Uint8Array.of(roll(256)), bytes.subarray(at)])
    case 4:
      return other
    default:
      return Buffer.concat([Uint8Array.of(0xef, 0xbb, 0xbf), bytes])
  }
}

function forged({ signed }: Target, roll: Dice): Attempt {
  const from = signed[roll(signed.length)] as Attempt
  const other = signed[roll(signed.length)] as Attempt
  if (roll(100) === 0) return recut(from)
  const attempt = { ...from }
  // seldom none at all, so that a verifier that refuses everything is found out
  for (let changes = roll(64) === 0 ? 0 : 1 + roll(3); changes > 0; changes--) {
    const part = (['id', 'timestamp', 'signature', 'signature', 'body'] as const)[roll(5)] as keyof Attempt
    if (part === 'body') attempt.body = editedBytes(attempt.body, other.body, roll)
    else attempt[part] = edited(attempt[part], other[part], roll)
    if (attempt.body.length === 0) break
  }
  return attempt
}

/** A body that begins like a timestamp: cut elsewhere, `id.timestamp.body` has the same bytes and the same MAC. */
const CUTTABLE = Buffer.from('1767225601.{"type":"events"}')

/** All schemes at once, and mostly the one that everybody uses, alone: it is by far the fastest. */
async function targets(): Promise<{ readonly every: Target; readonly plain: Target }> {
  const every = await createTarget()
  const key = 'sk_live_the_key'
  const headers = await createSigner(key)(CUTTABLE, { id: 'msg_2', now: () => 1_767_225_600_000 })
  const cuttable = {
    id: headers['webhook-id'],
    timestamp: headers['webhook-timestamp'],
    signature: headers['webhook-signature'],
    body: CUTTABLE,
  }
  const first = every.signed.map((attempt) => ({
    ...attempt,
    signature: attempt.signature.split(' ')[0] as string,
  }))
  return { every, plain: { ring: createKeyRing(key), signed: [...first, cuttable] } }
}

/** The same bytes, cut one dot further on. */
function recut({ id, timestamp, signature, body }: Attempt): Attempt {
  const dot = body.indexOf(0x2e)
  const next = Buffer.from(body.subarray(0, dot)).toString()
  return { id: `${id}.${timestamp}`, timestamp: next, signature, body: body.subarray(dot + 1) }
}

/** Breaks signed requests and asks the verifier, until `until` says so; each case is decided by seed and number. */
export async function fuzzVerifier(
  seed: number,
  until: (inputs: number) => boolean,
  progress: (inputs: number) => void = () => {},
): Promise<VerifierReport> {
  const { every, plain } = await targets()
  const failures: VerifierReport['failures'][number][] = []
  let inputs = 0
  let refused = 0
  for (let index = 0; failures.length < 10; index++) {
    if (index % 1024 === 0) {
      if (until(inputs)) break
      progress(inputs)
      // lets messages and timers through
      await new Promise(setImmediate)
    }
    const roll = dice(seed + index * 2_654_435)
    const target = roll(50) === 0 ? every : plain
    const attempt = forged(target, roll)
    const answer = await attack(target, attempt)
    if (answer.outcome === 'no request') continue
    inputs++
    if (answer.outcome === 'refused') refused++
    const what = faultOf(answer)
    if (what !== undefined) failures.push({ case: index, what, attempt })
  }
  return { inputs, refused, failures }
}

function faultOf(
  answer: Exclude<Awaited<ReturnType<typeof attack>>, { outcome: 'no request' }>,
): string | undefined {
  if (answer.outcome === 'accepted') return answer.genuine ? undefined : 'accepted without a valid signature'
  const { error } = answer
  const known = error instanceof PosternError && error.status === 401 && error.details === undefined
  return known ? undefined : `refused by ${String(error)}`
}
