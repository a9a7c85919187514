import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { PosternError } from '../../src/core/errors.ts'
import {
  type Caller,
  caller,
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
  traces,
} from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'
import { wire } from '../support/wire.ts'

const create = (id = freshKey()) => ({ type: 'CREATE', model: 'tasks', id, input: { title: 't' } }) as const
const several = () => [create(), create(), create()]

/** A source whose traffic goes through a line that can be cut. */
async function remote(config: pg.PoolConfig = {}, major: 18 | 15 = 18) {
  const open = await openSource({ schema: tracker, tables: trackerTables, major })
  const line = await wire(open.url)
  const pool = new pg.Pool({ connectionString: line.url, max: 4, ...config })
  pool.on('error', () => {})
  const call = caller(pgAdapter(pool, tracker), tracker)
  await call.load('tasks', 'warms-up')
  return {
    open,
    line,
    pool,
    call,
    async [Symbol.asyncDispose]() {
      await pool.end()
      await line[Symbol.asyncDispose]()
      await open[Symbol.asyncDispose]()
    },
  }
}

/** Stops every update of tasks until the lock with this number is free. */
const gate = `create function gate() returns trigger language plpgsql as $$
begin perform pg_advisory_xact_lock_shared(42); return new; end $$;
create trigger gate before insert on tasks for each row execute function gate();`

async function blocked(open: OpenSource): Promise<number> {
  for (;;) {
    const [row] = await open.sql(
      `select pid from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`,
    )
    if (row) return row.pid as number
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe.each(majors)('Postgres %i: a commit whose connection is lost', (major) => {
  test('the answer never came, the commit did happen: the ledger is asked, and its answer given', async () => {
    await using cast = await remote({}, major)
    for (const operations of [[create()], several()]) {
      const key = freshKey()
      cast.line.fault({ lose: 'answer', when: /(create|commit)_[0-9a-f]{8}/ })
      const answer = await cast.call.commit(operations, { key })
      expect(answer.rows).toHaveLength(operations.length)
      expect(answer.replayed).toBe(true)
      expect((await cast.open.commit(operations, { key })).body).toBe(answer.body)
      expect((await cast.open.feed()).filter((event) => event.clientTxId === key)).toHaveLength(
        operations.length,
      )
    }
  })

  test('the request never arrived: the outcome is unknown, nothing was written, and the same key applies', async () => {
    await using cast = await remote({}, major)
    const before = await traces(cast.open)
    for (const operations of [[create()], several()]) {
      const key = freshKey()
      cast.line.fault({ lose: 'request', when: /(create|commit)_[0-9a-f]{8}/ })
      const error = await refused(cast.call.commit(operations, { key }), 'commit_outcome_unknown')
      expect(error).toMatchObject({ status: 503, retryable: true, retryAfter: 1 })
      expect(await traces(cast.open)).toEqual(before)
    }
    expect((await cast.call.commit(create('again'))).replayed).toBe(false)
  })

  test('neither the answer nor the ledger can be had: the outcome is unknown, and a retry replays', async () => {
    await using cast = await remote({}, major)
    const key = freshKey()
    const operation = create()
    cast.line.fault({ lose: 'answer', when: /_create_[0-9a-f]{8}|reserve/, times: 2 })
    await refused(cast.call.commit(operation, { key }), 'commit_outcome_unknown')
    expect((await cast.call.commit(operation, { key })).replayed).toBe(true)
  })

  test('the backend is killed half way: nothing was written, and the same key applies', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables + gate, major })
    const holder = await open.client()
    await holder.query('select pg_advisory_lock(42)')
    for (const operations of [[create()], several()]) {
      const key = freshKey()
      const work = refused(open.commit(operations, { key }), 'commit_outcome_unknown')
      await holder.query('select pg_terminate_backend($1)', [await blocked(open)])
      await work
      expect(await traces(open)).toEqual({ events: 0, keys: 0 })
    }
    await holder.query('select pg_advisory_unlock(42)')
    expect((await open.commit(create())).stamps).toHaveLength(1)
  })

  test('the driver gives up waiting while the statement goes on: settled by the ledger once it is done', async () => {
    await using open = await openSource({
      schema: tracker,
      tables: trackerTables + gate,
      major,
      pool: { query_timeout: 300 },
    })
    await open.load('tasks', 'warms-up')
    const holder = await open.client()
    await holder.query('select pg_advisory_lock(42)')
    const key = freshKey()
    const operation = create()
    const work = open.commit(operation, { key }).then(
      (answer) => answer,
      (error: PosternError) => error,
    )
    await blocked(open)
    const first = await Promise.race([work, sleepThen(200, null)])
    expect(first).toBeNull()
    const outcome = await work
    // nobody knows yet, and that is what is said: never that it failed
    expect(outcome).toMatchObject({ code: 'commit_outcome_unknown' })
    await holder.query('select pg_advisory_unlock(42)')
    const again = await open.commit(operation, { key })
    expect((await open.feed()).filter(({ entityId }) => entityId === operation.id)).toHaveLength(1)
    expect(again.rows).toHaveLength(1)
  })

  test('a commit with hooks whose COMMIT is not answered is settled by the ledger too', async () => {
    await using cast = await remote({}, major)
    const hooked = caller(pgAdapter(cast.pool, tracker, { hooks: { afterCommit() {} } }), tracker)
    const key = freshKey()
    cast.line.fault({ lose: 'answer', when: /^commit$/ })
    const answer = await hooked.commit(several(), { key })
    expect(answer).toMatchObject({ replayed: true })
    expect(answer.rows).toHaveLength(3)
    cast.line.fault({ lose: 'request', when: /^commit$/ })
    await refused(hooked.commit(several()), 'commit_outcome_unknown')
    expect(await cast.open.feed()).toHaveLength(3)
  })

  test('a read whose connection is lost is unavailable, not unknown', async () => {
    await using cast = await remote({}, major)
    cast.line.fault({ lose: 'answer', when: /from tasks|public\.tasks/ })
    await refused(cast.call.load('tasks', 'x'), 'source_unavailable')
    cast.line.fault({ lose: 'request', when: /\.events\(/ })
    await refused(cast.call.events(), 'source_unavailable')
    expect((await cast.call.load('tasks', 'x')).row).toBeNull()
  })

  test('broken connections do not go back to the pool', async () => {
    await using cast = await remote({ max: 2 }, major)
    for (let n = 0; n < 6; n += 1) {
      cast.line.fault({ lose: 'request', when: /_create_[0-9a-f]{8}/ })
      await refused(cast.call.commit(create()), 'commit_outcome_unknown')
    }
    await Promise.all([cast.call.commit(create()), cast.call.commit(create()), cast.call.commit(create())])
    expect(cast.pool.totalCount).toBeLessThanOrEqual(2)
    expect(cast.pool.waitingCount).toBe(0)
  })
})

