import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { signingKey } from '../../support/source.ts'
import { tracker, trackerTables } from '../../support/tracker.ts'
import { type Answer, commit, key, type OpenEndpoint, openEndpoint, org, sameBut } from './endpoint.ts'

const SECRET = 'SECRET-77af'
// one of the tenant columns is a uuid: so are the names of all tenants
const [mine, theirs] = [randomUUID(), randomUUID()]

/** A model of each policy and kind of key: an id that is theirs, one that is nobody's, and a value to write. */
interface Kept {
  readonly model: string
  readonly id: string
  readonly missing: string
  readonly input: object
}

let open: OpenSource
let endpoint: OpenEndpoint
let kept: Kept[]
let stamps: number[]

const create = (model: string, id: string, input: object): object => ({ type: 'CREATE', model, id, input })
const ask = (request: object): Promise<Answer> => endpoint.ask(request, org(mine))

beforeAll(async () => {
  open = await openSource({ schema: tracker, tables: trackerTables })
  // As a platform’s own key: the feed of all tenants is asked for below.
  const keys = [{ secret: signingKey, allTenants: true }]
  endpoint = openEndpoint(open.source, { signingKey: undefined, keys })
  const documents = [randomUUID(), randomUUID()] as const
  kept = [
    { model: 'tasks', id: 'task-theirs', missing: 'task-nobody', input: { title: SECRET } },
    { model: 'comments', id: 'note-theirs', missing: 'note-nobody', input: { body: SECRET } },
    { model: 'reactions', id: 'smile-theirs', missing: 'smile-nobody', input: { emoji: 'SECRET' } },
    { model: 'counters', id: '770001', missing: '770002', input: { value: 31337 } },
    { model: 'documents', id: documents[0], missing: documents[1], input: { title: SECRET } },
  ]
  const parents: Record<string, object> = {
    comments: { taskId: 'task-theirs' },
    reactions: { commentId: 'note-theirs' },
  }
  const operations = kept.map(({ model, id, input }) => create(model, id, { ...input, ...parents[model] }))
  const made = await endpoint.ask(commit(operations, 'their key'), org(theirs))
  expect(made.status).toBe(200)
  stamps = made.body.stamps
  await ask(
    commit([
      create('projects', 'shared', { name: 'for everybody' }),
      create('tasks', 'task-mine', { title: 'mine', projectId: 'shared' }),
      create('comments', 'note-mine', { taskId: 'task-mine', body: 'mine' }),
    ]),
  )
  await endpoint.ask(
    commit({ type: 'UPDATE', model: 'tasks', id: 'task-theirs', input: { projectId: 'shared' } }),
    org(theirs),
  )
  endpoint.forget()
})
afterAll(() => open[Symbol.asyncDispose]())

const theirRows = () =>
  open.sql(`select (select json_agg(t) from tasks t where organization_id = '${theirs}') as tasks,
    (select json_agg(c order by id) from comments c) as comments, (select json_agg(r) from reactions r) as reactions,
    (select json_agg(c) from counters c) as counters, (select json_agg(d) from documents d) as documents`)

