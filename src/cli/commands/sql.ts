import type { Command } from 'commander'
import { type DatabaseOptions, databaseOptions, withSource } from '../database.ts'
import { tell } from '../outcome.ts'

/** `postern sql`. */
export function addSql(program: Command): void {
  databaseOptions(
    program.command('sql').description('Print the statements that migrate would run, and run none.'),
  ).action((options: DatabaseOptions) =>
    withSource(options, async (source) => {
      const { statements } = await source.migrate({ dryRun: true })
      tell({ result: statements, lines: statements.map((statement) => `${statement};\n`) }, options)
    }),
  )
}
