import { PosternError, Rejection } from '../../core/errors.ts'
import type { Schema } from '../../core/schema/define.ts'
import { schemaDigest } from '../../core/schema/digest.ts'
import type { PostgresConnection, PostgresSession } from '../connection.ts'
import { definitionOf, wordsOf } from '../model/bound-model.ts'
import type { Table } from '../model/catalog.ts'
import { readTable, settle } from '../model/catalog.ts'
import type { InstallOptions } from '../naming.ts'
import { compiledName, DEFAULT_LOCK_TIMEOUT_MS, installSchema } from '../naming.ts'
import { locks } from '../signals.ts'
import { sharedFunctions } from '../sql/index.ts'
import { type Statement, statement } from '../sql/statement.ts'
import { sqlstateOf } from '../sqlstate.ts'
import { compileCommit } from './compile-commit.ts'
import { compileMany } from './compile-many.ts'
import type { CompileOptions } from './compile-one.ts'
import { compileOne } from './compile-one.ts'
import { compileRecord, compileRelation } from './compile-relation.ts'
import { foreignEngine, UNSUPPORTED_ENGINE } from './engine.ts'
import type { Installed } from './relation.ts'
import { bindSchema, nothingInstalled, readInstalled, relationsOf, WORLD } from './relation.ts'
import type { Migration } from './tables.ts'
import { migrations } from './tables.ts'

/** While `migrate` waits for a table, every commit on it waits behind: shorter than the patience of a commit. */
const MIGRATE_LOCK_TIMEOUT_MS = 2000
const MIGRATE_ATTEMPTS = 10

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
  readonly statements: readonly Statement[]
}

/**
 * Raised whenever a function of `sql/` or of a relation changes in a way that older code could not live with: a package
 * with a lower number does not replace what a newer one installed.
 */
const ENGINE = 1

/**
 * Everything that must be in the database for `schema`, as statements; nothing is run. `tables` comes from the catalogue,
 * `installed` from our own tables.
 */
