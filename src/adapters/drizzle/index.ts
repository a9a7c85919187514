import { withClientValues } from '../../core/rules/client-values.ts'
import type { Schema } from '../../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../../postgres/connection.ts'
import { oneByOne, type Turns } from '../../postgres/runtime/turns.ts'
import { type Guard, keptStatements, survivingTransaction } from '../over-postgres-js.ts'
import type { ColumnName, DrizzleTables } from './mapping.ts'
import { drizzleMapping } from './mapping.ts'
import { tablesOf } from './schema.ts'

export type { DrizzleTables } from './mapping.ts'
export { type DrizzleSchemaOptions, schemaFromDrizzle } from './schema.ts'

/** What is called of a Drizzle transaction. */
export interface DrizzleTransaction {
  readonly _: { readonly session: DrizzleSession; readonly fullSchema: DrizzleTables }
}

/** What is called of a Drizzle database of any Postgres driver that has transactions. */
export interface DrizzleDatabase<Tx extends DrizzleTransaction = DrizzleTransaction>
  extends DrizzleTransaction {
  transaction<T>(work: (tx: Tx) => Promise<T>, config?: { isolationLevel?: 'read committed' }): Promise<T>
}

interface DrizzleSession {
  prepareQuery(
    query: { sql: string; params: unknown[] },
    fields: undefined,
    name: string | undefined,
    isResponseInArrayMode: boolean,
  ): { execute(): Promise<unknown> }
}

/** Options of `drizzleAdapter`. */
export interface DrizzleAdapterOptions<Tx> extends PostgresAdapterOptions<Tx> {
  /** Tables by model name, for example the module that declares them. Default: the `schema` given to `drizzle()`. */
  tables?: DrizzleTables
}

/**
 * An adapter on Drizzle, over node-postgres, postgres.js, PGlite or neon-serverless. Table and column names and
 * what Drizzle fills in by itself (`$defaultFn`, `$onUpdateFn`) are read from the tables; what the schema says goes
 * first.
 *
 * @example
 * import { drizzle } from 'drizzle-orm/node-postgres'
 * import { pgTable, text } from 'drizzle-orm/pg-core'
 *
 * const tasks = pgTable('tasks', { id: text().primaryKey(), title: text().notNull() })
 * const adapter = drizzleAdapter(drizzle(pool), schema, { tables: { tasks } })
 */
export function drizzleAdapter<Tx extends DrizzleTransaction, S extends Schema>(
  db: DrizzleDatabase<Tx>,
  schema: S,
  options: DrizzleAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  checkPostgresAdapter(
    'drizzleAdapter',
    {
      name: 'a Drizzle database with transactions',
      fits: typeof db?.transaction === 'function' && db._ !== undefined,
      given: db,
    },
    schema,
    options,
    { tables: 'object' },
  )
  const tables = options.tables ?? tablesOf(schema) ?? db._.fullSchema
  const mapped = drizzleMapping(schema, tables, columnNameOf(db))
  const adapter = adapterOver(drizzleConnection(db), mapped.schema, options)
  return withClientValues(adapter, mapped.schema, mapped.values)
}

/** The seam alone, for what needs a connection and no adapter. */
export function drizzleConnection<Tx extends DrizzleTransaction>(
  db: DrizzleDatabase<Tx>,
): PostgresConnection<Tx> {
  const { $client: client } = db as { $client?: unknown }
  const overPostgresJs = typeof client === 'function'
  const session = sessions(overPostgresJs ? keptStatements() : () => false)
  const turn = isOneConnection(client) ? oneByOne() : atOnce
  if (isPool(client)) surviveBrokenConnections(client)
  const { query } = session(db)
  return {
    query: (text, values) => turn(() => query(text, values)),
    within: session,
    transaction: (work) => {
      const begin = (guard: Guard) =>
        db.transaction((tx) => guard(work(session(tx), tx)), { isolationLevel: 'read committed' })
      return turn(() => (overPostgresJs ? survivingTransaction(begin) : begin((result) => result)))
    },
  }
}

/**
 * `db.execute` takes no parameters beside a text, and `sql` would number them anew: the layer below takes both. A
 * name makes it a prepared statement; with postgres.js any name does.
 */
const sessions =
  (isKept: (text: string) => boolean) =>
  (db: DrizzleTransaction): PostgresSession => ({
    async query(text, values) {
      const result = await db._.session
        .prepareQuery(
          { sql: text, params: [...values] },
          undefined,
          isKept(text) ? 'postern' : undefined,
          false,
        )
        .execute()
      // postgres.js answers with the rows themselves
      return (Array.isArray(result) ? result : (result as { rows: unknown[] }).rows) as TextRow[]
    },
  })

const atOnce: Turns = (work) => work()

interface Pool {
  readonly totalCount: number
  on(event: 'acquire', listener: (client: Emitter) => void): unknown
}

interface Emitter {
  on(event: 'error', listener: () => void): unknown
}

const isObject = (client: unknown): client is object => typeof client === 'object' && client !== null

/** Of node-postgres or Neon. */
const isPool = (client: unknown): client is Pool => isObject(client) && 'totalCount' in client

/** A `Client` of node-postgres or Neon; PGlite and postgres.js keep transactions apart by themselves. */
const isOneConnection = (client: unknown): boolean =>
  isObject(client) && !isPool(client) && !('waitReady' in client)

/**
 * Drizzle listens to no errors of the client that it takes from the pool for a transaction: a connection that breaks
 * there would end the process. The statement under way fails all the same.
 */
function surviveBrokenConnections(pool: Pool): void {
  if (listenedTo.has(pool)) return
  listenedTo.add(pool)
  pool.on('acquire', (client) => {
    if (!listenedTo.has(client)) client.on('error', () => {})
    listenedTo.add(client)
  })
}

/** Pools and clients; one listener does for all adapters over them. */
const listenedTo = new WeakSet<object>()

function columnNameOf(db: DrizzleDatabase): ColumnName {
  const { dialect } = db as { dialect?: { casing?: { getColumnCasing?: ColumnName } } }
  return (column) => dialect?.casing?.getColumnCasing?.(column) ?? column.name
}
