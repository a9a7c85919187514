import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { keeper } from '../../../src/testing/keeper.ts'
import { BASE_LOCK, namesOf } from '../../../src/testing/names.ts'
import { openLockClient, type PgTestClient } from '../../../src/testing/pg-client.ts'
import { sweepServer } from '../../../src/testing/sweep.ts'
import { majors } from '../../support/postgres-source.ts'
import { declare, populate, serverUrl, shop } from './shop.ts'

/** A statement that is under way ends when it ends. */
const patiently = { timeout: 20_000 }

/** A process of its own, and what it said first. */
async function start(...parameters: string[]): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(
    process.execPath,
    ['--conditions=postern-source', join(import.meta.dirname, 'child.ts'), ...parameters],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  return { child, said: String(said).trim() }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

test.each(majors)(
  'Postgres %i: of a process that is killed nothing is left after the next sweep',
  async (major) => {
    const base = shop({ major })
    const names = namesOf(base.name)
    const client = new pg.Client(serverUrl(major))
    await client.connect()
    onTestFinished(() => client.end())
    const databases = async (): Promise<string[]> => {
      const { rows } = await client.query('select datname from pg_database where starts_with(datname, $1)', [
        names.base,
      ])
      return rows.map(({ datname }) => datname)
    }
    /** The server learns of a death when it next looks at the connection: at once, or after its statement. */
    const mourned = () =>
      expect
        .poll(async () => {
          const { rows } = await client.query(
            `select from pg_locks where locktype = 'advisory' and classid::text = $1`,
            [String(names.key >>> 0)],
          )
          return rows.length
        }, patiently)
        .toBe(0)

    const filling = await start(serverUrl(major), base.name, 'populate')
    await base.sweep()
    expect(await databases()).toEqual([names.draft])
    await kill(filling.child)
    await mourned()
    await base.sweep()
    expect(await databases()).toEqual([])

    const { child, said } = await start(serverUrl(major), base.name, 'attached')
    const sessions = said.split(' ')
    expect(sessions).toHaveLength(2)
    await base.sweep()
    expect(await databases()).toEqual(expect.arrayContaining(sessions))
    await kill(child)
    await mourned()
    await base.sweep()
    expect(await databases()).toEqual([names.base])
  },
  120_000,
)

async function connected(): Promise<PgTestClient> {
  const client = await openLockClient(serverUrl(18))
  onTestFinished(() => client.end())
  return client
}

/** The processes of the server that hold locks of a fixture, by the second key of the lock. */
async function holders(client: PgTestClient, key: number): Promise<Record<string, number>> {
  const { rows } = await client.query({
    text: `select objid::text, pid from pg_locks where locktype = 'advisory' and granted and classid::text = $1`,
    values: [String(key >>> 0)],
  })
  return Object.fromEntries((rows as { objid: string; pid: number }[]).map(({ objid, pid }) => [objid, pid]))
}

test('sessions live on when the connection that vouches for them is lost: the slot is taken back, and nobody gives away another’s', async () => {
  const base = shop()
  await base.seal()
  const { key } = namesOf(base.name)
  const admin = await connected()
  const one = await base.attach()
  const { 0: before } = await holders(admin, key)
  await admin.query(`select pg_terminate_backend(${before})`)
  await expect.poll(async () => (await holders(admin, key))['0'] ?? before, patiently).not.toBe(before)
  await using two = await base.attach()
  await base.sweep()
  expect(await one.sql('select 1 as here')).toEqual([{ here: 1 }])
  await one[Symbol.asyncDispose]()
  await base.sweep()
  expect(await two.sql('select 1 as here')).toEqual([{ here: 1 }])
})

test('a slot that was lost with its connection is not given back in the name of who has it now', async () => {
  const { key } = namesOf(`shop ${crypto.randomUUID()}`)
  const [admin, other] = [await connected(), await connected()]
  // Between the loss and the new connection another process takes the slot.
  let lost: () => Promise<unknown> = async () => {}
  const slots = keeper(async () => {
    await lost()
    return openLockClient(serverUrl(18))
  }, key)
  const first = await slots.take(2)
  const { 0: pid } = await holders(admin, key)
  lost = () => other.query(`select pg_advisory_lock(${key}, 0)`)
  await admin.query(`select pg_terminate_backend(${pid})`)
  await expect.poll(async () => (await holders(admin, key))['0'] ?? pid, patiently).not.toBe(pid)
  lost = async () => {}
  const second = await slots.take(2)
  expect([first, second]).toEqual([{ slot: 0 }, { slot: 1 }])
  await other.query(`select pg_advisory_unlock(${key}, 0)`)
  const third = await slots.take(2)
  expect(third).toEqual({ slot: 0 })
  if (first) await slots.give(first)
  expect(Object.keys(await holders(admin, key))).toEqual(['0', '1'])
  for (const place of [second, third]) if (place) await slots.give(place)
  await expect.poll(() => holders(admin, key), patiently).toEqual({})
})

test('a sweep leaves alone what another process begins to fill after the sweep has looked', async () => {
  let filling = (): void => {}
  const started = new Promise<void>((resolve) => {
    filling = resolve
  })
  let swept = (): void => {}
  const over = new Promise<void>((resolve) => {
    swept = resolve
  })
  const base = shop({
    populate: async (database) => {
      filling()
      await over
      await populate(database)
    },
  })
  const { draft } = namesOf(base.name)
  const client = await connected()
  await client.query(`create database ${draft}`) // of a process that was killed
  let sealing: Promise<unknown> | undefined
  const removed = await sweepServer({
    query: async (query) => {
      const result = await client.query(query)
      if (JSON.stringify(query).includes('pg_locks')) {
        sealing = base.seal()
        await started
      }
      return result
    },
  })
  swept()
  expect(removed).not.toContain(draft)
  expect(await sealing).toMatchObject({ populated: true })
})

test('addresses that name two databases of one server are of one fixture all the same', async () => {
  const admin = await connected()
  const elsewhere = `postern_elsewhere_${crypto.randomUUID().slice(0, 8)}`
  await admin.query(`create database ${elsewhere}`)
  onTestFinished(async () => void (await admin.query(`drop database ${elsewhere} with (force)`)))
  const base = shop()
  const url = new URL(serverUrl(18))
  url.pathname = `/${elsewhere}`
  await using other = declare({ name: base.name, connection: url.href })
  const sealed = await Promise.all([base.seal(), other.seal()])
  expect(sealed.map(({ populated }) => populated).sort()).toEqual([false, true])
  await using one = await base.attach()
  await using two = await other.attach()
  await other.sweep()
  expect(one.databaseUrl).not.toBe(two.databaseUrl)
  expect(await one.sql('select 1 as here')).toEqual([{ here: 1 }])
})

test('while attaches wait for a base that is sealed elsewhere, open sessions work and end', async () => {
  const base = shop()
  await base.seal()
  const session = await base.attach()
  const { key } = namesOf(base.name)
  const other = await connected()
  await other.query(`select pg_advisory_lock(${key}, ${BASE_LOCK})`)
  const waiting = Array.from({ length: 6 }, () => base.attach())
  await expect
    .poll(async () => {
      const { rows } = await other.query(
        `select from pg_locks where locktype = 'advisory' and not granted and classid::text = '${key >>> 0}'`,
      )
      return rows.length
    }, patiently)
    .toBe(4)
  expect(await session.sql('select 1 as here')).toEqual([{ here: 1 }])
  await session[Symbol.asyncDispose]()
  await other.query(`select pg_advisory_unlock(${key}, ${BASE_LOCK})`)
  for (const one of await Promise.all(waiting)) await one[Symbol.asyncDispose]()
})