export function compile(
  schema: Schema,
  tables: ReadonlyMap<string, Table>,
  options: InstallOptions = {},
  installed: Installed = nothingInstalled,
): Statement[] {
  const s = installSchema(options)
  const digest = schemaDigest(schema)
  const models = bindSchema(schema, tables, installed)
  const relations = relationsOf(models, tables, installed)
  const compileOptions: CompileOptions = {
    schema: s,
    models,
    relations: new Map(relations.map((relation) => [relation.rel, relation])),
    lockTimeout: `${options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS}ms`,
    name: (bound, verb) => compiledName(digest, bound.model, verb),
  }
  const statements: Statement[] = [...sharedFunctions(s)]
  const data = (name: string, text: string): void => {
    statements.push(statement('data', name, text))
  }
  // a row that went missing: what is in the log counts as pruned, since nobody knows what was
  data(
    'meta',
    `insert into ${s}.meta (pruned_through) select coalesce(max(l.position), 0) from ${s}.log l on conflict (one) do nothing`,
  )
  data('meta', `update ${s}.meta set engine = ${ENGINE}`)
  data('run_seq', `select ${s}.note_run()`)
  for (const relation of relations) {
    const { rel, table, scope, parent, capture } = relation
    const name = quoted(table.sql)
    const kept = capture === undefined ? 'r.capture' : String(capture)
    data(
      'relation',
      `insert into ${s}.relation as r (rel, name, oid, world, scope, parent, capture)
select ${rel}, ${name}, ${name}::regclass, ${WORLD}, '${scope}', ${parent?.rel ?? 'null'}, ${capture ?? false}
on conflict (rel) do update set name = excluded.name, oid = excluded.oid, world = excluded.world, scope = excluded.scope,
  parent = excluded.parent, capture = ${kept}`,
    )
    const before = installed.relations.find((one) => one.rel === rel)
    // whose rows they were told to be, they are no longer
    if (before !== undefined && before.scope !== scope) data('meta', `select ${s}.renew_log()`)
  }
  for (const relation of relations) {
    statements.push(...compileRelation(relation, compileOptions), compileRecord(relation, compileOptions))
  }
  for (const bound of models.values()) {
    statements.push(...compileOne(bound, compileOptions), ...compileMany(bound, compileOptions))
  }
  statements.push(compileCommit(compileOptions, compiledName(digest, null, 'commit')))
  data('model', `delete from ${s}.model where digest = '${digest}'`)
  for (const bound of models.values()) {
    const values = [
      digest,
      bound.model.name,
      JSON.stringify(definitionOf(bound)),
      JSON.stringify(wordsOf(bound)),
    ]
    const [first, name, definition, words] = values.map(quoted)
    data(
      'model',
      `insert into ${s}.model (digest, name, rel, definition, words) values (${first}, ${name}, ${bound.rel}, ${definition}, ${words})`,
    )
  }
  return statements
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Installs or upgrades everything of ours in the database, in one transaction: tables that are missing, the shared
 * functions, the functions compiled from the schema. An index on a table in use is built before it, concurrently. Safe
 * to run again, from several processes at once, and while commits run. Tables of the application are only read.
 *
 * @throws PosternError `source_adapter_misconfigured` when a model does not fit its table; nothing is changed then.
 *   `source_busy` when a lock was not free in ten tries of two seconds.
 */
export async function migrate(
  connection: PostgresConnection,
  schema: Schema,
  options: MigrateOptions = {},
): Promise<MigrationReport> {
  const s = installSchema(options)
  const beforehand = await retryLocks(() => buildIndexes(connection, s, options.dryRun === true)).catch(
    (error: unknown) => {
      // a connection that has everything in a transaction: the migration's own builds it then
      if (sqlstateOf(error) === '25001') return []
      throw error
    },
  )
  return retryLocks(() => migrateOnce(connection, schema, options, beforehand))
}

/** Runs `work` again, bounded, while it meets live traffic: a deadlock, or a lock that was not free in time. */
async function retryLocks<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!['40P01', '55P03'].includes(sqlstateOf(error) ?? '')) throw error
      if (attempt === MIGRATE_ATTEMPTS) {
        const why = `migrate did not get its locks in ${attempt} tries. Look for long transactions in pg_stat_activity, and run it again.`
        throw new PosternError('source_busy', why, { cause: error })
      }
      // the commits that queued up behind go first
      await pause(100 * attempt)
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function migrateOnce(
  connection: PostgresConnection,
  schema: Schema,
  options: MigrateOptions,
  beforehand: readonly Statement[],
): Promise<MigrationReport> {
  const s = installSchema(options)
  let report: MigrationReport | undefined
  const work = connection.transaction(async (session) => {
    const path = await settle(session)
    const engine = await foreignEngine(session)
    if (engine !== null) {
      const why = `${engine} is not supported: ${UNSUPPORTED_ENGINE}.`
      throw new PosternError('source_adapter_misconfigured', why)
    }
    // two processes that start together: the second finds everything done
    await session.query(`select pg_advisory_xact_lock(${locks.install(s)})::text`, [])
    await session.query(`select set_config('lock_timeout', '${MIGRATE_LOCK_TIMEOUT_MS}ms', true)`, [])
    const statements: Statement[] = [...beforehand]
    const run = async (one: Statement): Promise<void> => {
      await session.query(one.text, [])
      statements.push(one)
    }
    const applied = await migrateTables(session, run, s, options.dryRun === true)
    await mustNotBeNewer(session, s)
    const tables = await readTables(session, schema, path)
    const installed = await readInstalled(session, s, schemaDigest(schema))
    for (const one of compile(schema, tables, options, installed)) await run(one)
    report = { applied, digest: schemaDigest(schema), statements }
    if (options.dryRun === true) throw new Rejection('dry_run', 'Nothing is kept of a dry run.')
    return report
  })
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
): Promise<Statement[]> {
  const s = installSchema(options)
  return connection.transaction(async (session) => {
    const tables = await readTables(session, schema, await settle(session))
    return [
      statement('schema', s, `create schema if not exists ${s}`),
      migrationTable(s),
      ...migrations(s).flatMap((one) => [...one.statements, noted(s, one)]),
      ...compile(schema, tables, options),
    ]
  })
}

const migrationTable = (s: string): Statement =>
  statement(
    'table',
    'migration',
    `create table ${s}.migration (version int primary key, title text not null, applied_at timestamptz not null default now())`,
  )

const noted = (s: string, { version, title }: Migration): Statement => {
  const values = `${version}, '${title.replaceAll("'", "''")}'`
  return statement('data', 'migration', `insert into ${s}.migration (version, title) values (${values})`)
}

/**
 * Builds the indexes that a table in use is to get, each outside of any transaction: in the migration's own, every
 * commit would stand still for the build, and one that holds a captured table already would deadlock with it.
 *
 * @returns the statements, run or (`dryRun`) to be run.
 */
