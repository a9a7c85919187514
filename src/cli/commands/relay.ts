import { type Command, Option } from 'commander'
import type { PostgresAdapter } from '../../postgres/adapter.ts'
import type { NatsAddress } from '../../relay/nats-connection.ts'
import type { Relay, RelayHooks } from '../../relay/options.ts'
import { createRelay } from '../../relay/relay.ts'
import type { Sink } from '../../relay/sink.ts'
import { type DatabaseOptions, databaseOptions, withAdapter } from '../database.ts'
import { tell, UsageError } from '../outcome.ts'
import { visible } from '../visible.ts'

interface RelayCommand extends DatabaseOptions {
  readonly sink: string
  readonly name: string
  readonly from: 'beginning' | 'now'
  readonly once: boolean
  readonly resume: boolean
  readonly reset?: 'beginning' | 'now'
  readonly subject: string
  readonly keyEnv: string
  readonly allowHttp: boolean
  readonly natsCreds?: string
  readonly natsNkey?: string
}

const PLACES = ['beginning', 'now']

/** `postern relay`. */
export function addRelay(program: Command): void {
  databaseOptions(
    program
      .command('relay')
      .description('Deliver the feed to a sink until stopped; any number of processes may, one delivers.')
      .requiredOption('--sink <url>', 'https://… posts signed batches; nats://… publishes to JetStream')
      .option('--name <name>', 'names the sink, its cursor and its dead letters (default: relay)', 'relay')
      .addOption(
        new Option('--from <place>', 'where a new relay begins: beginning (default) or now')
          .choices(PLACES)
          .default('beginning'),
      )
      .option('--once', 'end when all is delivered, or at the first failure', false)
      .option('--resume', 'try again at once what has failed, or a sink that was gone', false)
      .addOption(
        new Option('--reset <place>', 'go on from beginning or now, once the log was replaced').choices(
          PLACES,
        ),
      )
      .option('--subject <prefix>', 'of NATS subjects: <prefix>.<model> (default: postern)', 'postern')
      .option('--nats-creds <file>', "a NATS user's credentials, as nsc writes them (default: NATS_CREDS)")
      .option('--nats-nkey <file>', 'the seed of an nkey (default: NATS_NKEY)')
      .option(
        '--key-env <name>',
        'the environment variable with the signing key (default: RELAY_KEY)',
        'RELAY_KEY',
      )
      .option('--allow-http', 'post to http: addresses of other machines, in the clear', false),
  ).action((options: RelayCommand) => withAdapter(options, (adapter) => relay(adapter, options)))
}

async function relay(adapter: PostgresAdapter, options: RelayCommand): Promise<void> {
  const { name, once } = options
  await using opened = await openSink(options)
  const progress = new Progress(options.json)
  let running: Relay
  try {
    running = createRelay({ adapter, name, sink: opened.sink, from: options.from, ...progress.hooks })
  } catch (error) {
    progress.end()
    throw error instanceof TypeError ? new UsageError(error.message) : error
  }
  if (options.reset !== undefined || options.resume) {
    const { relaysOf } = await import('../../relay/admin.ts')
    if (options.reset !== undefined) await relaysOf(adapter).reset(name, options.reset)
    else await relaysOf(adapter).resume(name)
  }
  const stop = (): void => void running.stop()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    await running.run({ once })
  } finally {
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop)
    progress.end()
  }
  const status = await running.status()
  const line = `delivered ${progress.delivered} events to ${name}; ${status?.behind ?? 0} behind, ${status?.deadLetters ?? 0} dead letters`
  tell({ result: { ...status, now: progress.delivered }, lines: [line] }, options)
}

/** From files and the environment, never from the command line, which everybody can read; the address goes first. */
function natsCredentials({ natsCreds, natsNkey }: RelayCommand, address: string): Omit<NatsAddress, 'url'> {
  if (natsCreds !== undefined || natsNkey !== undefined) return { credsFile: natsCreds, nkeyFile: natsNkey }
  if (/^\w+:\/\/[^/?]*@|[?&](?:creds|nkey)=/.test(address)) return {}
  const { NATS_CREDS, NATS_NKEY, NATS_USER, NATS_PASSWORD, NATS_TOKEN } = process.env
  if (NATS_CREDS) return { credsFile: NATS_CREDS }
  if (NATS_NKEY) return { nkeyFile: NATS_NKEY }
  if (NATS_USER) return { user: NATS_USER, password: NATS_PASSWORD }
  return NATS_TOKEN ? { token: NATS_TOKEN } : {}
}

/** The sink that an address names. The key comes by the environment: a command line can be read by everybody. */
async function openSink(options: RelayCommand): Promise<AsyncDisposable & { readonly sink: Sink }> {
  const { sink: address, subject, keyEnv, allowHttp } = options
  if (address.startsWith('nats://') || address.startsWith('tls://')) {
    const { connectNats, natsSink } = await import('../../relay/nats.ts').catch(() => {
      throw new UsageError('a NATS sink needs: npm install @nats-io/transport-node @nats-io/jetstream')
    })
    const connection = await connectNats({ url: address, ...natsCredentials(options, address) }).catch(
      (error: Error) => {
        // its message never holds the address, in which a password may stand
        throw error instanceof TypeError ? new UsageError(error.message) : new Error(`NATS: ${error.message}`)
      },
    )
    return {
      sink: natsSink({ connection, subject: ({ model }) => `${subject}.${model}` }),
      [Symbol.asyncDispose]: () => connection.drain(),
    }
  }
  const key = process.env[keyEnv]
  if (!key) throw new UsageError(`set ${keyEnv} to the key that batches are signed with`)
  const { httpSink } = await import('../../relay/http.ts')
  try {
    return { sink: httpSink({ url: address, key, allowHttp }), async [Symbol.asyncDispose]() {} }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** A line on standard error for each failure and change of state, and every few seconds how many have arrived. */
class Progress {
  delivered = 0
  #said = 0
  readonly #quiet: boolean
  readonly #timer: NodeJS.Timeout

  constructor(quiet: boolean) {
    this.#quiet = quiet
    this.#timer = setInterval(() => {
      if (this.delivered === this.#said) return
      this.#said = this.delivered
      this.#say(`${this.delivered} events delivered`)
    }, 5000)
  }

  readonly hooks: RelayHooks = {
    onDelivered: ({ events }) => {
      this.delivered += events
    },
    onFailed: ({ error, attempt, events, retryAt }) => {
      const next = retryAt === null ? 'now dead letters' : `again at ${retryAt.toISOString()}`
      this.#say(`${error.message} Attempt ${attempt} of ${events} events; ${next}`)
    },
    onState: (state) => {
      if (state === 'standby') this.#say('another process delivers; waiting for its place')
    },
    onError: (error) => this.#say(`the database could not be asked: ${(error as Error).message}`),
  }

  end(): void {
    clearInterval(this.#timer)
  }

  #say(line: string): void {
    if (!this.#quiet) console.error(visible(line))
  }
}
