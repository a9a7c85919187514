import type { Command } from 'commander'
import { connectionOptions, type DatabaseOptions, withConnection } from '../database.ts'
import { writeNew } from '../files.ts'
import { tell } from '../outcome.ts'
import { progress } from '../progress.ts'

interface PullOptions extends DatabaseOptions {
  readonly table?: string[]
  readonly dbSchema?: string[]
  readonly tenantColumn?: string
  readonly out?: string
  readonly force: boolean
}

/** `postern pull`. */
export function addPull(program: Command): void {
  const command = program
    .command('pull')
    .description('Write a schema for the tables that the database has.')
    .option('--out <file>', 'write it there; default: standard output')
    .option('--force', 'also over a file that is there', false)
    .option('--table <name...>', 'only these tables')
    .option('--db-schema <name...>', 'look in these schemas of the database; default: the search path')
    .option('--tenant-column <name>', 'the column that says whose row it is; default: guessed')
  connectionOptions(command).action(run)
}

async function run(options: PullOptions): Promise<void> {
  const { pull } = await import('../pull.ts')
  const database = options.database ?? options.url ?? process.env.DATABASE_URL
  const { text, models, leftOut, tenant } = await progress('reading the catalogue', () =>
    withConnection(database, (connection) =>
      pull(connection, {
        tables: options.table,
        schemas: options.dbSchema,
        tenantColumn: options.tenantColumn,
        install: options.install ?? 'postern',
      }),
    ),
  )
  if (options.out !== undefined) writeNew(options.out, text, options.force)
  const names = models.map(({ name }) => name)
  const result = { models: names, leftOut, tenantColumn: tenant ?? null, file: options.out ?? null, text }
  if (options.out === undefined) return tell({ result, lines: [text.trimEnd()] }, options)
  const nobodys = models.filter(({ policy }) => policy.by === 'none').map(({ name }) => name)
  tell(
    {
      result,
      lines: [
        `${options.out}: ${names.length} models, ${tenant === undefined ? 'no tenant found' : `tenant in ${tenant}`}`,
        ...leftOut.map(({ table, why }) => `left out: ${table}, ${why}`),
        ...(nobodys.length > 0 ? [`without a tenant, read only: ${nobodys.join(', ')}; look at them`] : []),
        `Next: read the file, then npx postern check --schema ${options.out}`,
      ],
    },
    options,
  )
}
