import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { styleText } from 'node:util'
import { type Command, Option } from 'commander'
import { withConnection } from '../database.ts'
import { type Ask, asking } from '../init/ask.ts'
import { checkMutable, type Decisions, decide, decided } from '../init/decide.ts'
import { type Declared, readDeclared } from '../init/declared.ts'
import { type Application, detect, type Framework, frameworks, type Orm, orms } from '../init/detect.ts'
import { packageManagerOf } from '../init/package-manager.ts'
import { type Plan, planOf, type WantedSchema } from '../init/plan.ts'
import { reused } from '../init/reuse.ts'
import { declaredParts, exampleSchema } from '../init/texts.ts'
import { tell, UsageError } from '../outcome.ts'
import { progress } from '../progress.ts'
import type { PulledModel } from '../pull/models.ts'
import type { Pulled } from '../pull.ts'
import { printable } from '../visible.ts'

interface InitOptions {
  readonly framework?: Framework
  readonly orm?: Orm
  readonly database?: string
  readonly table?: string[]
  readonly tenantColumn?: string
  readonly includeShared: boolean
  readonly mutable?: string[]
  readonly capture?: boolean
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `postern init`. */
export function addInit(program: Command): void {
  program
    .command('init')
    .description(
      'Write schema, endpoint, route and key for the application in this directory. Overwrites nothing.',
    )
    .addOption(
      new Option('--framework <name>', `${frameworks.join(', ')}; default: what package.json has`).choices(
        frameworks,
      ),
    )
    .addOption(new Option('--orm <name>', `${orms.join(', ')}; default: what package.json has`).choices(orms))
    .option('--database <url>', 'where the schema comes from; default: DATABASE_URL, else an example')
    .option('--table <name...>', 'only these tables')
    .option('--tenant-column <name>', 'the column that says whose row it is; default: guessed')
    .option('--include-shared', 'also tables without a tenant, which every signed caller may read', false)
    .option('--mutable <name...>', 'what callers may change: all, none, or models; default: all')
    .option('--capture', 'log what the application writes by itself, with triggers; default: yes')
    .option('--no-capture', 'do not log what the application writes by itself')
    .option('--yes', 'write without asking')
    .option('--dry-run', 'show the files, and write none')
    .option('--json', 'one JSON value on standard output, for machines; writes with --yes alone')
    .action(run)
}

async function run(options: InitOptions): Promise<void> {
  const application = detect(process.cwd())
  const framework = options.framework ?? application.framework
  const orm = options.orm ?? application.orm
  if (framework === undefined)
    throw new UsageError(`no framework found: give --framework ${frameworks.join('|')}`)
  if (orm === undefined) throw new UsageError(`no database client found: give --orm ${orms.join('|')}`)
  const isAsked =
    !(options.yes || options.dryRun || options.json) && process.stdin.isTTY && process.stdout.isTTY
  const written = (ask?: Ask): Promise<void> => write(application, { ...options, framework, orm }, ask)
  return isAsked ? asking(written) : written()
}

/** Shows what would be written and, where that is wanted, writes it. @param ask undefined where nobody can be asked */
async function write(
  application: Application,
  options: InitOptions & { readonly framework: Framework; readonly orm: Orm },
  ask: Ask | undefined,
): Promise<void> {
  const { framework, orm } = options
  const manager = await packageManagerOf(application.directory)
  const { found, decisions } = await pulled(options, ask)
  const declared = found === undefined ? undefined : await declaredBy(application, orm)
  const schema = await schemaOf(application, found, declared, decisions)
  const plan = planOf(application, { framework, orm, schema, manager })
  const { pullLines } = await import('../pull.ts')
  const notes = schema.told === undefined ? [] : pullLines(schema.told)
  const result = { framework, orm, ...plan, steps: plan.steps.map(({ text: _, ...step }) => step), notes }
  const said = notes.length === 0 ? [] : ['', ...notes.map((one) => `  ${one}`)]
  const lines = [`${framework}, ${orm}`, '', ...planLines(plan, options.dryRun === true), ...said]
  if (options.dryRun) return tell({ result: { ...result, written: false }, lines }, options)

  if (!options.json) console.log(printable(`${lines.join('\n')}\n`))
  if (!options.yes) {
    if (ask === undefined) throw new UsageError('nothing was written: say --yes')
    if (!/^y(es)?$/i.test(await ask('Write these files? y/n', 'y')))
      return tell({ result, lines: ['Nothing was written.'] }, options)
  }
  // the key first: where it cannot be written, nothing else is there that a second run would take for whole
  const isKey = ({ file }: { file: string }): boolean => file.startsWith('.env')
  const steps = [...plan.steps.filter(isKey), ...plan.steps.filter((one) => !isKey(one))]
  for (const { file, action, text } of steps) {
    if (action === 'keep') continue
    mkdirSync(dirname(file), { recursive: true })
    if (action === 'append') appendFileSync(file, text)
    // `wx`: what came into being since is not overwritten either
    else writeFileSync(file, text, { flag: 'wx' })
  }
  tell(
    {
      result: { ...result, written: true },
      lines: ['Written. Next:', '', ...plan.next.map((one) => `  ${one}`)],
    },
    options,
  )
}

/** What the ORM declares; undefined where it declares nothing, or where that cannot be read, which is said. */
async function declaredBy(application: Application, orm: Orm): Promise<Declared | undefined> {
  try {
    return await readDeclared(application, orm)
  } catch (error) {
    const { message, cause } = error as Error
    const why = cause instanceof Error ? cause.message.split('\n')[0] : 'no reason given'
    console.error(printable(`postern: ${message} (${why}): the schema declares the tables itself`))
    return undefined
  }
}

/** The schema's module, and what is to be told of the tables in it. */
async function schemaOf(
  application: Application,
  found: Pulled | undefined,
  declared: Declared | undefined,
  { mutable, capture, includeShared }: Decisions,
): Promise<WantedSchema & { readonly told: Pulled | undefined }> {
  if (found === undefined) {
    const text = exampleSchema({ mutable: mutable !== false, capture })
    return { text: () => text, note: 'an example', isDeclared: false, told: undefined }
  }
  const all = [...found.models, ...found.shared]
  const { models, leftOut } = declared === undefined ? { models: [], leftOut: [] } : reused(all, declared)
  if (declared === undefined || models.length === 0) {
    return { text: () => found.text, note: "from the database's tables", isDeclared: false, told: found }
  }
  const { exposureText } = await import('../pull/write.ts')
  // models get the ORM's names, and tables keep theirs
  const tables = all.filter(({ name }) => typeof mutable !== 'boolean' && mutable.includes(name))
  const writes =
    typeof mutable === 'boolean' ? mutable : [...mutable, ...tables.map(({ table }) => table.name)]
  const text = (file: string): string =>
    exposureText(
      models,
      [...found.leftOut, ...leftOut],
      { mutable: writes, capture, includeShared },
      declaredParts(application, declared, file),
    )
  const isShown = (one: PulledModel): boolean => includeShared || one.policy.by !== 'none'
  const told = {
    ...found,
    models: models.filter(isShown),
    shared: models.filter((one) => !isShown(one)),
    leftOut: [...found.leftOut, ...leftOut],
  }
  return { text, note: `names what ${declared.files.join(', ')} declares`, isDeclared: true, told }
}

/** The schema of the tables that are there, as it was decided; undefined where no database is named or reached. */
async function pulled(
  options: InitOptions,
  ask: Ask | undefined,
): Promise<{ found: Pulled | undefined; decisions: Decisions }> {
  const decisions = decided(options)
  const found = await pullWith(options, decisions)
  if (found === undefined) return { found, decisions }
  if (ask === undefined) {
    checkMutable(decisions.mutable, found)
    return { found, decisions }
  }
  const answered = await decide(found, options, ask)
  return { found: await pullWith(options, answered), decisions: answered }
}

async function pullWith(options: InitOptions, decisions: Decisions): Promise<Pulled | undefined> {
  const { database, table } = options
  const address = database ?? process.env.DATABASE_URL
  if (address === undefined) return undefined
  const { pull } = await import('../pull.ts')
  try {
    const found = await progress('reading the catalogue', () =>
      withConnection(address, (connection) =>
        pull(connection, { ...decisions, tables: table, install: 'postern' }),
      ),
    )
    return found.models.length + found.shared.length === 0 ? undefined : found
  } catch (error) {
    // a database that was named must be there; one that merely stands in .env may not run yet
    if (database !== undefined || error instanceof UsageError) throw error
    const { message, cause } = error as Error
    const why = message || (cause instanceof Error ? cause.message : 'no answer')
    console.error(printable(`postern: the database does not answer (${why}): the schema will be an example`))
    return undefined
  }
}

function planLines({ steps }: Plan, whole: boolean): string[] {
  const width = Math.max(...steps.map(({ file }) => file.length))
  return steps.flatMap(({ file, action, text, note }) => [
    `  ${action.padEnd(6)} ${file.padEnd(width)} ${note === undefined ? '' : styleText('dim', note)}`.trimEnd(),
    // a key is shown in its file alone
    ...(whole && action !== 'keep' && !file.startsWith('.env')
      ? [
          '',
          ...text
            .trimEnd()
            .split('\n')
            .map((line) => `      ${line}`.trimEnd()),
          '',
        ]
      : []),
  ])
}
