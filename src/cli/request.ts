import type { Command } from 'commander'
import type { Scope } from '../core/adapter.ts'
import { endpointAddress, keyOf, keyOption, tenantOption } from './endpoint.ts'
import { UsageError } from './outcome.ts'

/** The options of everything that sends a request to an endpoint. */
export interface RequestOptions {
  readonly url?: string
  readonly key?: string
  readonly tenant?: string
  readonly scope?: string
  readonly curl: boolean
  readonly json: boolean
}

/** Adds them. */
export function requestOptions(command: Command): Command {
  return command
    .option('--url <endpoint>', 'the endpoint; default: POSTERN_URL')
    .addOption(keyOption())
    .addOption(tenantOption())
    .option('--scope <json>', 'more of the scope, for example \'{"participantId":"u1"}\'')
    .option('--curl', 'print the signed request as a curl command, and send nothing', false)
    .option('--json', "the answer's JSON on standard output, for machines", false)
}

/** Where a request goes, what signs it, and whose it is. @throws UsageError when that is not said. */
export function targetOf(options: RequestOptions): { url: string; key: string; scope: Scope } {
  const url = options.url ?? process.env.POSTERN_URL
  if (url === undefined) throw new UsageError('give --url, or set POSTERN_URL')
  const scope = options.scope === undefined ? {} : (jsonOf(options.scope, '--scope') as Scope)
  const tenant = options.tenant === undefined ? {} : { organizationId: options.tenant }
  return { url: endpointAddress(url), key: keyOf(options), scope: { ...scope, ...tenant } }
}

/** @throws UsageError that says which text it is. */
export function jsonOf(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${what} is not JSON: ${(error as Error).message}`)
  }
}
