import { createHash, randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** Major versions of Postgres that a test may ask for. 18 is the run's default server, whatever it is. */
export type PgMajor = 18 | 15

export interface TestDatabase {
  /** Superuser of a database that nobody else uses. */
  readonly url: string
  /** Removes the database, also under open connections. */
  drop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface TemplateDatabase {
  readonly database: string
  readonly major: PgMajor
}

/** Creates a database of its own for a test file or a test: empty, or a copy of the given template. */
export async function freshDatabase(
  options: { major?: PgMajor; template?: TemplateDatabase } = {},
): Promise<TestDatabase> {
  const { template, major = template?.major ?? 18 } = options
  if (template && template.major !== major) {
    throw new Error(`Template ${template.database} is on Postgres ${template.major}, not on ${major}`)
  }
  const database = `${inject('pgRun')}${randomBytes(6).toString('hex')}`
  const source = template ? `template ${template.database} strategy file_copy` : ''
  await withServer(major, (client) => client.query(`create database ${database} ${source}`))
  const drop = (): Promise<void> =>
    withServer(major, async (client) => {
      await left(client, database)
      await client.query(`drop database if exists ${database} with (force)`)
    })
  return { url: urlOf(major, database), drop, [Symbol.asyncDispose]: drop }
}

/**
 * Prepares a database once per run, whichever test file asks first, so that each test clones it in some 30 ms.
 *
 * @param name  Says what is in it. The same name means the same `prepare`.
 * @param prepare  Fills the database (migrations, tables, rows) and closes its connections.
 *
 * @example
 * const template = await templateDatabase('tasks', async (url) => { await migrate(url, schema) })
 * const database = await freshDatabase({ template })
 */
export async function templateDatabase(
  name: string,
  prepare: (url: string) => Promise<void>,
  options: { major?: PgMajor } = {},
): Promise<TemplateDatabase> {
  const { major = 18 } = options
  // Hashed, as Postgres cuts names at 63 bytes in silence.
  const database = `${inject('pgRun')}tpl_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
  await withServer(major, async (client) => {
    // Test files run in several processes; whoever comes second waits here. The lock ends with the connection.
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [database])
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    if (rowCount) return
    // The final name appears only when `prepare` has succeeded: a half-filled template is never cloned.
    const draft = `${database}_draft`
    await client.query(`drop database if exists ${draft} with (force)`)
    await client.query(`create database ${draft}`)
    await prepare(urlOf(major, draft))
    await client.query(`alter database ${draft} rename to ${database}`)
  })
  return { database, major }
}

/**
 * Waits for connections that are about to end. `pool.end()` of node-postgres resolves before they have: one that is
 * terminated meanwhile emits an error that nobody listens to any more, and the whole run fails with it.
 */
async function left(client: pg.Client, database: string): Promise<void> {
  for (let attempt = 1; attempt <= 50; attempt += 1) {
    const { rowCount } = await client.query(
      `select from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
      [database],
    )
    if (!rowCount) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function urlOf(major: PgMajor, database?: string): string {
  const url = new URL(inject(major === 15 ? 'pg15Url' : 'pgUrl'))
  if (database) url.pathname = `/${database}`
  return url.href
}

async function withServer<T>(major: PgMajor, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(urlOf(major))
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
