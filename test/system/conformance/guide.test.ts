import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type pg from 'pg'
import { afterAll, describe, it } from 'vitest'
import { conformance, conformanceSchema } from '../../../src/conformance/index.ts'
import type { Schema } from '../../../src/index.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { fileOf, root } from '../../docs/markdown.ts'
import { freshDatabase, templateDatabase } from '../../support/db.ts'
import { poolOf } from '../../support/pool.ts'
import { essentials } from './essentials.ts'
import { prepareDatabase } from './server.ts'
import { CONNECTIONS, postgresSubject } from './subjects.ts'

interface Guide {
  myAdapter(pool: pg.Pool, schema: Schema): PostgresAdapter<unknown>
}

/** The guide's own adapter, as its reader would copy it. */
async function fromGuide(): Promise<Guide> {
  const directory = path.join(root, '.test-results/guide')
  mkdirSync(directory, { recursive: true })
  const file = path.join(directory, 'adapter.ts')
  writeFileSync(file, fileOf('docs/write-an-adapter.md', 'adapter.ts'))
  return (await import(file)) as Guide
}

const { myAdapter } = await fromGuide()
const template = await templateDatabase('conformance', (url) => prepareDatabase(url, 'read committed'))
const database = await freshDatabase({ template })
await prepareDatabase(database.url, 'read committed', false)
const pool = poolOf(database.url, CONNECTIONS)
const { adapter, probe, close } = await postgresSubject(
  database.url,
  myAdapter(pool, conformanceSchema),
  () => pool.end(),
)
afterAll(async () => {
  await probe.close?.()
  await close()
  await database.drop()
})

describe('the smallest adapter of docs/write-an-adapter.md', () => {
  conformance({ describe, it }, { adapter, probe, only: essentials })
})
