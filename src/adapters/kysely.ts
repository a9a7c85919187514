import { CompiledQuery } from 'kysely'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../postgres/connection.ts'
import { connected, type WaitOptions, waitKinds } from './connected.ts'
import { type PgPool, pgConnection } from './over-pg.ts'
import { type PrepareOptions, prepareKinds } from './prepared.ts'

export type { WaitOptions } from './connected.ts'
export type { PrepareOptions } from './prepared.ts'

/** What is called of a Kysely instance, a connection or a transaction of it. */
export interface KyselyExecutor {
  withoutPlugins(): KyselyExecutor
  executeQuery(query: never): Promise<{ readonly rows: readonly unknown[] }>
}

/** What is called of a Kysely transaction. */
export interface KyselyTransaction extends KyselyExecutor {
  readonly isTransaction: boolean
}

/** What is called of a Kysely instance, of 0.28 and newer. */
export interface KyselyDatabase<Tx extends KyselyTransaction = KyselyTransaction> extends KyselyExecutor {
  connection(): { execute<T>(work: (connection: KyselyExecutor) => Promise<T>): Promise<T> }
  transaction(): {
    setIsolationLevel(level: 'read committed'): { execute<T>(work: (tx: Tx) => Promise<T>): Promise<T> }
  }
}

/** What of the connection is given beside the `Kysely` instance. */
export interface KyselyConnectionOptions extends WaitOptions, PrepareOptions {
  /**
   * The `Pool` that the dialect was given, which Kysely keeps to itself. With it a connection that is lost does not end
   * the process, one that answers nothing leaves the pool, and statements are prepared: Kysely gives them no name.
   */
  pool?: PgPool
}

/** Options of `kyselyAdapter`. */
export interface KyselyAdapterOptions<Tx> extends PostgresAdapterOptions<Tx>, KyselyConnectionOptions {}

/**
 * An adapter on Kysely, over `PostgresDialect` or `PGliteDialect`. Kysely knows no tables at run time: their names are
 * the schema's, whose snake case is what `CamelCasePlugin` writes too.
 *
 * @example
 * import { Kysely, PostgresDialect } from 'kysely'
 *
 * const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
 * const adapter = kyselyAdapter(db, schema, { pool })
 */
export function kyselyAdapter<Tx extends KyselyTransaction, S extends Schema>(
  db: KyselyDatabase<Tx>,
  schema: S,
  options: KyselyAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  checkPostgresAdapter(
    'kyselyAdapter',
    { name: 'a Kysely instance', fits: typeof db?.withoutPlugins === 'function', given: db },
    schema,
    options,
    { ...waitKinds, ...prepareKinds, pool: 'object' },
  )
  return adapterOver(kyselyConnection(db, options), schema, options)
}

/** The seam alone, for what needs a connection and no adapter. */
export function kyselyConnection<Tx extends KyselyTransaction>(
  db: KyselyDatabase<Tx>,
  options: KyselyConnectionOptions = {},
): PostgresConnection<Tx> {
  const pooled = options.pool === undefined ? undefined : pgConnection(options.pool, options)
  return {
    query: (text, values, signal) =>
      pooled?.query(text, values, signal) ??
      connected(
        (use) => db.connection().execute(use),
        (one: KyselyExecutor) => session(one).query(text, values),
        options,
        signal,
      ),
    within(tx) {
      if (!tx.isTransaction) throw new TypeError('tx is a Kysely instance; expected a Transaction')
      return session(tx)
    },
    transaction: (work, signal) =>
      connected(
        (use) => db.transaction().setIsolationLevel('read committed').execute(use),
        (tx: Tx) => work(session(tx), tx),
        options,
        signal,
      ),
  }
}

/** Plugins stay out: CamelCasePlugin renames columns of our rows, and others may do anything. */
function session(db: KyselyExecutor): PostgresSession {
  const plain = db.withoutPlugins()
  return {
    async query(text, values) {
      const { rows } = await plain.executeQuery(CompiledQuery.raw(text, [...values]) as never)
      return rows as TextRow[]
    },
  }
}
