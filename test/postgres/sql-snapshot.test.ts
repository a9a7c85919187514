import { expect, test } from 'vitest'
import { pgConnection } from '../../src/adapters/pg.ts'
import { defineSchema, field, model, relation, z } from '../../src/index.ts'
import { compile } from '../../src/postgres/index.ts'
import { readTables } from '../../src/postgres/install/migrate.ts'
import { migrations } from '../../src/postgres/install/tables.ts'
import { settle } from '../../src/postgres/model/catalog.ts'
import { majors, openSource } from '../support/postgres-source.ts'

/** Small, and with each thing that SQL is written for: tenants by column and by parent, exact values, capture. */
const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      estimate: field.numeric().optional(),
      updatedAt: field.timestamp().optional(),
      archivedAt: field.timestamp().optional(),
    },
    relations: { comments: relation.hasMany('comments', 'taskId') },
    mutable: true,
    touch: 'updatedAt',
  }),
  comments: model({
    fields: { taskId: z.string(), body: z.string() },
    mutable: true,
    policy: { by: 'parent', fk: 'taskId', parent: 'tasks' },
    capture: true,
  }),
})

const tables = `
create table tasks (
  id text primary key default gen_random_uuid()::text,
  organization_id text not null,
  title text not null,
  status text not null default 'todo',
  estimate numeric(8,2),
  updated_at timestamptz,
  archived_at timestamptz
);
create table comments (
  id uuid primary key default gen_random_uuid(),
  task_id text not null references tasks on delete cascade,
  body text not null
);`

const readable = (statements: readonly string[]): string =>
  `${statements.join(';\n\n')};\n`
    .replaceAll(/_[0-9a-f]{8}(?=")/g, '_digest')
    .replaceAll(/'[0-9a-f]{8}'/g, "'digest'")

// After a change that is meant: npx vitest run sql-snapshot -u, and read the difference as SQL.
test.each(majors)(
  'what is installed on Postgres %i for an example schema is the SQL that was reviewed',
  async (major) => {
    await using open = await openSource({ schema, tables, major })
    const found = await pgConnection(open.pool).transaction(async (session) =>
      readTables(session, schema, await settle(session)),
    )
    const all = compile(schema, found).map(({ text }) => text)
    const shared = all.filter(
      (statement) => !/_[0-9a-f]{8}"|'[0-9a-f]{8}'/.test(statement) && !statement.includes('comments'),
    )
    const compiled = all.filter((statement) => !shared.includes(statement))
    const ours = migrations('postern').flatMap(({ statements }) => statements.map(({ text }) => text))
    await expect(readable(ours)).toMatchFileSnapshot('__snapshots__/tables.sql')
    await expect(readable(shared)).toMatchFileSnapshot('__snapshots__/shared-functions.sql')
    await expect(readable(compiled)).toMatchFileSnapshot('__snapshots__/compiled-functions.sql')
  },
)
