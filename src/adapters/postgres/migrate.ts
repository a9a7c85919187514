import { SourceError, SourceRejection } from '../../core/errors.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { schemaDigest } from '../../core/schema/digest.ts'
import type { Table } from './catalogue.ts'
import { readTable } from './catalogue.ts'
import { compileCapture, compileRecord } from './compile-capture.ts'
import { compileCommit } from './compile-commit.ts'
import { compileMany } from './compile-many.ts'
import type { CompileOptions } from './compile-one.ts'
import { compileOne } from './compile-one.ts'
import type { PostgresConnection, PostgresSession } from './connection.ts'
import { feedFunctions } from './feed-functions.ts'
import { lockNamespace, sharedFunctions } from './functions.ts'
import { retentionFunctions } from './retention-functions.ts'
import { bindTable } from './suits.ts'
import type { BoundModel } from './table.ts'
import type { Migration } from './tables.ts'
import { migrations } from './tables.ts'

export const DEFAULT_LOCK_TIMEOUT_MS = 5000

/** Where our tables and functions are, and what is compiled into them. */
export interface InstallOptions {
  /** Our own schema in the database. Default `postern`. Lower-case letters, digits and _. */
  schema?: string
  /** Longest wait of a commit for a lock, in milliseconds. Default 5,000; the answer is then `source_busy`. */
  lockTimeoutMs?: number
}

/** Options of `migrate`. */
export interface MigrateOptions extends InstallOptions {
  /** Run everything and roll it back: the report says what would be done. Default false. */
  dryRun?: boolean
}

/** What a migration run did. */
export interface MigrationReport {
  /** Numbers of the table migrations applied by this run; empty when they were there. */
  readonly applied: readonly number[]
  /** The digest of the schema whose functions are now installed. */
  readonly digest: string
  /** Every statement in order, as run. */
  readonly statements: readonly string[]
}

export function installSchema(options: InstallOptions = {}): string {
  const name = options.schema ?? 'postern'
  if (!/^[a-z_][a-z0-9_]{0,30}$/.test(name) || name.startsWith('pg_')) {
    throw new SourceError(
      'source_adapter_misconfigured',
      `schema ${name}: use lower-case letters, digits and _, at most 31`,
    )
  }
  return name
}

/** How a compiled function is called: the digest lets several versions of an application run side by side. */
export function functionName(s: string, digest: string, model: Model | null, verb: string): string {
  const plain = model === null ? verb : `${model.name}_${verb}`
  // Postgres cuts names over 63 bytes in silence; two long models must not become one
  if (plain.length > 50)
    throw new SourceError('source_adapter_misconfigured', `model ${model?.name}: the name is too long`)
  return `${s}."${plain}_${digest}"`
}

/** Everything that must be in the database for `schema`, as statements; nothing is run. `tables` comes from the catalogue. */
export function compile(
  schema: Schema,
  tables: ReadonlyMap<string, Table>,
  options: InstallOptions = {},
): string[] {
  const s = installSchema(options)
  const digest = schemaDigest(schema)
  const models = new Map<string, BoundModel>()
  for (const model of schema.models.values()) models.set(model.name, bindTable(model, tables.get(model.name)))
  const compileOptions: CompileOptions = {
    schema: s,
    models,
    namespace: lockNamespace(s),
    lockTimeout: `${options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS}ms`,
    name: (bound, verb) => functionName(s, digest, bound.model, verb),
  }
  const statements = [...sharedFunctions(s), ...feedFunctions(s), ...retentionFunctions(s)]
  for (const bound of models.values()) {
    statements.push(...compileOne(bound, compileOptions), ...compileMany(bound, compileOptions))
    statements.push(compileRecord(bound, compileOptions), ...compileCapture(bound, compileOptions))
  }
  statements.push(compileCommit(compileOptions, functionName(s, digest, null, 'commit')))
  statements.push(`delete from ${s}.model where digest = '${digest}'`)
  for (const bound of models.values()) {
    const definition = JSON.stringify({
      table: bound.table,
      columns: bound.columns,
      triggers: bound.triggers,
    }).replaceAll("'", "''")
    statements.push(
      `insert into ${s}.model (digest, name, definition) values ('${digest}', '${bound.model.name}', '${definition}')`,
    )
  }
  return statements
}

