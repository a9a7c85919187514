import type { Command } from 'commander'
import { connectionOptions, type DatabaseOptions, withConnection } from '../database.ts'
import { writeNew } from '../files.ts'
import { tell } from '../outcome.ts'
import { progress } from '../progress.ts'
import { printable } from '../visible.ts'

interface PullOptions extends DatabaseOptions {
  readonly table?: string[]
  readonly dbSchema?: string[]
  readonly tenantColumn?: string
  readonly includeShared: boolean
  readonly mutable: boolean
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
    .option(
      '--mutable',
      'also allow the operations that could succeed; default: every model is read only',
      false,
    )
    .option('--include-shared', 'also tables without a tenant, which every signed caller may read', false)
  connectionOptions(command).action(run)
}

async function run(options: PullOptions): Promise<void> {
  const { pull, pullLines } = await import('../pull.ts')
  const database = options.database ?? options.url ?? process.env.DATABASE_URL
  const pulled = await progress('reading the catalogue', () =>
    withConnection(database, (connection) =>
      pull(connection, {
        tables: options.table,
        schemas: options.dbSchema,
        tenantColumn: options.tenantColumn,
        includeShared: options.includeShared,
        mutable: options.mutable,
        install: options.namespace ?? 'postern',
      }),
    ),
  )
  const { text, models, shared, leftOut, tenant } = pulled
  const found = models.length + shared.length > 0
  if (options.out !== undefined && found) writeNew(options.out, text, options.force)
  const names = models.map(({ name }) => name)
  const result = {
    models: names,
    shared: shared.map(({ name }) => name),
    leftOut,
    omitted: Object.fromEntries(
      [...models, ...shared].flatMap(({ name, omitted }) =>
        omitted.length === 0
          ? []
          : [[name, omitted.map(({ column, why }) => ({ column: column.name, why }))]],
      ),
    ),
    tenantColumn: tenant ?? null,
    file: found ? (options.out ?? null) : null,
    text,
  }
  if (!found) return tell({ result, lines: pullLines(pulled), ok: false }, options)
  if (options.out === undefined) {
    // the module goes to standard output, so what a reader must know of it goes beside
    if (!options.json) for (const line of pullLines(pulled)) console.error(printable(line))
    return tell({ result, lines: [text.trimEnd()] }, options)
  }
  tell(
    {
      result,
      lines: [
        `${options.out}: ${names.length} models, ${tenant === undefined ? 'no tenant found' : `tenant in ${tenant}`}`,
        ...pullLines(pulled),
        `Next: read the file, then npx postern check --schema ${options.out}`,
      ],
    },
    options,
  )
}
