// node --test examples/custom-adapter-sqlite/conformance.test.ts
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, it } from 'node:test'
import { conformance, conformanceSchema } from 'postern/conformance'
import { sqliteDataSource } from './adapter.ts'
import { sqliteProbe } from './probe.ts'

const directory = mkdtempSync(join(tmpdir(), 'postern-sqlite-'))
const open = (): DatabaseSync => {
  const db = new DatabaseSync(join(directory, 'conformance.db'))
  // what is thrown away at the end need not survive a power cut
  db.exec('pragma synchronous = off')
  return db
}

const tables = open()
tables.exec(readFileSync(join(import.meta.dirname, 'tables.sql'), 'utf8'))
tables.close()

const adapter = sqliteDataSource(open, conformanceSchema)
const probe = sqliteProbe(open)
after(async () => {
  await probe.close?.()
  adapter.close()
  rmSync(directory, { recursive: true })
})

const oneModel = 'the log of this example finds a row by its model: each model needs a table of its own'

conformance(
  { describe, it },
  { adapter, probe, profile: 'full', skip: { 'STALE-25': oneModel, 'FEED-22': oneModel } },
)