describe('a pool', () => {
  test('that is exhausted answers busy in bounded time, and works again when a connection is free', async () => {
    await using open = await openSource({
      schema: tracker,
      tables: trackerTables,
      pool: { max: 2 },
    })
    // patient on a busy machine, where a connection is free; the other one gives up soon
    const hasty = caller(pgAdapter(open.pool, tracker, { connectTimeoutMs: 100 }), tracker)
    await open.load('tasks', 'warms-up')
    const taken = await Promise.all([open.pool.connect(), open.pool.connect()])
    const asks = (one: Caller): (() => Promise<unknown>)[] => [
      () => one.commit(create()),
      () => one.load('tasks', 'x'),
      () => one.list('tasks'),
      () => one.events(),
    ]
    for (const ask of asks(hasty)) {
      const error = await refused(ask(), 'source_busy')
      expect(error).toMatchObject({ status: 503, retryable: true, retryAfter: 1 })
    }
    for (const client of taken) client.release()
    expect((await open.commit(create())).replayed).toBe(false)
    // a wait that was given up gives its connection back when it comes after all
    await Promise.all(asks(open).map((ask) => ask()))
    expect(open.pool.idleCount).toBe(open.pool.totalCount)
  })

  test('with its own timeout below ours is busy or unavailable, never an unknown outcome: nothing was sent', async () => {
    await using open = await openSource({
      schema: tracker,
      tables: trackerTables,
      pool: { max: 1, connectionTimeoutMillis: 1000 },
    })
    await open.load('tasks', 'warms-up')
    const taken = await open.pool.connect()
    const error = await open.commit(create()).catch((reason: PosternError) => reason)
    taken.release()
    expect(error).toBeInstanceOf(PosternError)
    expect(error).toMatchObject({ status: 503, code: expect.stringMatching(/^source_(busy|unavailable)$/) })
  })

  test.each([
    ['a server that is not there', { port: 1 }, 'source_unavailable'],
    ['a host that is not there', { host: 'no-such-host.invalid' }, 'source_unavailable'],
    ['a database that is not there', { database: 'no_such_database' }, 'source_adapter_misconfigured'],
    ['a role that is not there', { user: 'no_such_role' }, 'source_adapter_misconfigured'],
  ] as const)('of %s: a clear answer, and no connection text in it', async (_, wrong, code) => {
    await using open = await openSource({ schema: tracker, tables: trackerTables })
    const url = new URL(open.url)
    const pool = new pg.Pool({
      host: url.hostname,
      port: Number(url.port),
      user: url.username,
      database: url.pathname.slice(1),
      ...wrong,
    })
    pool.on('error', () => {})
    const call = caller(pgAdapter(pool, tracker), tracker)
    for (const ask of [() => call.load('tasks', 'x'), () => call.commit(create()), () => call.events()]) {
      const error = await refused(ask(), code)
      expect(`${error.message}${error.detailsJson}`).not.toMatch(/no_such|invalid|127\.0\.0\.1|ECONN/)
    }
    await pool.end()
  })

  test('that cannot be reached after it once could says unavailable: the commit was never sent', async () => {
    await using cast = await remote()
    const key = freshKey()
    const { pool } = cast
    const other = new pg.Pool({ connectionString: cast.line.url })
    other.on('error', () => {})
    const call = caller(pgAdapter(other, tracker), tracker)
    await call.commit(create())
    await cast.line[Symbol.asyncDispose]()
    await expect(call.commit(create(), { key })).rejects.toMatchObject({
      status: 503,
      code: expect.stringMatching(/^(source_unavailable|commit_outcome_unknown)$/),
    })
    await refused(call.commit(create(), { key }), 'source_unavailable')
    await other.end()
    expect(pool.totalCount).toBeGreaterThanOrEqual(0)
  })

  test('of a database that is read only refuses commits as unavailable, and reads on', async () => {
    await using open = await openSource({
      schema: tracker,
      tables: trackerTables,
      settings: { default_transaction_read_only: 'on' },
    })
    for (const operations of [[create()], several()]) {
      const error = await refused(open.commit(operations), 'source_unavailable')
      expect(error).toMatchObject({ status: 503, retryable: true })
    }
    expect(await open.load('tasks', 'x')).toEqual({ row: null, stamp: 0 })
    expect((await open.list('tasks')).rows).toEqual([])
    expect((await open.events()).events).toEqual([])
  })
})

