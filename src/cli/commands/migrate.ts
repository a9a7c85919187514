import type { Command } from 'commander'
import { type DatabaseOptions, databaseOptions, withSource } from '../database.ts'
import { tell } from '../outcome.ts'

interface MigrateOptions extends DatabaseOptions {
  readonly dryRun: boolean
}

/** `postern migrate`. */
export function addMigrate(program: Command): void {
  databaseOptions(
    program
      .command('migrate')
      .description('Install or upgrade our tables and functions for the schema.')
      .option('--dry-run', 'run everything and roll it back', false),
  ).action((options: MigrateOptions) =>
    withSource(options, async (source) => {
      const { dryRun } = options
      const { applied, digest, statements } = await source.migrate({ dryRun })
      const tables =
        applied.length === 0 ? 'tables were up to date' : `applied migration ${applied.join(', ')}`
      const done = dryRun ? 'would run' : 'ran'
      tell(
        {
          result: { applied, digest, statements: statements.length, dryRun },
          lines: [`${tables}; ${done} ${statements.length} statements for schema digest ${digest}`],
        },
        options,
      )
    }),
  )
}
