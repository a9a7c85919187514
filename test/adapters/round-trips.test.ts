import pg from 'pg'
import { expect, test } from 'vitest'
import { createEndpoint, defineSchema, model, z } from '../../src/index.ts'
import { serverAdapters } from '../support/adapters.ts'
import { freshDatabase } from '../support/db.ts'
import { ask, signingKey } from '../support/source.ts'
import { wire } from '../support/wire.ts'

const schema = defineSchema({
  items: model({ fields: { name: z.string() }, mutable: true, policy: { by: 'none' } }),
})

test.each(serverAdapters)(
  '$name: a commit is one round trip, however many operations it has',
  async (listed) => {
    await using database = await freshDatabase()
    const client = new pg.Client(database.url)
    await client.connect()
    await client.query('create table items (id text primary key, name text not null)')
    await client.end()
    await using line = await wire(database.url)
    const { adapter, close } = await listed.open(line.url, { schema, max: 1 })
    try {
      await adapter.migrate()
      const endpoint = createEndpoint({ adapter, signingKey })
      let made = 0
      const commit = async (operations: number) => {
        const create = () => ({ type: 'CREATE', model: 'items', id: `i${made++}`, input: { name: 'x' } })
        const answer = await ask(endpoint, {
          type: 'commit',
          correlationId: `k${made}`,
          operations: Array.from({ length: operations }, create),
        })
        expect(answer.status).toBe(200)
      }
      for (const operations of [1, 30]) {
        // the first time a library may ask what a statement is
        await commit(operations)
        line.take()
        await commit(operations)
        const { statements, roundTrips } = line.take()
        expect(roundTrips).toBe(1)
        // the rest prepared it the first time, and names it now; postgres.js would need a second round trip otherwise
        expect(statements).toHaveLength(listed.name === 'prisma' ? 1 : 0)
      }
    } finally {
      await close()
    }
  },
)
