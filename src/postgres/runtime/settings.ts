import { isRecord, typeName } from '../../core/callback.ts'
import { PosternError } from '../../core/errors.ts'
import type { PostgresConnection, PostgresSession } from '../connection.ts'

/** Settings of the database for one transaction, by name. */
export type Settings = Readonly<Record<string, string>>

/** What the application's `settings` gave: read as none, it would take a policy of the database its tenant. */
export function checkedSettings(given: unknown): Settings {
  const wrong = isRecord(given) ? Object.values(given).find((value) => typeof value !== 'string') : given
  if (isRecord(given) && wrong === undefined && !Object.values(given).includes(undefined))
    return given as Settings
  const message = `The option \`settings\` must give texts by name, not ${typeName(wrong)}.`
  throw new PosternError('source_adapter_misconfigured', message)
}

/**
 * Runs `work` under settings that hold for its own transaction only: a pooler hands the connection to strangers
 * afterwards. Without any, `work` runs as it is, and one statement stays one round trip.
 */
export function withSettings<T>(
  connection: PostgresConnection,
  settings: Settings,
  work: (session: PostgresSession) => Promise<T>,
): Promise<T> {
  if (Object.keys(settings).length === 0) return work(connection)
  return connection.transaction(async (session) => {
    await applySettings(session, settings)
    return work(session)
  })
}

export async function applySettings(session: PostgresSession, settings: Settings): Promise<void> {
  const pairs = Object.entries(settings)
  if (pairs.length === 0) return
  const calls = pairs.map(
    (_, index) => `set_config($${2 * index + 1}::text, $${2 * index + 2}::text, true) as "${index}"`,
  )
  await session.query(`select ${calls.join(', ')}`, pairs.flat())
}
