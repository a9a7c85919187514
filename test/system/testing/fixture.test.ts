import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fingerprintOf } from '../../../src/testing/fingerprint.ts'
import { fixture, TestingError } from '../../../src/testing/index.ts'
import { namesOf } from '../../../src/testing/names.ts'
import { blocksOf } from '../../docs/markdown.ts'
import { majors } from '../../support/postgres-source.ts'
import { declare, ids, org, populate, schema, sealedShop, serverUrl, shop } from './shop.ts'

async function refusal(work: Promise<unknown>): Promise<TestingError> {
  const error = await work.then(
    () => expect.fail('expected a refusal'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof TestingError)) throw error
  return error
}

async function databases(start: string, major: 15 | 18 = 18): Promise<string[]> {
  const client = new pg.Client(serverUrl(major))
  await client.connect()
  const { rows } = await client.query(
    'select datname from pg_database where starts_with(datname, $1) order by 1',
    [start],
  )
  await client.end()
  return rows.map(({ datname }) => datname)
}

describe.each(majors)('Postgres %i', (major) => {
  const base = sealedShop({ major })

  test('50 sessions at once see the rows of the base and none of each other’s writes; nothing is left of them', async () => {
    // a worker's own, which has asked the server nothing yet
    await using worker = declare({ major, name: base.name })
    const sessions = await Promise.all(Array.from({ length: 50 }, () => worker.attach()))
    expect(new Set(sessions.map(({ databaseUrl }) => databaseUrl)).size).toBe(50)
    const commits = sessions.map(({ client, id }) =>
      client.commit(
        {
          // one key and one id in all of them: a row or a key of another session would be in the way
          idempotencyKey: 'mine',
          operations: [{ type: 'CREATE', model: 'orders', id: 'mine', input: { title: id } }],
        },
        { scope: org },
      ),
    )
    for (const { replayed } of await Promise.all(commits)) expect(replayed).toBe(false)
    for (const { client, id } of sessions) {
      const { rows } = await client.list('orders', {}, { scope: org })
      expect(ids(rows)).toEqual(['mine', 'o1', 'o2', 'o3', 'old'])
      expect(rows[0]?.title).toBe(id)
    }
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()))
    const { base: name } = namesOf(base.name)
    expect(await databases(name, major)).toEqual([name])
  }, 120_000)

  test('a sealed base takes no connection, and says in its comment what it was made of', async () => {
    const fingerprint = await base.fingerprint()
    const { base: name } = namesOf(base.name)
    const url = new URL(serverUrl(major))
    url.pathname = `/${name}`
    await expect(new pg.Client(url.href).connect()).rejects.toMatchObject({ code: '55000' })
    const client = new pg.Client(serverUrl(major))
    await client.connect()
    const { rows } = await client.query(
      `select shobj_description(oid, 'pg_database')::jsonb ->> 'fingerprint' as found from pg_database where datname = $1`,
      [name],
    )
    await client.end()
    expect(rows).toEqual([{ found: fingerprint }])
  })
})

test('stamps, keys and cursors of the base hold in a session', async () => {
  let cursor: string | undefined
  const base = shop({
    populate: async (database) => {
      await populate(database)
      const feed = database.client.events({}, { scope: org })
      for await (const _ of feed);
      cursor = feed.cursor
    },
  })
  await base.seal()
  await using session = await base.attach()
  const { client } = session
  const { stamp } = await client.load('orders', 'o1', { scope: org })
  expect(stamp).toBeGreaterThan(0)
  const pay = {
    idempotencyKey: 'pay',
    operations: [
      { type: 'UPDATE', model: 'orders', id: 'o1', input: { state: 'paid' }, readAt: stamp },
    ] as const,
  }
  await client.commit(pay, { scope: org })
  await expect(client.commit({ ...pay, idempotencyKey: 'again' }, { scope: org })).rejects.toMatchObject({
    code: 'stale_context',
  })
  const seed = {
    idempotencyKey: 'seed:o1',
    operations: [{ type: 'CREATE', model: 'orders', id: 'o1', input: { title: 'Order o1' } }] as const,
  }
  expect((await client.commit(seed, { scope: org })).replayed).toBe(true)
  // the copy holds the entry that the cursor stands on: it goes on with what the session wrote
  const { value } = await client.events({ cursor }, { scope: org })[Symbol.asyncIterator]().next()
  expect(value).toMatchObject({ type: 'UPDATE', entityId: 'o1' })
})

