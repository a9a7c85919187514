import pg from 'pg'
import { expect, test } from 'vitest'
import { createRelay, relaysOf, type Sink } from '../../../src/relay/index.ts'
import { serverAdapters } from '../../support/adapters.ts'
import { caller } from '../../support/caller.ts'
import { freshDatabase } from '../../support/db.ts'
import { notes, noteTables } from './schema.ts'
import { idsOf } from './support.ts'

test.each(serverAdapters)('$name: a relay delivers, buries and sends again', async (listed) => {
  await using database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(noteTables)
  await client.end()
  const { adapter: source, close } = await listed.open(database.url, { schema: notes, max: 2 })
  try {
    await source.migrate()
    const call = caller(source, notes)
    for (const id of ['a', 'b'])
      await call.commit({ type: 'CREATE', model: 'notes', id, input: { text: '"é' } })
    const got: string[] = []
    const once = (sink: Sink) =>
      createRelay({ adapter: source, name: 'sink', sink, schedule: [0] }).run({ once: true })
    await expect(once(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    const relays = relaysOf(source)
    const letters = await relays.deadLetters('sink')
    expect(letters).toMatchObject([{ entityId: 'a' }, { entityId: 'b' }])
    await relays.redrive('sink', { ids: letters.map(({ id }) => id) })
    await call.commit({ type: 'UPDATE', model: 'notes', id: 'a', input: { text: 'late' } })
    await once(({ events }) => void got.push(...idsOf(events)))
    expect(got).toEqual(idsOf(await call.as(null).feed()))
    expect(await relays.status()).toMatchObject([{ state: 'stopped', delivered: 3, deadLetters: 0 }])
  } finally {
    await close()
  }
})
