import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Rejection } from '../../../src/core/errors.ts'
import { freshKey, refused } from '../../support/postgres-source.ts'
import { entry, openThrough, type Through, tracesOf } from './through.ts'

/** Endings that the server itself says, and transactions that end in another way than was asked for. */
let open: Through
beforeAll(async () => {
  open = await openThrough()
  await open.commit([{ type: 'CREATE', model: 'counters', id: 'c', input: { value: 0 } }])
})
afterAll(() => open[Symbol.asyncDispose]())

const increment = { type: 'UPDATE' as const, model: 'counters', id: 'c', input: { value: 1 } }

/** Waits until a backend is in the state that the test needs. */
async function backend(where: string): Promise<number> {
  for (;;) {
    const [found] = await open.direct.sql(
      `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and ${where}`,
    )
    if (found !== undefined) return found.pid as number
  }
}

const gate = () => {
  let release = (): void => {}
  const opened = new Promise<void>((resolve) => {
    release = resolve
  })
  return { opened, release }
}

describe('a commit that is ended by the server', () => {
  test('terminated while it waits for a row (57P01): unknown, nothing happened, the same key applies it', async () => {
    const key = freshKey()
    const holder = await open.direct.client()
    await holder.query(`begin; select * from counters for update`)
    const commit = refused(open.commit([entry(key), increment], { key }), 'commit_outcome_unknown')
    await open.direct.sql('select pg_terminate_backend($1)', [await backend(`wait_event_type = 'Lock'`)])
    await commit
    await holder.query('rollback')
    expect(await tracesOf(open.direct, key)).toMatchObject({ rows: 0, keys: 0, events: 0 })
    await open.commit([entry(key), increment], { key })
    expect(await tracesOf(open.direct, key)).toMatchObject({ rows: 1, keys: 1, events: 2 })
  })

  test('cancelled (57014): busy, nothing happened, the connection stays', async () => {
    const key = freshKey()
    const holder = await open.direct.client()
    await holder.query(`begin; select * from counters for update`)
    const commit = refused(open.commit([entry(key), increment], { key }), 'source_busy')
    const pid = await backend(`wait_event_type = 'Lock'`)
    await open.direct.sql('select pg_cancel_backend($1)', [pid])
    await commit
    await holder.query('rollback')
    expect(await tracesOf(open.direct, key)).toMatchObject({ rows: 0, keys: 0 })
    expect(await backend(`pid = ${pid}`)).toBe(pid)
  })

  test.each([
    ['terminated (57P01)', 'select pg_terminate_backend($1)'],
    ['timed out (25P03)', undefined],
  ])('%s while a hook is at work: nothing happened, and the process lives on', async (_, kill) => {
    const [reached, waits] = [gate(), gate()]
    const hooks = {
      beforeCommit() {
        reached.release()
        return waits.opened
      },
    }
    await using held = await openThrough({
      ...(kill === undefined && { settings: { idle_in_transaction_session_timeout: '200ms' } }),
      through: { hooks },
    })
    const key = freshKey()
    const commit = held.commit(entry(key), { key }).catch((error: { code: string }) => error.code)
    // the transaction is idle between its statements too; the one that counts is the hook's
    await Promise.race([reached.opened, commit])
    const where = `state = 'idle in transaction'`
    for (let pid: unknown; pid === undefined && kill !== undefined; ) {
      const found = await held.direct.sql(
        `select pid from pg_stat_activity where datname = current_database() and ${where}`,
      )
      pid = found[0]?.pid
      if (pid !== undefined) await held.direct.sql(kill, [pid])
    }
    for (let left: unknown = 1; left !== 0; ) {
      const [found] = await held.direct.sql(
        `select count(*)::int as n from pg_stat_activity where datname = current_database() and ${where}`,
      )
      left = found?.n
    }
    waits.release()
    expect(['commit_outcome_unknown', 'source_unavailable']).toContain(await commit)
    expect(await tracesOf(held.direct, key)).toMatchObject({ rows: 0, keys: 0 })
    await held.commit(entry(key), { key })
    expect(await tracesOf(held.direct, key)).toMatchObject({ rows: 1, keys: 1 })
  })
})

describe('a transaction that ends in another way than was asked for', () => {
  test('a hook that swallows a database error: COMMIT answers ROLLBACK, and nothing is acknowledged', async () => {
    const afterCommit = async ({ tx }: { tx: unknown }): Promise<void> => {
      const client = tx as { query(text: string): Promise<unknown> }
      await client.query('select 1 / 0').catch(() => {})
    }
    await using held = await openThrough({ through: { hooks: { afterCommit } } })
    const key = freshKey()
    await refused(held.commit(entry(key), { key }), 'internal_error')
    expect(await tracesOf(held.direct, key)).toMatchObject({ rows: 0, keys: 0, events: 0 })
  })

  test('a connection whose rollback did not come through is never lent again', async () => {
    // the hook gives up on a statement that is still running, as with a time limit of its own
    const hooks = {
      beforeCommit({ tx, operations }: { tx: unknown; operations: readonly { input: object }[] }): void {
        if (!('note' in (operations[0]?.input ?? {}))) return
        const client = tx as { query(text: string): Promise<unknown> }
        client.query('select pg_sleep(2)').catch(() => {})
        throw new Rejection('too_slow', 'Too slow.')
      },
    }
    await using held = await openThrough({ through: { hooks }, throughPool: { max: 1, query_timeout: 300 } })
    const slow = { ...entry('slow'), input: { mark: 'slow', note: 'x' } }
    await expect(held.commit(slow)).rejects.toThrow('Too slow.')
    const key = freshKey()
    await held.commit(entry(key), { key })
    expect(await tracesOf(held.direct, key)).toMatchObject({ rows: 1, keys: 1, events: 1 })
  })

  test('a twin of a commit whose hook hangs is told so in bounded time', async () => {
    const waits = gate()
    let running = 0
    const hooks = {
      async beforeCommit() {
        running += 1
        await waits.opened
      },
    }
    await using held = await openThrough({ options: { lockTimeoutMs: 200 }, through: { hooks } })
    const key = freshKey()
    const first = held.commit(entry(key), { key })
    await expect.poll(() => running).toBe(1)
    await refused(held.commit(entry(key), { key }), 'source_busy')
    waits.release()
    await first
    expect(running).toBe(1)
    expect(await tracesOf(held.direct, key)).toMatchObject({ rows: 1, keys: 1, events: 1 })
  })

  test('the lookup after a lost connection does not wait for the lost one without end', async () => {
    await using held = await openThrough({ options: { lockTimeoutMs: 200 } })
    const holder = await held.direct.client()
    // what is left behind by the lost connection: a backend that holds the key and has not noticed yet
    const key = freshKey()
    await holder.query('begin')
    await holder.query(`select postern.reserve('org_1', $1, 'i', null)`, [key])
    const met = held.proxy.fault({ place: 'before', when: /entries_create/ })
    await refused(held.commit(entry(key), { key }), 'commit_outcome_unknown')
    await met
    await holder.query('rollback')
    expect(held.pool.waitingCount).toBe(0)
  })
})