test('a session has what the page says that it has of its base', async () => {
  const base = shop({
    populate: async (database) => {
      await populate(database)
      const { sql } = database
      const [own] = await sql('select current_database() as name')
      await sql('create table counted (id bigint generated always as identity, at int)')
      await sql('insert into counted (at) select generate_series(1, 1000)')
      await sql('alter table counted enable row level security')
      await sql('grant select on counted to public')
      await sql(`alter database ${own?.name} set work_mem = '7MB'`)
    },
  })
  await base.seal()
  await using session = await base.attach()
  const [found] = await session.sql(`select
  (select reltuples::int from pg_class where relname = 'counted') as rows_known,
  (select relrowsecurity from pg_class where relname = 'counted') as row_security,
  has_table_privilege('pg_monitor', 'counted', 'select') as granted,
  current_setting('work_mem') <> '7MB' as setting_left_behind`)
  expect(found).toEqual({ rows_known: 1000, row_security: true, granted: true, setting_left_behind: true })
  expect(await session.sql('insert into counted (at) values (0) returning id::int')).toEqual([{ id: 1001 }])
})

test('sealing under the same fingerprint fills nothing again; two processes’ worth of sealing at once fills once', async () => {
  let filled = 0
  const options = {
    name: `shop twice ${crypto.randomUUID()}`,
    populate: async (database: Parameters<typeof populate>[0]) => {
      filled += 1
      await populate(database)
    },
  }
  // each has its own connections, as two processes have
  const [one, two] = [shop(options), shop(options)]
  const sealed = await Promise.all([one.seal(), two.seal()])
  expect(sealed.map(({ populated }) => populated).sort()).toEqual([false, true])
  expect(sealed[0].generation).toBe(sealed[1].generation)
  expect((await two.seal()).populated).toBe(false)
  expect(filled).toBe(1)
})

test('a changed input makes attach fail with what changed and what to do; sealing again helps', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-seed-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const seed = join(directory, 'seed.json')
  writeFileSync(seed, '[]')
  const base = shop({ inputs: { files: [directory], values: { rows: 3 } } })
  const first = await base.seal()
  await (await base.attach())[Symbol.asyncDispose]()

  writeFileSync(seed, '[1]')
  const error = await refusal(base.attach())
  expect([error.code, error.status, error.retryable]).toEqual(['fingerprint_mismatch', 409, false])
  expect(error.message).toContain('run the set-up again')
  expect(error.message).toMatch(/changed: file postern-seed-\w+\/seed\.json\)/)
  const shown = blocksOf('docs/testing.md').find(({ text }) => text.startsWith('fingerprint_mismatch: '))
  const said = error.message
    .replace(base.name, 'shop')
    .replace(/(?<=file )\S+\/seed\.json/, 'seed/users.json')
  expect(`${error.code}: ${said}\n`).toBe(shown?.text)
  expect(error.details).toMatchObject({ found: first.fingerprint })
  expect(await databases(`${namesOf(base.name).base}_s`)).toEqual([])

  const second = await base.seal()
  expect(second).toMatchObject({ populated: true, generation: first.generation + 1 })
  expect(second.fingerprint).not.toBe(first.fingerprint)
  await using _session = await base.attach({ expectedBaseFingerprint: second.fingerprint })
  expect((await refusal(base.attach({ expectedBaseFingerprint: first.fingerprint }))).code).toBe(
    'fingerprint_mismatch',
  )
})

test('schema, values, code version and major are each part of the fingerprint; the order of members is not', async () => {
  const print = (options: Parameters<typeof shop>[0]) => shop({ name: 'one', ...options }).fingerprint()
  const { defineSchema, model, z } = await import('../../../src/index.ts')
  const other = defineSchema({
    orders: model({ fields: { title: z.string() }, mutable: true }),
  }) as unknown as typeof schema
  const values = { a: 1, b: [2] }
  const prints = await Promise.all([
    print({}),
    print({ inputs: { values } }),
    print({ inputs: { values: { a: 1, b: [3] } } }),
    print({ codeVersion: 'abc' }),
    print({ schema: other }),
    print({ major: 15 }),
  ])
  expect(new Set(prints).size).toBe(prints.length)
  expect(await print({ inputs: { values: { b: [2], a: 1 } } })).toBe(prints[1])
  await expect(print({ inputs: { files: ['no/such/file'] } })).rejects.toThrow(/no\/such\/file/)
  await expect(print({ inputs: { values: { at: 1n } } })).rejects.toThrow(/JSON/)
})

test('what links in a directory lead to counts; one that leads back up is no news, one that leads nowhere is refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-links-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const name of ['seed', 'elsewhere', 'elsewhere/rows']) mkdirSync(join(directory, name))
  const inputs = { files: [join(directory, 'seed')] }
  const print = async () => (await fingerprintOf({ inputs, schema: '', postgres: '', codeVersion: '' })).value
  writeFileSync(join(directory, 'elsewhere/one.sql'), '1')
  writeFileSync(join(directory, 'elsewhere/rows/two.sql'), '2')
  symlinkSync('../elsewhere/one.sql', join(directory, 'seed/one.sql'))
  symlinkSync('../elsewhere/rows', join(directory, 'seed/rows'))
  const prints = [await print()]
  writeFileSync(join(directory, 'elsewhere/one.sql'), '1, another')
  prints.push(await print())
  writeFileSync(join(directory, 'elsewhere/rows/two.sql'), '2, another')
  prints.push(await print())
  expect(new Set(prints).size).toBe(3)
  symlinkSync('../../seed', join(directory, 'elsewhere/rows/up'))
  expect(await print()).toBe(prints[2])
  symlinkSync('nowhere', join(directory, 'seed/lost'))
  await expect(print()).rejects.toThrow(/seed of a fixture cannot be read/)
})

