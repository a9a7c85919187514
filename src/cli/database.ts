import { type Command, Option } from 'commander'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter } from '../postgres/adapter.ts'
import type { PostgresConnection } from '../postgres/connection.ts'
import { loadProject } from './module.ts'
import { UsageError } from './outcome.ts'

/** The options that name a schema and its database, and `--json`. */
export interface DatabaseOptions {
  readonly config?: string
  readonly schema?: string
  readonly database?: string
  readonly url?: string
  readonly install?: string
  readonly json: boolean
}

/** A source, what it is made of, and how its connections are closed. */
export interface Opened {
  readonly source: PostgresAdapter
  readonly connection: PostgresConnection
  readonly schema: Schema
  /** Our own schema in the database. */
  readonly install: string
  /** The address of the database, where the call or the environment says one. */
  readonly database: string | undefined
}

/**
 * Adds the options of a command that works on a schema and a database; see `withAdapter`.
 *
 * @example
 * databaseOptions(program.command('prune')).action((options: DatabaseOptions) => withAdapter(options, work))
 */
export function databaseOptions(command: Command): Command {
  return connectionOptions(
    command
      .option('--config <file>', 'a module that exports your source or schema; default: postern.config.ts')
      .addOption(new Option('--schema <file>', 'the same, for a module that has a schema alone')),
  )
}

/** The options that name a database, and `--json`. */
export function connectionOptions(command: Command): Command {
  command.option('--database <url>', "the database; default: the source's own, or DATABASE_URL")
  // what --database was called before; `check` has an endpoint of that name
  if (!command.options.some(({ long }) => long === '--url')) {
    command.addOption(new Option('--url <database>').hideHelp())
  }
  return command
    .option('--install <name>', 'our own schema in the database (default: postern)')
    .option('--json', 'one JSON value on standard output, for machines', false)
}

/** Runs `work` with the source that the options name; see `withOpened`. */
export function withAdapter<T>(
  options: DatabaseOptions,
  work: (source: PostgresAdapter) => Promise<T>,
): Promise<T> {
  return withOpened(options, ({ source }) => work(source))
}

/**
 * Runs `work` on what the options name. A module's source is used as it is, on the application's own connection;
 * `--database` brings its schema, under the names of its ORM, to another one, for example of the role that migrates.
 *
 * @throws UsageError when the options name no schema or no database.
 */
export async function withOpened<T>(
  options: DatabaseOptions,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const { schema, source, parts } = await loadProject(options.config ?? options.schema)
  const install = options.install ?? parts?.options.namespace ?? 'postern'
  const named = options.database ?? options.url
  const database = named ?? process.env.DATABASE_URL
  const other = options.install !== undefined && options.install !== (parts?.options.namespace ?? 'postern')
  if (source !== undefined && parts !== undefined && named === undefined && !other) {
    return work({ source, connection: parts.connection, schema, install, database })
  }
  return withConnection(database, async (connection) => {
    const { postgresAdapter } = await import('../postgres/adapter.ts')
    const opened = postgresAdapter(connection, schema, { ...parts?.options, namespace: install })
    return work({ source: opened, connection, schema, install, database })
  })
}

/**
 * Runs `work` on a connection of our own, and closes it afterwards. node-postgres is the caller's own; it is asked for
 * only when there is something to connect to.
 *
 * @throws UsageError without an address.
 */
export async function withConnection<T>(
  database: string | undefined,
  work: (connection: PostgresConnection) => Promise<T>,
): Promise<T> {
  if (database === undefined) throw new UsageError('give --database, or set DATABASE_URL')
  const { default: pg } = await import('pg').catch(() => {
    throw new UsageError('the command line needs node-postgres: npm install pg')
  })
  const { pgConnection } = await import('../adapters/pg.ts')
  const pool = new pg.Pool({ connectionString: database, max: 2, connectionTimeoutMillis: 10_000 })
  pool.on('error', () => {})
  try {
    return await work(pgConnection(pool) as PostgresConnection)
  } finally {
    await pool.end()
  }
}
