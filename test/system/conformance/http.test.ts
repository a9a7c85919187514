import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type ConformanceOptions, countsOf, runConformance } from '../../../src/conformance/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'
import { memorySubject } from './subjects.ts'

const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** The checks against a real server, as they run against an endpoint that somebody else wrote. */
async function overHttp(options: (probe: ConformanceOptions) => Partial<ConformanceOptions>) {
  const { adapter, probe } = await memorySubject()
  const server = createServer(toNode(createEndpoint({ signingKey: key, adapter }))).listen(0)
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/source`
    return await runConformance({ url, key, ...options({ probe }) })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('an endpoint on the network', () => {
  test('is held to the same promises as an adapter', { timeout: 120_000 }, async () => {
    const profile = ['core', 'envelope', 'fields', 'tenancy'] as const
    const run = await overHttp(({ probe }) => ({ profile, probe: probe ?? {} }))
    expect(run.results.filter(({ status }) => status !== 'passed')).toEqual([])
    expect(run.target).toMatch(/^http:\/\/127\.0\.0\.1:/)
  })

  test('can be held to what one model shows, with nothing but its address and a key', {
    timeout: 120_000,
  }, async () => {
    const run = await overHttp(() => ({ models: ['items'], profile: ['core', 'staleness', 'feed'] }))
    const { passed, failed, skipped } = countsOf(run.results)
    expect({ failed, sum: passed + skipped }).toEqual({ failed: 0, sum: run.results.length })
    expect(passed).toBeGreaterThan(60)
    for (const { status, reason } of run.results) if (status === 'skipped') expect(reason).toMatch(/^needs /)
  })

  test('that answers with a page is told so', async () => {
    const server = createServer((_, response) => response.end('<html>hello</html>')).listen(0)
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const run = await runConformance({ url, key, only: ['COMMIT-01'] })
    server.closeAllConnections()
    server.close()
    expect(run.results[0]?.failure).toMatchObject({
      message: 'an answer must be JSON and say so in its content type',
      received: expect.stringContaining('<html>hello</html>'),
    })
  })
})
