import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pgAdapter, pgConnection } from '../../src/adapters/pg.ts'
import { defineSchema, model, z } from '../../src/index.ts'
import { postgresAdapter } from '../../src/postgres/index.ts'
import { planted } from '../mutants/plants.ts'
import { edited } from '../support/edited.ts'
import { type PgServer, startPostgres } from '../support/pg-server.ts'
import { type Caller, caller, refused } from '../support/postgres-source.ts'

const schema = defineSchema({
  tasks: model({ fields: { title: z.string() }, mutable: true, policy: { by: 'none' } }),
  captured: model({ fields: { title: z.string() }, mutable: true, policy: { by: 'none' }, capture: true }),
})

/** A server as careless as one can be configured, and then it crashes: what was acknowledged must be there. */
let server: PgServer
let pool: pg.Pool
let source: Caller
let raw: (text: string) => Promise<Record<string, unknown>[]>

beforeAll(async () => {
  server = await startPostgres({
    durable: true,
    settings: {
      synchronous_commit: 'off',
      wal_writer_delay: '10s',
      wal_writer_flush_after: '1GB',
      max_connections: 20,
    },
  })
  pool = new pg.Pool({ connectionString: server.url })
  pool.on('error', () => {})
  raw = async (text) => (await pool.query(text)).rows
  await raw(
    'create table tasks (id text primary key, title text); create table captured (id text primary key, title text)',
  )
  await postgresAdapter(edited(pgConnection(pool), planted), schema).migrate()
  source = caller(pgAdapter(pool, schema), schema)
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})

async function crash(between?: () => void): Promise<void> {
  await server.restart(between)
  // the pool notices its dead connections one by one
  for (let n = 0; n < 20; n += 1) {
    const alive = await raw('select 1').then(
      () => true,
      () => false,
    )
    if (alive) return
  }
}

const create = (name: string, id: string) =>
  ({ type: 'CREATE', model: name, id, input: { title: 't' } }) as const

test('with synchronous_commit off and a crash, every acknowledged commit and every delivered event survives', async () => {
  const writes: [string, () => Promise<unknown>][] = [
    ['one', () => source.commit(create('tasks', 'one'), { key: 'one' })],
    ['many-1', () => source.commit([create('tasks', 'many-1'), create('tasks', 'many-2')])],
    ['captured', () => raw(`insert into captured values ('captured', 't')`)],
    [
      'raw',
      () =>
        raw(
          `begin; insert into captured values ('raw', 't'); update captured set title = 'u' where id = 'raw'; commit`,
        ),
    ],
  ]
  const seen: unknown[] = []
  for (const [id, write] of writes) {
    await write()
    // read at once, as a follower may, then the power goes
    const events = await source.feed()
    expect(events.map(({ entityId }) => entityId)).toContain(id)
    seen.push(...events.slice(seen.length))
    await crash()
    expect(await source.feed()).toEqual(seen)
  }
  expect((await source.commit(create('tasks', 'one'), { key: 'one' })).replayed).toBe(true)
  const { stamps } = await source.commit(create('tasks', 'after'))
  const positions = (seen as { stamp: number }[]).map(({ stamp }) => stamp)
  expect(stamps[0]).toBeGreaterThan(Math.max(...positions))
})

test('a prepared transaction that outlives a crash is still waited for, and delivered when it is committed', async () => {
  const writer = new pg.Client(server.url)
  await writer.connect()
  const { nextCursor: start } = await lastPage()
  await writer.query('begin')
  await caller(pgAdapter(writer, schema), schema).commit(create('tasks', 'prepared'))
  await writer.query(`insert into captured values ('prepared', 't')`)
  await writer.query(`prepare transaction 'p'`)
  await writer.end()
  await source.commit(create('tasks', 'later'))
  const { events, nextCursor } = await source.events(start)
  expect(events).toEqual([])
  await crash()
  expect((await source.events(nextCursor)).events).toEqual([])
  await raw(`commit prepared 'p'`)
  const delivered = (await source.feed(nextCursor)).map(({ entityId }) => entityId)
  expect(delivered).toEqual(['prepared', 'prepared', 'later'])
})

test('after each start of the server what a lost time told lies in a gap: cursors end, stamps are stale, and none comes again', async () => {
  const copy = path.join(mkdtempSync(path.join(os.tmpdir(), 'postern-copy-')), 'data')
  const put = (from: string, to: string) => () => {
    rmSync(to, { recursive: true, force: true })
    execFileSync('cp', ['-a', from, to])
  }
  const edit = (readAt: number) =>
    ({ type: 'UPDATE', model: 'tasks', id: 'gap', input: { title: 'u' }, readAt }) as const
  try {
    const [kept = 0] = (await source.commit(create('tasks', 'gap'))).stamps as number[]
    const { nextCursor: shared } = await lastPage()
    await crash(put(server.directory, copy))
    const lost: number[] = []
    for (let n = 0; n < 40; n += 1)
      lost.push((await source.commit(create('tasks', `lost-${n}`))).stamps[0] as number)
    expect(lost[0]).toBeGreaterThan(kept + 1)
    const { nextCursor: beyond } = await lastPage()
    await crash(put(copy, server.directory))
    // at once, and when as much has been written again as was lost
    for (const writes of [0, 60]) {
      for (let n = 0; n < writes; n += 1) {
        const [stamp = 0] = (await source.commit(create('tasks', `again-${n}`))).stamps as number[]
        expect(lost).not.toContain(stamp)
      }
      await refused(source.events(beyond), 'cursor_expired')
      for (const stamp of [lost[0], lost[20], lost.at(-1)]) {
        await refused(source.commit(edit(stamp as number)), 'stale_context')
      }
      expect((await source.events(shared)).events).toHaveLength(writes)
    }
    await source.commit(edit(kept))
  } finally {
    rmSync(path.dirname(copy), { recursive: true, force: true })
  }
})

/** The empty page at the end of the feed. */
async function lastPage() {
  for (let page = await source.events(); ; page = await source.events(page.nextCursor)) {
    if (page.events.length === 0) return page
  }
}
