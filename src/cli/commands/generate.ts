import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Command, Option } from 'commander'
import { loadProject } from '../module.ts'
import { tell } from '../outcome.ts'
import { printable } from '../visible.ts'

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
    .option('--check', 'write nothing; say whether the file is up to date, and what differs')
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
  const found = existsSync(out) ? readFileSync(out, 'utf8') : undefined
  const upToDate = found === text
  const result = { file: out, models: [...schema.models.keys()], upToDate }
  if (options.check) {
    if (upToDate) return tell({ result, lines: [`${out} is up to date`] }, options)
    const { lineDiff } = await import('../line-diff.ts')
    const diff = found === undefined ? [] : lineDiff(found, text)
    const why = found === undefined ? 'does not exist' : 'is out of date'
    const lines = [`${out} ${why}: npx postern generate --out ${out}`, ...diff.map(printable)]
    return tell({ result: { ...result, diff }, lines, ok: false }, options)
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
