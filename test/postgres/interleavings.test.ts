import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { defineSchema, field, model, z } from '../../src/index.ts'
import {
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
  type WireOperation,
} from '../support/postgres-source.ts'

/**
 * Two commits in every order that matters. A trigger of the table takes an advisory lock named by the row's title, so
 * a commit stops exactly where the test wants it, with its locks held; the test sees in pg_stat_activity that it
 * has stopped there before it takes the next step. No sleeps.
 */
const schema = defineSchema({
  items: model({
    fields: {
      title: z.string(),
      body: z.string().optional(),
      slug: z.string().optional(),
      ownerId: z.string().optional(),
      views: field.bigint().optional(),
    },
    mutable: true,
  }),
  owners: model({ fields: { name: z.string() }, mutable: true }),
})

const tables = `
create table owners (id text primary key, organization_id text not null default 'org_1', name text not null);
create table items (
  id text primary key,
  organization_id text not null default 'org_1',
  title text not null,
  body text,
  slug text unique,
  owner_id text references owners,
  views bigint
);
create function gate() returns trigger language plpgsql as $body$
begin
  if new.title like 'stop-%' then perform pg_advisory_xact_lock(substr(new.title, 6)::bigint); end if;
  return new;
end $body$;
create trigger gate before insert or update on items for each row execute function gate();
insert into owners (id, name) values ('o1', 'one'), ('o2', 'two');
insert into items (id, title, body) select 'i' || n, 'start', 'start' from generate_series(1, 20) n;`

const update = (id: string, input: object, more: object = {}): WireOperation => ({
  type: 'UPDATE',
  model: 'items',
  id,
  input: { ...input },
  ...more,
})
const create = (id: string, input: object = {}): WireOperation => ({
  type: 'CREATE',
  model: 'items',
  id,
  input: { title: 'new', ...input },
})
const remove = (id: string, more: object = {}): WireOperation => ({
  type: 'DELETE',
  model: 'items',
  id,
  ...more,
})

