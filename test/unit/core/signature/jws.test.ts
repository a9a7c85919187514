import { Buffer } from 'node:buffer'
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { compactVerify, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { signedContent } from '../../../../src/core/signature/envelope.ts'
import { fixedKeySet } from '../../../../src/core/signature/jwks.ts'
import { verifyJws } from '../../../../src/core/signature/jws.ts'
import { ALGORITHMS, signJws } from '../../../../src/core/signature/jws-sign.ts'
import { createKeyRing, type KeyInput } from '../../../../src/core/signature/keys.ts'
import { signRequest } from '../../../../src/core/signature/sign.ts'
import { verifyRequest } from '../../../../src/core/signature/verify.ts'
import rfc7515 from '../../../vectors/rfc7515-jws.json' with { type: 'json' }
import rfc7797 from '../../../vectors/rfc7797-unencoded.json' with { type: 'json' }
import rfc8037 from '../../../vectors/rfc8037-eddsa.json' with { type: 'json' }

const { publicJwk, privateJwk } = rfc8037.jws
const privateKey = createPrivateKey({ key: privateJwk, format: 'jwk' })
const utf8 = (text: string) => new TextEncoder().encode(text)
const base64url = (data: string | Uint8Array) => Buffer.from(data).toString('base64url')

const NOW = 1_767_225_600_000
const body = utf8('{"type":"load","model":"tasks","id":"t1"}')
const content = signedContent('msg_1', NOW / 1000, body)
const ring = createKeyRing({ jwks: [{ ...publicJwk, kid: 'k1' }] })

function verify(value: string, keys: KeyInput | undefined = undefined) {
  const headers = new Headers({
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(NOW / 1000),
    'webhook-signature': `jws,${value}`,
  })
  const used = keys === undefined ? ring : createKeyRing(keys)
  return verifyRequest(used, headers, body, { now: () => NOW })
}

/** A detached JWS whose signature holds for whatever is in the header, as text so that it can be odd JSON. */
function signed(header: string, payload: Uint8Array = content.bytes(), key = privateKey): string {
  return signedAs(base64url(header), payload, key)
}

function signedAs(encoded: string, payload: Uint8Array = content.bytes(), key = privateKey): string {
  return `${encoded}..${base64url(sign(null, Buffer.concat([Buffer.from(`${encoded}.`), payload]), key))}`
}

const GOOD = '{"alg":"EdDSA","kid":"k1","b64":false,"crit":["b64"]}'
const invalid = { code: 'source_signature_invalid', status: 401 }

describe('a detached JWS', () => {
  test.each(ALGORITHMS)('%s, signed by us, is accepted from a fixed key set', async (alg) => {
    const pair = await generateKeyPair(alg, { extractable: true })
    const jwk = { ...(await exportJWK(pair.privateKey)), kid: `key for ${alg}` }
    const headers = new Headers(await signRequest({ jwk, algorithm: alg }, body))
    const jwks = [
      { ...publicJwk, kid: 'other' },
      { ...(await exportJWK(pair.publicKey)), kid: jwk.kid },
    ]
    expect(await verifyRequest(createKeyRing({ jwks }), headers, body)).toMatchObject({ keyId: jwk.kid })
    await expect(verifyRequest(createKeyRing({ jwks }), headers, utf8('{}'))).rejects.toMatchObject(invalid)
  })

  test.each([
    ['Ed25519', 'EdDSA'],
    ['P-256', 'ES256'],
    ['P-384', 'ES384'],
    ['P-521', 'ES512'],
  ])('is signed with the algorithm that the curve %s tells: %s', async (crv, alg) => {
    const pair = await generateKeyPair(alg, { extractable: true })
    const jwk = await exportJWK(pair.privateKey)
    expect(jwk.crv).toBe(crv)
    const headers = await signRequest({ jwk }, body)
    const encoded = headers['webhook-signature'].slice('jws,'.length).split('.')[0]!
    expect(JSON.parse(Buffer.from(encoded, 'base64url').toString())).toEqual({
      alg,
      b64: false,
      crit: ['b64'],
    })
  })

  test('names its key by kid, and by the id of the entry where that has one', async () => {
    expect(await verify(signed(GOOD))).toHaveProperty('keyId', 'k1')
    const keys = { id: 'platform', jwks: [{ ...publicJwk, kid: 'k1' }], organizationId: 'org_1' }
    expect(await verify(signed(GOOD), keys)).toMatchObject({ keyId: 'platform', organizationId: 'org_1' })
  })

  test('without kid is accepted when one key fits and refused when several do', async () => {
    const header = '{"alg":"EdDSA","b64":false,"crit":["b64"]}'
    expect(await verify(signed(header))).toBeDefined()
    const two = {
      jwks: [
        { ...publicJwk, kid: 'k1' },
        { ...publicJwk, kid: 'k2' },
      ],
    }
    await expect(verify(signed(header), two)).rejects.toMatchObject(invalid)
    expect(await verify(signed(GOOD), two)).toBeDefined()
  })

  test('may carry headers that say nothing about keys', async () => {
    expect(await verify(signed(GOOD.replace('{', '{"typ":"postern","iat":1,')))).toBeDefined()
  })
})

describe('a JWS is refused, though its signature holds,', () => {
  test.each<[string, string]>([
    ['with a key in its header', GOOD.replace('{', `{"jwk":${JSON.stringify(publicJwk)},`)],
    ['with the address of a key set', GOOD.replace('{', '{"jku":"https://attacker.example/jwks",')],
    ['with a certificate chain', GOOD.replace('{', '{"x5c":["AAAA"],')],
    ['with the address of a certificate', GOOD.replace('{', '{"x5u":"https://attacker.example/cert",')],
    ['with two alg members', GOOD.replace('{', '{"alg":"none",')],
    ['with two kid members', GOOD.replace('{', '{"kid":"k1",')],
    ['with an escaped second alg', GOOD.replace('{', '{"\\u0061lg":"ES256",')],
    ['without crit', '{"alg":"EdDSA","kid":"k1","b64":false}'],
    ['with an empty crit', GOOD.replace('["b64"]', '[]')],
    ['with more in crit', GOOD.replace('["b64"]', '["b64","exp"]').replace('{', '{"exp":1,')],
    ['with crit that is no list', GOOD.replace('["b64"]', '"b64"')],
    ['with b64 that is not false', GOOD.replace('false', '"false"')],
    ['with an alg that is not its own', GOOD.replace('EdDSA', 'ES256')],
    ['with alg in lower case', GOOD.replace('EdDSA', 'eddsa')],
    ['without alg', GOOD.replace('"alg":"EdDSA",', '')],
    ['with a kid of nobody', GOOD.replace('k1', 'k2')],
    ['with a path as kid', GOOD.replace('k1', '../../dev/null')],
    ['with a kid of SQL', GOOD.replace('k1', "k1' OR '1'='1")],
    ['with a kid that is no text', GOOD.replace('"k1"', '{"k1":1}')],
    ['with a header that is a list', `[${GOOD}]`],
    ['with a header that is null', 'null'],
    ['with a header that is no JSON', `${GOOD},`],
    ['with a byte order mark before its header', `\ufeff${GOOD}`],
    ['with __proto__ in its header', GOOD.replace('{', '{"__proto__":{},')],
  ])('%s', async (_, header) => {
    await expect(verify(signed(header))).rejects.toMatchObject(invalid)
  })

  test('with the content attached', async () => {
    const [header, , signature] = signed(GOOD).split('.')
    for (const attached of [Buffer.from(content.bytes()).toString(), base64url(content.bytes())]) {
      await expect(
        verify(`${header}.${attached.replaceAll(/[ ,]/g, '')}.${signature}`),
      ).rejects.toMatchObject(invalid)
    }
  })

  test('with the content base64url-encoded before signing (b64 true)', async () => {
    const payload = utf8(base64url(content.bytes()))
    await expect(verify(signed('{"alg":"EdDSA","kid":"k1"}', payload))).rejects.toMatchObject(invalid)
    await expect(
      verify(signed('{"alg":"EdDSA","kid":"k1","b64":true,"crit":["b64"]}', payload)),
    ).rejects.toMatchObject(invalid)
  })

  test.each<[string, (value: string) => string]>([
    ['with padding on its header', (value) => value.replace('..', '=..')],
    ['with padding on its signature', (value) => `${value}==`],
    [
      'with stray bits in its signature',
      (value) => value.replace(/.$/, (last) => ({ A: 'B', Q: 'R', g: 'h', w: 'x' })[last]!),
    ],
    ['in base64 instead of base64url', (value) => value.replaceAll('-', '+').replaceAll('_', '/')],
    ['with a fourth part', (value) => `${value}.`],
    ['with one part', (value) => value.split('.')[0]!],
    ['with nothing', () => ''],
    ['with dots alone', () => '..'],
  ])('%s', async (_, change) => {
    // The signature has characters that base64 and base64url spell differently, or the fourth case proves nothing.
    const header = [...'abcdefgh']
      .map((x) => GOOD.replace('{', `{"x":"${x}",`))
      .find((h) => /[-_]/.test(signed(h).split('..')[1]!))!
    expect(await verify(signed(header))).toBeDefined()
    expect(change(signed(header))).not.toBe(signed(header))
    await expect(verify(change(signed(header)))).rejects.toMatchObject(invalid)
  })

  test('with a header in another spelling of base64url, signed as it is', async () => {
    // One byte past a multiple of three, so that there is padding to add and bits to leave over.
    const header = GOOD.replace('{', `{"x":"${'?>'.repeat(8)}",`).replace('}', `${' '.repeat(2)}}`)
    const padded = [0, 1, 2]
      .map((n) => header.replace('}', `${' '.repeat(n)}}`))
      .find((h) => h.length % 3 === 1)!
    const encoded = base64url(padded)
    expect(await verify(signedAs(encoded))).toBeDefined()
    const stray = encoded.replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1))
    expect(Buffer.from(stray, 'base64url')).toEqual(Buffer.from(encoded, 'base64url'))
    const base64 = encoded.replaceAll('-', '+').replaceAll('_', '/')
    expect(base64).not.toBe(encoded)
    for (const spelling of [`${encoded}==`, `${encoded}=`, stray, base64]) {
      await expect(verify(signedAs(spelling))).rejects.toMatchObject(invalid)
    }
  })

  test('with an algorithm that the entry does not allow', async () => {
    const keys = { jwks: [{ ...publicJwk, kid: 'k1' }], algorithms: ['ES256'] }
    await expect(verify(signed(GOOD), keys)).rejects.toMatchObject(invalid)
  })

  test('by the private half of another key', async () => {
    const other = generateKeyPairSync('ed25519').privateKey
    await expect(verify(signed(GOOD, content.bytes(), other))).rejects.toMatchObject(invalid)
  })
})

