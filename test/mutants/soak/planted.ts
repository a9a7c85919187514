import pg from 'pg'
import { type PgClient, pgConnection } from '../../../src/adapters/pg.ts'
import type { PostgresConnection } from '../../../src/postgres/connection.ts'
import { type PostgresAdapter, postgresAdapter } from '../../../src/postgres/index.ts'
import type { CommitHooks } from '../../../src/postgres/runtime/hooks.ts'
import type { Opening } from '../../support/adapters.ts'
import { edited } from '../../support/edited.ts'
import { type Edit, nameOf, withEdit } from '../point.ts'
import { type Plant, plants } from './plants.ts'

export function plantNamed(name: string): Plant {
  const plant = plants.find((one) => one.name === name)
  if (plant === undefined) throw new Error(`no plant is called ${name}`)
  return plant
}

/** Installs the engine with the fault in its SQL, and makes sure that every edit has changed something. */
export async function installPlanted(
  { sql = [], after }: Partial<Plant>,
  connection: PostgresConnection<PgClient>,
  schema: Opening['schema'],
): Promise<void> {
  const fitted = new Set<Edit>()
  const edit = (statement: string): string =>
    sql.reduce((text, one) => {
      const changed = withEdit(text, one)
      if (changed !== text) fitted.add(one)
      return changed
    }, statement)
  await postgresAdapter(edited(connection, edit), schema).migrate()
  for (const one of sql) if (!fitted.has(one)) throw new Error(`no statement has ${nameOf(one)} any more`)
  if (after !== undefined) await connection.query(after, [])
}

/** An adapter on node-postgres with the fault between it and its connection. */
export function openPlanted(
  { seam }: Partial<Plant>,
  connectionString: string,
  { schema, max }: Required<Pick<Opening, 'schema' | 'max'>>,
  hooks?: CommitHooks<PgClient>,
): {
  readonly adapter: PostgresAdapter<PgClient>
  readonly connection: PostgresConnection<PgClient>
  close(): Promise<unknown>
} {
  const pool = new pg.Pool({ connectionString, max })
  pool.on('error', () => {})
  const connection = pgConnection(pool)
  const seen = (seam?.(connection) ?? connection) as PostgresConnection<PgClient>
  return {
    adapter: postgresAdapter(seen, schema, hooks === undefined ? {} : { hooks }),
    connection,
    close: () => pool.end(),
  }
}

/**
 * Hooks of an application that is not careful: now and then one of their statements fails, nobody looks, and the
 * transaction is lost.
 */
export const carelessHooks: CommitHooks<PgClient> = {
  async afterCommit({ tx }) {
    if (Math.random() > 0.05) return
    await tx.query({ text: 'select 1 / 0', values: [] }).catch(() => {})
  },
}
