#!/usr/bin/env node
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { PostgresSource } from '../adapters/postgres/source.ts'
import type { Schema } from '../core/schema/define.ts'
import { commands, standalone } from './commands.ts'

const USAGE = `postern <command> --schema <file> [--url <database>] [--json]

  migrate [--dry-run]   install or upgrade our tables and functions for the schema
  sql                   print the statements that migrate would run, and run none
  check                 look whether database and schema fit each other
  status                how far the feed is, and what holds it back
  prune                 compact the outbox, drop keys past twice their retention
  conform --url --key   hold a running endpoint to the promises of the protocol; has options of its own

  --schema   a module that exports a schema (defineSchema) as \`schema\` or by default
  --url      the database; default: DATABASE_URL
  --install  our own schema in the database; default: postern
  --json     one JSON value on standard output, for machines

Exit codes: 0 all is well, 1 something is not (check) or failed, 2 the call is wrong.`

/** A fault of the call: exit code 2. */
class UsageError extends Error {}

const options = {
  schema: { type: 'string' },
  url: { type: 'string' },
  install: { type: 'string', default: 'postern' },
  'dry-run': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

async function main(): Promise<number> {
  const [first = '', ...rest] = process.argv.slice(2)
  const own = Object.hasOwn(standalone, first) ? standalone[first] : undefined
  if (own !== undefined) return own(rest)
  const { values, positionals } = parse()
  const [name] = positionals
  if (values.help || name === undefined) {
    console.log(USAGE)
    return values.help ? 0 : 2
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined || positionals.length > 1)
    throw new UsageError(`there is no command ${positionals.join(' ')}`)
  const url = values.url ?? process.env.DATABASE_URL
  if (url === undefined) throw new UsageError('give --url, or set DATABASE_URL')
  if (values.schema === undefined) throw new UsageError('give --schema')
  await using source = await connect(url, await loadSchema(values.schema), values.install)
  const { result, lines, ok } = await command(source, { dryRun: values['dry-run'] })
  console.log(values.json ? JSON.stringify(result) : lines.join('\n'))
  return ok ? 0 : 1
}

function parse() {
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function loadSchema(file: string): Promise<Schema> {
  const module = (await import(pathToFileURL(file).href)) as { schema?: Schema; default?: Schema }
  const schema = module.schema ?? module.default
  if (!(schema?.models instanceof Map)) throw new UsageError(`${file} exports no schema`)
  return schema
}

/** node-postgres is the caller's own; it is asked for only when there is something to connect to. */
async function connect(
  url: string,
  schema: Schema,
  install: string,
): Promise<PostgresSource & AsyncDisposable> {
  const { default: pg } = await import('pg').catch(() => {
    throw new UsageError('the command line needs node-postgres: npm install pg')
  })
  const { pgDataSource } = await import('../adapters/pg.ts')
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  return { ...pgDataSource(pool, schema, { schema: install }), [Symbol.asyncDispose]: () => pool.end() }
}

try {
  process.exitCode = await main()
} catch (error) {
  const cause =
    (error as Error).cause instanceof Error ? `: ${((error as Error).cause as Error).message}` : ''
  console.error(`postern: ${(error as Error).message}${cause}`)
  if (error instanceof UsageError) console.error('See postern --help.')
  process.exitCode = error instanceof UsageError ? 2 : 1
}