/**
 * Installs or upgrades everything of ours in the database, in one transaction: tables that are missing, the shared
 * functions, the functions compiled from the schema. Safe to run again, and from several processes at once. Tables
 * of the application are only read.
 *
 * @throws SourceError `source_adapter_misconfigured` when a model does not fit its table; nothing is changed then.
 */
export async function migrate(
  connection: PostgresConnection,
  schema: Schema,
  options: MigrateOptions = {},
): Promise<MigrationReport> {
  const s = installSchema(options)
  let report: MigrationReport | undefined
  const work = connection.transaction(
    async (session) => {
      // two processes that start together: the second finds everything done
      await session.query(`select pg_advisory_xact_lock(${lockNamespace(s)}, 0)::text`, [])
      const statements: string[] = []
      const run = async (statement: string): Promise<void> => {
        await session.query(statement, [])
        statements.push(statement)
      }
      const applied = await migrateTables(session, run, s)
      const tables = await readTables(session, schema, s)
      for (const statement of compile(schema, tables, options)) await run(statement)
      report = { applied, digest: schemaDigest(schema), statements }
      if (options.dryRun === true) throw new SourceRejection('dry_run', 'Nothing is kept of a dry run.')
      return report
    },
    { isolation: 'read committed' },
  )
  try {
    return await work
  } catch (error) {
    if (options.dryRun === true && report !== undefined) return report
    throw error
  }
}

/**
 * Every statement that a database without anything of ours needs, for the migrations of another tool; nothing is run.
 * The application's tables must be there: the functions are compiled from them.
 */
export function allStatements(
  connection: PostgresConnection,
  schema: Schema,
  options: InstallOptions = {},
): Promise<string[]> {
  const s = installSchema(options)
  return connection.transaction(async (session) => [
    `create schema if not exists ${s}`,
    migrationTable(s),
    ...migrations(s).flatMap((one) => [...one.statements, noted(s, one)]),
    ...compile(schema, await readTables(session, schema, s), options),
  ])
}

const migrationTable = (s: string): string =>
  `create table ${s}.migration (version int primary key, title text not null, applied_at timestamptz not null default now())`

const noted = (s: string, { version, title }: Migration): string =>
  `insert into ${s}.migration (version, title) values (${version}, '${title.replaceAll("'", "''")}')`

async function migrateTables(
  session: PostgresSession,
  run: (statement: string) => Promise<void>,
  s: string,
): Promise<number[]> {
  const [existing] = await session.query(`select to_regclass('${s}.migration')::text as name`, [])
  if (existing?.name == null) {
    const [schema] = await session.query(`select to_regnamespace('${s}')::text as name`, [])
    if (schema?.name == null) await run(`create schema ${s}`)
    await run(migrationTable(s))
  }
  const done = await session.query(`select version::text as version from ${s}.migration`, [])
  const applied: number[] = []
  for (const one of migrations(s)) {
    if (done.some((row) => row.version === String(one.version))) continue
    for (const statement of one.statements) await run(statement)
    await run(noted(s, one))
    applied.push(one.version)
  }
  return applied
}

/** What the catalogue says of every model's table; default expressions come out schema-qualified. */
export async function readTables(
  session: PostgresSession,
  schema: Schema,
  s: string,
): Promise<Map<string, Table>> {
  const tables = new Map<string, Table>()
  for (const model of schema.models.values()) {
    const table = await readTable(session, model, s)
    if (table !== null) tables.set(model.name, table)
  }
  return tables
}
