import type pg from 'pg'
import { pgAdapter } from 'postern/pg'
import type { Adapter } from '../src/core/adapter.ts'
import { readFeedCursor, sealFeedCursor } from '../src/core/protocol/cursor.ts'
import { poolOf } from '../test/support/pool.ts'
import type { BenchDatabase } from './database.ts'
import { commitRequest, items, requestContext, someRow } from './requests.ts'
import type { Contestant, Section } from './rounds.ts'
import { ROWS, rowId, schema, seed, TENANT, tables } from './schema.ts'

/** Events that even the smallest log has, so that a page of it is a full one. */
const BASE = 2000
const BATCH = 500_000

interface Grown {
  readonly name: string
  readonly rows: number
  readonly pool: pg.Pool
  readonly source: Adapter
  /** Reads up to the end of the log. */
  readonly end: string
  /** Reads the log's last 1,000 events and what comes after. */
  readonly lastPage: string
}

const label = (rows: number): string =>
  rows === 0 ? 'empty' : rows >= 1_000_000 ? `${rows / 1_000_000} million` : `${rows}`

/** Databases of one server that differ in nothing but the length of their log. */
export async function openGrown(
  database: BenchDatabase,
  sizes: readonly number[],
  say: (text: string) => void,
): Promise<Grown[]> {
  const grown: Grown[] = []
  for (const rows of sizes) {
    const url = new URL(await database.url(0))
    const name = `grown_${rows}`
    await database.admin.query(`create database ${name}`)
    url.pathname = `/${name}`
    const pool = poolOf(url.href, 1)
    await pool.query(tables)
    await pool.query(seed)
    const source = pgAdapter(pool, schema)
    await source.migrate()
    for (let done = 0; done < rows + BASE; done += BATCH) {
      say(`${label(rows)} events: ${Math.floor(done / 1000)},000 in place`)
      await pool.query(fill, [done, Math.min(done + BATCH, rows + BASE) - 1])
    }
    await pool.query('vacuum analyze')
    const { nextCursor } = JSON.parse(
      await source.events({ ...requestContext, tenant: null, scope: {}, cursor: undefined, limit: 1 }),
    )
    const { epoch } = readFeedCursor(nextCursor, null)
    const last = rows + BASE
    const at = async (position: number): Promise<string> => {
      const { rows: found } = await pool.query('select postern.fingerprint($1) as mark', [position])
      return sealFeedCursor({ epoch, position, base: 0, mark: found[0].mark }, null)
    }
    grown.push({
      name: label(rows),
      rows,
      pool,
      source,
      end: await at(last),
      lastPage: await at(last - 1000),
    })
  }
  return grown
}

/** Events of forty-nine other tenants, and one in ten thousand of a quiet one; each row of theirs changed ten times in a row. */
const fill = `
insert into postern.log (position, tenant, rel, key, type, data, changed, commit_key, index, at)
select nextval('postern.position_seq'), case when n / 10 % 10000 = 0 then 'org_quiet' else 'org_' || (2 + n / 10 % 49) end,
  r.rel, 'other-' || lpad((n / 10)::text, 9, '0'), 'UPDATE',
  '{"1":"other-' || lpad((n / 10)::text, 9, '0') || '","3":"title ' || n
    || '","4":"doing","5":"12.50","6":"2026-01-02T03:04:05.123456Z","7":null}',
  '{3,6}', 'filled-' || n, 0, now() - interval '40 days'
from postern.relation r, generate_series($1::bigint, $2::bigint) n where r.oid = 'items'::regclass order by n`

