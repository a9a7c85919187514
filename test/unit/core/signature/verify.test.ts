import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { PosternError } from '../../../../src/core/errors.ts'
import { decodeJson } from '../../../../src/core/protocol/json.ts'
import { createKeyRing } from '../../../../src/core/signature/keys.ts'
import { signRequest } from '../../../../src/core/signature/sign.ts'
import { readEnvelope, verifyRequest } from '../../../../src/core/signature/verify.ts'

const KEY = 'sk_live_the_key'
const NOW = 1_767_225_600_000
const ring = createKeyRing([KEY, 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='])
const body = new TextEncoder().encode('{"type":"load","model":"tasks","id":"t1"}')
const at = (now: number) => ({ now: () => now })

/** A v1 signature over exactly these texts, however unfit for a header. */
function mac(id: string, timestamp: string, bytes: Uint8Array | string): string {
  return `v1,${createHmac('sha256', KEY).update(`${id}.${timestamp}.`).update(bytes).digest('base64')}`
}

let headers: Headers
beforeEach(async () => {
  headers = new Headers(await signRequest(KEY, body, { id: 'msg_1', now: () => NOW }))
})

const verify = (bytes = body, now = NOW) => verifyRequest(ring, headers, bytes, at(now))
const invalid = { code: 'source_signature_invalid', status: 401 }

test('a signed request is accepted and says which one it is', async () => {
  expect(await verify()).toEqual({ id: 'msg_1', timestamp: NOW / 1000 })
  expect(readEnvelope(headers)).toMatchObject({
    id: 'msg_1',
    timestamp: NOW / 1000,
    signatures: [{ scheme: 'v1' }],
  })
})

describe('a missing or empty header is named, before the body is looked at', () => {
  test.each([
    ['webhook-id', 'source_id_missing'],
    ['webhook-timestamp', 'source_timestamp_missing'],
    ['webhook-signature', 'source_signature_missing'],
  ])('%s', async (name, code) => {
    headers.delete(name)
    await expect(verify()).rejects.toMatchObject({ code, status: 401 })
    expect(() => readEnvelope(headers)).toThrow(expect.objectContaining({ code }))
    headers.set(name, '')
    await expect(verify()).rejects.toMatchObject({ code, status: 401 })
  })
})

describe('a header sent twice, which HTTP joins with a comma, is refused', () => {
  test.each([
    ['webhook-id', 'msg_1', 'source_signature_invalid'],
    ['webhook-timestamp', String(NOW / 1000), 'source_timestamp_invalid'],
  ])('%s', async (name, value, code) => {
    headers.append(name, value)
    const [id, timestamp] = [headers.get('webhook-id')!, headers.get('webhook-timestamp')!]
    headers.set('webhook-signature', mac(id, timestamp, body))
    await expect(verify()).rejects.toMatchObject({ code })
  })

  test('webhook-signature, whichever of the two holds', async () => {
    const right = headers.get('webhook-signature')!
    const wrong = mac('msg_1', '1', body)
    for (const pair of [
      [right, wrong],
      [wrong, right],
      [right, right],
    ]) {
      headers.delete('webhook-signature')
      for (const value of pair) headers.append('webhook-signature', value)
      await expect(verify()).rejects.toMatchObject(invalid)
    }
  })
})

describe('a signature holds for its own id, timestamp and body only', () => {
  test('another body', async () => {
    await expect(verify(body.slice(1))).rejects.toMatchObject(invalid)
    await expect(verify(new Uint8Array())).rejects.toMatchObject(invalid)
  })

  test('another id', async () => {
    headers.set('webhook-id', 'msg_2')
    await expect(verify()).rejects.toMatchObject(invalid)
  })

  test('another timestamp', async () => {
    headers.set('webhook-timestamp', String(NOW / 1000 + 1))
    await expect(verify()).rejects.toMatchObject(invalid)
  })

  test('the parts cut elsewhere: a dot in the id is refused though its MAC holds', async () => {
    const seconds = String(NOW / 1000)
    // msg . 1767225600 . 1767225600.{...}  is also  msg.1767225600 . 1767225600 . {...}
    headers.set('webhook-id', `msg.${seconds}`)
    headers.set('webhook-signature', mac('msg', seconds, `${seconds}.{}`))
    expect(mac('msg', seconds, `${seconds}.{}`)).toBe(mac(`msg.${seconds}`, seconds, '{}'))
    await expect(verify(new TextEncoder().encode('{}'))).rejects.toMatchObject(invalid)
  })

  test.each([
    ['a comma', 'a,b'],
    ['a space', 'a b'],
    ['no ASCII', 'm\u00fc'],
    ['256 characters', 'm'.repeat(256)],
  ])('an id with %s is refused though its MAC holds', async (_, id) => {
    headers.set('webhook-id', id)
    headers.set('webhook-signature', mac(id, String(NOW / 1000), body))
    await expect(verify()).rejects.toMatchObject(invalid)
  })
})

describe('an odd timestamp is refused though its MAC holds and Number() would read it', () => {
  test.each([
    '01767225600',
    '+1767225600',
    '-1767225600',
    '1767225600.0',
    '1.7672256e9',
    '0x69558700',
    '1_767_225_600',
    '1767225600 0',
    '176722560',
    '1767225600000',
    'NaN',
    'Infinity',
    '١٧٦٧٢٢٥٦٠٠',
    '1767225600;',
    '1767225600a',
  ])('%s', async (timestamp) => {
    const given = { get: (name: string) => (name === 'webhook-timestamp' ? timestamp : headers.get(name)) }
    headers.set('webhook-signature', mac('msg_1', timestamp, body))
    await expect(verifyRequest(ring, given as Headers, body, at(NOW))).rejects.toMatchObject({
      code: 'source_timestamp_invalid',
      status: 401,
    })
  })
})

describe('the tolerance is inclusive on both sides', () => {
  test.each([
    [300_000, true],
    [300_999, true],
    [301_000, false],
    [-300_000, true],
    [-300_001, false],
  ])('a clock %i ms ahead of the signer: accepted is %s', async (skew, accepted) => {
    const verified = verify(body, NOW + skew)
    if (accepted) expect(await verified).toBeDefined()
    else await expect(verified).rejects.toMatchObject({ code: 'source_timestamp_expired', status: 401 })
  })

  test('it can be set, and zero means the same second', async () => {
    const verifyAt = (now: number, toleranceSeconds: number) =>
      verifyRequest(ring, headers, body, { now: () => now, toleranceSeconds })
    expect(await verifyAt(NOW + 999, 0)).toBeDefined()
    await expect(verifyAt(NOW + 1000, 0)).rejects.toMatchObject({ code: 'source_timestamp_expired' })
    expect(await verifyAt(NOW + 900_000, 900)).toBeDefined()
  })

  test('a clock or tolerance that is no number refuses everything', async () => {
    await expect(verify(body, Number.NaN)).rejects.toMatchObject({ code: 'source_adapter_misconfigured' })
    const options = { toleranceSeconds: Number.NaN, now: () => NOW }
    await expect(verifyRequest(ring, headers, body, options)).rejects.toMatchObject({
      code: 'source_timestamp_expired',
    })
  })
})

describe('a signature has one spelling', () => {
  test.each<[string, (value: string) => string]>([
    ['forged', () => `v1,${Buffer.alloc(32).toString('base64')}`],
    ['empty', () => 'v1,'],
    ['without scheme', (value) => value.slice(3)],
    ['truncated', (value) => value.slice(0, -4)],
    ['without padding', (value) => value.slice(0, -1)],
    ['with more padding', (value) => `${value}=`],
    ['with stray bits in the last character', (value) => strayBits(value)],
    ['in base64url', (value) => value.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')],
    ['in hexadecimal', (value) => `v1,${Buffer.from(value.slice(3), 'base64').toString('hex')}`],
    ['with a tab inside', (value) => value.replace(',', ',\t')],
    ['under an upper-case scheme', (value) => value.replace('v1', 'V1')],
    ['under another scheme', (value) => value.replace('v1', 'v1a')],
    ['under an unknown scheme', (value) => value.replace('v1', 'v2')],
    ['of the right length, no ASCII', (value) => value.replace(/.$/, '\u00e9')],
  ])('%s is refused', async (_, change) => {
    headers.set('webhook-signature', change(headers.get('webhook-signature')!))
    await expect(verify()).rejects.toMatchObject(invalid)
  })

  function strayBits(value: string): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const changed = value.replace(/(.)=$/, (_, last) => `${alphabet[alphabet.indexOf(last) + 1]}=`)
    expect(Buffer.from(changed.slice(3), 'base64')).toEqual(Buffer.from(value.slice(3), 'base64'))
    return changed
  }
})

describe('many entries', () => {
  test('unknown schemes beside a good entry are passed over', async () => {
    headers.set('webhook-signature', `v9,abc  rubbish ${headers.get('webhook-signature')} v1a,AAAA`)
    expect(await verify()).toBeDefined()
  })

  test('sixteen are looked at and no more', async () => {
    const good = headers.get('webhook-signature')!
    const wrong = `v1,${'A'.repeat(43)}=`
    headers.set('webhook-signature', [...Array(15).fill(wrong), good].join(' '))
    expect(await verify()).toBeDefined()
    headers.set('webhook-signature', [...Array(16).fill(wrong), good].join(' '))
    await expect(verify()).rejects.toMatchObject(invalid)
    headers.set('webhook-signature', Array(50_000).fill(wrong).join(' '))
    expect(readEnvelope(headers).signatures).toHaveLength(16)
  })

  test('v1a has one spelling too', async () => {
    const signed = await signRequest('whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=', body, {
      id: 'msg_1',
      now: () => NOW,
    })
    const good = signed['webhook-signature']
    const stray = good.replace(
      /(.)==$/,
      (_, last: string) => `${String.fromCharCode(last.charCodeAt(0) + 1)}==`,
    )
    const base64url = good.replaceAll('+', '-').replaceAll('/', '_')
    for (const spelling of [
      good.slice(0, -1),
      good.slice(0, -2),
      `${good}=`,
      stray,
      base64url,
      good.slice(0, -4),
    ]) {
      expect(spelling).not.toBe(good)
      headers.set('webhook-signature', spelling)
      await expect(verify()).rejects.toMatchObject(invalid)
    }
  })

  test('of a public-key scheme four are tried, so that a forger cannot buy more checks than that', async () => {
    const signed = await signRequest('whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=', body, {
      id: 'msg_1',
      now: () => NOW,
    })
    const wrong = `v1a,${Buffer.alloc(64).toString('base64')}`
    headers.set('webhook-signature', [wrong, wrong, wrong, signed['webhook-signature']].join(' '))
    expect(await verify()).toBeDefined()
    headers.set('webhook-signature', [wrong, wrong, wrong, wrong, signed['webhook-signature']].join(' '))
    await expect(verify()).rejects.toMatchObject(invalid)
  })
})

describe('the signature is over bytes, and decoding comes after', () => {
  test('bytes that decode to the same text are not the same request', async () => {
    const signed = Uint8Array.of(0x22, 0xff, 0x22)
    headers = new Headers(await signRequest(KEY, signed, { now: () => NOW }))
    await expect(verify(Uint8Array.of(0x22, 0xfe, 0x22))).rejects.toMatchObject(invalid)
    expect(await verify(signed)).toBeDefined()
    expect(() => decodeJson(signed)).toThrow(expect.objectContaining({ code: 'invalid_json' }))
  })

  test('a byte order mark is part of what was signed, and then refused', async () => {
    const signed = Uint8Array.of(0xef, 0xbb, 0xbf, ...body)
    await expect(verify(signed)).rejects.toMatchObject(invalid)
    headers = new Headers(await signRequest(KEY, signed, { now: () => NOW }))
    expect(await verify(signed)).toBeDefined()
    expect(() => decodeJson(signed)).toThrow(expect.objectContaining({ code: 'invalid_json' }))
  })
})

test('a refusal says nothing of the keys: unknown, expired and other scheme look the same', async () => {
  const refusals: unknown[] = []
  for (const keys of [
    'sk_other',
    [{ id: 'old', secret: KEY, notAfter: '2020-01-01T00:00:00Z' }],
    { publicKey: 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' },
  ]) {
    const error = await verifyRequest(createKeyRing(keys), headers, body, at(NOW)).catch((e: unknown) => e)
    if (!(error instanceof PosternError)) throw new Error('accepted')
    refusals.push({ ...error, message: error.message, cause: error.cause })
  }
  expect(refusals[1]).toEqual(refusals[0])
  expect(refusals[2]).toEqual(refusals[0])
})

test('our signer makes a fresh id and timestamp, and refuses an id that no verifier takes', async () => {
  const [one, two] = await Promise.all([signRequest(KEY, body), signRequest(KEY, body)])
  expect(one['webhook-id']).toMatch(/^msg_[0-9a-f]{32}$/)
  expect(one['webhook-id']).not.toBe(two['webhook-id'])
  expect(await verifyRequest(ring, new Headers(one), body)).toBeDefined()
  for (const id of ['', 'a.1767225600', 'a.b!', 'a,b', 'a b', 'x'.repeat(256)]) {
    await expect(signRequest(KEY, body, { id })).rejects.toThrow(TypeError)
  }
})
