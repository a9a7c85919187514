import type { Command } from 'commander'
import { type DatabaseOptions, databaseOptions, type Opened, withOpened } from '../database.ts'
import { tell } from '../outcome.ts'
import { progress } from '../progress.ts'

interface MigrateOptions extends DatabaseOptions {
  readonly dryRun?: boolean
  readonly down?: boolean
  readonly yes?: boolean
}

/** `postern migrate`. */
export function addMigrate(program: Command): void {
  databaseOptions(
    program
      .command('migrate')
      .description('Install or upgrade our tables and functions for the schema; safe to repeat.')
      .option('--dry-run', 'print the SQL that would run, after a run that is rolled back')
      .option('--down', 'drop all of ours instead; says what would be lost, and wants --yes')
      .option('--yes', 'drop it'),
  ).action((options: MigrateOptions) =>
    withOpened(options, (opened) => (options.down ? down(opened, options) : up(opened, options))),
  )
}

async function up({ adapter }: Opened, options: MigrateOptions): Promise<void> {
  const dryRun = options.dryRun === true
  const { applied, digest, statements } = await progress('migrating', () => adapter.migrate({ dryRun }))
  const tables =
    applied.length === 0
      ? `tables ${dryRun ? 'are' : 'were'} up to date`
      : `${dryRun ? 'would apply' : 'applied'} migration ${applied.join(', ')}`
  const count = `${statements.length} statements for schema digest ${digest}`
  const sql = statements.map(({ text }) => text)
  tell(
    {
      result: { applied, digest, statements: statements.length, dryRun, ...(dryRun && { sql }) },
      lines: dryRun
        ? [`-- ${tables}; would run ${count}\n`, ...sql.map((text) => `${text};\n`)]
        : [`${tables}; ran ${count}`],
    },
    options,
  )
}

async function down({ connection, namespace }: Opened, options: MigrateOptions): Promise<void> {
  const { remains, uninstall } = await import('../../postgres/install/uninstall.ts')
  const really = options.yes === true && options.dryRun !== true
  const work = really ? uninstall : remains
  const lost = await progress('looking at what is there', () => work(connection, { namespace }))
  const { keys, events, followers, deadLetters, captured, foreign } = lost
  const lines = [
    `${really ? 'Dropped' : 'This would drop'} schema ${namespace}, and with it:`,
    `  ${keys} keys: a commit that is sent again under one of them is applied again`,
    `  ${events} events, ${followers} named followers: every cursor and every stamp is void`,
    ...(deadLetters === 0 ? [] : [`  ${deadLetters} dead letters: what a relay could not deliver`]),
    ...(captured.length === 0 ? [] : [`  the capture triggers of ${captured.join(', ')}`]),
    ...(foreign.length === 0
      ? ['Tables of your own stay as they are.']
      : ['It will not, as long as this is there, which is not ours and would be dropped too:']),
    ...foreign.map((name) => `  ${name}`),
    ...(really || options.dryRun
      ? []
      : [`Nothing was done. ${foreign.length === 0 ? 'Say --yes to do it.' : 'Move or drop that first.'}`]),
  ]
  tell({ result: { ...lost, dropped: really }, lines }, options)
  if (!really && !options.dryRun) process.exitCode = 2
}
