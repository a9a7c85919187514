import fs from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { type PgServer, startPostgres } from '../../support/pg-server.ts'
import { freshKey, openSource, refused } from '../../support/postgres-source.ts'
import { createDatabase } from './database.ts'
import { journal, journalTables } from './journal.ts'
import { mountSmallDisk } from './small-disk.ts'
import { speak } from './speak.ts'
import { entry, tracesOf } from './through.ts'

const setup = { schema: journal, tables: journalTables }
const increment = { type: 'UPDATE' as const, model: 'counters', id: 'c', input: { value: 1 } }
const counter = { type: 'CREATE' as const, model: 'counters', id: 'c', input: { value: 0 } }

/** Nothing is held once everybody has been answered. */
async function expectNothingHeld(pool: pg.Pool): Promise<void> {
  await expect.poll(() => pool.totalCount - pool.idleCount).toBe(0)
  expect(pool.waitingCount).toBe(0)
  const { rows } = await pool.query(
    `select state from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()`,
  )
  expect(rows).toEqual([])
}

describe('when there is not enough of something', () => {
  test('an exhausted pool: busy in bounded time, and who gave up holds no place', async () => {
    await using open = await openSource({ ...setup, pool: { max: 2 }, options: { connectTimeoutMs: 200 } })
    await open.load('counters', 'c')
    const taken = [await open.pool.connect(), await open.pool.connect()]
    const keys = [freshKey(), freshKey(), freshKey()]
    await Promise.all(keys.map((key) => refused(open.commit(entry(key), { key }), 'source_busy')))
    for (const one of taken) one.release()
    await expectNothingHeld(open.pool)
    await Promise.all(keys.map((key) => open.commit(entry(key), { key })))
    for (const key of keys) expect(await tracesOf(open, key)).toMatchObject({ rows: 1, keys: 1, events: 1 })
  })

  test('a row that somebody holds: busy after the lock timeout, nothing written, the connection kept', async () => {
    await using open = await openSource({ ...setup, options: { lockTimeoutMs: 150 } })
    await open.commit(counter)
    const holder = await open.client()
    await holder.query('begin; select * from counters for update')
    const key = freshKey()
    const error = await refused(open.commit([entry(key), increment], { key }), 'source_busy')
    expect([error.status, error.retryAfter]).toEqual([503, 1])
    expect(await tracesOf(open, key)).toMatchObject({ rows: 0, keys: 0, events: 0 })
    // nobody else is kept waiting by it
    await open.commit(entry('other'))
    await holder.query('rollback')
    await open.commit([entry(key), increment], { key })
    expect(await tracesOf(open, key)).toMatchObject({ rows: 1, keys: 1, events: 2 })
    await expectNothingHeld(open.pool)
  })

  test('the statement timeout of the database: busy, nothing written', async () => {
    await using open = await openSource({ ...setup, settings: { statement_timeout: '300ms' } })
    await open.commit(counter)
    const holder = await open.client()
    await holder.query('begin; select * from counters for update')
    const key = freshKey()
    await refused(open.commit([entry(key), increment], { key }), 'source_busy')
    await holder.query('rollback')
    expect(await tracesOf(open, key)).toMatchObject({ rows: 0, keys: 0 })
    await open.commit([entry(key), increment], { key })
    await expectNothingHeld(open.pool)
  })

  test('a database that takes no writes: unavailable, and the same key once it does', async () => {
    await using open = await openSource(setup)
    const writer = await open.client({ options: '-c default_transaction_read_only=off' })
    const name = new URL(open.url).pathname.slice(1)
    await writer.query(`alter database ${name} set default_transaction_read_only = on`)
    const key = freshKey()
    const asked = async () => {
      const pool = new pg.Pool({ connectionString: open.url })
      try {
        return await speak(pgAdapter(pool, journal), journal, 'org_1').commit(key, [entry(key)])
      } finally {
        await pool.end()
      }
    }
    await refused(asked(), 'source_unavailable')
    await writer.query(`alter database ${name} reset default_transaction_read_only`)
    expect((await asked()).replayed).toBe(false)
    expect(await tracesOf(open, key)).toMatchObject({ rows: 1, keys: 1, events: 1 })
  })
})

