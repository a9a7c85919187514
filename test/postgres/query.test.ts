import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { caller, freshKey, majors, type OpenSource, openSource, refused } from '../support/postgres-source.ts'
import { specimens, specimenTables } from '../support/specimens.ts'
import { tracker, trackerTables } from '../support/tracker.ts'

describe.each(majors)('Postgres %i: a list', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema: tracker, tables: trackerTables, major })
    const task = (id: string, input: object) =>
      ({ type: 'CREATE', model: 'tasks', id, input: { title: id, ...input } }) as const
    await open.commit([
      { type: 'CREATE', model: 'projects', id: 'p1', input: { name: 'one' } },
      { type: 'CREATE', model: 'projects', id: 'p2', input: { name: 'two' } },
      task('a', {
        views: '9007199254740993',
        estimate: '1.50',
        projectId: 'p1',
        dueAt: '2025-01-01T00:00:00.000001Z',
      }),
      task('b', {
        views: '-5',
        estimate: '10.00',
        projectId: 'p1',
        status: 'doing',
        dueAt: '2025-01-01T00:00:00Z',
      }),
      task('c', { title: '100%', tags: ['x'], meta: {} }),
      task('d', { title: '100_', status: 'done' }),
      task('e', { title: 'Mixed Case', slug: 'it’s' }),
      task('f', { title: 'back\\slash', archivedAt: '2025-01-01T00:00:00Z' }),
    ])
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const found = async (...where: unknown[]) =>
    (await open.listAll('tasks', { where })).map(({ id }) => id).join('')

  test.each([
    ['abcdef'],
    ['a', ['id', 'a']],
    ['a', ['views', '9007199254740993']],
    ['', ['views', '9007199254740992']],
    ['ab', ['views', 'IN', ['9007199254740993', '-5']]],
    ['b', ['views', '<', '0']],
    ['a', ['views', '>', '-5']],
    ['ab', ['views', '>=', '-5']],
    ['a', ['estimate', '1.5']],
    ['a', ['estimate', '<=', '1.500']],
    ['b', ['estimate', '!=', '1.50']],
    ['a', ['dueAt', '>', '2025-01-01T00:00:00Z']],
    ['ab', ['dueAt', '>=', '2025-01-01T01:00:00+01:00']],
    ['acef', ['status', 'todo']],
    ['bd', ['status', 'IN', ['doing', 'done']]],
    ['acef', ['status', 'NOT IN', ['doing', 'done']]],
    ['', ['status', 'IN', []]],
    ['abcdef', ['status', 'NOT IN', []]],
    ['cdef', ['views', 'IS', null]],
    ['ab', ['views', 'IS NOT', null]],
    ['c', ['tags', 'IS NOT', null]],
    ['c', ['meta', 'IS NOT', null]],
    ['f', ['archivedAt', 'IS NOT', null]],
    ['cd', ['title', 'LIKE', '100%']],
    ['c', ['title', 'LIKE', '100\\%']],
    ['d', ['title', 'LIKE', '100\\_']],
    ['abef', ['title', 'NOT LIKE', '100_']],
    ['', ['title', 'LIKE', 'mixed%']],
    ['e', ['title', 'ILIKE', 'mixed%']],
    ['abcdf', ['title', 'NOT ILIKE', '%CASE']],
    ['f', ['title', 'LIKE', 'back\\\\slash']],
    ['e', ['slug', 'it’s']],
    ['', ['slug', "' or true --"]],
    ['b', ['status', 'doing'], ['views', '<', '0']],
    ['a', ['views', '>', '0'], ['views', '<', '9223372036854775807'], ['title', 'a']],
  ])('finds %s where %j', async (expected, ...where) => {
    expect(await found(...where)).toBe(expected)
  })

  test('a model of nobody is listed by a caller with a tenant and by one without', async () => {
    for (const scope of [{ organizationId: 'org_1' }, null]) {
      const all = await open.as(scope).list('projects', { where: [['name', 'LIKE', '%']] })
      expect(all.rows.map(({ id }) => id)).toEqual(['p1', 'p2'])
    }
  })

  test('related rows are embedded: one for belongsTo, all in key order for hasMany, null and [] where there are none', async () => {
    const tasks = await open.listAll('tasks', {
      related: ['project', 'comments'],
      where: [['id', 'IN', ['a', 'c']]],
    })
    expect(tasks).toMatchObject([
      { id: 'a', project: { id: 'p1', name: 'one' }, comments: [] },
      { id: 'c', project: null, comments: [] },
    ])
    const projects = await open.listAll('projects', { related: ['tasks'] })
    expect(projects.map(({ tasks: some }) => (some as { id: string }[]).map(({ id }) => id))).toEqual([
      ['a', 'b'],
      [],
    ])
    const [embedded] = projects[0]!.tasks as object[]
    expect(embedded).toEqual((await open.load('tasks', 'a')).row)
  })

  test('a value that the column cannot hold is the query’s fault', async () => {
    const workspace = open.as({ organizationId: '11111111-1111-4111-8111-111111111111' })
    await refused(workspace.list('documents', { where: [['id', 'not a uuid']] }), 'invalid_query')
    await refused(open.list('tasks', { where: [['views', '9223372036854775808']] }), 'invalid_query')
    await refused(open.list('counters', { where: [['value', '=', 99_999_999_999]] }), 'invalid_query')
  })

  test('a list that runs too long is stopped: a busy answer, and the connection’s own timeout is untouched', async () => {
    await open.sql(
      `insert into tasks (id, organization_id, title) select 'slow-' || n, 'org_slow', repeat('ab', 2000) from generate_series(1, 2000) n`,
    )
    const impatient = caller(pgAdapter(open.pool, tracker, { statementTimeoutMs: 20 }), tracker, {
      organizationId: 'org_slow',
    })
    const where = Array.from({ length: 20 }, () => ['title', 'NOT ILIKE', `%${'a%b%'.repeat(8)}c`])
    await refused(impatient.list('tasks', { where }), 'source_busy')
    expect(await open.sql('show statement_timeout')).toEqual([{ statement_timeout: '0' }])
    expect((await impatient.list('tasks', { limit: 1 })).rows).toHaveLength(1)
  })
})

