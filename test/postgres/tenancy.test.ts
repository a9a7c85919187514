import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineSchema, field, model } from '../../src/index.ts'
import {
  type Caller,
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
  traces,
} from '../support/postgres-source.ts'
import { tracker, trackerTables } from '../support/tracker.ts'

describe.each(majors)('Postgres %i: tenants', (major) => {
  let open: OpenSource
  let mine: Caller
  let theirs: Caller
  beforeAll(async () => {
    open = await openSource({ schema: tracker, tables: trackerTables, major })
    mine = open.as({ organizationId: 'org_1' })
    theirs = open.as({ organizationId: 'org_2' })
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const chain = async (owner: Caller): Promise<string> => {
    const id = freshKey()
    await owner.commit([
      { type: 'CREATE', model: 'tasks', id, input: { title: 'secret' } },
      { type: 'CREATE', model: 'comments', id, input: { taskId: id, body: 'secret' } },
      { type: 'CREATE', model: 'reactions', id, input: { commentId: id, emoji: 'secret' } },
    ])
    return id
  }

  test('a create takes its tenant from the scope', async () => {
    const id = await chain(theirs)
    expect(await open.sql('select organization_id from tasks where id = $1', [id])).toEqual([
      { organization_id: 'org_2' },
    ])
  })

  test.each(['tasks', 'comments', 'reactions'])(
    'a foreign row of %s loads, lists and counts as a missing one',
    async (name) => {
      const id = await chain(theirs)
      expect(await theirs.load(name, id)).toMatchObject({ row: { id } })
      expect(await mine.load(name, id)).toEqual(await mine.load(name, 'missing'))
      expect((await mine.listAll(name)).map((row) => row.id)).not.toContain(id)
      expect(await mine.list(name, { where: [['id', id]] })).toMatchObject({ rows: [] })
      expect((await theirs.listAll(name)).map((row) => row.id)).toContain(id)
    },
  )

  test.each(['tasks', 'comments', 'reactions'])(
    'a foreign row of %s is refused like a missing one, whatever the readAt',
    async (name) => {
      const id = await chain(theirs)
      const own = await chain(mine)
      const before = await traces(open)
      for (const readAt of [undefined, 0, 2 ** 47]) {
        const answers = await Promise.all(
          [id, 'missing'].flatMap((target) =>
            (['UPDATE', 'DELETE'] as const).flatMap((type) => {
              const operation = {
                type,
                model: name,
                id: target,
                ...(readAt !== undefined && { readAt }),
                ...(type === 'UPDATE' && {
                  input:
                    name === 'tasks' ? { title: 'x' } : name === 'comments' ? { body: 'x' } : { emoji: 'x' },
                }),
              }
              const failure = (work: Promise<unknown>) =>
                work.then(
                  () => expect.fail('was applied'),
                  (error) => `${error.code} ${error.message} ${error.detailsJson}`.replaceAll(target, '<id>'),
                )
              return [
                failure(mine.commit(operation)),
                failure(mine.commit([{ type: 'DELETE', model: 'tasks', id: own }, operation])),
              ]
            }),
          ),
        )
        expect(answers.slice(0, 4)).toEqual(answers.slice(4))
        expect(answers.join()).not.toContain('secret')
      }
      expect(await traces(open)).toEqual(before)
    },
  )

  test('a create on a foreign id says that the id is taken and nothing of the row, whatever the readAt', async () => {
    const id = await chain(theirs)
    for (const readAt of [undefined, 0, 2 ** 47]) {
      for (const onStale of ['reject', 'notify', 'merge']) {
        const operation = {
          type: 'CREATE' as const,
          model: 'tasks',
          id,
          input: { title: 'mine' },
          ...(readAt !== undefined && { readAt, onStale }),
        }
        for (const operations of [
          [operation],
          [
            operation,
            { type: 'CREATE' as const, model: 'projects', id: freshKey(), input: { name: freshKey() } },
          ],
        ]) {
          const answer = await mine.commit(operations).then(
            ({ body }) => body,
            (error) => `${error.message} ${error.detailsJson}`,
          )
          expect(answer).not.toContain('secret')
          expect(answer).not.toContain('org_2')
        }
      }
    }
    expect(await theirs.load('tasks', id)).toMatchObject({ row: { title: 'secret' } })
  })

  test('an id that was ours and is now another tenant’s tells nothing of the new row', async () => {
    const id = freshKey()
    const { stamps } = await mine.commit({ type: 'CREATE', model: 'tasks', id, input: { title: 'ours' } })
    await mine.commit({ type: 'DELETE', model: 'tasks', id })
    await theirs.commit({ type: 'CREATE', model: 'tasks', id, input: { title: 'secret' } })
    const readAt = stamps[0] as number
    for (const operation of [
      { type: 'UPDATE' as const, input: { title: 'x' } },
      { type: 'CREATE' as const, input: { title: 'x' } },
      { type: 'DELETE' as const },
    ]) {
      for (const others of [
        [],
        [{ type: 'CREATE' as const, model: 'tasks', id: freshKey(), input: { title: 'x' } }],
      ]) {
        const error = await refused(
          mine.commit([{ model: 'tasks', id, readAt, ...operation }, ...others]),
          'stale_context',
        )
        expect(error.detailsJson).not.toContain('secret')
        expect(error.details?.operations).toMatchObject([
          { reason: 'deleted', current: null, stamp: readAt + 1 },
        ])
      }
    }
  })

  test('a row cannot be put under, or moved to, another tenant’s parent', async () => {
    const foreign = await chain(theirs)
    const own = await chain(mine)
    const before = await traces(open)
    const attempts = [
      { type: 'CREATE' as const, model: 'comments', id: freshKey(), input: { taskId: foreign, body: 'x' } },
      { type: 'CREATE' as const, model: 'comments', id: freshKey(), input: { taskId: 'missing', body: 'x' } },
      {
        type: 'CREATE' as const,
        model: 'reactions',
        id: freshKey(),
        input: { commentId: foreign, emoji: 'x' },
      },
      { type: 'UPDATE' as const, model: 'comments', id: own, input: { taskId: foreign } },
      { type: 'UPDATE' as const, model: 'reactions', id: own, input: { commentId: foreign } },
    ]
    for (const attempt of attempts) {
      const parent = attempt.model === 'comments' ? 'tasks' : 'comments'
      const one = await refused(mine.commit(attempt), 'entity_not_found')
      expect(one.details).toEqual({ operations: [{ index: 0, model: parent }] })
      const many = await refused(
        mine.commit([{ type: 'UPDATE', model: 'tasks', id: own, input: { status: 'done' } }, attempt]),
        'entity_not_found',
      )
      expect(many.details).toEqual({ operations: [{ index: 1, model: parent }] })
    }
    expect(await traces(open)).toEqual(before)
  })

  test('a row may be put under a parent that the same commit creates', async () => {
    await expect(chain(mine)).resolves.toBeTypeOf('string')
  })

  test('two tenants never share an idempotency key', async () => {
    const key = freshKey()
    const [a, b] = [freshKey(), freshKey()]
    await mine.commit({ type: 'CREATE', model: 'tasks', id: a, input: { title: 'a' } }, { key })
    const other = await theirs.commit(
      { type: 'CREATE', model: 'tasks', id: b, input: { title: 'b' } },
      { key },
    )
    expect(other.replayed).toBe(false)
    expect((await theirs.load('tasks', b)).row).toMatchObject({ title: 'b' })
  })

  test('events of two tenants under one key have ids of their own, also for rows of nobody', async () => {
    const key = freshKey()
    for (const tenant of [mine, theirs, open.as(null)]) {
      await tenant.commit(
        { type: 'CREATE', model: 'projects', id: freshKey(), input: { name: freshKey() } },
        { key },
      )
    }
    const ids = (await open.as(null).feed()).filter((event) => event.clientTxId === key).map(({ id }) => id)
    expect(ids).toHaveLength(3)
    expect(new Set(ids).size).toBe(3)
  })

  test('a tenant’s feed holds its own events and those of rows of nobody; without a tenant it holds all', async () => {
    const [own, foreign] = [await chain(mine), await chain(theirs)]
    const project = freshKey()
    await theirs.commit({ type: 'CREATE', model: 'projects', id: project, input: { name: project } })
    const seen = (await mine.feed()).map(({ entityId }) => entityId)
    expect(seen).toContain(own)
    expect(seen).toContain(project)
    expect(seen).not.toContain(foreign)
    expect(JSON.stringify(await mine.feed())).not.toContain('org_2')
    const all = (await open.as(null).feed()).map(({ entityId }) => entityId)
    expect(all).toEqual(expect.arrayContaining([own, foreign, project]))
  })

  test('a cursor of one tenant’s feed is refused for another and for everybody’s', async () => {
    const { nextCursor } = await mine.events()
    await refused(theirs.events(nextCursor), 'cursor_invalid')
    await refused(open.as(null).events(nextCursor), 'cursor_invalid')
  })

  test('related rows of another tenant are not embedded', async () => {
    const project = freshKey()
    await mine.commit({ type: 'CREATE', model: 'projects', id: project, input: { name: project } })
    for (const tenant of [mine, theirs]) {
      await tenant.commit({
        type: 'CREATE',
        model: 'tasks',
        id: freshKey(),
        input: { title: tenant === mine ? 'own' : 'secret', projectId: project },
      })
    }
    const { rows } = await mine.list('projects', { where: [['id', project]], related: ['tasks'] })
    expect(rows[0]?.tasks).toMatchObject([{ title: 'own' }])
  })

  test('a tenant of a uuid column is one tenant in whatever spelling it comes', async () => {
    const tenant = randomUUID()
    const lower = open.as({ organizationId: tenant })
    const upper = open.as({ organizationId: tenant.toUpperCase() })
    const id = randomUUID()
    const created = await lower.commit({ type: 'CREATE', model: 'documents', id, input: { title: '1' } })
    const readAt = created.stamps[0] as number
    expect(await upper.load('documents', id)).toEqual({ row: { id, title: '1' }, stamp: readAt })
    await upper.commit({ type: 'UPDATE', model: 'documents', id, input: { title: '2' }, readAt })
    await refused(
      lower.commit({ type: 'UPDATE', model: 'documents', id, input: { title: 'lost update' }, readAt }),
      'stale_context',
    )
    await refused(
      lower.commit([
        { type: 'UPDATE', model: 'documents', id, input: { title: 'lost update' }, readAt },
        { type: 'UPDATE', model: 'documents', id, input: { title: 'lost update' } },
      ]),
      'stale_context',
    )
    expect((await lower.list('documents')).stamps).toEqual([readAt + 1])
    for (const spelled of [lower, upper]) {
      const events = (await spelled.feed()).filter((event) => event.model === 'documents')
      expect(events.map(({ stamp }) => stamp)).toEqual([readAt, readAt + 1])
    }
  })

  test('a tenant that a uuid column cannot hold is refused as a request, never as a fault of ours', async () => {
    const nobody = open.as({ organizationId: "x'; drop table documents; --" })
    const statuses = await Promise.all(
      [
        nobody.load('documents', randomUUID()),
        nobody.list('documents'),
        nobody.commit({ type: 'CREATE', model: 'documents', id: randomUUID(), input: { title: 'x' } }),
        nobody.commit({ type: 'DELETE', model: 'documents', id: randomUUID() }),
      ].map((work) =>
        work.then(
          () => 200,
          (error) => error.status,
        ),
      ),
    )
    for (const status of statuses) expect(status).toSatisfy((code: number) => code >= 200 && code < 500)
    expect(await open.sql('select count(*) >= 0 as there from documents')).toEqual([{ there: true }])
  })

  test.each(['quote"and\\backslash', "quote'and$$dollar", 'per%cent:colon@at', 'ünïcödé 😀', '{"json":1}'])(
    'a tenant named %s has its rows, its keys and its feed',
    async (organizationId) => {
      const odd = open.as({ organizationId })
      const [key, id] = [freshKey(), freshKey()]
      const operation = { type: 'CREATE' as const, model: 'tasks', id, input: { title: organizationId } }
      await odd.commit(operation, { key })
      expect((await odd.commit(operation, { key })).replayed).toBe(true)
      expect((await odd.load('tasks', id)).row).toMatchObject({ title: organizationId })
      const events = (await odd.feed()).filter(({ entityId }) => entityId === id)
      expect(events).toMatchObject([{ organizationId, data: { title: organizationId } }])
      expect(events[0]?.id.startsWith(`${key}:0@`)).toBe(true)
    },
  )
})

describe('rows whose tenant stands in other types of column', () => {
  const numbered = defineSchema({
    invoices: model({
      fields: { total: field.numeric() },
      mutable: true,
      policy: { by: 'column', column: 'account_id' },
    }),
  })

  test('a tenant of a bigint column is one tenant, in whatever spelling it comes', async () => {
    await using open = await openSource({
      schema: numbered,
      tables:
        'create table invoices (id text primary key, account_id bigint not null, total numeric not null)',
    })
    const [plain, padded] = [open.as({ organizationId: '5' }), open.as({ organizationId: '05' })]
    const { stamps } = await plain.commit({
      type: 'CREATE',
      model: 'invoices',
      id: 'i',
      input: { total: '1' },
    })
    const readAt = stamps[0] as number
    // either refused as no tenant, or the very same one: never a second log of the same rows
    const moved = await padded
      .commit({ type: 'UPDATE', model: 'invoices', id: 'i', input: { total: '2' }, readAt })
      .then(
        () => true,
        () => false,
      )
    const again = plain.commit({ type: 'UPDATE', model: 'invoices', id: 'i', input: { total: '3' }, readAt })
    if (moved) await refused(again, 'stale_context')
    else await again
  })
})
