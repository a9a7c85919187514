import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { expect, onTestFinished, test } from 'vitest'
import { testSessions } from '../../../src/testing/index.ts'
import { type PgliteClass, pgliteStore } from '../../../src/testing/pglite-store.ts'
import type { FixtureStore } from '../../../src/testing/store.ts'
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
  await one.client.commit({ idempotencyKey: 'k', operations: [create] }, { scope: org })
  expect(ids((await one.client.list('orders', {}, { scope: org })).rows)).toEqual([
    'new',
    'o1',
    'o2',
    'o3',
    'old',
  ])
  expect(ids((await two.client.list('orders', {}, { scope: org })).rows)).toEqual(['o1', 'o2', 'o3', 'old'])
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
  await expect(one.client.list('orders', {}, { scope: org })).rejects.toMatchObject({
    code: 'fixture_fingerprint_changed',
  })
  await one[Symbol.asyncDispose]()
  expect(readdirSync(directory)).toHaveLength(1)
}, 120_000)

test('PGlite: a session begins with the newer base when another process seals meanwhile, and leaves that one sealed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-pglite-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  // One instance, dumped for each base: to begin one takes seconds.
  const kept = await PGlite.create()
  onTestFinished(() => kept.close())
  const keeping = { dumpDataDir: () => kept.dumpDataDir('none'), close: async () => {} }
  const other = pgliteStore({ PGlite: { create: async () => keeping }, directory }, 'shop')
  const seal = (store: FixtureStore) =>
    store.exclusively(({ replace }) =>
      replace(
        { fixture: 'shop', sealed: true, fingerprint: 'any', parts: {}, sealedAt: new Date().toISOString() },
        async () => 0,
      ),
    )
  await seal(other)
  let fails = true
  const failing: PgliteClass = {
    async create(options) {
      if (!fails) return PGlite.create(options)
      fails = false
      await seal(other)
      throw new Error('of the old base')
    },
  }
  const asked: unknown[] = []
  await using copy = await pgliteStore({ PGlite: failing, directory }, 'shop').copy({
    max: 1,
    ttlMs: 60_000,
    async accept(base) {
      asked.push(base?.generation)
      if (asked.length === 1) await seal(other)
    },
  })
  expect(asked).toEqual([1, 2, 3])
  expect(await copy.query('select 1 as here')).toEqual([{ here: 1 }])
  expect(await other.read()).toMatchObject({ generation: 3, sealed: true })
  const restless = { max: 2, ttlMs: 60_000, accept: async () => void (await seal(other)) }
  await expect(other.copy(restless)).rejects.toMatchObject({ code: 'fixture_fingerprint_changed' })
}, 120_000)
