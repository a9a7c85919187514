import { defineSchema, field, model, relation, type Schema, z } from '../../../src/index.ts'

/** What a program runs in: of which type the tenants are, and whether the database knows the references, too. */
export interface World {
  readonly tenants: 'text' | 'uuid' | 'bigint'
  readonly foreignKeys: boolean
}

export const worlds: readonly World[] = (['text', 'uuid', 'bigint'] as const).flatMap((tenants) =>
  [true, false].map((foreignKeys) => ({ tenants, foreignKeys })),
)

export type Side = 'a' | 'b'

export const tenantOf = ({ tenants }: World, side: Side): string =>
  ({
    text: { a: 'org_a', b: 'org_b' },
    uuid: { a: 'aaaaaaaa-8b86-d011-b42d-00c04fc964ff', b: 'bbbbbbbb-8b86-d011-b42d-00c04fc964ff' },
    bigint: { a: '7', b: '70' },
  })[tenants][side]

const uuid = (end: string): string => `6f9619ff-8b86-d011-b42d-00c04fc96${end}`

/** Ids by model. No two tenants create the same: that an id is taken cannot be hidden. */
const pools: Readonly<Record<string, Readonly<Record<Side, readonly string[]>>>> = {
  sites: { a: ['pa1', 'pa2'], b: ['pb1', 'pb2'] },
  folders: { a: ['fa1', 'fa2'], b: ['fb1', 'fb2'] },
  pages: { a: ['ga1', 'ga2'], b: ['gb1', 'gb2'] },
  jobs: { a: ['ta1', 'ta2', 'ta3'], b: ['tb1', 'tb2', 'tb3'] },
  counters: { a: ['1', '2'], b: ['3', '-4'] },
  files: { a: [uuid('4f1'), uuid('4f2')], b: [uuid('4f3'), uuid('4f4')] },
  countries: { a: ['is'], b: ['is'] },
}

/** Ids that no row has. */
const missing: Readonly<Record<string, string>> = { counters: '99', files: uuid('4f9') }

export const idsOf = (name: string, side: Side): readonly string[] => pools[name]?.[side] ?? []
export const missingId = (name: string): string => missing[name] ?? 'nowhere'

const jobs = model({
  fields: {
    title: z.string().optional(),
    code: z.string().optional(),
    projectId: z.string().optional(),
    folderId: z.string().optional(),
    countryId: z.string().optional(),
    parentId: z.string().optional(),
    counterId: field.bigint().optional(),
    fileId: field.uuid().optional(),
    archivedAt: field.timestamp().optional(),
  },
  relations: {
    project: relation.belongsTo('sites', 'projectId'),
    folder: relation.belongsTo('folders', 'folderId'),
    country: relation.belongsTo('countries', 'countryId'),
    parent: relation.belongsTo('jobs', 'parentId'),
    counter: relation.belongsTo('counters', 'counterId'),
    file: relation.belongsTo('files', 'fileId'),
  },
  mutable: true,
  capture: true,
})
const members = model({
  fields: { projectId: z.string(), taskId: z.string(), role: z.string().optional() },
  primaryKey: ['projectId', 'taskId'],
  relations: {
    project: relation.belongsTo('sites', 'projectId'),
    task: relation.belongsTo('jobs', 'taskId'),
  },
  mutable: true,
  capture: true,
})
export const schema: Schema = defineSchema({
  sites: model({
    fields: { name: z.string().optional() },
    relations: { jobs: relation.hasMany('jobs', 'projectId') },
    mutable: true,
    capture: true,
  }),
  folders: model({
    fields: { projectId: z.string(), name: z.string().optional() },
    relations: { jobs: relation.hasMany('jobs', 'folderId') },
    mutable: true,
    capture: true,
    policy: { by: 'parent', fk: 'projectId', parent: 'sites' },
  }),
  pages: model({
    fields: { folderId: z.string(), text: z.string().optional() },
    mutable: true,
    capture: true,
    policy: { by: 'parent', fk: 'folderId', parent: 'folders' },
  }),
  countries: model({
    fields: { name: z.string() },
    relations: { jobs: relation.hasMany('jobs', 'countryId') },
    policy: { by: 'none' },
  }),
  jobs,
  counters: model({
    fields: { id: field.bigint(), n: z.int32().optional() },
    mutable: true,
    capture: true,
  }),
  files: model({
    fields: { id: field.uuid(), name: z.string().optional() },
    relations: { jobs: relation.hasMany('jobs', 'fileId') },
    mutable: true,
    capture: true,
  }),
  members,
})

/** As the tables of `foreignKeys`, for the store in memory. */
export const memoryReferences = {
  jobs: {
    projectId: 'sites',
    folderId: 'folders',
    countryId: 'countries',
    parentId: 'jobs',
    counterId: 'counters',
    fileId: 'files',
  },
}

export const countryRow = { id: 'is', name: 'Iceland' }

/** Children first. */
const tables = ['members', 'jobs', 'pages', 'folders', 'sites', 'counters', 'files'] as const

export function tablesOf({ tenants, foreignKeys }: World): string {
  const to = (table: string, onDelete = ''): string => (foreignKeys ? ` references ${table} ${onDelete}` : '')
  const owned = `organization_id ${tenants} not null`
  return `
create table sites (id text primary key, ${owned}, name text);
create table folders (id text primary key, project_id text not null references sites on delete cascade, name text);
create table pages (id text primary key, folder_id text not null references folders, text text);
create table countries (id text primary key, name text not null);
create table counters (id bigint primary key, ${owned}, n int);
create table files (id uuid primary key, ${owned}, name text);
create table jobs (id text primary key, ${owned}, title text, code text,
  project_id text${to('sites', 'on delete cascade')}, folder_id text${to('folders', 'on delete set null')},
  country_id text${to('countries')}, parent_id text${to('jobs')}, counter_id bigint${to('counters')},
  file_id uuid${to('files', 'on delete set null')}, archived_at timestamptz, unique (organization_id, code));
create table members (project_id text${to('sites', 'on delete cascade')}, task_id text${to('jobs')}, ${owned}, role text,
  primary key (project_id, task_id));
insert into countries values ('${countryRow.id}', '${countryRow.name}');`
}

export const emptyAll = `${tables.map((name) => `delete from ${name};`).join(' ')}
  delete from postern.log; delete from postern.ledger;`

/** Everything of one tenant that the database holds, told by it. */
export function dumpsOf(world: World, side: Side): readonly string[] {
  const tenant = `'${tenantOf(world, side)}'`
  const own = `t.organization_id = ${tenant}::${world.tenants}`
  const among = (name: string): string => `t.id in (${idsOf(name, side).map((id) => `'${id}'`)})`
  return [
    ...tables.map((name) => {
      const condition = ['folders', 'pages'].includes(name) ? among(name) : own
      return `select to_jsonb(t)::text as row from ${name} t where ${condition} order by to_jsonb(t)::text`
    }),
    `select jsonb_build_array(e.model, e.entity_id, e.type, e.data, e.changed, e.key, e.index)::text as row
  from postern.changes e where e.tenant = ${tenant} order by e.position`,
    `select l.key || ' ' || l.body as row from postern.ledger l where l.tenant = ${tenant} order by l.key`,
  ]
}

/** Fields that refer, by model. */
export const references: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...memoryReferences,
  folders: { projectId: 'sites' },
  pages: { folderId: 'folders' },
}
