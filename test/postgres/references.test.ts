import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { defineSchema, field, model, relation, z } from '../../src/index.ts'
import { freshDatabase } from '../support/db.ts'
import {
  type Caller,
  caller,
  freshKey,
  majors,
  type OpenSource,
  openSource,
  refused,
  traces,
  type WireOperation,
} from '../support/postgres-source.ts'

const by = { by: 'none' } as const
const schema = defineSchema({
  projects: model({ fields: { name: z.string() }, mutable: true }),
  folders: model({
    fields: { projectId: z.string() },
    mutable: true,
    policy: { by: 'parent', fk: 'projectId', parent: 'projects' },
  }),
  countries: model({ fields: { name: z.string() }, mutable: false, policy: by }),
  tasks: model({
    fields: {
      projectId: z.string().optional(),
      folderId: z.string().optional(),
      countryId: z.string().optional(),
      parentId: z.string().optional(),
      counterId: field.bigint().optional(),
      fileId: field.uuid().optional(),
    },
    relations: {
      project: relation.belongsTo('projects', 'projectId'),
      folder: relation.belongsTo('folders', 'folderId'),
      country: relation.belongsTo('countries', 'countryId'),
      parent: relation.belongsTo('tasks', 'parentId'),
      counter: relation.belongsTo('counters', 'counterId'),
      file: relation.belongsTo('files', 'fileId'),
    },
    mutable: true,
  }),
  counters: model({ fields: { id: field.bigint() }, mutable: true }),
  files: model({ fields: { id: field.uuid() }, mutable: true }),
  members: model({
    fields: { projectId: z.string(), taskId: z.string(), role: z.string().optional() },
    primaryKey: ['projectId', 'taskId'],
    relations: {
      project: relation.belongsTo('projects', 'projectId'),
      task: relation.belongsTo('tasks', 'taskId'),
    },
    mutable: true,
  }),
})

// only what a policy needs has a foreign key: what the others promise must not depend on one
const tables = `
create table projects (id text primary key, organization_id text not null, name text not null);
create table folders (id text primary key, project_id text not null references projects on delete cascade);
create table countries (id text primary key, name text not null);
create table counters (id bigint primary key, organization_id text not null);
create table files (id uuid primary key, organization_id text not null);
create table tasks (id text primary key, organization_id text not null, project_id text, folder_id text, country_id text,
  parent_id text, counter_id int, file_id uuid);
create table members (project_id text, task_id text, organization_id text not null, role text, primary key (project_id, task_id));
insert into projects values ('p1', 'org_1', 'x'), ('p2', 'org_2', 'x');
insert into folders values ('f1', 'p1'), ('f2', 'p2');
insert into countries values ('is', 'Iceland');
insert into counters values (1, 'org_1'), (2, 'org_2');
insert into tasks (id, organization_id) values ('t1', 'org_1'), ('t2', 'org_2');
insert into files values ('6f9619ff-8b86-d011-b42d-00c04fc964f1', 'org_1'), ('6f9619ff-8b86-d011-b42d-00c04fc964f2', 'org_2');`

const task = (type: 'CREATE' | 'UPDATE', id: string, input: Record<string, unknown>): WireOperation => ({
  type,
  model: 'tasks',
  id,
  input,
})