describe('a single client', () => {
  test('serves many requests at once, one after the other, and no transaction comes between another', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables })
    const client = await open.client()
    const plain = caller(pgAdapter(client, tracker), tracker)
    const hooked = caller(
      pgAdapter(client, tracker, {
        hooks: {
          async beforeCommit({ tx }) {
            await tx.query({ text: 'select pg_sleep(0.002)', values: [] })
          },
        },
      }),
      tracker,
    )
    // two sources over one client know nothing of each other, one source's requests do
    const key = freshKey()
    const first = hooked.commit(create('first'))
    const twins = Array.from({ length: 8 }, () => hooked.commit(create('twin'), { key }))
    const failing = Array.from({ length: 8 }, () =>
      refused(hooked.commit(create('first')), 'unique_violation'),
    )
    const answers = await Promise.all([first, ...twins])
    await Promise.all([...failing, hooked.list('tasks'), hooked.events()])
    expect(answers.filter(({ replayed }) => replayed)).toHaveLength(7)
    expect(await open.sql(`select id from tasks order by id`)).toEqual([{ id: 'first' }, { id: 'twin' }])
    expect((await plain.feed()).map(({ entityId }) => entityId).sort()).toEqual(['first', 'twin'])
    expect((await client.query('select pg_current_xact_id_if_assigned() as open')).rows).toEqual([
      { open: null },
    ])
  })

  test('goes on after a request that failed', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables })
    const call = caller(pgAdapter(await open.client(), tracker), tracker)
    const all = await Promise.allSettled([
      call.commit(create('a')),
      call.commit({ type: 'DELETE', model: 'tasks', id: 'missing' }),
      call.commit([create('a'), create('b')]),
      call.commit(create('c')),
      call.list('tasks', { where: [['views', '99999999999999999999']] }),
      call.load('tasks', 'c'),
    ])
    expect(all.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
  })

  test('in a transaction of the caller’s: an error keeps its name, though it ended the transaction', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables })
    const [one, other] = [await open.client(), await open.client()]
    const calls = [one, other].map((client) => caller(pgAdapter(client, tracker), tracker))
    const [first, second] = calls as [(typeof calls)[0], (typeof calls)[0]]
    await first.commit([create('a'), create('b')])
    const update = (id: string) => ({ type: 'UPDATE', model: 'tasks', id, input: { title: 'x' } }) as const

    await one.query('begin')
    await refused(first.commit(create('a')), 'unique_violation')
    await one.query('rollback')

    for (const client of [one, other]) await client.query('begin')
    await first.commit(update('a'))
    await second.commit(update('b'))
    const crossing = await Promise.allSettled([first.commit(update('b')), second.commit(update('a'))])
    const [victim] = crossing.filter(({ status }) => status === 'rejected')
    expect(victim).toMatchObject({ reason: { code: 'source_busy', cause: { code: '40P01' } } })
    for (const client of [one, other]) await client.query('rollback')
  })

  test('whose connection died says so at once, and never hangs', async () => {
    await using open = await openSource({ schema: tracker, tables: trackerTables })
    const client = await open.client()
    const call = caller(pgAdapter(client, tracker), tracker)
    await call.commit(create())
    const [{ pid }] = (await client.query('select pg_backend_pid() as pid')).rows
    await open.sql('select pg_terminate_backend($1)', [pid])
    const asks = [() => call.commit(create()), () => call.load('tasks', 'x'), () => call.commit(several())]
    for (const ask of asks) await expect(ask()).rejects.toMatchObject({ status: 503 })
  })
})

const sleepThen = <T>(ms: number, value: T): Promise<T> =>
  new Promise((resolve) => setTimeout(() => resolve(value), ms))