describe('on a small server', () => {
  let server: PgServer
  beforeAll(async () => {
    server = await startPostgres({ settings: { max_connections: 8, superuser_reserved_connections: 3 } })
  })
  afterAll(() => server.stop())

  test('max_connections reached: unavailable at once, and the same key once there is room', async () => {
    await using database = await createDatabase(server.url, setup)
    await database.sql('create role app login')
    await database.sql(`grant all on schema public, postern to app; grant all on all tables in schema public, postern to app;
      grant all on all sequences in schema public, postern to app; grant execute on all functions in schema postern to app`)
    const url = new URL(database.url)
    url.username = 'app'
    const others: pg.Client[] = []
    for (let full = false; !full; ) {
      const other = new pg.Client(url.href)
      full = await other.connect().then(
        () => false,
        () => true,
      )
      if (!full) others.push(other)
    }
    expect(others.length).toBeGreaterThan(0)
    const pool = new pg.Pool({ connectionString: url.href })
    pool.on('error', () => {})
    try {
      const source = speak(pgAdapter(pool, journal), journal, 'org_1')
      const key = freshKey()
      await refused(source.commit(key, [entry(key)]), 'source_unavailable')
      await Promise.all(others.splice(0).map((other) => other.end()))
      const answer = await source.commit(key, [entry(key)])
      expect(answer.replayed).toBe(false)
    } finally {
      await Promise.all(others.map((other) => other.end()))
      await pool.end()
    }
  })

  test('a full disk: unavailable, nothing half written, and the same key once there is room', async ({
    skip,
  }) => {
    const { uid, gid } = fs.statSync(await dataDirectory(server.url))
    const disk = mountSmallDisk(32, { uid, gid })
    if (typeof disk === 'string') return skip(disk)
    const admin = new pg.Client(server.url)
    await admin.connect()
    await admin.query(`create tablespace small location '${disk.path}'`)
    await admin.query('create database full_disk tablespace small')
    const url = new URL(server.url)
    url.pathname = '/full_disk'
    const pool = new pg.Pool({ connectionString: url.href, max: 2 })
    pool.on('error', () => {})
    try {
      const ballast = path.join(disk.path, 'ballast')
      fs.writeFileSync(ballast, Buffer.alloc(8 * 2 ** 20))
      await pool.query(journalTables)
      const adapter = pgAdapter(pool, journal)
      await adapter.migrate()
      await pool.query('create table filler (x text); alter table filler alter x set storage external')
      const fill = async (): Promise<void> => {
        for (;;) await pool.query(`insert into filler select repeat('x', 8000) from generate_series(1, 100)`)
      }
      await expect(fill()).rejects.toMatchObject({ code: '53100' })

      const source = speak(adapter, journal, 'org_1')
      const note = 'x'.repeat(20_000)
      const large = (mark: string) => [{ type: 'CREATE', model: 'entries', input: { mark, note } }]
      const refusals: string[] = []
      let key = ''
      while (refusals.length === 0) {
        key = freshKey()
        await source.commit(key, large(key)).catch((error: { code: string }) => refusals.push(error.code))
      }
      expect(refusals).toEqual(['source_unavailable'])
      const traces = async () => {
        const { rows } = await pool.query(
          `select (select count(*) from entries where mark = $1)::int as rows,
             (select count(*) from postern.changes where key = $1)::int as events,
             (select count(*) from postern.ledger where key = $1)::int as keys`,
          [key],
        )
        return rows[0]
      }
      expect(await traces()).toEqual({ rows: 0, events: 0, keys: 0 })
      fs.rmSync(ballast)
      await source.commit(key, large(key))
      expect(await traces()).toEqual({ rows: 1, events: 1, keys: 1 })
      expect(pool.totalCount).toBe(pool.idleCount)
    } finally {
      await pool.end()
      await admin.query('drop database if exists full_disk with (force)')
      await admin.query('drop tablespace if exists small')
      await admin.end()
      disk[Symbol.dispose]()
    }
  })
})

async function dataDirectory(url: string): Promise<string> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query('show data_directory')
  await client.end()
  return rows[0].data_directory
}

describe('what others do', () => {
  test.each(['read committed', 'serializable'])(
    'a stranger’s transaction that stays open (%s) stalls neither commits nor the feed',
    async (level) => {
      await using open = await openSource({
        ...setup,
        tables: `${journalTables}\ncreate table elsewhere (x int);`,
      })
      const stranger = await open.client()
      await stranger.query(`begin isolation level ${level}`)
      // it has a snapshot, an xid, and has written
      await stranger.query('insert into elsewhere values (1)')
      await stranger.query('select count(*) from entries')
      const answer = await open.commit(entry('seen'))
      const { events } = await open.events()
      expect(events.map(({ stamp }) => stamp)).toEqual(answer.stamps)
      const status = await open.source.feedStatus()
      expect(status).toMatchObject({ blockers: [], horizon: answer.stamps[0] })
    },
  )

  test('a writer that stays open holds the feed and nothing else, and is named', async () => {
    await using open = await openSource(setup)
    const before = await open.commit(counter)
    const writer = await open.client()
    await writer.query('begin')
    await open.source.recordChange(writer as never, { model: 'counters', id: 'c', type: 'UPDATE' })
    const answer = await open.commit(entry('behind'))
    expect((await open.events()).events.map(({ stamp }) => stamp)).toEqual(before.stamps)
    const { blockers } = await open.source.feedStatus()
    expect(blockers).toMatchObject([{ state: 'idle in transaction' }])
    await writer.query('rollback')
    const { events } = await open.events()
    expect(events.map(({ stamp }) => stamp)).toEqual([...before.stamps, ...answer.stamps])
  })

  test('clocks that jump: neither order nor staleness nor replay heeds the time', async () => {
    await using open = await openSource(setup)
    await open.commit(counter, { key: 'first' })
    const stamps: number[] = []
    for (let value = 1; value <= 10; value += 1) {
      const readAt = stamps.at(-1) ?? (await open.load('counters', 'c')).stamp
      const answer = await open.commit({ ...increment, input: { value }, readAt }, { key: `k${value}` })
      stamps.push(answer.stamps[0] as number)
      // the clock stood anywhere within two weeks when this was written
      const anytime = `now() + (random() - 0.5) * interval '14 days'`
      await open.sql(`update postern.log set at = ${anytime} where position = $1`, [stamps.at(-1)])
      await open.sql(`update postern.ledger set at = ${anytime} where key = $1`, [`k${value}`])
    }
    const feed = await open.feed()
    expect(feed.map(({ data }) => data.value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect((await open.load('counters', 'c')).stamp).toBe(stamps.at(-1))
    const old = { ...increment, input: { value: 99 }, readAt: stamps.at(-2) as number }
    await refused(open.commit(old), 'stale_context')
    const again = { ...increment, input: { value: 10 }, readAt: stamps.at(-2) as number }
    expect((await open.commit(again, { key: 'k10' })).replayed).toBe(true)
  })
})
