import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { expect, onTestFinished, test } from 'vitest'
import { testSessions } from '../../src/testing/index.ts'
import { ids, org, populate, schema, shop } from './shop.ts'

const sessionKey = 'a key that the tests and the application share'

test('PGlite: sealed once, copied for each session, refused when it is not of these inputs', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-pglite-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  let filled = 0
  const options = {
    name: 'shop in this process',
    connection: { PGlite, directory },
    sessionKey,
    maxSessions: 2,
    populate: async (database: Parameters<typeof populate>[0]) => {
      filled += 1
      await populate(database)
    },
  }
  const base = shop(options)
  const [sealed, again] = await Promise.all([base.seal(), shop(options).seal()])
  expect([sealed.fingerprint, filled]).toEqual([again.fingerprint, 1])

  const [one, two] = await Promise.all([base.attach(), base.attach()])
  await expect(base.attach()).rejects.toMatchObject({ code: 'test_session_limit' })
  const create = { type: 'CREATE', model: 'orders', id: 'new', input: { title: 'New' } } as const
  await one.client.commit({ key: 'k', operations: [create] }, org)
  expect(ids((await one.client.list('orders', {}, org)).rows)).toEqual(['new', 'o1', 'o2', 'o3', 'old'])
  expect(ids((await two.client.list('orders', {}, org)).rows)).toEqual(['o1', 'o2', 'o3', 'old'])
  expect(() => one.databaseUrl).toThrow(/PGlite/)
  await one.effects.deliver()
  expect(ids((await one.effects.captured())[0]?.events ?? [])).toEqual(['k:0@org_1'])

  // an application in the same process
  await using app = testSessions({ schema, enabled: true, sessionKey })
  const routed = await app.of(two.headers)
  expect([routed.id, routed.databaseUrl, routed.pglite]).toEqual([two.id, null, two.pglite])
  await two[Symbol.asyncDispose]()
  await expect(app.of(two.headers)).rejects.toMatchObject({ code: 'test_session_invalid' })

  await expect(shop({ ...options, codeVersion: 'next' }).attach()).rejects.toMatchObject({
    code: 'fingerprint_mismatch',
    message: expect.stringContaining('run the set-up again'),
  })
  await base.unseal()
  await expect(one.client.list('orders', {}, org)).rejects.toMatchObject({
    code: 'fixture_fingerprint_changed',
  })
  await one[Symbol.asyncDispose]()
  expect(readdirSync(directory)).toHaveLength(1)
}, 120_000)
