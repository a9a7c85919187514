import { ClientError } from '../../client/error.ts'
import { createClient } from '../../client/index.ts'
import type { Model } from '../../core/schema/define.ts'
import type { Line } from './line.ts'

const nobody = '00000000-0000-4000-8000-000000000000'

/** Asks the endpoint for a row that is not there, signed: it says whether address, key, schema and database are right. */
export async function callItself(url: string, key: string, model: Model, tenant: string): Promise<Line> {
  const client = createClient({ url, signingKey: key, retries: 0, scope: { organizationId: tenant } })
  const { kind } = model.primaryKey
  const id = kind === 'uuid' ? nobody : kind === 'text' ? 'postern-check' : '0'
  const ok = (message: string): Line => ({ level: 'ok', subject: 'endpoint', message })
  const error = (message: string, fix: string): Line => ({
    level: 'error',
    subject: 'endpoint',
    message,
    fix,
  })
  try {
    await client.load(model.name, id)
    return ok(`${url} answers, and accepts the key`)
  } catch (fault) {
    if (!(fault instanceof ClientError)) throw fault
    const { code, status, message } = fault
    switch (code) {
      case 'network_error':
      case 'timeout':
        return error(`nobody answers at ${url}`, 'Start the application, or correct --url.')
      case 'unexpected_answer':
        return error(
          `${url} answers, but is no endpoint of postern: ${message}`,
          'Correct the path of --url; a login page or a redirect before the route must let it through.',
        )
      case 'source_signature_invalid':
        return error(
          `${url} does not accept this key (401 ${code})`,
          "Give --key what the application has as signingKey: look for quotes, blanks and another environment's key.",
        )
      case 'source_api_key_missing':
        return error(`${url} has no key (401 ${code})`, "Set POSTERN_KEY in the application's environment.")
      case 'source_timestamp_expired':
        return error(
          `${url} finds the signature's time too far off (401 ${code})`,
          'Set the clocks of both machines.',
        )
      case 'source_model_not_configured':
        return error(
          `${url} serves another schema: it has no model ${model.name}`,
          'Deploy the application with this schema.',
        )
      case 'request_body_consumed':
        return error(
          `something in the application reads the body before ${url} can verify it`,
          `${message} The database is not the reason.`,
        )
      case 'source_adapter_misconfigured':
        return error(
          `${url} accepts the key, and its database is not set up: ${message}`,
          'Run `npx postern migrate` on the database that the application has.',
        )
    }
    // it was verified, and then refused by rule
    if (status !== undefined && status >= 402 && status < 500)
      return ok(`${url} accepts the key (${status} ${code})`)
    return error(`${url} answers ${status} ${code}: ${message}`, "Look at the application's log.")
  }
}
