import { pgConnection } from '../../../src/adapters/pg.ts'
import { conformanceSchema, postgresProbe } from '../../../src/conformance/index.ts'
import type { Adapter } from '../../../src/core/adapter.ts'
import type { PostgresConnection } from '../../../src/postgres/connection.ts'
import { postgresAdapter } from '../../../src/postgres/index.ts'
import { edited } from '../../support/edited.ts'
import { poolOf } from '../../support/pool.ts'
import { probeConnection } from '../../system/conformance/server.ts'
import { CONNECTIONS } from '../../system/conformance/subjects.ts'
import { type Edit, nameOf, withEdit } from '../point.ts'
import type { Mutant } from './mutant.ts'

export interface EngineFault extends Omit<Mutant, 'in' | 'open'> {
  readonly plants?: readonly Edit[]
  /** Changes the connection beneath the engine. */
  readonly connection?: (real: PostgresConnection) => PostgresConnection
  /** Replaces what the endpoint calls. */
  readonly adapter?: (real: Adapter) => Partial<Adapter>
  /** The database's default. */
  readonly isolation?: 'repeatable read'
}

/**
 * A mutant of the engine on a real Postgres: the text of a compiled function, or of a statement, is changed on its
 * way to the database.
 */
export const engineMutant = ({
  plants = [],
  connection,
  adapter,
  isolation,
  ...fault
}: EngineFault): Mutant => ({
  ...fault,
  in: 'engine',
  open: async (servers) => {
    const url = await servers.database(isolation)
    const pool = poolOf(url, CONNECTIONS)
    const planted = new Set<Edit>()
    const base = planting(pgConnection(pool), plants, planted)
    const source = postgresAdapter(connection ? connection(base) : base, conformanceSchema)
    await source.migrate()
    const probe = postgresProbe(() => probeConnection(url), { capture: true })
    return {
      options: { adapter: adapter ? { ...source, ...adapter(source) } : source, probe },
      close: async () => {
        await probe.close?.()
        await pool.end()
        const missing = plants.find((plant) => !planted.has(plant))
        // the engine was written anew since: a mutant without its fault would prove nothing
        if (missing !== undefined)
          throw new Error(`the fault was not planted: no statement has ${nameOf(missing)}`)
      },
    }
  },
})

function planting(real: PostgresConnection, plants: readonly Edit[], planted: Set<Edit>): PostgresConnection {
  const changed = (text: string): string => {
    let result = text
    for (const plant of plants) {
      const changed = withEdit(result, plant)
      if (changed !== result) planted.add(plant)
      result = changed
    }
    return result
  }
  return edited(real, changed)
}
