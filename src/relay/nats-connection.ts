import { readFile } from 'node:fs/promises'
import type { Authenticator, ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import {
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node'
import { checkOptions } from '../core/options.ts'

/** Where NATS is, and as whom to connect to it. One way to prove that: by an option or in the address, not both. */
export interface NatsAddress {
  /**
   * `nats://host:4222` or `tls://host:4222`, several separated by commas. `nats://user:password@host` and
   * `nats://token@host` carry credentials, `?creds=<file>` and `?nkey=<file>` name a file with them.
   */
  readonly url: string
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly token?: string | undefined
  /** The seed of an nkey, `SU...`. */
  readonly nkey?: string | undefined
  /** A file with such a seed. */
  readonly nkeyFile?: string | undefined
  /** A file with a user's JWT and seed, as `nsc` writes it. */
  readonly credsFile?: string | undefined
}

/**
 * Connects to NATS, for `natsSink`. What it is given never stands in an error: addresses hold passwords.
 *
 * @throws TypeError for an address that is none, or for credentials given in two ways
 * @example
 * const connection = await connectNats({ url: 'nats://127.0.0.1:4222', credsFile: process.env.NATS_CREDS })
 */
export async function connectNats(address: NatsAddress): Promise<NatsConnection> {
  return connect(await natsConnectionOptions(address))
}

/** The same as options for `connect()` of `@nats-io/transport-node`, to be added to. */
export async function natsConnectionOptions(address: NatsAddress): Promise<ConnectionOptions> {
  checkOptions<NatsAddress>('connectNats', address, {
    url: 'any',
    user: 'text',
    password: 'text',
    token: 'text',
    nkey: 'text',
    nkeyFile: 'text',
    credsFile: 'text',
  })
  const servers = String(address.url)
    .split(',')
    .map((text) => parsed(text.trim()))
  const authenticator = await authenticatorOf(credentialsOf(address, servers))
  return {
    servers: servers.map(({ host }) => host),
    ...(servers.some(({ protocol }) => protocol === 'tls:') && { tls: {} }),
    ...(authenticator !== undefined && { authenticator }),
  }
}

const PROTOCOLS: readonly string[] = ['nats:', 'tls:']
const WRONG = 'The address of a NATS server must begin with nats: or tls:, and name a host.'

function parsed(text: string): URL {
  // `URL` knows no default port for these, and takes no host for schemes that it does not know without `//`.
  if (!URL.canParse(text)) throw new TypeError(WRONG)
  const url = new URL(text)
  if (!PROTOCOLS.includes(url.protocol) || url.host === '') throw new TypeError(WRONG)
  for (const name of url.searchParams.keys()) {
    if (name !== 'creds' && name !== 'nkey')
      throw new TypeError('The address of a NATS server takes `creds` and `nkey` after the question mark.')
  }
  return url
}

type Credentials = Omit<NatsAddress, 'url'>

function credentialsOf({ url: _, ...options }: NatsAddress, servers: readonly URL[]): Credentials {
  const given = [options, ...servers.map(inAddress)].map(present).filter((one) => Object.keys(one).length > 0)
  const [first = {}, ...others] = given
  if (others.some((one) => JSON.stringify(one) !== JSON.stringify(first)))
    throw new TypeError('Give the credentials of NATS once: as options or in the address.')
  const { user, password, token, nkey, nkeyFile, credsFile } = first
  const ways = [user, token, nkey, nkeyFile, credsFile].filter((way) => way !== undefined)
  if (ways.length > 1) throw new TypeError('Give one of `user`, `token`, `nkey`, `nkeyFile` and `credsFile`.')
  if (password !== undefined && user === undefined) throw new TypeError('`password` needs `user`.')
  return first
}

function inAddress({ username, password, searchParams }: URL): Credentials {
  const name = username === '' ? undefined : decodeURIComponent(username)
  return {
    ...(password === '' ? { token: name } : { user: name ?? '', password: decodeURIComponent(password) }),
    credsFile: searchParams.get('creds') ?? undefined,
    nkeyFile: searchParams.get('nkey') ?? undefined,
  }
}

const present = (credentials: Credentials): Credentials =>
  Object.fromEntries(
    Object.entries(credentials)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )

async function authenticatorOf(credentials: Credentials): Promise<Authenticator | undefined> {
  const { user, password, token, nkey, nkeyFile, credsFile } = credentials
  if (user !== undefined) return usernamePasswordAuthenticator(user, password)
  if (token !== undefined) return tokenAuthenticator(token)
  if (nkey !== undefined) return nkeyAuthenticator(new TextEncoder().encode(nkey.trim()))
  if (nkeyFile !== undefined) {
    const seed = new TextDecoder().decode(await contents(nkeyFile, 'nkey')).trim()
    return nkeyAuthenticator(new TextEncoder().encode(seed))
  }
  return credsFile === undefined ? undefined : credsAuthenticator(await contents(credsFile, 'credentials'))
}

async function contents(file: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new TypeError(`The ${what} file of NATS cannot be read: ${code ?? 'unknown'}.`, { cause })
  }
}