export function* growthSections(grown: readonly Grown[]): Generator<Section> {
  const section = (
    name: string,
    title: string,
    make: (at: Grown) => Contestant['step'],
    only: (at: Grown) => boolean = () => true,
  ): Section => ({
    name,
    title,
    clients: 1,
    delayMs: 0,
    bases: ['empty'],
    contestants: grown.filter(only).map((at) => ({ name: at.name, step: make(at) })),
  })
  yield section(
    'growth_commit',
    'one UPDATE, by the length of the log',
    ({ source }) =>
      (client) =>
        source.commit(commitRequest([{ type: 'UPDATE', id: someRow(client, 1) }])),
  )
  yield section('growth_fresh', 'one UPDATE whose readAt is fresh', ({ source }) => {
    const stamps = new Map<string, number>()
    return async () => {
      // few enough that each is read once only
      const id = rowId(Math.floor(Math.random() * 200))
      const known = stamps.get(id) ?? (await stampOf(source, id))
      const { body } = await source.commit(commitRequest([{ type: 'UPDATE', id, readAt: known }]))
      stamps.set(id, Number(/"stamps":\[(\d+)\]/.exec(body)?.[1]))
    }
  })
  yield section('growth_stale', 'one UPDATE that is refused as stale', ({ source }) => {
    const id = rowId(ROWS - 1)
    const made = source.commit(commitRequest([{ type: 'UPDATE', id }]))
    return async () => {
      await made
      await source.commit(commitRequest([{ type: 'UPDATE', id, readAt: 0 }])).then(
        () => {
          throw new Error('a stale commit was accepted')
        },
        () => {},
      )
    }
  })
  yield section(
    'growth_load',
    'load of a row',
    ({ source }) =>
      (client) =>
        source.load({ ...requestContext, model: items, id: someRow(client, 1) }),
  )
  const page =
    (cursor: (at: Grown) => string | undefined, limit: number, tenant: string | null = null) =>
    (at: Grown): Contestant['step'] =>
    () =>
      at.source.events({ ...requestContext, scope: {}, tenant, cursor: cursor(at), limit })
  yield section(
    'growth_feed',
    'page of 1,000 events at the end of the log',
    page(({ lastPage }) => lastPage, 1000),
  )
  yield section(
    'growth_feed_start',
    'page of 1,000 events at its beginning',
    page(() => undefined, 1000),
  )
  yield section(
    'growth_idle',
    'a look that finds nothing new, for all tenants',
    ({ source, end }) =>
      async () => {
        await source.events({ ...requestContext, scope: {}, tenant: null, cursor: end, limit: 100 })
      },
  )
}

async function stampOf(source: Adapter, id: string): Promise<number> {
  return JSON.parse(await source.load({ ...requestContext, model: items, id })).stamp
}

/** What is looked at once and not in rounds: a quiet tenant's walk, and pruning. */
export async function* walksAndPruning(grown: readonly Grown[]): AsyncGenerator<string> {
  for (const { name, pool, source } of grown) {
    const walk = async (tenant: string): Promise<string> => {
      const started = performance.now()
      let pages = 0
      let events = 0
      for (let cursor: string | undefined; ; ) {
        const page = JSON.parse(await source.events({ ...requestContext, tenant, cursor, limit: 1000 }))
        pages += 1
        events += page.events.length
        cursor = page.nextCursor
        if (page.events.length < 1000) break
      }
      return `${events} events of ${tenant} in ${pages} pages: ${(performance.now() - started).toFixed(0)} ms`
    }
    await walk('org_none')
    yield `${name}: ${await walk('org_quiet')}; ${await walk('org_none')}; ${await walk(TENANT)}`
    const steps: number[] = []
    let gone = 0
    for (let n = 0; n < 5; n += 1) {
      const started = performance.now()
      const { rows } = await pool.query('select * from postern.prune_log(1000)')
      steps.push(performance.now() - started)
      gone += Number(rows[0].pruned)
      if (!rows[0].more) break
    }
    yield `${name}: prune in windows of 1,000 positions: ${steps.map((ms) => ms.toFixed(1)).join(', ')} ms; ${gone} events went`
    const { rows } = await pool.query(
      `select pg_size_pretty(pg_table_size('postern.log')) as rows, pg_size_pretty(pg_indexes_size('postern.log')) as indexes`,
    )
    yield `${name}: the log takes ${rows[0].rows}, its indexes ${rows[0].indexes}`
  }
}
