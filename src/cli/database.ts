import { pathToFileURL } from 'node:url'
import { type Command, Option } from 'commander'
import type { PostgresSource } from '../adapters/postgres/source.ts'
import type { Schema } from '../core/schema/define.ts'
import { UsageError } from './outcome.ts'

/** The options of every command that works on a database, and `--json`. */
export interface DatabaseOptions {
  readonly schema?: string
  readonly database?: string
  readonly url?: string
  readonly install: string
  readonly json: boolean
}

/**
 * Adds the options of a command that works on a database; see `withSource`.
 *
 * @example
 * databaseOptions(program.command('prune')).action((options: DatabaseOptions) => withSource(options, ...))
 */
export function databaseOptions(command: Command): Command {
  return command
    .option('--schema <file>', 'a module that exports the schema (as `schema` or by default)')
    .option('--database <url>', 'the database; default: DATABASE_URL')
    .addOption(new Option('--url <database>').hideHelp())
    .option('--install <name>', 'our own schema in the database', 'postern')
    .option('--json', 'one JSON value on standard output, for machines', false)
}

/**
 * Runs `work` with the source that the options name, and closes its connections afterwards.
 *
 * @throws UsageError when the options name none.
 */
export async function withSource<T>(
  options: DatabaseOptions,
  work: (source: PostgresSource) => Promise<T>,
): Promise<T> {
  const url = options.database ?? options.url ?? process.env.DATABASE_URL
  if (url === undefined) throw new UsageError('give --database, or set DATABASE_URL')
  if (options.schema === undefined) throw new UsageError('give --schema')
  await using source = await connect(url, await loadSchema(options.schema), options.install)
  return await work(source)
}

async function loadSchema(file: string): Promise<Schema> {
  const module = (await import(pathToFileURL(file).href)) as { schema?: Schema; default?: Schema }
  const schema = module.schema ?? module.default
  if (!(schema?.models instanceof Map)) throw new UsageError(`${file} exports no schema`)
  return schema
}

/** node-postgres is the caller's own; it is asked for only when there is something to connect to. */
async function connect(
  url: string,
  schema: Schema,
  install: string,
): Promise<PostgresSource & AsyncDisposable> {
  const { default: pg } = await import('pg').catch(() => {
    throw new UsageError('the command line needs node-postgres: npm install pg')
  })
  const { pgDataSource } = await import('../adapters/pg.ts')
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  return { ...pgDataSource(pool, schema, { schema: install }), [Symbol.asyncDispose]: () => pool.end() }
}