describe('algorithm confusion', () => {
  const header = (alg: string) => base64url(GOOD.replace('EdDSA', alg))

  test('alg none with an empty or any signature is refused', async () => {
    for (const signature of ['', 'AAAA', signed(GOOD).split('..')[1]]) {
      for (const alg of ['none', 'None', 'NONE']) {
        await expect(verify(`${header(alg)}..${signature}`)).rejects.toMatchObject(invalid)
      }
    }
  })

  test('HS256 with the public key as its secret is refused, in every form the key is published in', async () => {
    const key = createPublicKey({ key: publicJwk, format: 'jwk' })
    const secrets = [
      Buffer.from(publicJwk.x, 'base64url'),
      Buffer.from(publicJwk.x),
      key.export({ type: 'spki', format: 'der' }),
      Buffer.from(key.export({ type: 'spki', format: 'pem' })),
      Buffer.from(JSON.stringify(publicJwk)),
    ]
    for (const secret of secrets) {
      const input = Buffer.concat([Buffer.from(`${header('HS256')}.`), content.bytes()])
      const signature = createHmac('sha256', secret).update(input).digest('base64url')
      await expect(verify(`${header('HS256')}..${signature}`)).rejects.toMatchObject(invalid)
      const v1 = createHmac('sha256', secret).update(content.bytes()).digest('base64')
      await expect(verify(`${signed(GOOD).slice(0, -2)}AA v1,${v1}`)).rejects.toMatchObject(invalid)
    }
  })
})

