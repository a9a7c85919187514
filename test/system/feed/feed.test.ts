import { expect, test } from 'vitest'
import { freshDatabase } from '../../support/db.ts'
import { majors } from '../../support/postgres-source.ts'
import { runFeed } from './harness.ts'

async function run(major: 18 | 15, options: { events: number; naive?: boolean }) {
  await using database = await freshDatabase({ major })
  await using elsewhere = await freshDatabase({ major })
  return await runFeed({ url: database.url, elsewhere: elsewhere.url, writers: 8, ...options })
}

test.each(majors)(
  'Postgres %i: under writers of every kind the feed loses, doubles and disorders nothing, and never stalls',
  async (major) => {
    const { lost, duplicated, outOfOrder, stalls, audits, tally } = await run(major, { events: 3000 })
    expect({ lost, duplicated, outOfOrder, stalls }).toEqual({
      lost: 0,
      duplicated: 0,
      outOfOrder: 0,
      stalls: 0,
    })
    expect(audits).toBeGreaterThan(0)
    const kinds = [
      'commit',
      'transaction',
      'savepointFirst',
      'raw',
      'exceptions',
      'comeAndGo',
      'record',
      'twoPhase',
    ]
    for (const kind of kinds) expect(tally.get(kind), kind).toBeGreaterThan(0)
  },
  120_000,
)

test('the same harness sees what a cursor by position alone loses', async () => {
  const { lost } = await run(18, { events: 2000, naive: true })
  expect(lost).toBeGreaterThan(0)
}, 120_000)
