import { expect, test } from 'vitest'
import { usualServerAdapters } from '../../support/adapters.ts'
import { freshDatabase } from '../../support/db.ts'
import { runSeed } from './run.ts'

// The short form; `npm run test:follower -- --programs 2000` is the long one.
const others = usualServerAdapters.filter(({ name }) => name !== 'pg')
const runs = [
  { major: 18, adapter: 'pg' },
  { major: 15, adapter: 'pg' },
  ...others.map(({ name }) => ({ major: 18, adapter: name }) as const),
] as const

test.each(runs)(
  'Postgres $major, $adapter: a follower of each tenant ends with the rows that the tenant sees',
  async ({ major, adapter }) => {
    await using database = await freshDatabase({ major })
    const seed = Math.floor(Math.random() * 1_000_000)
    const report = await runSeed({ url: database.url, seed, major, adapter })
    expect(report.differences, `seed ${seed}`).toEqual([])
    expect(report.refused.get('internal_error'), `seed ${seed}`).toBeUndefined()
    expect(report.applied, `seed ${seed}`).toBeGreaterThan(20)
  },
)
