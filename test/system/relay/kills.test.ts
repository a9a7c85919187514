import { expect, test } from 'vitest'
import { freshDatabase } from '../../support/db.ts'
import { type Collector, httpCollector, natsCollector } from './collector.ts'
import { runKills } from './kills.ts'
import { noNats, startNats } from './nats-server.ts'

// The short form of `npm run test:relay -- --commits 10000 --kills 20 --sink http`.
async function survive(collector: Collector): Promise<void> {
  await using database = await freshDatabase()
  const report = await runKills({ commits: 150, kills: 3, collector, database: database.url, batchSize: 10 })
  expect(report).toMatchObject({ events: 400, lost: [], disordered: [], foreign: [], kills: 3 })
  expect(report.atOnce ?? 1).toBe(1)
}

test('HTTP: relays that are killed at any moment deliver every event, each row’s in order, one batch at a time', async () => {
  await using collector = await httpCollector()
  await survive(collector)
})

test.skipIf(noNats !== undefined)(
  'NATS: relays that are killed at any moment deliver every event, each row’s in order',
  async () => {
    await using nats = await startNats()
    await using collector = await natsCollector(nats.url)
    await survive(collector)
  },
)
