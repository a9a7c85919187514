import { expect, test } from 'vitest'
import { natsConnectionOptions } from '../../../src/relay/nats-connection.ts'

test.each([
  [{ url: 'nats://me:p%40ss@a:4222,nats://me:p%40ss@b' }, { user: 'me', pass: 'p@ss' }, ['a:4222', 'b']],
  [{ url: 'nats://tok@a:4222' }, { auth_token: 'tok' }, ['a:4222']],
  [{ url: 'nats://a:4222', user: 'me', password: 'x' }, { user: 'me', pass: 'x' }, ['a:4222']],
  [{ url: 'tls://a:4222', token: 't' }, { auth_token: 't' }, ['a:4222']],
])('credentials of %j reach the server, and the address without them', async (address, auth, servers) => {
  const options = await natsConnectionOptions(address)
  expect(options.servers).toEqual(servers)
  const authenticator = options.authenticator as (nonce?: string) => unknown
  expect(authenticator()).toMatchObject(auth)
  expect(options.tls).toEqual(address.url.startsWith('tls') ? {} : undefined)
})

test.each([
  { url: 'http://secret@a' },
  { url: 'secret' },
  { url: 'nats://secret@a', token: 'other' },
  { url: 'nats://a', token: 'secret', user: 'me' },
  { url: 'nats://a', password: 'secret' },
  { url: 'nats://a?secret=1' },
  { url: 'nats://a', credsFile: '/no/such/file' },
])('what cannot be right is refused without being repeated: %j', async (address) => {
  const error = await natsConnectionOptions(address).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(TypeError)
  expect(String(error)).not.toContain('secret')
})
