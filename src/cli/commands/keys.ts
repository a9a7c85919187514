import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { type Command, Option } from 'commander'
import { tell } from '../outcome.ts'

interface KeysOptions {
  readonly scheme: 'hmac' | 'ed25519'
  readonly json: boolean
}

/** `postern keys`. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('Keys that requests are signed with.')
  keys
    .command('generate')
    .description('Print a new random key. It is kept nowhere: store it before you lose it.')
    .addOption(
      new Option(
        '--scheme <scheme>',
        'hmac: one secret for both sides (v1); ed25519: a private key for the caller, a public one for the endpoint (v1a)',
      )
        .choices(['hmac', 'ed25519'])
        .default('hmac'),
    )
    .option('--json', 'one JSON value on standard output, for machines', false)
    .action(run)
}

function run({ scheme, json }: KeysOptions): void {
  if (scheme === 'hmac') {
    const secret = `whsec_${randomBytes(32).toString('base64')}`
    tell({ result: { secret }, lines: [`POSTERN_KEY=${secret}`] }, { json })
    return
  }
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const text = (prefix: string, part: string): string =>
    `${prefix}_${Buffer.from(part, 'base64url').toString('base64')}`
  const result = { privateKey: text('whsk', d), publicKey: text('whpk', x) }
  const lines = [
    `POSTERN_KEY=${result.privateKey}`,
    `# for the endpoint, which cannot sign with it: keys: [{ publicKey: '${result.publicKey}' }]`,
  ]
  tell({ result, lines }, { json })
}
