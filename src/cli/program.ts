import { readFileSync, statSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addCheck } from './commands/check.ts'
import { addConform } from './commands/conform.ts'
import { addDeadLetters } from './commands/dead-letters.ts'
import { addGenerate } from './commands/generate.ts'
import { addInit } from './commands/init.ts'
import { addMigrate } from './commands/migrate.ts'
import { addPrune } from './commands/prune.ts'
import { addPull } from './commands/pull.ts'
import { addRelay } from './commands/relay.ts'
import { addSend } from './commands/send.ts'
import { addSql } from './commands/sql.ts'
import { addStatus } from './commands/status.ts'
import { UsageError } from './outcome.ts'
import { printable } from './visible.ts'

const END = `
Commands that need a schema or a database look for postern.config.ts, and for DATABASE_URL in the
environment, .env.local and .env.

Exit codes: 0 all is well, 1 something is wrong or failed, 2 the call is wrong.`

const version = (): string =>
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version

/** The whole command line. Each command is a file of `commands`, and adds itself. */
export function createProgram(): Command {
  const program = new Command('postern')
    .description('A signed Data Source endpoint on your own Postgres.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'say how it is called')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError('See postern --help.')
    .configureHelp({ helpWidth: 100, optionDescription: ({ description }) => description })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'postern: ')),
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
    })
    .addHelpText('after', END)
  addInit(program)
  addPull(program)
  addMigrate(program)
  addSql(program)
  addCheck(program)
  addStatus(program)
  addPrune(program)
  addRelay(program)
  addDeadLetters(program)
  addSend(program)
  addGenerate(program)
  addConform(program)
  return program
}

/**
 * Runs one call of the command line.
 *
 * @param args what stands behind the program's name
 * @returns the exit code
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = createProgram()
  if (args.length === 0) {
    program.outputHelp()
    return 2
  }
  try {
    // what is in the environment counts first, then what comes earlier here, as in Next.js
    for (const file of ['.env.local', '.env']) {
      if (statSync(file, { throwIfNoEntry: false })?.isFile()) process.loadEnvFile(file)
    }
    await program.parseAsync([...args], { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    // commander has said by itself what is wrong with the call
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { message, cause } = error as Error
    console.error(printable(`postern: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`))
    if (!(error instanceof UsageError)) return 1
    console.error('See postern --help.')
    return 2
  }
}