async function buildIndexes(
  connection: PostgresConnection,
  s: string,
  dryRun: boolean,
): Promise<Statement[]> {
  const [there] = await connection.query(`select to_regclass('${s}.migration')::text as name`, [])
  if (there?.name == null) return []
  const done = await connection.query(`select version::text as version from ${s}.migration`, [])
  const statements: Statement[] = []
  const run = async (one: Statement): Promise<void> => {
    const { kind, name, text: inTransaction, concurrently = inTransaction } = one
    if (!dryRun) await connection.query(concurrently, [])
    statements.push({ kind, name, text: concurrently, inTransaction })
  }
  for (const { version, index, statements: wanted } of done.length === 0 ? [] : migrations(s)) {
    if (index === undefined || done.some((row) => row.version === String(version))) continue
    let state = await indexState(connection, s, index)
    // of another process: two builds of one table would wait for each other
    for (; state === 'building' && !dryRun; state = await indexState(connection, s, index)) await pause(200)
    // a build that was cut off leaves an index that costs and serves nothing
    if (state === 'invalid') await run(dropIndex(s, index))
    if (state === 'valid') continue
    for (const one of wanted) await run(one)
  }
  return statements
}

const dropIndex = (s: string, index: string): Statement => ({
  kind: 'index',
  name: index,
  text: `drop index if exists ${s}.${index}`,
  concurrently: `drop index concurrently if exists ${s}.${index}`,
})

type IndexState = 'none' | 'building' | 'invalid' | 'valid'

async function indexState(session: PostgresSession, s: string, index: string): Promise<IndexState> {
  const [row] = await session.query(
    `select case when i.indisvalid then 'valid'
  when exists (select from pg_stat_progress_create_index p where p.relid = i.indrelid) then 'building'
  else 'invalid' end as state from pg_index i where i.indexrelid = to_regclass('${s}.${index}')`,
    [],
  )
  return (row?.state ?? 'none') as IndexState
}

/** Whether a migration's index stands already, or would: a dry run has not built it. */
async function isBuilt(
  session: PostgresSession,
  s: string,
  { index }: Migration,
  assumed: boolean,
): Promise<boolean> {
  if (index === undefined) return false
  return assumed || (await indexState(session, s, index)) === 'valid'
}

async function migrateTables(
  session: PostgresSession,
  run: (one: Statement) => Promise<void>,
  s: string,
  dryRun: boolean,
): Promise<number[]> {
  // by the catalog's rows: after the wait for the lock, to_regclass may still answer from what this session knew before
  const [existing] = await session.query(
    `select n.nspname::text as schema, (select c.relname::text from pg_class c where c.relnamespace = n.oid and c.relname = 'migration') as name,
  (select c.relname::text from pg_class c where c.relnamespace = n.oid and c.relname = 'outbox') as old
from pg_namespace n where n.nspname = $1::text`,
    [s],
  )
  if (existing?.old != null) {
    throw new PosternError(
      'source_adapter_misconfigured',
      `Schema ${s} was made by a version before the first release. Drop it and migrate again: drop schema ${s} cascade`,
    )
  }
  if (existing?.name == null) {
    if (existing === undefined) await run(statement('schema', s, `create schema ${s}`))
    await run(migrationTable(s))
  }
  const done = await session.query(`select version::text as version from ${s}.migration`, [])
  const applied: number[] = []
  for (const one of migrations(s)) {
    if (done.some((row) => row.version === String(one.version))) continue
    if (!(await isBuilt(session, s, one, dryRun && done.length > 0))) {
      for (const given of one.statements) await run(given)
    }
    await run(noted(s, one))
    applied.push(one.version)
  }
  return applied
}

/** An older package would replace functions that a newer one needs, and no longer know what it keeps. */
async function mustNotBeNewer(session: PostgresSession, s: string): Promise<void> {
  const [row] = await session.query(
    `select (select max(m.version) from ${s}.migration m)::text as version, (select m.engine from ${s}.meta m)::text as engine`,
    [],
  )
  const known = Math.max(...migrations(s).map(({ version }) => version))
  if (Number(row?.version) <= known && Number(row?.engine ?? 0) <= ENGINE) return
  throw new PosternError(
    'source_adapter_misconfigured',
    `Schema ${s} was installed by a newer version of this package; migrate with that version or a newer one. Nothing was changed.`,
  )
}

/** What the catalog says of every model's table. @param session settled, see `settle`, which answers `path`. */
export async function readTables(
  session: PostgresSession,
  schema: Schema,
  path: readonly string[],
): Promise<Map<string, Table>> {
  const tables = new Map<string, Table>()
  for (const model of schema.models.values()) {
    const table = await readTable(session, model, path)
    if (table !== null) tables.set(model.name, table)
  }
  return tables
}