describe.each(majors)('Postgres %i: pages', (major) => {
  let open: OpenSource
  const count = 60
  beforeAll(async () => {
    open = await openSource({ schema: specimens, tables: specimenTables, major })
    const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
    // a third of every value is null, and each value stands several times: the key must break ties
    const creates = Array.from({ length: count }, (_, n) => {
      const k = n % 5
      const values = {
        text: ['', 'a', 'B', 'ä', 'a b'][k],
        varchar: `v${k}`,
        char: `c${k}`,
        domainText: `d${k}`,
        mood: ['sad', 'ok', 'happy'][k % 3],
        uuid: uuid(k),
        uuidAsText: uuid(k),
        bool: k > 2,
        int2: k - 2,
        int4: k - 2,
        int8: String(BigInt(k) * 4611686018427387903n - 9223372036854775807n).slice(0, 20),
        numeric: `${k}.${'0'.repeat(k)}1`,
        price: `${k}.50`,
        domainNumeric: `${k}.25`,
        float4: k / 8,
        float8: k / 3,
        timestamptz: `2025-01-0${k + 1}T00:00:00.00000${k}Z`,
        timestamptz0: `2025-01-0${k + 1}T00:00:00Z`,
        timestamp: `2025-01-0${k + 1}T00:00:00.00000${k}Z`,
        date: `2025-01-0${k + 1}`,
        bytes: Buffer.from([k, 255 - k]).toString('base64'),
        interval: `0${k}:30:00`,
        time: `0${k}:00:00`,
        time0: `0${k}:00:00`,
        inet: `10.0.0.${k}`,
        span: `["2025-01-0${k + 1} 00:00:00+00",)`,
      }
      const input = n % 3 === 0 ? {} : values
      return {
        type: 'CREATE' as const,
        model: 'specimens',
        id: `r${String((n * 37) % count).padStart(2, '0')}`,
        input,
      }
    })
    await open.commit(creates)
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const orderable = [...specimens.models.get('specimens')!.fields.values()]
    .filter(({ kind }) => kind !== 'json' && kind !== 'array')
    .map(({ name }) => name)

  test.each(orderable.flatMap((name) => ['asc', 'desc'].map((order) => [name, order])))(
    'ordered by %s %s: every row once, in SQL’s order, whatever the size of the pages',
    async (orderBy, order) => {
      const column = specimens.models.get('specimens')!.fields.get(orderBy as string)!.column
      const expected = (
        await open.sql(`select id from specimens order by ${column} ${order}, id ${order}`)
      ).map(({ id }) => id)
      expect(expected).toHaveLength(count)
      for (const limit of [7, 1000]) {
        const rows = await open.listAll('specimens', { orderBy, order, limit })
        expect(rows.map(({ id }) => id)).toEqual(expected)
      }
    },
  )

  test('the last page has no cursor, also when it is exactly full', async () => {
    expect(await open.list('specimens', { limit: count })).not.toHaveProperty('nextCursor')
    expect(await open.list('specimens', { limit: count - 1 })).toHaveProperty('nextCursor')
    expect(await open.list('specimens', { limit: 5, where: [['id', 'nobody']] })).toMatchObject({
      rows: [],
      stamps: [],
    })
  })

  test('a cursor is refused for another order, filter, model or tenant', async () => {
    const { nextCursor: cursor } = await open.list('specimens', { orderBy: 'price', limit: 5 })
    expect(cursor).toBeTypeOf('string')
    for (const query of [
      { orderBy: 'price', order: 'desc' },
      { orderBy: 'text' },
      { orderBy: 'price', where: [['price', '>', '1']] },
    ]) {
      await refused(open.list('specimens', { ...query, limit: 5, cursor }), 'cursor_invalid')
    }
    await refused(
      open.as({ organizationId: 'org_2' }).list('specimens', { orderBy: 'price', limit: 5, cursor }),
      'cursor_invalid',
    )
  })

  test('while rows come and go, a walk gives each row that stays exactly once', async () => {
    for (const [orderBy, order] of [
      ['price', 'asc'],
      ['price', 'desc'],
      ['id', 'asc'],
      ['timestamptz', 'desc'],
    ]) {
      let writing = true
      const writer = (async () => {
        for (let n = 0; writing; n += 1) {
          const id = `new-${orderBy}-${order}-${n}`
          const input =
            n % 3 === 0 ? {} : { price: `${n % 6}.50`, timestamptz: `2025-01-0${(n % 6) + 1}T00:00:00Z` }
          await open.commit({ type: 'CREATE', model: 'specimens', id, input })
          if (n % 2) await open.commit({ type: 'DELETE', model: 'specimens', id })
        }
      })()
      const walks = await Promise.all(
        [1, 2, 3].map(() => open.listAll('specimens', { orderBy, order, limit: 9 })),
      )
      writing = false
      await writer
      for (const rows of walks) {
        const ids = rows.map(({ id }) => String(id))
        expect(new Set(ids).size).toBe(ids.length)
        expect(ids.filter((id) => /^r\d\d$/.test(id))).toHaveLength(count)
      }
    }
  })

  test('each row’s stamp in a page is its own, and the page’s stamp was complete before its rows', async () => {
    const page = await open.list('specimens', { limit: 10, orderBy: 'price' })
    for (const [n, row] of page.rows.entries()) {
      expect(page.stamps[n]).toBe((await open.load('specimens', row.id as string)).stamp)
      expect(page.stamps[n]).toBeLessThanOrEqual(page.stamp)
    }
  })

  test('values that only SQL can have written do not stop a walk: NaN, infinities, times before our calendar', async () => {
    const odd = freshKey()
    await open.sql(
      `insert into specimens (id, float8, float4, numeric, timestamptz, timestamp, date)
       select $1 || n, x::float8, x::float4, replace(x, '-Infinity', '-99')::numeric, t::timestamptz, t::timestamp, t::date
       from (values (1, 'NaN', 'infinity'), (2, 'Infinity', '-infinity'), (3, '-Infinity', '0044-03-15 BC'), (4, 'NaN', '12025-01-01'), (5, '1', 'infinity')) v(n, x, t)`,
      [odd],
    )
    for (const orderBy of ['float8', 'float4', 'numeric', 'timestamptz', 'timestamp', 'date']) {
      for (const order of ['asc', 'desc']) {
        const column = specimens.models.get('specimens')!.fields.get(orderBy)!.column
        const where = [['id', 'LIKE', `${odd}%`]]
        const rows = await open.listAll('specimens', { orderBy, order, limit: 1, where })
        const expected = await open.sql(
          `select id from specimens where id like $1 order by ${column} ${order}, id ${order}`,
          [`${odd}%`],
        )
        expect(
          rows.map(({ id }) => id),
          `${orderBy} ${order}`,
        ).toEqual(expected.map(({ id }) => id))
      }
    }
  })
})
