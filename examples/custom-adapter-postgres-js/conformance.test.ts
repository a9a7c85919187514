// DATABASE_URL=postgres://... node --test examples/custom-adapter-postgres-js/conformance.test.ts
// The database must be empty: the tables of the conformance schema are made in it.
import { after, describe, it } from 'node:test'
import { conformance, conformanceSchema, conformanceTables, postgresProbe } from 'postern/conformance'
import postgres from 'postgres'
import { myAdapter } from './adapter.ts'

const url = process.env.DATABASE_URL
if (url === undefined) throw new Error('DATABASE_URL: where the conformance tables can be made')
const open = (max: number) => postgres(url, { max, onnotice: () => {} })

const setup = open(1)
for (const statement of conformanceTables) await setup.unsafe(statement)
await setup.end()

// as many connections as any check has callers
const sql = open(40)
const adapter = myAdapter(sql, conformanceSchema)
await adapter.migrate()

// on connections of its own: the adapter must not vouch for itself
const probe = postgresProbe(
  async () => {
    const own = open(1)
    return {
      query: async (text, values) => await own.unsafe(text, [...values]),
      close: () => own.end(),
    }
  },
  { capture: true },
)
after(async () => {
  await probe.close?.()
  await sql.end()
})

conformance({ describe, it }, { adapter, probe, profile: 'full', quick: true })
