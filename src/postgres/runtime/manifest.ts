import { PosternError } from '../../core/errors.ts'
import type { Schema } from '../../core/schema/define.ts'
import { schemaDigest } from '../../core/schema/digest.ts'
import type { PostgresSession } from '../connection.ts'
import type { BoundModel, BoundModels, Definition } from '../model/bound-model.ts'
import { bind, wordsOf } from '../model/bound-model.ts'
import { pinned } from '../model/column-values.ts'
import { MIGRATE_HINT, sqlstateOf } from '../sqlstate.ts'
import type { Dictionary } from './entry.ts'
import { dictionaryOf } from './entry.ts'
import type { Settings } from './settings.ts'

/** What the running application knows of the database: the models as they were compiled, and its defaults. */
export interface Manifest {
  readonly models: BoundModels
  /** What this schema calls what the log keeps by number. */
  readonly dictionary: Dictionary
  /** The connection's own statement timeout in milliseconds; 0 when there is none. */
  readonly statementTimeoutMs: number
  /** Settings that a read of such a model must have, because the connection's own differ; see `pinned`. */
  pins(model: BoundModel): Settings
}

/**
 * Reads what the migration compiled for this schema, at the first request and now and then; notes that it is in use.
 *
 * @throws PosternError `source_adapter_misconfigured` naming the command, when it was not migrated to this schema.
 */
export async function readManifest(session: PostgresSession, schema: Schema, s: string): Promise<Manifest> {
  const digest = schemaDigest(schema)
  const rows = await session
    .query(
      `select m.name, m.definition::text as definition,
  (select t.setting from pg_settings t where t.name = 'statement_timeout')::text as timeout,
  (current_setting('extra_float_digits')::int > 0 and current_setting('intervalstyle') = 'postgres'
    and current_setting('datestyle') like 'ISO%')::text as plain,
  (select ${s}.note_use($1::text))::text as noted
from ${s}.model m where m.digest = $1::text`,
      [digest],
    )
    .catch((error: unknown) => {
      const missing = ['42P01', '42883', '3F000', '42501'].includes(sqlstateOf(error) ?? '')
      if (!missing) throw error
      throw new PosternError(
        'source_adapter_misconfigured',
        `The database is not set up for this endpoint. ${MIGRATE_HINT}`,
        { cause: error },
      )
    })
  const definitions = new Map(
    rows.map((row) => [row.name, JSON.parse(row.definition as string) as Definition]),
  )
  const models = new Map<string, BoundModel>()
  for (const model of schema.models.values()) {
    const definition = definitions.get(model.name)
    if (definition === undefined) {
      throw new PosternError(
        'source_adapter_misconfigured',
        `The database was not migrated to this schema (digest ${digest}). ${MIGRATE_HINT}`,
      )
    }
    models.set(model.name, bind(model, definition))
  }
  return {
    models,
    dictionary: dictionaryOf(
      [...models].map(([name, bound]) => ({ name, rel: bound.rel, ...wordsOf(bound) })),
    ),
    statementTimeoutMs: Number(rows[0]?.timeout ?? 0),
    pins: (model) => (model.pinned && rows[0]?.plain === 'false' ? pinned : {}),
  }
}
