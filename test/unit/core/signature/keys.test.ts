import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createKeyRing, type KeyInput } from '../../../../src/core/signature/keys.ts'
import { createSigner, type SigningInput, signRequest } from '../../../../src/core/signature/sign.ts'
import { verifyRequest } from '../../../../src/core/signature/verify.ts'

const SECRET = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const WHPK = 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='
const WHSK = 'whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A='
const ED = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
const body = new TextEncoder().encode('{"type":"events"}')
const refused = { code: 'source_signature_invalid', status: 401 }

function smallRsaJwk() {
  return generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
}

describe('a key that cannot work stops the start with a sentence that names the fault', () => {
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'is missing'],
    ['no keys', [], 'the list of keys is empty'],
    [
      'an unset variable in an entry',
      { secret: undefined },
      'is missing: the environment variable may not be set',
    ],
    ['empty', '', 'is empty'],
    ['a number', { secret: 12345 }, 'is not a string'],
    ['a signature', `v1,${SECRET}`, 'has a `v1,` prefix'],
    ['an asymmetric signature', `v1a,${SECRET}`, 'has a `v1a,` prefix'],
    ['a trailing newline', `whsec_${SECRET}\n`, 'contains white space'],
    ['a leading space', ` whsec_${SECRET}`, 'contains white space'],
    ['a space inside', 'sk_live a', 'contains white space'],
    ['a no-break space', 'sk_live\u00a0', 'contains white space'],
    ['a control character', 'sk_live\u0000', 'contains characters that are no text'],
    ['a lone surrogate', 'sk_live\ud800', 'contains characters that are no text'],
    ['an empty whsec_', 'whsec_', 'is empty after its prefix'],
    ['rubbish base64', 'whsec_????', 'is not canonical base64'],
    ['base64 without its padding', 'whsec_YWJjYQ', 'is not canonical base64'],
    ['base64 with stray bits', 'whsec_YWJjZR==', 'is not canonical base64'],
    ['base64url', 'whsec_-_-_', 'is not canonical base64'],
    ['a text that is no base64', { secret: 'sk_live_x', encoding: 'base64' }, 'is not canonical base64'],
    ['an unknown encoding', { secret: SECRET, encoding: 'hex' }, 'an `encoding` other than'],
    ['a public key as a secret', { secret: WHPK }, 'is a `whpk_` public key'],
    ['a private key as a secret', { secret: WHSK }, 'is a `whsk_` private key'],
    ['a private key as a public one', { publicKey: WHSK }, 'does not begin with `whpk_`'],
    ['a short public key', { publicKey: 'whpk_AAAA' }, 'is not 32 bytes long'],
    ['two kinds in one', { secret: SECRET, publicKey: WHPK }, 'must have exactly one of'],
    ['no kind', { id: 'x' }, 'must have exactly one of'],
    ['a tenant without a name', { secret: SECRET, organizationId: '' }, 'has an empty `organizationId`'],
    ['a date without zone', { secret: SECRET, notAfter: '2026-07-01T00:00:00' }, 'not RFC 3339'],
    ['a date that is none', { secret: SECRET, notAfter: new Date('x') }, '`notAfter` that is no moment'],
    ['no JWKs', { jwks: [] }, 'has no keys'],
    ['no JWK set', { jwks: { keys: 'x' } }, 'has no keys'],
    ['a symmetric JWK', { jwks: [{ kty: 'oct', k: 'AAAA' }] }, 'has a symmetric key'],
    ['a private JWK', { jwks: [{ ...ED, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' }] }, 'private key'],
    ['a broken JWK', { jwks: [{ ...ED, x: 'AAAA' }] }, 'no usable JWK'],
    ['a null JWK', { jwks: [null] }, 'no JWK'],
    [
      'two keys of one kid',
      {
        jwks: [
          { ...ED, kid: 'a' },
          { ...ED, kid: 'a' },
        ],
      },
      'two members with one `kid`',
    ],
    ['a short RSA key', { jwks: [smallRsaJwk()] }, 'shorter than 2048 bits'],
    ['a JWK for HS256', { jwks: [{ ...ED, alg: 'HS256' }] }, 'not among the allowed algorithms'],
    ['alg none', { jwks: [ED], algorithms: ['none'] }, 'allows the algorithm "none"'],
    ['HS256', { jwks: [ED], algorithms: ['EdDSA', 'HS256'] }, 'allows the algorithm "HS256"'],
    ['no algorithm', { jwks: [ED], algorithms: [] }, 'empty list of `algorithms`'],
    ['http', { jwks: 'http://example.com/jwks' }, 'is not an https URL'],
    ['http to localhost without the flag', { jwks: 'http://localhost/jwks' }, 'is not an https URL'],
    [
      'http elsewhere with the flag',
      { jwks: 'http://10.0.0.1/', allowInsecure: true },
      'is not an https URL',
    ],
    ['a file', { jwks: 'file:///etc/jwks.json' }, 'is not an https URL'],
    ['credentials', { jwks: 'https://user:secret@example.com/' }, 'has credentials in its URL'],
    ['no URL', { jwks: 'example.com/jwks' }, 'is not a URL'],
  ])('%s', (_, keys, fault) => {
    expect(() => createKeyRing(keys as KeyInput)).toThrow(TypeError)
    expect(() => createKeyRing(keys as KeyInput)).toThrow(fault)
  })

  test.each<[string, unknown, string]>([
    ['no keys', [], 'the list of keys is empty'],
    ['a public key', { privateKey: WHPK }, 'does not begin with `whsk_`'],
    ['a short private key', { privateKey: 'whsk_AAAA' }, 'is not 32 or 64 bytes long'],
    ['a public JWK', { jwk: ED }, 'has no private part'],
    ['RSA without algorithm', { jwk: { kty: 'RSA', d: 'x' } }, 'needs an `algorithm`'],
    ['a symmetric algorithm', { jwk: { ...ED, d: 'x' }, algorithm: 'HS256' }, 'no verifier may accept'],
    ['no kind', {}, 'must have one of'],
  ])('when signing: %s', (_, keys, fault) => {
    expect(() => createSigner(keys as SigningInput)).toThrow(fault)
  })

  test('when signing: halves of two keys, at the first signature', async () => {
    const sign = createSigner({ privateKey: `whsk_${'A'.repeat(85)}A==` })
    const fault = 'The signing key has a public half that is of another key.'
    await expect(sign('{}')).rejects.toThrow(new TypeError(fault))
  })

  test('the sentence names the key by its id or place and never quotes it', () => {
    const faulty = 'whsec_planted!canary'
    const sentence = (keys: KeyInput) => {
      try {
        createKeyRing(keys)
      } catch (error) {
        return String(error)
      }
      return 'accepted'
    }
    expect(sentence({ id: 'summer', secret: faulty })).toMatch(
      /^TypeError: The signing key "summer" is not canonical/,
    )
    expect(sentence(['sk_fine', faulty])).toMatch(/^TypeError: The signing key at \[1\] is not canonical/)
    expect(sentence(faulty)).not.toContain('planted')
  })
})

test('a key ring that is logged or serialised shows no key material', () => {
  const ring = createKeyRing(['sk_live_canary', `whsec_${SECRET}`])
  const hex = Buffer.from('sk_live_canary').toString('hex')
  for (const shown of [inspect(ring, { depth: null, showHidden: true }), JSON.stringify(ring)]) {
    expect(shown).not.toMatch(/sk_live_canary|MfKQ9r8G/)
    expect(shown).not.toContain(hex)
    expect(shown).not.toContain(hex.match(/../g)!.join(' '))
  }
})

describe('rotation', () => {
  const verify = (keys: KeyInput, headers: Headers, now?: number) =>
    verifyRequest(createKeyRing(keys), headers, body, now === undefined ? {} : { now: () => now })

  test('old and new key are accepted side by side, and the answer says which one it was', async () => {
    const ring: KeyInput = [
      { id: 'new', secret: 'sk_new' },
      { id: 'old', secret: `whsec_${SECRET}` },
    ]
    expect(await verify(ring, new Headers(await signRequest('sk_new', body)))).toMatchObject({ keyId: 'new' })
    expect(await verify(ring, new Headers(await signRequest(`whsec_${SECRET}`, body)))).toMatchObject({
      keyId: 'old',
    })
  })

  test('a signer with both keys is accepted by a receiver that has either', async () => {
    const headers = new Headers(await signRequest(['sk_new', 'sk_old', WHSK], body))
    for (const keys of ['sk_new', 'sk_old', WHPK, ['sk_other', 'sk_old']] as const) {
      expect(await verify(keys, headers)).toBeDefined()
    }
  })

  test('a removed key is refused', async () => {
    const headers = new Headers(await signRequest('sk_old', body))
    await expect(verify('sk_new', headers)).rejects.toMatchObject(refused)
  })

  test('a key counts up to and including its notAfter, and is then like an unknown one', async () => {
    const end = Date.parse('2026-07-01T00:00:00Z')
    const keys = [{ secret: 'sk_old', notAfter: '2026-07-01T02:00:00+02:00' }, 'sk_new']
    const signedAt = async (now: number) => new Headers(await signRequest('sk_old', body, { now: () => now }))
    expect(await verify(keys, await signedAt(end), end)).toBeDefined()
    await expect(verify(keys, await signedAt(end), end + 1)).rejects.toMatchObject(refused)
    const dated = [{ publicKey: WHPK, notAfter: new Date(end) }]
    const headers = new Headers(await signRequest(WHSK, body, { now: () => end }))
    await expect(verify(dated, headers, end + 1)).rejects.toMatchObject(refused)
  })
})

test('a key of one tenant says whose it is, and a key of none says nothing', async () => {
  const ring = createKeyRing([{ secret: 'sk_a', organizationId: 'org_a' }, { secret: 'sk_any' }])
  const verified = async (key: string) => verifyRequest(ring, new Headers(await signRequest(key, body)), body)
  expect(await verified('sk_a')).toHaveProperty('organizationId', 'org_a')
  expect(await verified('sk_any')).not.toHaveProperty('organizationId')
})
