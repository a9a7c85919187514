import { Option } from 'commander'
import { UsageError } from './outcome.ts'

/** The key that requests to an endpoint are signed with. A call shows in lists of processes; the environment does not. */
export const keyOption = (): Option =>
  new Option('--key <key>', 'what requests are signed with; default: POSTERN_KEY, else SOURCE_KEY')

export const tenantOption = (): Option =>
  new Option('--tenant <id>', 'the organizationId that requests are sent for')

/** @throws UsageError without a key. */
export function keyOf(options: { readonly key?: string }): string {
  const key = options.key ?? process.env.POSTERN_KEY ?? process.env.SOURCE_KEY
  if (key === undefined || key === '') throw new UsageError('give --key, or set POSTERN_KEY or SOURCE_KEY')
  return key
}
