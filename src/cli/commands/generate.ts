import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Command, Option } from 'commander'
import { loadProject } from '../module.ts'
import { tell } from '../outcome.ts'

interface GenerateOptions {
  readonly config?: string
  readonly schema?: string
  readonly out: string
  readonly check?: boolean
  readonly json?: boolean
}

/** `postern generate`. */
export function addGenerate(program: Command): void {
  program
    .command('generate')
    .description('Write the types of the rows, for callers that do not have the schema. Needs no database.')
    .requiredOption('--out <file>', 'where to')
    .option('--check', 'write nothing; say whether the file is up to date')
    .option('--config <file>', 'a module that exports your adapter or schema; default: postern.config.ts')
    .addOption(new Option('--schema <file>', 'the same, for a module that has a schema alone'))
    .option('--json', 'one JSON value on standard output, for machines')
    .action(run)
}

async function run(options: GenerateOptions): Promise<void> {
  const { rowTypes } = await import('../row-types.ts')
  const { schema } = await loadProject(options.config ?? options.schema)
  const { out } = options
  const text = rowTypes(schema)
  const upToDate = existsSync(out) && readFileSync(out, 'utf8') === text
  const result = { file: out, models: [...schema.models.keys()], upToDate }
  if (options.check) {
    const line = upToDate
      ? `${out} is up to date`
      : `${out} is out of date: npx postern generate --out ${out}`
    return tell({ result, lines: [line], ok: upToDate }, options)
  }
  if (!upToDate) {
    mkdirSync(dirname(out), { recursive: true })
    writeFileSync(out, text)
  }
  tell(
    { result, lines: [upToDate ? `${out} was up to date` : `${out}: ${schema.models.size} models`] },
    options,
  )
}
