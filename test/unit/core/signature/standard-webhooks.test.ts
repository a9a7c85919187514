import { Buffer } from 'node:buffer'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { describe, expect, test } from 'vitest'
import { signedContent } from '../../../../src/core/signature/envelope.ts'
import { createKeyRing } from '../../../../src/core/signature/keys.ts'
import { signRequest } from '../../../../src/core/signature/sign.ts'
import { ed25519PublicKey, verifyV1a } from '../../../../src/core/signature/standard-webhooks.ts'
import { verifyRequest } from '../../../../src/core/signature/verify.ts'
import { ed25519Signer } from '../../../../src/core/signature/web-sign.ts'
import rfc8037 from '../../../vectors/rfc8037-eddsa.json' with { type: 'json' }
import vectors from '../../../vectors/standard-webhooks.json' with { type: 'json' }

const utf8 = (text: string) => new TextEncoder().encode(text)

describe.each(vectors.v1)('the published v1 vector $source', (vector) => {
  const at = () => vector.timestamp * 1000

  test('is accepted', async () => {
    const headers = new Headers({
      'webhook-id': vector.id,
      'webhook-timestamp': String(vector.timestamp),
      'webhook-signature': vector.signature,
    })
    const verified = verifyRequest(createKeyRing(vector.secret), headers, utf8(vector.payload), { now: at })
    expect(await verified).toEqual({ id: vector.id, timestamp: vector.timestamp })
  })

  test('is what our signer makes', async () => {
    const headers = await signRequest(vector.secret, vector.payload, { id: vector.id, now: at })
    expect(headers['webhook-signature']).toBe(vector.signature)
  })
})

describe('the v1a vector derived from the key of RFC 8037 A.1', () => {
  const { whpk, whsk, signed, signature } = vectors.v1a
  const [id = '', timestamp = ''] = signed.split('.', 2)
  const body = signed.slice(id.length + timestamp.length + 2)
  const now = () => Number(timestamp) * 1000

  test('is accepted', async () => {
    const headers = new Headers({
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature,
    })
    const ring = createKeyRing({ id: 'ed', publicKey: whpk })
    expect(await verifyRequest(ring, headers, utf8(body), { now })).toMatchObject({ id, keyId: 'ed' })
  })

  test('is what our signer makes, from the seed alone and from seed and public half', async () => {
    const both = Buffer.concat([Buffer.from(whsk.slice(5), 'base64'), Buffer.from(whpk.slice(5), 'base64')])
    for (const privateKey of [whsk, `whsk_${both.toString('base64')}`]) {
      expect((await signRequest({ privateKey }, body, { id, now }))['webhook-signature']).toBe(signature)
      expect((await signRequest(privateKey, body, { id, now }))['webhook-signature']).toBe(signature)
    }
  })
})

test.each(rfc8037.ed25519)(
  'Ed25519 is that of $source',
  async ({ seed, public: publicHex, message, signature }) => {
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64')
    const sign = ed25519Signer(`whsk_${base64(seed + publicHex)}`)
    const publicKey = ed25519PublicKey(`whpk_${base64(publicHex)}`)
    const content = {
      prefix: '',
      body: Buffer.from(message, 'hex'),
      bytes: () => new Uint8Array(Buffer.from(message, 'hex')),
    }
    expect(await sign(content)).toBe(base64(signature))
    expect(verifyV1a(publicKey, content, [base64(signature)])).toBe(true)
    expect(verifyV1a(publicKey, signedContent('x', 1, content.body), [base64(signature)])).toBe(false)
  },
)

describe.each([
  ['standardwebhooks, whsec_', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', (k: string) => new Webhook(k)],
  ['standardwebhooks, the text itself', 'sk_live_4f9a', (k: string) => new Webhook(k, { format: 'raw' })],
  ['svix, whsec_', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', (k: string) => new SvixWebhook(k)],
  ['svix, the text itself', 'sk_live_4f9a', (k: string) => new SvixWebhook(k, { format: 'raw' })],
])('%s', (_, key, library) => {
  const body = JSON.stringify({ type: 'load', model: 'tasks', id: 'ключ ✓ 🔑' })

  test('signs and we accept', async () => {
    const now = new Date()
    const headers = new Headers({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': library(key).sign('msg_1', now, body),
    })
    expect(await verifyRequest(createKeyRing(key), headers, utf8(body))).toMatchObject({ id: 'msg_1' })
  })

  test('accepts what we sign', async () => {
    const headers = await signRequest(key, body)
    expect(() => library(key).verify(body, headers)).not.toThrow()
    expect(() => library(key).verify(`${body} `, headers)).toThrow()
  })
})

test('the same text as base64 and as its own bytes is two different keys, and neither is tried for the other', async () => {
  const text = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const body = utf8('{}')
  const headers = new Headers(await signRequest({ secret: text, encoding: 'base64' }, body))
  await expect(verifyRequest(createKeyRing(text), headers, body)).rejects.toMatchObject({
    code: 'source_signature_invalid',
  })
  for (const entry of [{ secret: text, encoding: 'base64' }, { secret: `whsec_${text}` }] as const) {
    expect(await verifyRequest(createKeyRing(entry), headers, body)).toBeDefined()
  }
})