describe('the published vectors', () => {
  const payload = { prefix: '', body: utf8(rfc7797.payload), bytes: () => utf8(rfc7797.payload) }

  test('RFC 7797 section 4.2: detached and unencoded holds, the encoded form of the same does not', async () => {
    const findKey = () => importJWK(rfc7797.jwk, 'HS256')
    expect(await verifyJws(findKey, ['HS256'], payload, [rfc7797.detached])).toEqual({})
    const [header, , signature] = rfc7797.encoded.split('.')
    expect(await verifyJws(findKey, ['HS256'], payload, [rfc7797.encoded])).toBeUndefined()
    expect(await verifyJws(findKey, ['HS256'], payload, [`${header}..${signature}`])).toBeUndefined()
    const jwk = rfc7797.jwk as JWK
    expect(await signJws(jwk, 'HS256', payload)).toBe(rfc7797.detached)
  })

  const usable = rfc7515.vectors.filter((vector) => vector.jwk !== undefined && vector.jwk.kty !== 'oct')

  test.each(usable)(
    '$source: our key set finds the key, and attached content is refused',
    async ({ jwk, jws }) => {
      const findKey = fixedKeySet([jwk as JWK], ALGORITHMS)
      await expect(compactVerify(jws, findKey)).resolves.toBeDefined()
      await expect(verify(jws, { jwks: [jwk as JWK] })).rejects.toMatchObject(invalid)
    },
  )

  test.each(rfc7515.vectors)('$source: $alg with attached content is refused', async ({ jws }) => {
    await expect(verify(jws)).rejects.toMatchObject(invalid)
    const [header, , signature] = jws.split('.')
    await expect(verify(`${header}..${signature}`)).rejects.toMatchObject(invalid)
  })

  test('RFC 8037 A.4: our key set finds the Ed25519 key', async () => {
    const verified = await compactVerify(rfc8037.jws.jws, fixedKeySet([publicJwk], ALGORITHMS))
    expect(new TextDecoder().decode(verified.payload)).toBe('Example of Ed25519 signing')
  })
})
