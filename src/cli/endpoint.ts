import { InvalidArgumentError, Option } from 'commander'
import { UsageError } from './outcome.ts'

/** The key that requests are signed with. Arguments show in lists of processes; the environment does not. */
export const keyOption = (): Option =>
  new Option('--key <key>', 'the key that signs requests; default: POSTERN_KEY')

export const tenantOption = (): Option =>
  new Option('--tenant <id>', 'the organizationId that requests are sent for')

/** @throws UsageError without a key. */
export function keyOf(options: { readonly key?: string }): string {
  const key = options.key ?? process.env.POSTERN_KEY
  if (key === undefined || key === '') throw new UsageError('give --key, or set POSTERN_KEY')
  return key
}

/** @throws UsageError for a key that cannot sign; the message never holds the key. */
export async function mustSign(key: string): Promise<void> {
  const { createSigner } = await import('../core/signature/sign.ts')
  try {
    createSigner(key)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** @throws UsageError for what is not an http URL. The message does not repeat it: a password may be in it. */
export function endpointAddress(text: string): string {
  if (!URL.canParse(text) || !/^https?:/i.test(text))
    throw new UsageError('--url is not a valid endpoint URL: expected http: or https:')
  const { username, password } = new URL(text)
  if (username !== '' || password !== '')
    throw new UsageError('--url must not hold a user or a password: requests are signed with the key')
  return text
}

/** The number of an option, which goes to a database or an endpoint as it is. */
export function limitOf(text: string): number {
  const limit = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > 2_147_483_647)
    throw new InvalidArgumentError('A whole number from 1 to 2147483647.')
  return limit
}