test('unseal, reset and reseal end the sessions of before, and nobody attaches in between', async () => {
  const base = shop()
  expect((await refusal(base.attach())).code).toBe('fixture_not_sealed')
  const { generation } = await base.seal()
  const old = await base.attach()
  await base.unseal()
  expect((await refusal(base.attach())).message).toContain('run the set-up')
  await expect(old.client.list('orders', {}, { scope: org })).rejects.toMatchObject({
    code: 'fixture_fingerprint_changed',
    status: 409,
  })
  await expect(old.sql('select 1')).rejects.toMatchObject({ code: 'fixture_fingerprint_changed' })
  await old[Symbol.asyncDispose]()

  await base.reset()
  expect((await refusal(base.attach())).code).toBe('fixture_not_sealed')
  const resealed = await base.reseal()
  expect(resealed).toMatchObject({ populated: true, generation: generation + 3 })
  const next = await base.attach()
  expect(ids((await next.client.list('orders', {}, { scope: org })).rows)).toHaveLength(4)
  // the same inputs, and still not the base that it was copied from
  await base.reseal()
  await expect(next.client.list('orders', {}, { scope: org })).rejects.toMatchObject({
    code: 'fixture_fingerprint_changed',
  })
  await next[Symbol.asyncDispose]()
})

test('a base that could not be filled leaves the old one as it was', async () => {
  let fail = false
  const base = shop({
    populate: async (database) => {
      if (fail) throw new Error('no rows today')
      await populate(database)
    },
  })
  const { fingerprint } = await base.seal()
  fail = true
  await expect(base.reseal()).rejects.toThrow('no rows today')
  await using session = await base.attach({ expectedBaseFingerprint: fingerprint })
  expect(ids((await session.client.list('orders', {}, { scope: org })).rows)).toHaveLength(4)
  fail = false
  expect((await base.reseal()).populated).toBe(true)
})

test('more sessions than allowed are refused in a sentence, from other processes too; one that ends makes room', async () => {
  const options = { name: `shop of two ${crypto.randomUUID()}`, maxSessions: 2 }
  const [one, two] = [shop(options), shop(options)]
  await one.seal()
  const [first] = await Promise.all([one.attach(), two.attach()])
  const error = await refusal(two.attach())
  expect([error.code, error.status]).toEqual(['test_session_limit', 429])
  expect(error.message).toMatch(/All 2 test sessions .* are open.*await using/)
  await first?.[Symbol.asyncDispose]()
  await (await two.attach())[Symbol.asyncDispose]()
})

describe('the time of a session', () => {
  const base = sealedShop()

  test('a session is over after its ttl, and its database is dropped', async () => {
    const session = await base.attach({ ttl: 1 })
    await expect(session.client.list('orders', {}, { scope: org })).rejects.toMatchObject({
      code: 'test_session_invalid',
    })
    const { base: name } = namesOf(base.name)
    await expect.poll(() => databases(`${name}_s`), { timeout: 20_000 }).toEqual([])
    await expect(base.attach({ ttl: 0 })).rejects.toThrow(TypeError)
  })

  test('a sweep drops a session whose time is over though its process holds on to it', async () => {
    // disposed of by nobody, the timer included
    const timers = globalThis.setTimeout
    globalThis.setTimeout = ((work: () => void, ms: number) =>
      timers(ms === 1 ? () => {} : work, ms)) as never
    const session = await base.attach({ ttl: 1 }).finally(() => {
      globalThis.setTimeout = timers
    })
    const name = new URL(session.databaseUrl).pathname.slice(1)
    await expect.poll(async () => (await base.sweep()).removed, { timeout: 20_000 }).toContain(name)
    expect(await databases(name)).toEqual([])
    await session[Symbol.asyncDispose]()
  })
})

test('the way of copying is found by trying, and kept with the base', async () => {
  const base = shop({ strategy: 'auto' })
  const { strategy } = await base.seal()
  expect(['clone', 'file_copy', 'wal_log']).toContain(strategy)
  expect((await base.seal()).strategy).toBe(strategy)
  await using session = await base.attach()
  expect(ids((await session.client.list('orders', {}, { scope: org })).rows)).toHaveLength(4)
  const { base: name, probe } = namesOf(base.name)
  expect(await databases(name)).not.toContain(probe)
})

test('fixtures refuse to run in production unless forced', () => {
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  try {
    const options = { schema, connection: serverUrl(18), populate }
    expect(() => fixture('shop', options)).toThrow(/NODE_ENV=production/)
    expect(() => fixture('shop', { ...options, force: true })).not.toThrow()
  } finally {
    process.env.NODE_ENV = before
  }
})