describe.each(majors)('Postgres %i: references', (major) => {
  let open: OpenSource
  let mine: Caller
  beforeAll(async () => {
    open = await openSource({ schema, tables, major })
    mine = open.as({ organizationId: 'org_1' })
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const told = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => expect.fail('was applied'),
      (error) => `${error.code} ${error.message} ${error.detailsJson} ${JSON.stringify(error.details)}`,
    )

  test.each([
    ['projectId', 'projects', 'p1', 'p2', 'nowhere'],
    ['folderId', 'folders', 'f1', 'f2', 'nowhere'],
    ['countryId', 'countries', 'is', 'xx', 'nowhere'],
    ['parentId', 'tasks', 't1', 't2', 'nowhere'],
    ['counterId', 'counters', '1', '2', '99'],
    [
      'fileId',
      'files',
      '6f9619ff-8b86-d011-b42d-00c04fc964f1',
      '6f9619ff-8b86-d011-b42d-00c04fc964f2',
      '6f9619ff-8b86-d011-b42d-00c04fc964f3',
    ],
  ])('%s to a row of %s: own is taken, foreign is refused like missing', async (name, other, ...ids) => {
    const [own, foreign, missing] = ids as [string, string, string]
    const id = freshKey()
    await mine.commit(task('CREATE', id, { [name]: own }))
    await mine.commit([task('UPDATE', id, { [name]: own }), task('CREATE', freshKey(), { [name]: own })])
    await mine.commit(task('UPDATE', id, { [name]: null }))
    const before = await traces(open)
    for (const operations of [
      (to: string) => [task('CREATE', 'new', { [name]: to })],
      (to: string) => [task('UPDATE', id, { [name]: to })],
      (to: string) => [task('UPDATE', 't1', {}), task('CREATE', 'new', { [name]: to })],
      (to: string) => [task('CREATE', 'new', { [name]: own }), task('CREATE', 'new2', { [name]: to })],
      (to: string) => [task('UPDATE', 't1', { [name]: own }), task('UPDATE', id, { [name]: to })],
    ]) {
      const answers = [
        await told(mine.commit(operations(foreign))),
        await told(mine.commit(operations(missing))),
      ]
      expect(answers[0]).toBe(answers[1])
      const index = operations(foreign).length - 1
      expect(answers[0]).toContain(JSON.stringify({ operations: [{ index, model: other }] }))
    }
    expect(await traces(open)).toEqual(before)
  })

  test('a reference that is part of a key is one, and a row may point at itself', async () => {
    const root = freshKey()
    await mine.commit(task('CREATE', root, { parentId: root }))
    await mine.commit([
      task('CREATE', `${root}2`, { parentId: root }),
      task('CREATE', `${root}3`, { parentId: `${root}2` }),
    ])
    const member = (...key: string[]): WireOperation => ({
      type: 'CREATE',
      model: 'members',
      id: JSON.stringify(key),
      input: {},
    })
    await mine.commit(member('p1', root))
    await mine.commit([member('p1', `${root}2`), member('p1', `${root}3`)])
    for (const [project, row, other] of [
      ['p2', root, 'projects'],
      ['nowhere', root, 'projects'],
      ['p1', 't2', 'tasks'],
      ['p1', 'nowhere', 'tasks'],
    ] as const) {
      const alone = await refused(mine.commit(member(project, row)), 'entity_not_found')
      expect(alone.details).toEqual({ operations: [{ index: 0, model: other }] })
      const among = await refused(
        mine.commit([task('UPDATE', root, {}), member(project, row)]),
        'entity_not_found',
      )
      expect(among.details).toEqual({ operations: [{ index: 1, model: other }] })
    }
  })

  test('whoever deletes the row at the same moment is waited for, and its id taken anew by others is not taken for it', async () => {
    for (const among of [false, true]) {
      const [project, id] = [freshKey(), freshKey()]
      await open.sql(`insert into projects values ($1, 'org_1', 'x')`, [project])
      const other = await open.client()
      await other.query('begin')
      await other.query('delete from projects where id = $1', [project])
      const operations = [task('CREATE', id, { projectId: project }), task('UPDATE', 't1', {})]
      const commit = told(mine.commit(among ? operations : operations.slice(0, 1)))
      await waits(open)
      await other.query(`insert into projects values ($1, 'org_2', 'x')`, [project])
      await other.query('commit')
      expect(await commit).toContain('entity_not_found')
      expect(await open.sql('select from tasks where id = $1', [id])).toEqual([])
    }
  })

  test('a delete waits for the commit that refers to the row, a change of the row does not', async () => {
    const client = await open.client()
    await client.query('begin')
    const adapter = pgAdapter(open.pool, schema)
    const within: typeof adapter = {
      ...adapter,
      commit: async (request) => (await adapter.commitWithin?.(client as never, request)) as never,
    }
    await caller(within, schema).commit(task('CREATE', freshKey(), { projectId: 'p1' }))
    await open.sql(`update projects set name = 'y' where id = 'p1'`)
    const other = await open.client()
    await other.query(`set lock_timeout = '50ms'`)
    await expect(other.query(`delete from projects where id = 'p1'`)).rejects.toMatchObject({ code: '55P03' })
    await client.query('rollback')
  })
})

/** Until some session waits for a lock. */
async function waits(open: OpenSource): Promise<void> {
  for (;;) {
    const rows = await open.sql(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    if (rows.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('what migrate refuses, and check tells', () => {
  const parts = defineSchema({
    projects: model({ fields: { name: z.string().optional() }, mutable: true }),
    parts: model({
      fields: { projectId: z.string().optional() },
      mutable: true,
      policy: { by: 'parent', fk: 'projectId', parent: 'projects' },
    }),
  })
  const projects = 'create table projects (id text primary key, organization_id text not null, name text);'
  const on = async <T>(sql: string, work: (pool: pg.Pool) => Promise<T>): Promise<T> => {
    const database = await freshDatabase()
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    try {
      await pool.query(sql)
      return await work(pool)
    } finally {
      await pool.end()
      await database.drop()
    }
  }

  test.each([
    ['no foreign key', 'create table parts (id text primary key, project_id text);', /has no foreign key/],
    [
      'one that was never checked',
      `create table parts (id text primary key, project_id text);
       alter table parts add constraint p foreign key (project_id) references projects not valid;`,
      /foreign key p .* was not checked.*validate constraint p/,
    ],
    [
      'one that sets a default',
      `create table parts (id text primary key, project_id text default 'x' references projects on delete set default);`,
      /sets a default/,
    ],
    [
      'one of two columns, of which one may be null',
      `alter table projects add unique (organization_id, id);
       create table parts (id text primary key, project_id text, org text,
         constraint p foreign key (org, project_id) references projects (organization_id, id));`,
      /foreign key p .* does not hold when/,
    ],
    [
      'one of another type',
      'create table parts (id text primary key, project_id uuid);',
      /project_id of type uuid cannot be compared with id of type text/,
    ],
  ])('a parent policy over %s', async (_, table, sentence) => {
    await on(`${projects} ${table}`, async (pool) => {
      const adapter = pgAdapter(pool, parts)
      await expect(adapter.migrate()).rejects.toMatchObject({ message: expect.stringMatching(sentence) })
      const codes = (await adapter.check()).map(({ code }) => code)
      expect(codes.some((code) => /^(parent_without_foreign_key|reference_type_differs)$/.test(code))).toBe(
        true,
      )
    })
  })

  test('foreign keys to rows of tenants that the schema does not declare', async () => {
    const undeclared = defineSchema({
      projects: model({ fields: { name: z.string().optional() }, mutable: true }),
      tasks: model({
        fields: {
          projectId: z.string().optional(),
          ownId: z.string().optional(),
          kept: z.string().optional(),
        },
        relations: { own: relation.belongsTo('projects', 'ownId') },
        readOnly: ['kept'],
        mutable: true,
      }),
    })
    const tasks = `create table tasks (id text primary key, organization_id text not null,
      project_id text constraint loose references projects, own_id text references projects, kept text references projects);`
    await on(`${projects} ${tasks}`, async (pool) => {
      const adapter = pgAdapter(pool, undeclared)
      await adapter.migrate()
      const found = (await adapter.check()).filter(({ code }) => code === 'reference_not_declared')
      expect(found).toMatchObject([
        { level: 'warning', subject: 'tasks', message: expect.stringContaining('foreign key loose') },
      ])
    })
  })
})
