import pg from 'pg'
import { type PgAdapterOptions, pgAdapter } from '../../../src/adapters/pg.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import {
  type Caller,
  caller,
  type OpenSource,
  openSource,
  type Setup,
} from '../../support/postgres-source.ts'
import { journal, journalTables } from './journal.ts'
import { type FaultProxy, startProxy } from './proxy.ts'

/** A source whose pool reaches the database through a proxy, and a way to the database beside it. */
export interface Through extends Caller, AsyncDisposable {
  readonly proxy: FaultProxy
  /** The database itself: its `sql` does not pass the proxy. */
  readonly direct: OpenSource
  readonly source: PostgresAdapter
  readonly pool: pg.Pool
}

export async function openThrough(
  setup: Partial<Setup> & { through?: PgAdapterOptions; throughPool?: pg.PoolConfig } = {},
): Promise<Through> {
  const { through = {}, throughPool, ...rest } = setup
  const direct = await openSource({ schema: journal, tables: journalTables, ...rest })
  const proxy = await startProxy(direct.url)
  const pool = new pg.Pool({ max: 5, ...throughPool, connectionString: proxy.url })
  pool.on('error', () => {})
  const source = pgAdapter(pool, direct.schema, { ...rest.options, ...through })
  const call = caller(source, direct.schema)
  // the first request reads what was compiled; faults are meant for the ones after it
  await call.load('counters', 'none')
  return {
    ...call,
    proxy,
    direct,
    source,
    pool,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await pool.end()
      await direct[Symbol.asyncDispose]()
    },
  }
}

/** What stands in the database of one commit: rows it made, keys in the ledger, events. */
export async function tracesOf(direct: OpenSource, key: string) {
  const [found] = await direct.sql(
    `select (select count(*) from entries where mark = $1)::int as rows,
       (select count(*) from postern.ledger where key = $1)::int as keys,
       (select count(*) from postern.changes where key = $1)::int as events,
       (select body from postern.ledger where key = $1) as body`,
    [key],
  )
  return found as { rows: number; keys: number; events: number; body: string | null }
}

/** A commit that can be told by its key in every table. */
export const entry = (mark: string) => ({ type: 'CREATE' as const, model: 'entries', input: { mark } })
