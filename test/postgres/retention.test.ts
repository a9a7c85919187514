import { describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import type { PosternError } from '../../src/core/errors.ts'
import { readFeedCursor, sealFeedCursor } from '../../src/core/protocol/cursor.ts'
import { defineSchema, model, z } from '../../src/index.ts'
import {
  caller,
  majors,
  type OpenSource,
  openSource,
  refused,
  type WireEvent,
} from '../support/postgres-source.ts'

const schema = defineSchema({
  items: model({ fields: { a: z.int(), b: z.int() }, mutable: true, capture: true }),
})
const tables = `create table items (id text primary key, organization_id text not null default 'org_1', a int not null, b int not null)`

const ids = ['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7']

/** A log with a past: rows created, changed many times, some deleted and made again. Deterministic. */
async function history(open: OpenSource): Promise<void> {
  await open.commit(ids.map((id) => ({ type: 'CREATE' as const, model: 'items', id, input: { a: 0, b: 0 } })))
  for (let n = 0; n < 60; n += 1) {
    const id = ids[(n * 7 + (n >> 2)) % ids.length] as string
    const there = (await open.load('items', id)).row !== null
    if (!there) await open.commit({ type: 'CREATE', model: 'items', id, input: { a: n, b: n } })
    else if (n % 9 === 8) await open.commit({ type: 'DELETE', model: 'items', id })
    else await open.commit({ type: 'UPDATE', model: 'items', id, input: n % 2 ? { a: n } : { b: n } })
  }
}

const age = (open: OpenSource) => open.sql(`update postern.meta set log_retention = '-1 day'`)

/** What a follower has who applies the events one after the other. */
function rebuilt(events: readonly WireEvent[]): unknown[] {
  const rows = new Map<string, unknown>()
  for (const { entityId, type, data } of events) {
    if (type === 'DELETE') rows.delete(entityId)
    else rows.set(entityId, data)
  }
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

describe.each(majors)('Postgres %i: pruning', (major) => {
  const opened = () => openSource({ schema, tables, major })

  test('keeps the last event of every row, so that a new follower still builds the whole table', async () => {
    await using open = await opened()
    await history(open)
    const table = await open.listAll('items')
    const full = await open.feed()
    expect(rebuilt(full)).toEqual(table)
    await age(open)
    const report = await open.source.prune({ window: 10 })
    expect(report.events).toBeGreaterThan(20)
    const left = await open.feed()
    expect(left.length).toBe(full.length - report.events)
    expect(rebuilt(left)).toEqual(table)
    expect(new Set(left.map(({ entityId }) => entityId)).size).toBe(left.length)
    expect(await open.source.prune()).toMatchObject({ events: 0, prunedThrough: report.prunedThrough })
  })

  test('changes no stamp and no verdict of staleness: every readAt stays decidable', async () => {
    await using open = await opened()
    await history(open)
    const verdicts = async (): Promise<unknown[]> => {
      const found: unknown[] = []
      for (const id of ids) {
        const { row, stamp } = await open.load('items', id)
        for (let readAt = 0; readAt <= 70; readAt += 5) {
          // the second operation is refused in any case: nothing is ever written here
          const operations = [
            {
              type: row === null ? ('CREATE' as const) : ('UPDATE' as const),
              model: 'items',
              id,
              input: { a: 1, b: 1 },
              readAt,
            },
            { type: 'DELETE' as const, model: 'items', id: 'never-was' },
          ]
          const error = await open.commit(operations).catch((reason: PosternError) => reason)
          found.push([
            id,
            readAt,
            stamp,
            'code' in error ? error.code : 'applied',
            'code' in error && error.code === 'stale_context',
          ])
        }
      }
      return found
    }
    const before = await verdicts()
    await age(open)
    expect((await open.source.prune()).events).toBeGreaterThan(20)
    expect(await verdicts()).toEqual(before)
    // what changed is no longer known in each field: merging counts everything as changed
    const { row, stamp } = await open.load('items', 'i1')
    expect(row).not.toBeNull()
    const merge = {
      type: 'UPDATE' as const,
      model: 'items',
      id: 'i1',
      input: { a: 5 },
      readAt: 1,
      onStale: 'merge',
    }
    const error = await refused(open.commit(merge), 'stale_context')
    expect(error.details?.operations).toMatchObject([{ changed: null, stamp }])
    await open.commit({ ...merge, readAt: stamp })
  })

  test('never passes a named follower that has not read so far, and does when it has', async () => {
    await using open = await opened()
    await open.source.acknowledge('slow', (await open.events()).nextCursor, 'org_1')
    await history(open)
    await age(open)
    expect(await open.source.prune()).toMatchObject({ events: 0 })
    const page = await open.events(undefined, 30)
    await open.source.acknowledge('slow', page.nextCursor, 'org_1')
    const { followers } = await open.source.feedStatus()
    expect(followers).toMatchObject([{ name: 'slow', position: page.events.at(-1)?.stamp }])
    await open.source.prune()
    // everything that it has not read is still there
    const rest = await open.feed(page.nextCursor)
    const all = [...page.events, ...rest]
    expect(all.map(({ stamp }) => stamp)).toEqual(all.map((_, n) => n + 1))
    await open.source.acknowledge('slow', null)
    expect((await open.source.prune()).events).toBeGreaterThan(0)
  })

  test('an acknowledgement that comes late does not take a later one back, and is refused for another tenant’s cursor', async () => {
    await using open = await opened()
    await history(open)
    const first = await open.events(undefined, 10)
    const second = await open.events(first.nextCursor, 10)
    await open.source.acknowledge('f', second.nextCursor, 'org_1')
    await open.source.acknowledge('f', first.nextCursor, 'org_1')
    expect((await open.source.feedStatus()).followers).toMatchObject([{ position: 20 }])
    await refused(open.source.acknowledge('f', second.nextCursor, 'org_2'), 'cursor_invalid')
    await refused(open.source.acknowledge('f', second.nextCursor), 'cursor_invalid')
    await refused(open.source.acknowledge('f', 'nonsense', 'org_1'), 'cursor_invalid')
  })

  test('keeps what a caller has not acknowledged by its requests, for twice the retention and no longer', async () => {
    await using open = await opened()
    await history(open)
    await open.sql(`update postern.log set at = now() - interval '15 days'`)
    const first = await open.events(undefined, 10)
    const ask = (acknowledgedThrough: string, tenant = 'org_1') =>
      open.as({ organizationId: tenant }).events(undefined, 10, { acknowledgedThrough })
    expect((await ask(first.nextCursor)).events).toHaveLength(10)
    const second = await open.events(first.nextCursor, 10)
    const named = (position: number) => [{ name: 'key:["","org_1"]', position }]
    expect((await open.source.feedStatus()).followers).toMatchObject(named(10))
    await open.sql(`update postern.meta set log_retention = '10 days'`)
    await open.source.prune()
    expect((await open.source.feedStatus()).prunedThrough).toBe(10)
    expect((await open.feed(first.nextCursor)).map(({ stamp }) => stamp)).toEqual(
      Array.from({ length: 58 }, (_, n) => n + 11),
    )
    await ask(second.nextCursor)
    await ask(first.nextCursor)
    expect((await open.source.feedStatus()).followers).toMatchObject(named(20))
    await refused(ask(second.nextCursor, 'org_2'), 'cursor_invalid')
    await refused(ask('nonsense'), 'cursor_invalid')
    // a name that an operator gave holds for good; one that a caller gave does not
    await open.sql(`update postern.meta set log_retention = '7 days'`)
    await open.source.prune()
    expect((await open.source.feedStatus()).prunedThrough).toBe(68)
    // and a caller that is not seen for so long leaves no name behind
    await ask(second.nextCursor).catch(() => {})
    await open.sql(`update postern.follower set seen_at = now() - interval '15 days'`)
    await open.source.prune()
    expect((await open.source.feedStatus()).followers).toEqual([])
    await expect(open.source.acknowledge('key:["","org_1"]', second.nextCursor, 'org_1')).rejects.toThrow(
      'names that begin with',
    )
  })

  test('refuses an acknowledgement with the cursor of another log, or from beyond the end of this one', async () => {
    await using open = await opened()
    await history(open)
    const { nextCursor } = await open.events(undefined, 10)
    const { epoch } = readFeedCursor(nextCursor, 'org_1')
    await refused(
      open.source.acknowledge(
        'f',
        sealFeedCursor({ epoch, position: 69, base: 0, mark: '' }, 'org_1'),
        'org_1',
      ),
      'cursor_expired',
    )
    // a restored dump: the numbers are the same, the events need not be
    await open.sql('update postern.meta set incarnation = gen_random_uuid()')
    await refused(open.source.acknowledge('f', nextCursor, 'org_1'), 'cursor_expired')
    expect((await open.source.feedStatus()).followers).toEqual([])
  })

  test('a window below one, or in parts, is refused and lets no young event go', async () => {
    await using open = await opened()
    await history(open)
    for (const window of [0, -1, 1.5, Number.NaN]) {
      const error = await refused(open.source.prune({ window }), 'source_adapter_misconfigured')
      expect(error.message).toContain('window')
    }
    await refused(open.source.prune({ steps: Number.NaN }), 'source_adapter_misconfigured')
    await open.sql('select postern.prune_log(0), postern.prune_log(null)')
    expect((await open.source.feedStatus()).prunedThrough).toBe(0)
    expect(await open.feed()).toHaveLength(68)
  })

  test('reports the mark also when another is at work, or no step was asked for', async () => {
    await using open = await opened()
    await history(open)
    await age(open)
    const { prunedThrough } = await open.source.prune({ window: 20, steps: 2 })
    expect(prunedThrough).toBe(40)
    expect(await open.source.prune({ steps: 0 })).toMatchObject({ events: 0, prunedThrough })
    const other = await open.client()
    await other.query('begin; select 1 from postern.meta for update')
    expect(await open.source.prune()).toMatchObject({ events: 0, prunedThrough })
    await other.query('rollback')
  })

  test('under another default isolation it prunes all the same, read committed', async () => {
    await using open = await openSource({
      schema,
      tables,
      major,
      settings: { default_transaction_isolation: 'repeatable read' },
    })
    await history(open)
    await age(open)
    await expect(open.sql('select postern.prune_log(10)')).rejects.toMatchObject({ code: 'PN501' })
    expect(await open.source.prune({ window: 30 })).toMatchObject({ prunedThrough: 68 })
    expect(rebuilt(await open.feed())).toEqual(await open.listAll('items'))
  })

  test('never passes a writer in flight', async () => {
    await using open = await opened()
    await history(open)
    const writer = await open.client()
    await writer.query(`begin; update items set a = -1 where id = 'i1'`)
    const held = (await open.source.feedStatus()).horizon
    for (let n = 0; n < 10; n += 1)
      await open.commit({ type: 'UPDATE', model: 'items', id: 'i2', input: { a: -n } })
    await age(open)
    const { prunedThrough } = await open.source.prune()
    expect(prunedThrough).toBeLessThanOrEqual(held)
    await writer.query('commit')
    expect((await open.feed()).filter(({ stamp }) => stamp > held)).toHaveLength(11)
  })

  test('a step reads its window of the log and not the rest, however long that is', async () => {
    await using open = await opened()
    await open.sql(`insert into postern.log (position, tenant, rel, key, type, data, at)
      select nextval('postern.position_seq'), 'org_1', (select rel from postern.model where name = 'items'), 'old-' || n % 10000, 'UPDATE', '{}', now() - interval '40 days'
      from generate_series(1, 20000) n`)
    await open.sql('analyze postern.log')
    const client = await open.client()
    await client.query('begin')
    const { rows: steps } = await client.query('select p.through::int from postern.prune_log(100) p')
    expect(steps).toEqual([{ through: 100 }])
    const { rows } = await client.query(
      `select s.seq_tup_read + s.idx_tup_fetch as read from pg_stat_xact_user_tables s where s.relid = 'postern.log'::regclass`,
    )
    expect(Number(rows[0]?.read)).toBeLessThan(1000)
  })

  test('what is younger than the retention stays', async () => {
    await using open = await opened()
    await history(open)
    const before = await open.feed()
    expect(await open.source.prune()).toMatchObject({ events: 0, prunedThrough: 0 })
    await open.sql(`update postern.log set at = now() - interval '31 days' where position <= 30`)
    await open.source.prune()
    const after = await open.feed()
    expect(after.filter(({ stamp }) => stamp > 30)).toEqual(before.filter(({ stamp }) => stamp > 30))
    expect(after.length).toBeLessThan(before.length)
  })

  test('a cursor below what was pruned is expired; one above it reads on', async () => {
    await using open = await opened()
    await history(open)
    const early = await open.events(undefined, 5)
    let cursor = early.nextCursor
    for (let page = await open.events(cursor); page.events.length > 0; page = await open.events(cursor))
      cursor = page.nextCursor
    await age(open)
    await open.source.prune()
    await refused(open.events(early.nextCursor), 'cursor_expired')
    expect((await open.events(cursor)).events).toEqual([])
    await open.commit({ type: 'UPDATE', model: 'items', id: 'i1', input: { a: 77 } })
    expect((await open.events(cursor)).events).toMatchObject([{ entityId: 'i1' }])
  })

  test('a walk from the beginning below the mark goes on, and expires when more is pruned under it', async () => {
    await using open = await opened()
    await history(open)
    await age(open)
    await open.source.prune({ window: 20, steps: 1 })
    const table = await open.listAll('items')
    const events: WireEvent[] = []
    let cursor: string | undefined
    for (;;) {
      const page = await open.events(cursor, 3)
      events.push(...page.events)
      cursor = page.nextCursor
      if (page.events.length === 0) break
    }
    expect(rebuilt(events)).toEqual(table)
    const half = await open.events(undefined, 2)
    await open.source.prune({ window: 20, steps: 1 })
    await refused(open.events(half.nextCursor, 2), 'cursor_expired')
  })

  test('in small steps, from several places at once, while writers write and a follower reads: nothing is lost', async () => {
    await using open = await opened()
    await history(open)
    let { nextCursor: cursor } = await open.events(undefined, 1000)
    await open.source.acknowledge('reader', cursor, 'org_1')
    const seen: number[] = []
    let writing = true
    const aging = (async () => {
      while (writing) {
        await age(open)
        await Promise.all([open.source.prune({ window: 7 }), open.source.prune({ window: 7 })])
      }
    })()
    const reading = (async () => {
      for (let last = false; ; ) {
        const page = await open.events(cursor, 10)
        seen.push(...page.events.map(({ stamp }) => stamp))
        cursor = page.nextCursor
        await open.source.acknowledge('reader', cursor, 'org_1')
        if (page.events.length === 0 && last) return
        last = !writing
      }
    })()
    const stamps: number[] = []
    await Promise.all(
      [0, 1, 2, 3].map(async (writer) => {
        for (let n = 0; n < 40; n += 1) {
          const answer = await open.commit([
            { type: 'CREATE', model: 'items', id: `w${writer}-${n}`, input: { a: n, b: n } },
            { type: 'UPDATE', model: 'items', id: `w${writer}-${n}`, input: { a: -n } },
          ])
          stamps.push(...answer.stamps.map(Number))
        }
      }),
    )
    writing = false
    await Promise.all([aging, reading])
    expect(seen).toEqual(stamps.sort((a, b) => a - b))
    expect(rebuilt(await open.feed())).toEqual(await open.listAll('items'))
  })

  test('the feed of another schema version, or a model without events, does not hold pruning up', async () => {
    await using open = await opened()
    await history(open)
    await age(open)
    await open.sql(`update postern.log set rel = 999 where position <= 8`)
    expect((await open.source.prune()).events).toBeGreaterThan(20)
  })
})

describe.each(majors)('Postgres %i: keys and their end', (major) => {
  test('a key is told as expired after its retention, is dropped after twice that, and never applied in between', async () => {
    await using open = await openSource({ schema, tables, major })
    const create = (id: string) => ({ type: 'CREATE' as const, model: 'items', id, input: { a: 1, b: 1 } })
    for (const [key, days] of [
      ['fresh', 29],
      ['expired', 31],
      ['kept', 59],
      ['dropped', 61],
    ] as const) {
      await open.commit(create(key), { key })
      await open.sql(`update postern.ledger set at = now() - make_interval(days => $2) where key = $1`, [
        key,
        days,
      ])
    }
    const { keys } = await open.source.prune({ window: 1 })
    expect(keys).toBe(1)
    expect((await open.commit(create('fresh'), { key: 'fresh' })).replayed).toBe(true)
    await refused(open.commit(create('expired'), { key: 'expired' }), 'idempotency_key_expired')
    await refused(open.commit(create('kept'), { key: 'kept' }), 'idempotency_key_expired')
    expect((await open.feed()).length).toBe(4)
  })

  test('what the log weighs and who is behind can be read', async () => {
    await using open = await openSource({ schema, tables, major })
    await history(open)
    const { nextCursor } = await open.events(undefined, 10)
    await open.source.acknowledge('behind', nextCursor, 'org_1')
    const status = await open.source.feedStatus()
    expect(status).toMatchObject({ position: 68, horizon: 68, prunedThrough: 0, blockers: [] })
    expect(status.followers).toMatchObject([{ name: 'behind', position: 10, behind: 58 }])
    expect(status.bytes.log).toBeGreaterThan(0)
    expect(status.bytes.ledger).toBeGreaterThan(0)
    const other = caller(pgAdapter(open.pool, schema), schema)
    expect((await other.feed()).length).toBe(68)
  })
})
