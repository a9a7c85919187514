import { expect, test } from 'vitest'
import { reportText } from './report.ts'
import { soak } from './soak.ts'

// The short form; `npm run soak -- --commits 100000 --cuts 1000 --kills 20` is the long one.
const options = {
  commits: 300,
  cuts: 15,
  kills: 1,
  freezes: 1,
  adapter: 'pg',
  clients: 8,
  hooks: false,
} as const

test.each([18, 15] as const)(
  'Postgres %i, cut and killed with -9 like the application: no acknowledged commit is lost, none is there twice',
  { timeout: 120_000 },
  async (major) => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const report = await soak({ ...options, major, seed }, () => {})
    expect(report.findings, reportText({ ...options, major, seed }, report)).toEqual({
      lost: [],
      duplicated: [],
    })
    expect(report.tally.unknown).toBe(report.tally.resolved)
    expect(report.disturbances).toMatchObject({ killsOfPostgres: 1, killsOfApplication: 1, freezes: 1 })
    // what was broken was broken by us
    expect(report.crashes).toBe(0)
    expect(report.connections.busy).toBe(0)
    expect(report.connections.open).toBeLessThanOrEqual(report.connections.limit)
  },
)
