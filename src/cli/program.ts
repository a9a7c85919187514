import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addCheck } from './commands/check.ts'
import { addConform } from './commands/conform.ts'
import { addDeadLetters } from './commands/dead-letters.ts'
import { addGenerate } from './commands/generate.ts'
import { addGrants } from './commands/grants.ts'
import { addInit } from './commands/init.ts'
import { addKeys } from './commands/keys.ts'
import { addMigrate } from './commands/migrate.ts'
import { addPrune } from './commands/prune.ts'
import { addPull } from './commands/pull.ts'
import { addRelay } from './commands/relay.ts'
import { addRenewLog } from './commands/renew-log.ts'
import { addRetire } from './commands/retire.ts'
import { addSend } from './commands/send.ts'
import { addSql } from './commands/sql.ts'
import { addStatus } from './commands/status.ts'
import { readEnvironment } from './environment.ts'
import { UsageError } from './outcome.ts'
import { printable } from './visible.ts'

const END = `
Commands that need a schema or a database read postern.config.ts, and DATABASE_URL from the
environment, or an .env file as Next.js reads them in development.

Exit codes: 0 success, 1 a fault was found or the command failed, 2 the command line is wrong.`

const version = (): string =>
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version

/** The whole command line. Each command is a file in `commands`, with a function that adds it. */
export function createProgram(): Command {
  const program = new Command('postern')
    .description('A signed endpoint on your own Postgres.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
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
  addGrants(program)
  addStatus(program)
  addPrune(program)
  addRenewLog(program)
  addRetire(program)
  addRelay(program)
  addDeadLetters(program)
  addSend(program)
  addGenerate(program)
  addConform(program)
  addKeys(program)
  return program
}

/**
 * Runs one call of the command line.
 *
 * @param args the arguments after the program's name
 * @returns the exit code
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = createProgram()
  if (args.length === 0) {
    program.outputHelp()
    return 2
  }
  try {
    readEnvironment(process.cwd(), process.env)
    await program.parseAsync([...args], { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const isUsage = error instanceof CommanderError || error instanceof UsageError
    const lines = sentences(error)
    // commander has printed its own errors already
    if (!(error instanceof CommanderError)) {
      console.error(printable(`postern: ${lines.join('\n  ')}`))
      if (isUsage) console.error('See postern --help.')
    }
    if (args.includes('--json'))
      console.log(JSON.stringify({ error: isUsage ? 'usage' : 'failed', message: lines.join('\n') }))
    return isUsage ? 2 : 1
  }
}

/** The message of an error, and of what caused it. A refused connection has a code and no message. */
function sentences(error: unknown): string[] {
  const said: string[] = []
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const { message, code } = each as Error & { code?: unknown }
    const text = (message || String(code ?? each.name)).replace(/^error: /, '')
    if (!said.includes(text)) said.push(text)
  }
  return said.length === 0 ? [String(error)] : said
}
