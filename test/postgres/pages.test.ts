import { defineSchema, model, relation, z } from 'postern'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgConnection } from '../../src/adapters/pg.ts'
import type { PostgresSession } from '../../src/postgres/connection.ts'
import { postgresAdapter } from '../../src/postgres/index.ts'
import { caller, type OpenSource, openSource } from '../support/postgres-source.ts'

const schema = defineSchema({
  projects: model({
    fields: { brief: z.string() },
    relations: { tasks: relation.hasMany('tasks', 'projectId') },
    mutable: true,
    policy: { by: 'none' },
  }),
  tasks: model({
    fields: { projectId: z.string() },
    relations: { project: relation.belongsTo('projects', 'projectId') },
    mutable: true,
    policy: { by: 'none' },
  }),
})

describe('a page has a bound in bytes', () => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({
      schema,
      tables: `create table projects (id text primary key, brief text not null);
        create table tasks (id text primary key, project_id text not null);`,
    })
    await open.commit({ type: 'CREATE', model: 'projects', id: 'p', input: { brief: 'x'.repeat(3_000_000) } })
    await open.commit(
      Array.from({ length: 12 }, (_, n) => ({
        type: 'CREATE' as const,
        model: 'tasks',
        id: `t${String(n).padStart(2, '0')}`,
        input: { projectId: 'p' },
      })),
    )
  })
  afterAll(() => open[Symbol.asyncDispose]())

  test('a list of large rows ends early, and its cursor goes on without a gap or a double', async () => {
    const first = await open.list('tasks', { related: ['project'] })
    expect(first.rows.length).toBeLessThan(12)
    expect(first.nextCursor).toBeDefined()
    const rest = await open.list('tasks', { related: ['project'], cursor: first.nextCursor as string })
    const ids = [...first.rows, ...rest.rows].map((row) => (row as { id: string }).id)
    expect(ids.length).toBe(12)
    expect(new Set(ids).size).toBe(12)
    expect(rest.nextCursor).toBeUndefined()
  })

  test('rows that are embedded are all there', async () => {
    await open.sql(`insert into projects values ('wide', '')`)
    await open.sql(`insert into tasks select 'w' || n, 'wide' from generate_series(1, 3) n`)
    const { rows } = await open.list('projects', { related: ['tasks'], where: [['id', 'wide']] })
    expect((rows[0] as { tasks: unknown[] }).tasks).toHaveLength(3)
    await open.sql(`delete from tasks where project_id = 'wide'; delete from projects where id = 'wide'`)
  })

  test('a feed of large events ends its page early and delivers each exactly once', async () => {
    for (let n = 0; n < 8; n += 1) {
      await open.commit({
        type: 'UPDATE',
        model: 'projects',
        id: 'p',
        input: { brief: `${n}`.repeat(3_000_000) },
      })
    }
    const stamps = (await open.feed()).map(({ stamp }) => stamp)
    expect(stamps).toEqual(Array.from({ length: 21 }, (_, n) => n + 1))
  })
})

test('the database makes JSON of no more rows than the page has', async () => {
  const pages = defineSchema({ pages: model({ fields: { text: z.string(), rank: z.int() }, mutable: true }) })
  await using open = await openSource({
    schema: pages,
    tables: `create table pages (id text primary key, organization_id text not null, text text not null, rank int not null);
      insert into pages select 'p' || n, 'org_1', repeat('a', 500000), n from generate_series(1, 200) n;`,
  })
  const asked: { text: string; values: readonly unknown[] }[] = []
  const real = pgConnection(open.pool)
  const heard = (session: PostgresSession): PostgresSession => ({
    query: (text, values) => {
      asked.push({ text, values })
      return session.query(text, values)
    },
  })
  const connection = {
    ...heard(real),
    transaction: (work: Parameters<typeof real.transaction>[0]) =>
      real.transaction((one, tx) => work(heard(one), tx)),
  }
  const source = postgresAdapter(connection as typeof real, pages)
  const page = await caller(source, pages).list('pages', { orderBy: 'rank', limit: 200 })
  expect(page.rows.map(({ rank }) => rank)).toEqual(Array.from({ length: 34 }, (_, n) => n + 1))
  const call = asked.find(({ values }) => String(values[1]).includes('"?size"'))
  const plan = `explain (analyze, buffers, format json) ${call?.values[1]}`
  const { rows } = await open.pool.query(plan, JSON.parse(String(call?.values[2])))
  const [{ Plan: top }] = rows[0]['QUERY PLAN']
  // 95 MB where the JSON of all rows is made
  expect(top['Temp Written Blocks']).toBe(0)
})
