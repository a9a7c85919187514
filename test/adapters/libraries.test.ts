import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEndpoint } from '../../src/index.ts'
import type { PostgresAdapter } from '../../src/postgres/index.ts'
import {
  pgliteAdapters,
  type ServerAdapter,
  serverAdapterNamed,
  serverAdapters,
} from '../support/adapters.ts'
import { freshDatabase, type PgMajor } from '../support/db.ts'
import { signingKey } from '../support/source.ts'
import { programOf } from '../system/differential/program.ts'
import type { Transcript } from '../system/differential/run.ts'
import { difference, run } from '../system/differential/run.ts'
import { schema, tables } from '../system/differential/schema.ts'
import { dumps, emptyAll } from '../system/differential/subjects.ts'

/** Enough to meet every operation, operator and kind of value; the differential test has thousands. */
const programs = Array.from({ length: 8 }, (_, index) => programOf(90_000 + index))

type Query = (text: string) => Promise<{ row: unknown }[]>

async function transcripts(adapter: PostgresAdapter, query: Query, empty: () => Promise<unknown>) {
  await adapter.migrate()
  const endpoint = createEndpoint({ adapter, signingKey })
  const subject = {
    name: '',
    exact: true,
    async open() {
      await empty()
      return endpoint
    },
    dump: async () => {
      const parts: unknown[] = []
      for (const text of dumps) parts.push((await query(text)).map(({ row }) => row))
      return parts
    },
    close: async () => {},
  }
  const found: Transcript[] = []
  for (const program of programs) found.push(await run(program, subject))
  return found
}

async function onServer(listed: ServerAdapter, major: PgMajor): Promise<Transcript[]> {
  await using database = await freshDatabase({ major })
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(tables)
  const { adapter, close } = await listed.open(database.url, { schema })
  try {
    const query: Query = async (text) => (await client.query(text)).rows
    return await transcripts(adapter, query, () => client.query(emptyAll))
  } finally {
    await close()
    await client.end()
  }
}

function same(expected: readonly Transcript[], found: readonly Transcript[], name: string): void {
  for (const [index, program] of programs.entries()) {
    const subject = { name, exact: true }
    expect(
      difference(program, expected[index] as Transcript, found[index] as Transcript, subject),
    ).toBeUndefined()
  }
}

describe.each([18, 15] as const)('on Postgres %i', (major) => {
  let expected: Transcript[]
  beforeAll(async () => {
    expected = await onServer(serverAdapterNamed('pg'), major)
  }, 120_000)

  test.each(serverAdapters.filter(({ name }) => name !== 'pg'))(
    '$name answers and writes what node-postgres does, byte for byte',
    async (listed) => {
      same(expected, await onServer(listed, major), listed.name)
    },
  )

  if (major !== 18) return
  test.each(pgliteAdapters)(
    '$name answers and writes what node-postgres does, byte for byte',
    async (listed) => {
      const client = await PGlite.create()
      await client.exec(tables)
      const { adapter, close } = await listed.open(client, { schema })
      const query: Query = async (text) => (await client.query<{ row: unknown }>(text)).rows
      const found = await transcripts(adapter, query, () => client.exec(emptyAll))
      await close()
      same(expected, found, listed.name)
    },
    120_000,
  )
})