/** Backends that wait for a lock, by what they wait for. */
async function waiting(open: OpenSource, count: number): Promise<void> {
  for (;;) {
    const [row] = await open.sql(
      `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    if (Number(row?.n) >= count) return
  }
}

describe.each(majors)('Postgres %i: two commits, statement by statement', (major) => {
  const scene = async (defaults: Record<string, string> = {}): Promise<Scene> => {
    const open = await openSource({ schema, tables, major, settings: defaults })
    const warden = await open.client()
    const close = (gate: number) => warden.query('select pg_advisory_lock($1)', [gate])
    const lift = (gate: number) => warden.query('select pg_advisory_unlock($1)', [gate])
    return { open, warden, close, lift }
  }

  /** `first` stops at gate 1 with its rows locked; `second` is sent and waits for it; then the gate is lifted. */
  async function meet(
    { open, close, lift }: Scene,
    first: WireOperation[],
    second: WireOperation[],
    keys: [string, string] = [freshKey(), freshKey()],
  ) {
    await close(1)
    const one = open.commit(first, { key: keys[0] })
    await waiting(open, 1)
    const other = open.commit(second, { key: keys[1] })
    const outcome = Promise.allSettled([one, other])
    await waiting(open, 2)
    await lift(1)
    const [a, b] = await outcome
    return { a, b }
  }
  const reasonOf = (outcome: PromiseSettledResult<unknown>) =>
    outcome.status === 'rejected' ? outcome.reason : 'applied'

  const levels = major === 18 ? ['read committed', 'repeatable read', 'serializable'] : ['read committed']
  describe.each(levels)('under %s', (level) => {
    const isolated = () => scene({ default_transaction_isolation: level })

    test('the second decided on the same row and stamp: it waits, then it is stale and sees what the first wrote', async () => {
      for (const extra of [[], [create(freshKey())]]) {
        await using cast = await disposable(isolated())
        const { a, b } = await meet(
          cast.scene,
          [update('i1', { title: 'stop-1', body: 'first' }, { readAt: 0 })],
          [update('i1', { title: 'second' }, { readAt: 0 }), ...extra],
        )
        expect(a.status).toBe('fulfilled')
        expect(reasonOf(b)).toMatchObject({ code: 'stale_context' })
        expect(reasonOf(b).details.operations).toMatchObject([
          { stamp: 1, reason: 'changed', changed: ['body', 'title'], current: { body: 'first' } },
        ])
      }
    })

    test('an update behind a create that is held back is judged under the lock of the row that is there', async () => {
      await using cast = await disposable(isolated())
      const { stamps } = await cast.scene.open.commit(update('i1', { title: 'known' }))
      const behind = (input: object) => [
        { ...create('i1'), readAt: 0, onStale: 'notify' } as const,
        update('i1', input, { readAt: stamps[0] }),
      ]
      const { a, b } = await meet(cast.scene, behind({ title: 'stop-1' }), behind({ body: 'second' }))
      expect(a).toMatchObject({ status: 'fulfilled', value: { rows: [null, { title: 'stop-1' }] } })
      expect(reasonOf(b)).toMatchObject({ code: 'stale_context', details: { operations: [{ index: 1 }] } })
    })

    test('the second without a readAt waits and then applies on top; positions follow the order of the row', async () => {
      await using cast = await disposable(isolated())
      const { open } = cast.scene
      const { a, b } = await meet(
        cast.scene,
        [update('i1', { title: 'stop-1' })],
        [update('i1', { body: 'second' })],
      )
      expect([a.status, b.status]).toEqual(['fulfilled', 'fulfilled'])
      const events = await open.feed()
      expect(events.map(({ data }) => [data.title, data.body])).toEqual([
        ['stop-1', 'start'],
        ['stop-1', 'second'],
      ])
      expect(events[1]?.changed).toEqual(['body'])
    })

    test('a merge that meets a concurrent change of other fields is applied to the row as it is now', async () => {
      await using cast = await disposable(isolated())
      const { b } = await meet(
        cast.scene,
        [update('i1', { title: 'stop-1' })],
        [update('i1', { body: 'merged' }, { readAt: 0, onStale: 'merge' })],
      )
      expect(b).toMatchObject({ status: 'fulfilled', value: { rows: [{ title: 'stop-1', body: 'merged' }] } })
    })

    test('crossing rows: 1 then 2 against 2 then 1 both end, neither is lost, nobody deadlocks', async () => {
      await using cast = await disposable(isolated())
      const { open } = cast.scene
      const { a, b } = await meet(
        cast.scene,
        [update('i1', { title: 'stop-1' }), update('i2', { title: 'first' })],
        [update('i2', { body: 'second' }), update('i1', { body: 'second' })],
      )
      expect([a.status, b.status]).toEqual(['fulfilled', 'fulfilled'])
      const rows = await open.sql(`select title, body from items where id in ('i1', 'i2') order by id`)
      expect(rows).toEqual([
        { title: 'stop-1', body: 'second' },
        { title: 'first', body: 'second' },
      ])
    })

    test('the row is deleted first: an update is refused as missing, with a readAt as deleted', async () => {
      for (const [second, code] of [
        [update('i1', { title: 'late' }), 'entity_not_found'],
        [update('i1', { title: 'late' }, { readAt: 0 }), 'stale_context'],
        [remove('i1'), 'entity_not_found'],
      ] as const) {
        await using cast = await disposable(isolated())
        const { a, b } = await meet(
          cast.scene,
          [remove('i1'), create('stopper', { title: 'stop-1' })],
          [second],
        )
        expect(a.status).toBe('fulfilled')
        expect(reasonOf(b)).toMatchObject({ code })
        if (code === 'stale_context') {
          expect(reasonOf(b).details.operations).toMatchObject([{ reason: 'deleted', current: null }])
        }
      }
    })

    test('two creates of one id: the second waits for the first and is told that the row exists', async () => {
      await using cast = await disposable(isolated())
      const first = [create('x'), create('stopper', { title: 'stop-1' })]
      const { a, b } = await meet(cast.scene, first, [create('x', { body: 'second' })])
      expect(a.status).toBe('fulfilled')
      expect(reasonOf(b)).toMatchObject({ code: 'unique_violation', details: { constraint: 'items_pkey' } })
    })

    test('a twin with the same key waits and then replays, whatever its commit is made of', async () => {
      for (const operations of [
        [update('i1', { title: 'stop-1' })],
        [create('x', { title: 'stop-1' })],
        [create('x', { title: 'stop-1' }), update('i2', { body: 'b' })],
        [remove('i3'), create('x', { title: 'stop-1' })],
      ]) {
        await using cast = await disposable(isolated())
        const key = freshKey()
        const { a, b } = await meet(cast.scene, operations, operations, [key, key])
        expect(a).toMatchObject({ status: 'fulfilled', value: { replayed: false } })
        expect(b).toMatchObject({ status: 'fulfilled', value: { replayed: true } })
        if (a.status === 'fulfilled' && b.status === 'fulfilled') expect(b.value.body).toBe(a.value.body)
      }
    })

    test('a twin of a commit that fails takes the key over and is judged by itself', async () => {
      await using cast = await disposable(isolated())
      const { open, warden } = cast.scene
      const key = freshKey()
      const operations = [create('x', { title: 'stop-1', ownerId: 'late' })]
      await cast.scene.close(1)
      const one = open.commit(operations, { key })
      await waiting(open, 1)
      const other = open.commit(operations, { key })
      const outcomes = Promise.allSettled([one, other])
      await waiting(open, 2)
      await open.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event = 'advisory'
         and pid = (select pid from pg_locks where locktype = 'advisory' and objsubid = 1 and not granted and objid = 1)`,
      )
      await waiting(open, 1)
      await open.sql(`insert into owners (id, name) values ('late', 'came in time')`)
      await warden.query('select pg_advisory_unlock(1)')
      const results = await outcomes
      expect(results.map(({ status }) => status)).toContain('fulfilled')
      expect(await open.sql(`select from postern.log where key = 'x'`)).toHaveLength(1)
      expect(await open.sql(`select from items where id = 'x'`)).toHaveLength(1)
    })
  })

  test('a commit that waits for somebody’s unique value does not hold the feed back', async () => {
    await using cast = await disposable(scene())
    const { open } = cast.scene
    const stranger = await open.client()
    await stranger.query(`begin; insert into items (id, title, slug) values ('s', 'stranger', 'taken')`)
    const waits = open.commit([create('w', { slug: 'taken' }), update('i2', { body: 'waits' })])
    const waited = waits.catch((error) => error)
    await waiting(open, 1)
    await open.commit(update('i3', { body: 'goes on' }))
    expect((await open.feed()).map(({ entityId }) => entityId)).toEqual(['i3'])
    await stranger.query('commit')
    expect(await waited).toMatchObject({ code: 'unique_violation' })
  })

  test('a commit that waits for somebody’s row does not hold the feed back', async () => {
    await using cast = await disposable(scene())
    const { open } = cast.scene
    const stranger = await open.client()
    await stranger.query(`begin; update items set body = 'mine' where id = 'i1'`)
    const waits = open.commit([update('i1', { title: 'waits' }), update('i2', { title: 'waits' })])
    await waiting(open, 1)
    await open.commit(update('i3', { body: 'goes on' }))
    expect((await open.feed()).map(({ entityId }) => entityId)).toEqual(['i3'])
    await stranger.query('rollback')
    expect((await waits).rows).toHaveLength(2)
    expect((await open.feed()).map(({ entityId }) => entityId)).toEqual(['i3', 'i1', 'i2'])
  })

  test('a lock that is not given in time is a busy answer that leaves nothing; the same key applies later', async () => {
    await using open = await openSource({ schema, tables, major, options: { lockTimeoutMs: 50 } })
    const stranger: pg.Client = await open.client()
    await stranger.query(`begin; select from items where id = 'i1' for update`)
    const key = freshKey()
    for (const operations of [
      [update('i1', { title: 'x' })],
      [update('i2', { title: 'x' }), update('i1', { title: 'x' })],
    ]) {
      const error = await refused(open.commit(operations, { key }), 'source_busy')
      expect(error).toMatchObject({ status: 503, retryable: true, retryAfter: 1 })
    }
    await stranger.query('rollback')
    expect((await open.commit(update('i1', { title: 'x' }), { key })).replayed).toBe(false)
  })

  test('a deadlock with the application’s own transaction is run again, whole', async () => {
    await using cast = await disposable(scene({ deadlock_timeout: '20ms' }))
    const { open, close, lift } = cast.scene
    const stranger = await open.client()
    await stranger.query(`begin; update items set body = 'app' where id = 'i2'`)
    await close(1)
    // holds i1 and i2's turn is next
    const ours = open.commit([
      create('x', { title: 'stop-1' }),
      remove('i1'),
      update('i2', { title: 'ours' }),
    ])
    await waiting(open, 1)
    await lift(1)
    const theirs = stranger.query(`update items set body = 'app' where id = 'i1'`).then(
      () => stranger.query('commit'),
      () => stranger.query('rollback'),
    )
    await theirs
    expect((await ours).rows).toHaveLength(3)
    expect(await open.sql(`select title from items where id = 'i2'`)).toEqual([{ title: 'ours' }])
    expect((await open.feed()).map(({ type }) => type)).toEqual(['CREATE', 'DELETE', 'UPDATE'])
  })

  test('a list read while a commit is half way shows none of it, and its stamp never vouches for what it missed', async () => {
    await using cast = await disposable(scene())
    const { open, close, lift } = cast.scene
    await close(1)
    const ours = open.commit([update('i1', { body: 'half' }), update('i2', { title: 'stop-1' })])
    await waiting(open, 1)
    const page = await open.list('items', { where: [['id', 'IN', ['i1', 'i2']]] })
    const { row, stamp } = await open.load('items', 'i1')
    await lift(1)
    await ours
    expect(page.rows.map(({ body, title }) => [body, title])).toEqual([
      ['start', 'start'],
      ['start', 'start'],
    ])
    expect(row).toMatchObject({ body: 'start' })
    for (const readAt of [page.stamp, page.stamps[0], stamp]) {
      await refused(open.commit(update('i1', { title: 'on old state' }, { readAt })), 'stale_context')
    }
  })
})

interface Scene {
  readonly open: OpenSource
  readonly warden: pg.Client
  close(gate: number): Promise<unknown>
  lift(gate: number): Promise<unknown>
}

async function disposable(made: Promise<Scene>) {
  const scene = await made
  return {
    scene,
    async [Symbol.asyncDispose]() {
      await scene.warden.query('select pg_advisory_unlock_all()').catch(() => {})
      await scene.open[Symbol.asyncDispose]()
    },
  }
}
