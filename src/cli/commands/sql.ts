import { type Command, Option } from 'commander'
import { type DatabaseOptions, databaseOptions, withOpened } from '../database.ts'
import { writeNew } from '../files.ts'
import { migrationFile, migrationPath, type Tool, tools } from '../migration-file.ts'
import { tell } from '../outcome.ts'

interface SqlOptions extends DatabaseOptions {
  readonly for?: Tool
  readonly out?: string
  readonly all?: boolean
  readonly force?: boolean
}

/** `postern sql`. */
export function addSql(program: Command): void {
  databaseOptions(
    program
      .command('sql')
      .description(
        'Print what migrate would run, or write it as a migration of your own tool; changes nothing.',
      )
      .addOption(new Option('--for <tool>', `a migration for: ${tools.join(', ')}`).choices(tools))
      .option('--out <path>', "write it there: a file, or the tool's directory of migrations")
      .option('--all', 'everything, also what this database has already')
      .option('--force', 'also over a file that is there'),
  ).action((options: SqlOptions) =>
    withOpened(options, async ({ adapter, connection, schema, namespace }) => {
      const { allStatements } = await import('../../postgres/install/migrate.ts')
      const report = options.all ? undefined : await adapter.migrate({ dryRun: true })
      const statements = report?.statements ?? (await allStatements(connection, schema, { namespace }))
      const tool = options.for ?? (options.out === undefined ? undefined : 'plain')
      if (tool === undefined) {
        return tell(
          { result: statements.map(({ text }) => text), lines: statements.map(({ text }) => `${text};\n`) },
          options,
        )
      }
      const whole = report === undefined || report.applied.includes(1)
      const { text, keep } = migrationFile(tool, statements, namespace, whole)
      if (options.out === undefined) return tell({ result: { text, keep }, lines: [text.trimEnd()] }, options)
      const file = migrationPath(tool, options.out, new Date())
      writeNew(file, text, options.force)
      tell(
        {
          result: { file, statements: statements.length, keep },
          lines: [`${file}: ${statements.length} statements`, keep],
        },
        options,
      )
    }),
  )
}
