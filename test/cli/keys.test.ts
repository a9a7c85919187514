import { expect, test, vi } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { createKeyRing, signRequest, verifyRequest } from '../../src/index.ts'

async function generate(...options: string[]): Promise<Record<string, string>> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    await createProgram().parseAsync(['keys', 'generate', '--json', ...options], { from: 'user' })
    return JSON.parse(log.mock.calls[0]?.[0])
  } finally {
    log.mockRestore()
  }
}

const body = new TextEncoder().encode('{"type":"events"}')

test('keys generate makes a secret that signs and verifies, another one each time', async () => {
  const { secret = '' } = await generate()
  const headers = new Headers(await signRequest(secret, body))
  expect(await verifyRequest(createKeyRing(secret), headers, body)).toMatchObject({ id: expect.any(String) })
  expect((await generate()).secret).not.toBe(secret)
})

test('keys generate --scheme ed25519 makes a pair of which the public half verifies and cannot sign', async () => {
  const { privateKey = '', publicKey = '' } = await generate('--scheme', 'ed25519')
  const headers = new Headers(await signRequest(privateKey, body))
  expect(await verifyRequest(createKeyRing(publicKey), headers, body)).toMatchObject({
    id: expect.any(String),
  })
  await expect(signRequest(publicKey, body)).rejects.toThrow(/public key/)
})
