import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { backUp, type PgAlias, type PgServer, startPostgres } from '../../support/pg-server.ts'
import type { Random } from '../differential/random.ts'
import { createDatabase } from '../faults/database.ts'
import { link } from './link.ts'
import { type Judgement, judge, schema, Told, tables, work } from './world.ts'

/** The address of the same database on another server. */
export function databaseOn(server: PgServer, url: string): string {
  const target = new URL(server.url)
  target.pathname = new URL(url).pathname
  return target.href
}

/** The primary dies under load and its standby is promoted. */
export async function promoted(alias: PgAlias, random: Random, synchronous: boolean): Promise<Judgement> {
  const told = new Told()
  const primary = await startPostgres({ alias, durable: true, settings: { max_wal_senders: 4 } })
  const main = await createDatabase(primary.url, { schema, tables })
  let standby: PgServer | undefined
  const admin = new pg.Client(primary.url)
  admin.on('error', () => {})
  await admin.connect()
  try {
    await using line = await link(Number(new URL(primary.url).port))
    standby = await (await backUp(primary)).start('standby', {
      primary_conninfo: `host=127.0.0.1 port=${line.port} user=postgres application_name=second`,
    })
    while (!(await admin.query(`select from pg_stat_replication where state = 'streaming'`)).rowCount)
      await sleep(10)
    if (synchronous) {
      await admin.query(`alter system set synchronous_standby_names = '*'`)
      await admin.query('select pg_reload_conf()')
      while (!(await admin.query(`select from pg_stat_replication where sync_state = 'sync'`)).rowCount)
        await sleep(10)
    }
    const second = new pg.Client(standby.url)
    await second.connect()
    const stop = new AbortController()
    const working = work(main.url, told, random, stop.signal)
    await sleep(random.int(200, 700))
    // the network to the standby is cut a moment before: what comes now is on the primary alone
    line.lose()
    await sleep(random.int(50, 300))
    if (synchronous) {
      // a session that waits for the standby is ended, and its caller asks again
      const ended = await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`,
      )
      if (ended.rowCount === 0) console.log('  no session waited for the standby in this round')
      await sleep(random.int(50, 300))
    }
    stop.abort()
    await primary.stop()
    await main[Symbol.asyncDispose]()
    await working
    await second.query('select pg_promote()')
    while ((await second.query('select pg_is_in_recovery() as yes')).rows[0].yes) await sleep(10)
    await second.end()
    return await judge(databaseOn(standby, main.url), told, { commits: !synchronous, events: true })
  } finally {
    await admin.end().catch(() => {})
    await primary.stop().catch(() => {})
    await standby?.stop()
  }
}
