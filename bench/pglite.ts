import { PGlite } from '@electric-sql/pglite'
import { pgliteAdapter } from 'postern/pglite'
import { engineUpdate } from './engine.ts'
import { fresh, inputOf, Stamps, someRow } from './requests.ts'
import type { Contestant } from './rounds.ts'
import { schema, seed, TENANT, tables } from './schema.ts'

/** Postgres inside this process: a floor of its own, for nothing travels and nothing reaches a disk. */
export async function openPglite(): Promise<{
  contestants: readonly Contestant[]
  close(): Promise<void>
}> {
  const db = await PGlite.create()
  await db.exec(tables)
  await db.exec(seed)
  const source = pgliteAdapter(db, schema)
  await source.migrate()
  await db.exec('analyze')
  return {
    contestants: [
      {
        name: 'bare update',
        step(client) {
          const { title, status } = inputOf(fresh())
          return db.query(
            `update items set title = $1, status = $2, updated_at = now()
where id = $3 and organization_id = $4 returning *`,
            [title, status, someRow(client, 1), TENANT],
          )
        },
      },
      engineUpdate('pglite', source, 1, false, new Stamps()),
    ],
    close: () => db.close(),
  }
}
