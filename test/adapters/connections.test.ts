import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEndpoint } from '../../src/index.ts'
import { type Opening, type ServerAdapter, serverAdapters } from '../support/adapters.ts'
import type { TestDatabase } from '../support/db.ts'
import { itemsDatabase, itemsSchema } from '../support/items.ts'
import { type AnyAnswer, ask, signingKey } from '../support/source.ts'
import { startProxy } from '../system/faults/proxy.ts'

/**
 * No request waits longer than its deadline, whatever the client library does, and what was given up neither writes
 * later nor takes a connection for good. None of the pools here has a listener of its own.
 */

const DEADLINE_MS = 600

let database: TestDatabase
let operator: pg.Client

beforeAll(async () => {
  database = await itemsDatabase()
  operator = new pg.Client(database.url)
  await operator.connect()
})
afterAll(async () => {
  await operator.end()
  await database.drop()
})

let rows = 0

async function open(listed: ServerAdapter, url: string, more: Partial<Opening>) {
  const options = { deadlineMs: DEADLINE_MS, connectTimeoutMs: DEADLINE_MS / 2 }
  const { adapter, close } = await listed.open(url, { schema: itemsSchema, options, ...more })
  const endpoint = createEndpoint({ adapter, signingKey })
  const load = (id = 'none'): Promise<AnyAnswer> => ask(endpoint, { type: 'load', model: 'items', id })
  const commit = (id: string): Promise<AnyAnswer> =>
    ask(endpoint, {
      type: 'commit',
      correlationId: `make ${id}`,
      operations: [{ type: 'CREATE', model: 'items', id, input: { name: id } }],
    })
  return { load, commit, close }
}

/** Of a connection that just broke a first request may still hear; what counts is that this ends. */
async function recovered(load: () => Promise<AnyAnswer>): Promise<AnyAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await load()
    if (answer.status === 200 || attempt === 20) return answer
    await pause(100)
  }
}

describe.each(serverAdapters)('$name', (listed) => {
  /** These libraries keep their pool to themselves: a connection that answers nothing stays in it. */
  const keepsPool = listed.driver === 'postgres.js' || listed.name === 'prisma'

  test('a host that is frozen without a reset: all are answered, and the pool does not fill up with it', async () => {
    await using proxy = await startProxy(database.url)
    const at = await open(listed, proxy.url, { max: keepsPool ? 8 : 2 })
    for (let round = 1; round <= 3; round += 1) {
      expect((await recovered(at.load)).status).toBe(200)
      proxy.freeze()
      expect(await at.load()).toMatchObject({
        status: 503,
        body: { error: 'source_unavailable', retryable: true },
      })
    }
    expect((await recovered(at.load)).status).toBe(200)
    proxy.freeze()
    const id = `frozen ${rows++}`
    const first = await at.commit(id)
    expect(first).toMatchObject({ status: 503, body: { error: 'commit_outcome_unknown', retryable: true } })
    expect((await recovered(() => at.commit(id))).status).toBe(200)
    expect((await at.load(id)).body.row).toEqual({ id, name: id })
    proxy.cut()
    await at.close()
  })

  test('a pool that is exhausted: others are answered, and what was given up is not committed later', async () => {
    let open_ = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open_ = resolve
    })
    let entered = 0
    const hooks = {
      async beforeCommit() {
        entered += 1
        if (entered === 1) await gate
      },
    }
    const at = await open(listed, database.url, { max: 1, hooks })
    expect((await recovered(at.load)).status).toBe(200)
    const [held, waiting] = [`held ${rows++}`, `waiting ${rows++}`]
    const holder = at.commit(held)
    while (entered === 0) await pause(5)
    const [read, write] = await Promise.all([at.load(), at.commit(waiting)])
    expect(read).toMatchObject({ status: 503, body: { retryable: true } })
    expect(['source_busy', 'source_unavailable']).toContain(read.body.error)
    expect(write).toMatchObject({ status: 503, body: { error: 'source_busy', retryable: true } })
    expect(await holder).toMatchObject({ status: 503, body: { error: 'commit_outcome_unknown' } })
    open_()
    expect((await recovered(at.load)).status).toBe(200)
    expect((await at.load(held)).body.row).toBeNull()
    expect((await at.load(waiting)).body.row).toBeNull()
    expect((await at.commit(held)).status).toBe(200)
    expect((await at.commit(waiting)).status).toBe(200)
    await at.close()
  })

  test('connections that are lost at BEGIN take no place of the pool along', async () => {
    const proxy = await startProxy(database.url)
    const at = await open(listed, proxy.url, { max: 1, hooks: { async afterCommit() {} } })
    try {
      expect((await recovered(at.load)).status).toBe(200)
      for (let time = 0; time < 3; time += 1) {
        const met = proxy.fault({ place: 'before', when: /^(begin|start transaction)/i })
        const id = `begun ${rows++}`
        expect(await at.commit(id)).toMatchObject({ status: 503, body: { retryable: true } })
        await met
        expect((await recovered(at.load)).status).toBe(200)
        expect((await at.commit(id)).status).toBe(200)
      }
    } finally {
      await at.close()
      await proxy[Symbol.asyncDispose]()
    }
  })

  test('connections that the server ends, idle and in use, end neither the process nor the service', async () => {
    let killed = false
    const hooks = {
      async beforeCommit() {
        if (killed) return
        killed = true
        await terminateAll()
      },
    }
    const at = await open(listed, database.url, { max: 2, hooks })
    await Promise.all([at.load(), at.load()])
    await terminateAll()
    expect((await recovered(at.load)).status).toBe(200)
    const id = `killed ${rows++}`
    const first = await at.commit(id)
    expect(first).toMatchObject({ status: 503, body: { retryable: true } })
    expect((await recovered(at.load)).status).toBe(200)
    expect((await at.commit(id)).status).toBe(200)
    await at.close()
  })
})

async function terminateAll(): Promise<void> {
  await operator.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  // until the libraries have heard of it
  await pause(50)
}
