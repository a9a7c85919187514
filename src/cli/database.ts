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
  readonly namespace?: string
  readonly json: boolean
}

/** An adapter and what it is made of. */
export interface Opened {
  readonly adapter: PostgresAdapter
  readonly connection: PostgresConnection
  readonly schema: Schema
  /** postern's own schema in the database. */
  readonly namespace: string
  /** The URL of the database, where the call or the environment gives one. */
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
      .option('--config <file>', 'a module that exports your adapter or schema; default: postern.config.ts')
      .addOption(new Option('--schema <file>', 'the same, for a module that has a schema alone')),
  )
}

/** The options that name a database, and `--json`. */
export function connectionOptions(command: Command): Command {
  command.option('--database <url>', "the database; default: the adapter's own, or DATABASE_URL")
  // what --database was called before; `check` has an endpoint of that name
  if (!command.options.some(({ long }) => long === '--url')) {
    command.addOption(new Option('--url <database>').hideHelp())
  }
  return command
    .option('--namespace <name>', "postern's own schema in the database (default: postern)")
    .option('--json', 'one JSON value on standard output, for machines', false)
}

/** Runs `work` with the adapter that the options name; see `withOpened`. */
export function withAdapter<T>(
  options: DatabaseOptions,
  work: (adapter: PostgresAdapter) => Promise<T>,
): Promise<T> {
  return withOpened(options, ({ adapter }) => work(adapter))
}

/**
 * Runs `work` on what the options name. A module's adapter is used as it is, on the application's own connection;
 * `--database` brings its schema, under the names of its ORM, to another one, for example of the role that migrates.
 *
 * @throws UsageError when the options name no schema or no database.
 */
export async function withOpened<T>(
  options: DatabaseOptions,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const { schema, adapter, parts } = await loadProject(options.config ?? options.schema)
  const namespace = options.namespace ?? parts?.options.namespace ?? 'postern'
  const named = options.database ?? options.url
  const database = named ?? process.env.DATABASE_URL
  const other =
    options.namespace !== undefined && options.namespace !== (parts?.options.namespace ?? 'postern')
  if (adapter !== undefined && parts !== undefined && named === undefined && !other) {
    return work({ adapter, connection: parts.connection, schema, namespace, database })
  }
  return withConnection(database, async (connection) => {
    const { postgresAdapter } = await import('../postgres/adapter.ts')
    const opened = postgresAdapter(connection, schema, { ...parts?.options, namespace })
    return work({ adapter: opened, connection, schema, namespace, database })
  })
}

/**
 * Runs `work` on a new connection, and closes it afterwards. node-postgres is an optional peer, so it is imported only
 * when there is something to connect to.
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
  const pool = new pg.Pool({ ...addressOf(database), max: 2, connectionTimeoutMillis: 10_000 })
  pool.on('error', () => {})
  try {
    return await work(pgConnection(pool) as PostgresConnection)
  } finally {
    await pool.end()
  }
}

/** Parameters of a Prisma URL that its own engine reads, and that Postgres does not know. */
const prismaOnly = [
  'schema',
  'connection_limit',
  'pool_timeout',
  'pgbouncer',
  'socket_timeout',
  'statement_cache_size',
]

/** An address as node-postgres takes it. Prisma's `?schema=` is the search path. */
export function addressOf(database: string): { connectionString: string; options?: string } {
  if (!URL.canParse(database)) return { connectionString: database }
  const url = new URL(database)
  const schema = url.searchParams.get('schema')
  for (const name of prismaOnly) url.searchParams.delete(name)
  if (schema === null || schema === '') return { connectionString: url.href }
  // a backslash keeps a blank within the option
  const path = `"${schema.replaceAll('"', '""')}"`.replace(/[\\ ]/g, '\\$&')
  const before = url.searchParams.get('options')
  url.searchParams.delete('options')
  return { connectionString: url.href, options: [before, `-c search_path=${path}`].filter(Boolean).join(' ') }
}
