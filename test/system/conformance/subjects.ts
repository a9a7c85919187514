import {
  conformanceSchema,
  conformanceTables,
  memoryProbe,
  type Probe,
  postgresProbe,
} from '../../../src/conformance/index.ts'
import type { Adapter } from '../../../src/core/adapter.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { adapterNamed } from '../../support/adapters.ts'
import { probeConnection } from './server.ts'

/** An adapter that is ready to be tried, and its store as the caller sees it. */
export interface Subject {
  readonly adapter: Adapter
  readonly probe: Probe
  close(): Promise<unknown>
}

/** More connections than any check has callers, so that none of them waits for one. */
export const CONNECTIONS = 40

const MONTH_AND_A_DAY_MS = 31 * 24 * 60 * 60 * 1000

/** @param databaseUrl makes a database for an adapter on a server; see `openServer`. */
export async function openSubject(name: string, databaseUrl: () => Promise<string>): Promise<Subject> {
  const listed = adapterNamed(name)
  if (listed.store === 'memory') return memorySubject()
  if (listed.store === 'server') {
    const url = await databaseUrl()
    const { adapter, close } = await listed.open(url, { schema: conformanceSchema, max: CONNECTIONS })
    return postgresSubject(url, adapter, close)
  }
  const { PGlite } = await import('@electric-sql/pglite')
  const client = await PGlite.create()
  for (const statement of conformanceTables) await client.exec(statement)
  const { adapter, close } = await listed.open(client, { schema: conformanceSchema })
  await adapter.migrate()
  // it is one connection: no other one can hold a lock against it
  const {
    stranger: _one,
    points: _other,
    ...probe
  } = postgresProbe(
    async () => ({
      query: async (text, values) =>
        (await client.query<Record<string, string | null>>(text, [...values])).rows,
      close: async () => {},
    }),
    { capture: true },
  )
  return { adapter, probe, close }
}

export async function memorySubject(): Promise<Subject> {
  const listed = adapterNamed('memory')
  if (listed.store !== 'memory') throw new Error('memory has another store')
  let passed = 0
  const adapter = await listed.open(conformanceSchema, {
    now: () => new Date(Date.now() + passed),
    unique: { rules: ['code'] },
    references: { rules: { sharedId: 'shared' }, items: { sharedId: 'shared' } },
  })
  const expire = async (): Promise<void> => {
    passed += MONTH_AND_A_DAY_MS
  }
  return { adapter, probe: { ...memoryProbe(adapter), expire }, close: async () => {} }
}

export async function postgresSubject<Tx>(
  url: string,
  adapter: PostgresAdapter<Tx>,
  close: () => Promise<unknown>,
): Promise<Subject> {
  await adapter.migrate()
  return { adapter, probe: postgresProbe(() => probeConnection(url), { capture: true }), close }
}
