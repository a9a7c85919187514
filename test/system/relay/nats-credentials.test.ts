import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys'
import { describe, expect, test } from 'vitest'
import { connectNats, type NatsAddress } from '../../../src/relay/nats-connection.ts'
import { freePort } from '../../support/port.ts'
import { noNats } from './nats-server.ts'

/** A claim as `nsc` writes it: a JWT over Ed25519 whose parties are nkeys. */
function claim(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    jti: 'x',
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    nats: { version: 2, ...nats },
  }
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`
}

const seedOf = (pair: KeyPair): string => Buffer.from(pair.getSeed()).toString()

interface Way {
  readonly config: string
  /** What is let in. */
  readonly good: readonly ((port: number, directory: string) => NatsAddress)[]
  /** What is not. */
  readonly bad: (port: number, directory: string) => NatsAddress
}

const user = createUser()
const stranger = createUser()
const operator = createOperator()
const account = createAccount()
const unlimited = { subs: -1, data: -1, payload: -1 }
const accountJwt = claim(operator, account, {
  type: 'account',
  limits: { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
})
const creds = (issuer: KeyPair): string => `-----BEGIN NATS USER JWT-----
${claim(issuer, user, { type: 'user', ...unlimited })}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${seedOf(user)}
------END USER NKEY SEED------
`
const file = (directory: string, name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const ways: Readonly<Record<string, Way>> = {
  'user and password': {
    config: 'authorization { user: "me", password: "p@ss/word" }',
    good: [
      (port) => ({ url: `nats://127.0.0.1:${port}`, user: 'me', password: 'p@ss/word' }),
      (port) => ({ url: `nats://me:${encodeURIComponent('p@ss/word')}@127.0.0.1:${port}` }),
    ],
    bad: (port) => ({ url: `nats://me:wrong-secret@127.0.0.1:${port}` }),
  },
  'a token': {
    config: 'authorization { token: "tok-secret" }',
    good: [
      (port) => ({ url: `nats://127.0.0.1:${port}`, token: 'tok-secret' }),
      (port) => ({ url: `nats://tok-secret@127.0.0.1:${port}` }),
    ],
    bad: (port) => ({ url: `nats://wrong-secret@127.0.0.1:${port}` }),
  },
  'an nkey': {
    config: `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`,
    good: [
      (port) => ({ url: `nats://127.0.0.1:${port}`, nkey: seedOf(user) }),
      (port, directory) => ({
        url: `nats://127.0.0.1:${port}?nkey=${file(directory, 'user.nk', `${seedOf(user)}\n`)}`,
      }),
    ],
    bad: (port) => ({ url: `nats://127.0.0.1:${port}`, nkey: seedOf(stranger) }),
  },
  'a file of credentials': {
    config: `operator: "${claim(operator, operator, { type: 'operator' })}"
resolver: MEMORY
resolver_preload: { ${account.getPublicKey()}: "${accountJwt}" }`,
    good: [
      (port, directory) => ({
        url: `nats://127.0.0.1:${port}`,
        credsFile: file(directory, 'user.creds', creds(account)),
      }),
      (port, directory) => ({
        url: `nats://127.0.0.1:${port}?creds=${file(directory, 'user.creds', creds(account))}`,
      }),
    ],
    bad: (port, directory) => ({
      url: `nats://127.0.0.1:${port}`,
      credsFile: file(directory, 'stranger.creds', creds(createAccount())),
    }),
  },
}

describe.skipIf(noNats !== undefined || process.env.NATS_URL !== undefined)('a NATS server lets in', () => {
  test.each(Object.entries(ways))('who gives %s, and nobody else', async (_, { config, good, bad }) => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-nats-'))
    const port = await freePort()
    const server = spawn('nats-server', [
      ...['-a', '127.0.0.1', '-p', String(port)],
      ...['-c', file(directory, 'server.conf', config)],
    ])
    const exited = once(server, 'exit')
    try {
      for (const address of good) {
        const connection = await patiently(() => connectNats(address(port, directory)))
        const answer = connection.subscribe('echo', {
          callback: (_, message) => void message.respond(message.data),
        })
        expect((await connection.request('echo', 'hello')).string()).toBe('hello')
        answer.unsubscribe()
        await connection.close()
      }
      const refusal = await connectNats(bad(port, directory)).then(
        () => expect.fail('was let in'),
        (error: unknown) => error,
      )
      expect(String(refusal)).toMatch(/authorization/i)
      expect(String(refusal)).not.toMatch(/secret|SU[A-Z0-9]{20}/)
    } finally {
      server.kill('SIGKILL')
      await exited
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

/** Until the server has started. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 100 || !/refused/i.test(String(error))) throw error
      await sleep(25)
    }
  }
}
