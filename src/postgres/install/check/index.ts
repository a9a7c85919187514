import type { Schema } from '../../../core/schema/define.ts'
import type { PostgresConnection, PostgresSession } from '../../connection.ts'
import { settle } from '../../model/catalog.ts'
import type { InstallOptions } from '../../naming.ts'
import { installSchema } from '../../naming.ts'
import { sqlstateOf } from '../../sqlstate.ts'
import { type Finding, finding } from './finding.ts'
import { checkFeed, checkInstallation, checkInstalled } from './installation.ts'
import { checkModels } from './models.ts'
import { checkServer } from './server.ts'

export type { Finding } from './finding.ts'

/**
 * Looks whether database and schema fit each other, with the eyes of the role that is connected. Reads the catalogue,
 * settings and our own tables; writes nothing.
 *
 * @returns findings, errors first; empty when all is well.
 * @example
 * for (const { level, subject, message, fix } of await check(connection, schema)) console.log(level, subject, message, fix)
 */
export async function check(
  connection: PostgresConnection,
  schema: Schema,
  options: InstallOptions = {},
): Promise<Finding[]> {
  const s = installSchema(options)
  // each look has its own transaction: what one may not see must not end the others
  const look = (
    subject: string,
    work: (session: PostgresSession, path: readonly string[]) => Promise<Finding[]>,
  ): Promise<Finding[]> =>
    connection
      .transaction(async (session) => {
        await session.query(`select set_config('transaction_read_only', 'on', true) as "only"`, [])
        return work(session, await settle(session))
      })
      .catch((fault: unknown) => {
        const code = sqlstateOf(fault) ?? ''
        if (!code.startsWith('42') && code !== '3F000') throw fault
        return [finding('error', 'cannot_be_read', { subject, message: (fault as Error).message })]
      })

  const installed = await look(s, (session) => checkInstalled(session, s))
  const usable = installed.length === 0
  const models = await look('models', (session, path) => checkModels(session, schema, s, path, usable))
  const changed = models.some(({ code }) => code === 'table_changed')
  const findings = [
    ...models,
    ...installed,
    ...(usable ? await look(s, (session, path) => checkInstallation(session, schema, s, path, changed)) : []),
    ...(usable ? await look('feed', (session) => checkFeed(session, s)) : []),
    ...(await look('server', checkServer)),
  ]
  return findings.sort((a, b) => a.level.localeCompare(b.level))
}
