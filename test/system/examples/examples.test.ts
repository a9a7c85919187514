import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/index.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { freePort } from '../../support/port.ts'

// Each example is started as its README says and spoken to over HTTP.
vi.setConfig({ testTimeout: 120_000 })

const root = join(import.meta.dirname, '../../..')
const key = 'sk_test_of_the_examples'
let server: ChildProcess | undefined
let database: TestDatabase | undefined

afterEach(async () => {
  if (server?.exitCode === null) {
    server.kill()
    await once(server, 'exit')
  }
  await database?.drop()
  database = undefined
})

async function start(example: string, env: Record<string, string> = {}) {
  const port = await freePort()
  server = spawn(process.execPath, ['--conditions=postern-source', `examples/${example}/server.ts`], {
    cwd: root,
    env: { ...process.env, ...env, POSTERN_KEY: key, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(server, 'exit').then(([code]) =>
    Promise.reject(new Error(`${example} ended with ${code}`)),
  )
  const [ready] = await Promise.race([once(server.stdout as NodeJS.ReadableStream, 'data'), ended])
  ended.catch(() => {})
  expect(String(ready).trim()).toBe(`http://localhost:${port}/source`)
  return createClient({
    url: `http://localhost:${port}/source`,
    signingKey: key,
    retries: 0,
    scope: { organizationId: 'org_1' },
  })
}

const create = (model: string, id: string, input: object) =>
  ({
    idempotencyKey: `create:${id}`,
    operations: [{ type: 'CREATE', model, id, input: { ...input } }],
  }) as const

test('hono-pglite: commits, replays, refuses a stale decision, and tells what changed', async () => {
  const source = await start('hono-pglite')
  const commit = create('notes', 'n1', { text: 'Knock' })
  const first = await source.commit(commit)
  expect(first.rows).toEqual([{ id: 'n1', text: 'Knock', pinned: false }])
  expect(await source.commit(commit)).toEqual({ ...first, replayed: true })
  const [readAt] = first.stamps as [number]
  const pin = (key: string, pinned: boolean) =>
    source.commit({
      idempotencyKey: key,
      operations: [{ type: 'UPDATE', model: 'notes', id: 'n1', input: { pinned }, readAt }],
    })
  await pin('pin', true)
  await expect(pin('unpin', false)).rejects.toMatchObject({ status: 409, code: 'stale_context' })
  const events: unknown[] = []
  for await (const { type, changed } of source.events()) events.push([type, changed])
  expect(events).toEqual([
    ['CREATE', undefined],
    ['UPDATE', ['pinned']],
  ])
})

test('custom-handlers: keep the promises of a commit without an adapter', async () => {
  database = await freshDatabase()
  const source = await start('custom-handlers', { DATABASE_URL: database.url })
  const commit = create('tickets', 't1', { subject: 'The endpoint sticks' })
  const twins = await Promise.all(Array.from({ length: 8 }, () => source.commit(commit)))
  expect(new Set(twins.map(({ rows, stamps }) => JSON.stringify([rows, stamps]))).size).toBe(1)
  expect((await source.list('tickets')).rows).toEqual([
    { id: 't1', subject: 'The endpoint sticks', state: 'open' },
  ])

  const { stamps } = await source.list('tickets')
  const close = (key: string) =>
    source.commit({
      idempotencyKey: key,
      operations: [
        { type: 'UPDATE', model: 'tickets', id: 't1', input: { state: 'closed' }, readAt: stamps[0]! },
      ],
    })
  const outcomes = await Promise.allSettled([close('a'), close('b'), close('c'), close('d')])
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') {
      expect(outcome.reason).toMatchObject({ code: 'stale_context', details: { operations: [{ id: 't1' }] } })
    }
  }

  const broken = source.commit({
    idempotencyKey: 'broken',
    operations: [
      { type: 'CREATE', model: 'tickets', id: 't2', input: { subject: 'Oil it' } },
      { type: 'UPDATE', model: 'tickets', id: 'none', input: { state: 'closed' } },
    ],
  })
  await expect(broken).rejects.toMatchObject({ status: 404, code: 'entity_not_found' })
  expect((await source.load('tickets', 't2')).row).toBeNull()
  await source.commit(create('tickets', 't2', { subject: 'Oil it' }))

  const pages = await source.list('tickets', { limit: 1 })
  expect(pages.rows.map(({ id }) => id)).toEqual(['t1'])
  expect((await source.list('tickets', { limit: 1, cursor: pages.nextCursor! })).rows).toMatchObject([
    { id: 't2' },
  ])
  expect((await source.list('tickets', { where: [['state', 'closed']] })).rows).toMatchObject([{ id: 't1' }])
  await expect(source.list('tickets', { orderBy: 'subject' })).rejects.toMatchObject({
    code: 'invalid_query',
  })
  expect((await source.load('tickets', 't1', { scope: { organizationId: 'org_2' } })).row).toBeNull()
})
