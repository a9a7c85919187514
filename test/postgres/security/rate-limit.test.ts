import { RateLimiterMemory, RateLimiterPostgres, RateLimiterUnion } from 'rate-limiter-flexible'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineSchema, model, z } from '../../../src/index.ts'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { type Answer, openEndpoint, openPool, org } from './endpoint.ts'

const schema = defineSchema({ notes: model({ fields: { text: z.string() }, mutable: true }) })
const tables = 'create table notes (id text primary key, organization_id text not null, text text not null)'
const load = { type: 'load', model: 'notes', id: 'n1' }

let open: OpenSource
beforeAll(async () => {
  open = await openSource({ schema, tables })
})
afterAll(() => open[Symbol.asyncDispose]())

/** A day long, so that no test meets its end. */
const DAY = 86_400
const outcome = ({ status, body }: Answer) => [status, body.error]

/** Counts in a table of Postgres, as `rate-limiter-flexible` makes it, over a pool of its own. */
async function shared(points: number, table: string) {
  const pool = openPool({ connectionString: open.url, max: 2 })
  const limiter = await new Promise<RateLimiterPostgres>((resolve, reject) => {
    const options = { storeClient: pool, storeType: 'pool', points, duration: DAY, tableName: table }
    const made = new RateLimiterPostgres(options, (error?: Error) => (error ? reject(error) : resolve(made)))
  })
  return { limiter, pool }
}

describe('limiters of rate-limiter-flexible', () => {
  test('in memory: one too many of a tenant is 429, and says when the next may come', async () => {
    const tenant = new RateLimiterMemory({ points: 2, duration: DAY })
    const endpoint = openEndpoint(open.source, { rateLimit: { tenant } })
    const answers = []
    for (let n = 0; n < 3; n += 1) answers.push(await endpoint.ask(load))
    expect(answers.map(outcome)).toEqual([
      [200, undefined],
      [200, undefined],
      [429, 'rate_limited'],
    ])
    const wait = Number(answers[2]?.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(DAY - 600)
    expect(wait).toBeLessThanOrEqual(DAY)
    expect(answers[2]?.body.retryable).toBe(true)
    expect((await endpoint.ask(load, org('org_2'))).status).toBe(200)
  })

  test('in Postgres: processes count together', async () => {
    const [one, two] = [await shared(3, 'limits_together'), await shared(3, 'limits_together')]
    const endpoints = [one, two].map(({ limiter }) =>
      openEndpoint(open.source, { rateLimit: { tenant: limiter } }),
    )
    const statuses = []
    for (let n = 0; n < 4; n += 1) statuses.push((await endpoints[n % 2]?.ask(load))?.status)
    expect(statuses).toEqual([200, 200, 200, 429])
    await Promise.all([one.pool.end(), two.pool.end()])
  })

  test('several in one: the longest wait is told', async () => {
    const short = new RateLimiterMemory({ keyPrefix: 'short', points: 1, duration: 60 })
    const long = new RateLimiterMemory({ keyPrefix: 'long', points: 1, duration: DAY })
    const tenant = new RateLimiterUnion(short, long)
    const endpoint = openEndpoint(open.source, { rateLimit: { tenant } })
    expect((await endpoint.ask(load)).status).toBe(200)
    const refused = await endpoint.ask(load)
    expect(outcome(refused)).toEqual([429, 'rate_limited'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60)
  })

  test('a store that fails lets no request through; with an insurance limiter it is counted in memory', async () => {
    const { limiter, pool } = await shared(3, 'limits_failing')
    const closed = openEndpoint(open.source, { rateLimit: { tenant: limiter } })
    const insured = new RateLimiterPostgres({
      storeClient: pool,
      storeType: 'pool',
      points: 3,
      duration: DAY,
      tableName: 'limits_failing',
      tableCreated: true,
      insuranceLimiter: new RateLimiterMemory({ points: 1, duration: DAY }),
    })
    const counting = openEndpoint(open.source, { rateLimit: { tenant: insured } })
    expect((await closed.ask(load)).status).toBe(200)
    await pool.end()
    expect(outcome(await closed.ask(load))).toEqual([503, 'source_unavailable'])
    expect([(await counting.ask(load)).status, (await counting.ask(load)).status]).toEqual([200, 429])
    // the limiter's own words are for the operator
    expect(closed.said.join()).not.toContain('pool')
    expect(closed.faults).toHaveLength(1)
  })
})
