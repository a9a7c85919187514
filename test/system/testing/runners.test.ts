import { randomUUID } from 'node:crypto'
import { test as base, describe, expect } from 'vitest'
import {
  browserSession,
  fixture,
  sealFixtures,
  sessionPerTest,
  type TestSession,
} from '../../../src/testing/index.ts'
import { ids, org, populate, remove, schema, serverUrl, shop } from './shop.ts'

const declare = () =>
  fixture(`shop of runners ${randomUUID()}`, {
    schema,
    connection: serverUrl(18),
    strategy: 'file_copy',
    populate,
  })
let sold: ReturnType<typeof declare>

const test = base.extend<{ session: TestSession<typeof schema> }>({
  session: sessionPerTest({ attach: (options) => sold.attach(options) }),
})

describe('vitest: a session for each test', () => {
  const seen: string[] = []

  base.beforeAll(async () => {
    sold = declare()
    const tearDown = await sealFixtures(sold)()
    return async () => {
      await tearDown()
      await remove(sold)
    }
  })

  for (const name of ['one', 'other']) {
    test(`${name} test deletes every order`, async ({ session }) => {
      seen.push(session.databaseUrl)
      expect(ids((await session.client.list('orders', {}, { scope: org })).rows)).toHaveLength(4)
      await session.sql('delete from orders')
    })
  }

  base('each was in another database', () => {
    expect(new Set(seen).size).toBe(2)
  })
})

base('Playwright: the session’s token goes with every request of the browser', async () => {
  const sold = shop()
  await sold.seal()
  const { session, extraHTTPHeaders } = browserSession(sold)
  // both runners read the parameter's names from the function's text
  expect(String(session)).toMatch(/^async \(\{\s*\}, use\)/)
  expect(String(extraHTTPHeaders)).toMatch(/^async \(\{ session \}, use\)/)
  await session({}, async (one) => {
    await extraHTTPHeaders({ session: one }, async (headers) => {
      expect(headers).toEqual({ 'x-test-session': one.token })
    })
  })
})