test('a foreign row and a missing row are answered alike, byte for byte but the request’s id', async () => {
  const before = await theirRows()
  let compared = 0
  for (const [index, { model, id, missing, input }] of kept.entries()) {
    const changes = [
      { type: 'UPDATE', model, input },
      { type: 'DELETE', model },
      ...(model === 'tasks'
        ? [
            { type: 'ARCHIVE', model },
            { type: 'UNARCHIVE', model },
          ]
        : []),
    ]
    const readAts = [0, stamps[index], 2 ** 47]
    const judged = changes.flatMap((change) =>
      readAts.flatMap((readAt) =>
        ['reject', 'notify', 'merge', 'overwrite'].map((onStale) => ({ ...change, readAt, onStale })),
      ),
    )
    const requests: ((id: string) => object)[] = [
      (id) => ({ type: 'load', model, id }),
      ...['=', '<=', 'LIKE'].map((operator) => (id: string) => ({
        type: 'list',
        model,
        query: {
          where: [['id', operator === 'LIKE' && /^\d+$|^[0-9a-f]{8}-/.test(id) ? '=' : operator, id]],
          limit: 1000,
        },
      })),
      (id) => ({ type: 'list', model, query: { where: [['id', 'IN', [id]]], orderBy: 'id', order: 'desc' } }),
      ...[...changes, ...judged].flatMap((change) => [
        (id: string) => commit({ ...change, id }),
        (id: string) => commit([create('projects', key(), { name: key() }), { ...change, id }]),
      ]),
    ]
    for (const request of requests) {
      // two commits with one key, of two tenants that each are new: nothing but the id differs
      const answers = [await ask(request(id)), await ask(request(missing))]
      const [foreign, none] = answers.map((answer, at) =>
        sameBut(answer, at === 0 ? id : missing)
          .replace(/("|\b)sec-\d+-\d+("|\b)/g, 'key')
          .replace(/"stamps":\[\d+/, '"stamps":[n'),
      )
      expect(foreign, JSON.stringify(request(id))).toBe(none)
      compared++
    }
  }
  expect(compared).toBeGreaterThan(150)
  expect(endpoint.said.join()).not.toContain('SECRET')
  expect(await theirRows()).toEqual(before)
})

test('a foreign parent and a missing one are answered alike', async () => {
  const before = await theirRows()
  for (const under of [
    (id: string) => commit(create('comments', 'new', { taskId: id, body: 'x' })),
    (id: string) =>
      commit([
        create('projects', 'p9', { name: 'p9' }),
        create('comments', 'new', { taskId: id, body: 'x' }),
      ]),
    (id: string) => commit({ type: 'UPDATE', model: 'comments', id: 'note-mine', input: { taskId: id } }),
    (id: string) => commit(create('reactions', 'new', { commentId: id.replace('task', 'note'), emoji: 'x' })),
  ]) {
    const [foreign, none] = [await ask(under('task-theirs')), await ask(under('task-nobody'))]
    expect(none.status).toBe(404)
    expect(sameBut(foreign, 'task-theirs')).toBe(sameBut(none, 'task-nobody'))
  }
  expect(await theirRows()).toEqual(before)
})

test('a create on a foreign id is told that the id is taken, and nothing of the row', async () => {
  for (const { model, id, input } of kept) {
    const parent = { comments: { taskId: 'task-mine' }, reactions: { commentId: 'note-mine' } }[model]
    for (const readAt of [undefined, 0, 2 ** 47]) {
      for (const onStale of ['reject', 'notify', 'merge', 'overwrite']) {
        const judged = readAt === undefined ? {} : { readAt, onStale }
        const own = model === 'counters' ? { value: 1 } : { ...input, ...parent }
        const { text } = await ask(commit({ ...create(model, id, own), ...judged }, key()))
        expect(text).not.toContain(SECRET)
        expect(text).not.toContain('31337')
        expect(text).not.toContain(theirs)
      }
    }
  }
})

test('whoever names no tenant, or an odd one, gets and changes nothing', async () => {
  const before = await theirRows()
  const scopes = [
    null,
    {},
    { organizationId: null },
    { organizationId: '' },
    { organizationId: 7 },
    { organizationId: [theirs] },
    { organizationId: { toString: theirs } },
    { organizationId: true },
    { organizationID: theirs },
    [theirs],
    theirs,
  ]
  for (const scope of scopes) {
    for (const { model, id, input } of kept) {
      for (const request of [
        { type: 'load', model, id },
        { type: 'list', model },
        commit({ type: 'UPDATE', model, id, input: { ...input } }),
        commit([create('projects', 'p9', { name: 'p9' }), { type: 'DELETE', model, id }]),
      ]) {
        const { status } = await endpoint.ask(request, scope as object)
        expect(status, JSON.stringify([scope, request])).toBeOneOf([400, 403])
      }
    }
  }
  expect(await theirRows()).toEqual(before)
  expect(await open.sql(`select from projects where id = 'p9'`)).toEqual([])
})

test('a tenant that is spelled a little otherwise is another one', async () => {
  for (const other of [
    ` ${theirs}`,
    `${theirs} `,
    `${theirs}\t`,
    `{${theirs}}`,
    theirs.replaceAll('-', ''),
    `${theirs}%`,
  ]) {
    const { body } = await endpoint.ask({ type: 'load', model: 'tasks', id: 'task-theirs' }, org(other))
    expect(body.row ?? null).toBeNull()
    expect((await endpoint.ask({ type: 'events' }, org(other))).text).not.toContain('SECRET')
  }
})

describe('lists, feed and ledger', () => {
  test('hold rows of one’s own and of nobody, also where a relation leads to others', async () => {
    endpoint.forget()
    for (const model of tracker.models.keys()) {
      const related = [...(tracker.models.get(model)?.relations.keys() ?? [])]
      expect((await ask({ type: 'list', model, query: { related } })).status).toBe(200)
    }
    const { body } = await ask({
      type: 'list',
      model: 'projects',
      query: { related: ['tasks'], where: [['id', 'shared']] },
    })
    expect(body.rows[0].tasks.map(({ id }: { id: string }) => id)).toEqual(['task-mine'])
    const feed = await ask({ type: 'events', limit: 1000 })
    expect(feed.body.events.map(({ entityId }: { entityId: string }) => entityId)).toContain('shared')
    expect(endpoint.said.join()).not.toMatch(new RegExp(`SECRET|31337|their|${theirs}`))
  })

  test('a key that another tenant has used is free: no replay, no conflict', async () => {
    const operations = [create('counters', '990001', { value: 1 })]
    const first = await ask(commit(operations, 'their key'))
    expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([200, null])
    const again = await ask(commit(operations, 'their key'))
    expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([first.text, 'true'])
  })

  test('a cursor of another tenant is refused', async () => {
    await ask(
      commit([create('counters', '990002', { value: 1 }), create('counters', '990003', { value: 1 })]),
    )
    const list = (cursor?: string) => ({ type: 'list', model: 'counters', query: { limit: 1, cursor } })
    const { nextCursor } = (await ask(list())).body
    expect((await ask(list(nextCursor))).status).toBe(200)
    const feed = (await ask({ type: 'events', limit: 1 })).body.nextCursor
    for (const request of [list(nextCursor), { type: 'events', cursor: feed }]) {
      for (const scope of [org(theirs), ...(request.type === 'events' ? [null] : [])]) {
        const { status, body } = await endpoint.ask(request, scope)
        expect([status, body.error]).toEqual([400, 'cursor_invalid'])
      }
    }
  })
})
