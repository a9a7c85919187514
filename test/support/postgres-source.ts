import { createHash } from 'node:crypto'
import pg from 'pg'
import { expect } from 'vitest'
import { type PgAdapterOptions, pgAdapter, pgConnection } from '../../src/adapters/pg.ts'
import { type ErrorCode, PosternError } from '../../src/core/errors.ts'
import type { Schema } from '../../src/core/schema/define.ts'
import { schemaDigest } from '../../src/core/schema/digest.ts'
import type { PostgresAdapter } from '../../src/postgres/index.ts'
import { postgresAdapter } from '../../src/postgres/index.ts'
import { planted } from '../mutants/plants.ts'
import { type Caller, caller } from './caller.ts'
import { freshDatabase, type PgMajor, templateDatabase } from './db.ts'
import { edited } from './edited.ts'

export * from './caller.ts'

/** The majors that every promise of the engine is held against. */
export const majors: readonly PgMajor[] = [18, 15]

export interface Setup {
  readonly schema: Schema
  /** The application's own tables, as SQL. */
  readonly tables: string
  readonly major?: PgMajor
  readonly options?: PgAdapterOptions
  readonly pool?: pg.PoolConfig
  /** Defaults of the database, for every session: `{ default_transaction_isolation: 'serializable' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Edits the SQL that is installed, to see what a fault in it does. */
  readonly edit?: (statement: string) => string
}

/** A database of its own with the tables and the engine in it, a pool, and a caller for its source. */
export interface OpenSource extends Caller, AsyncDisposable {
  readonly source: PostgresAdapter
  readonly schema: Schema
  readonly pool: pg.Pool
  readonly url: string
  /** Runs SQL beside the engine, as the application or an operator would. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** A connection of its own; it is closed with the source. */
  client(config?: pg.ClientConfig): Promise<pg.Client>
}

/** Clones a migrated template (made once per run for the same tables, schema and edits) and opens it. */
export async function openSource(setup: Setup): Promise<OpenSource> {
  const { schema, tables, major = 18, options = {}, settings = {}, edit = planted } = setup
  const name = [
    'engine',
    schemaDigest(schema),
    tables,
    options.namespace,
    options.lockTimeoutMs,
    String(edit),
  ]
  const hash = createHash('sha256').update(JSON.stringify(name)).digest('hex')
  const template = await templateDatabase(hash, (url) => install(url, { schema, tables, options, edit }), {
    major,
  })
  const database = await freshDatabase({ template })
  const pool = new pg.Pool({ max: 10, ...setup.pool, connectionString: database.url })
  pool.on('error', () => {}) // tests kill backends
  const clients: pg.Client[] = []
  const client = async (config: pg.ClientConfig = {}): Promise<pg.Client> => {
    const one = new pg.Client({ connectionString: database.url, ...config })
    one.on('error', () => {})
    clients.push(one)
    await one.connect()
    return one
  }
  const sql: OpenSource['sql'] = async (text, values) => (await pool.query(text, values && [...values])).rows
  const own = new URL(database.url).pathname.slice(1)
  for (const [setting, value] of Object.entries(settings)) {
    const admin = await client()
    await admin.query(`alter database ${own} set ${setting} = ${pg.escapeLiteral(value)}`)
  }
  const source = pgAdapter(pool, schema, options)
  return {
    ...caller(source, schema),
    source,
    schema,
    pool,
    url: database.url,
    sql,
    client,
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(clients.map((one) => one.end()))
      if (!pool.ended) await pool.end()
      await database.drop()
    },
  }
}

async function install(
  url: string,
  { schema, tables, options, edit }: Required<Pick<Setup, 'schema' | 'tables' | 'options' | 'edit'>>,
): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(tables)
    // how long to wait for a connection is pg's own option
    const { connectTimeoutMs: _, ...engine } = options
    await postgresAdapter(edited(pgConnection(client), edit), schema, engine as object).migrate()
  } finally {
    await client.end()
  }
}

/** Waits for a refusal of this code and gives it back; anything else, success included, fails the test. */
export async function refused(work: Promise<unknown>, code: ErrorCode): Promise<PosternError> {
  const error = await work.then(
    (answer) => expect.fail(`expected ${code}, got the answer ${JSON.stringify(answer).slice(0, 300)}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof PosternError)) throw error
  expect(error.code, String(error.cause ?? error.message)).toBe(code)
  return error
}

/** Everything that a commit may leave behind, to see that a refused one left nothing. */
export async function traces(open: OpenSource): Promise<unknown> {
  const [counts] = await open.sql(
    `select (select count(*) from postern.log)::int as events, (select count(*) from postern.ledger)::int as keys`,
  )
  return counts
}
