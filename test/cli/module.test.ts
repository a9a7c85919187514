import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freshDatabase } from '../support/db.ts'
import { type Project, project } from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

let database: Awaited<ReturnType<typeof freshDatabase>>
let app: Project

/** As a Next.js application has it: no `type`, no file endings, an alias, an enum, and modules for a server alone. */
const files = {
  'package.json': '{ "name": "app", "private": true }',
  'tsconfig.json': `{
  // an alias, and a comma too many
  "compilerOptions": { "paths": { "@/*": ["./src/*"] }, },
}`,
  'src/schema.ts': `import { defineSchema, model, z } from 'postern'
import { Status } from './status'
export const schema = defineSchema({ tasks: model({ fields: { title: z.string(), status: z.enum([Status.Todo, 'done']) }, mutable: true }) })
`,
  'src/status.ts': `export enum Status { Todo = 'todo' }
`,
  'src/tables.ts': `import { pgTable, text } from 'drizzle-orm/pg-core'
export const tasks = pgTable('todo_items', {
  id: text().primaryKey(), organizationId: text('org').notNull(), title: text('headline').notNull(), status: text().notNull(),
})
`,
  'src/endpoint.ts': `import 'server-only'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzleAdapter } from 'postern/drizzle'
import { schema } from '@/schema'
import * as tables from '@/tables'
export const adapter = drizzleAdapter(drizzle(process.env.DATABASE_URL ?? '', { schema: tables }), schema)
`,
  'postern.config.ts': `export { adapter } from './src/endpoint'
`,
}

beforeAll(async () => {
  database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(
    'create table todo_items (id text primary key, org text not null, headline text not null, status text not null)',
  )
  await client.end()
  app = project({ ...files, '.env': `DATABASE_URL=${database.url}\n` })
})

afterAll(async () => {
  app[Symbol.dispose]()
  await database.drop()
})

const env = { DATABASE_URL: undefined }

test("an adapter is used under its ORM's names, through the application's own TypeScript, with the .env of the directory", async () => {
  expect(await app.run(['migrate'], env)).toMatchObject({ code: 0, stderr: '' })
  expect(await app.run(['check'], env)).toMatchObject({ code: 0, stderr: '' })
  // brought to another connection, the names stay
  const elsewhere = await app.run(['check', '--database', database.url], {
    DATABASE_URL: 'postgres://no@no/no',
  })
  expect(elsewhere).toMatchObject({ code: 0 })
  // the schema alone does not know them
  const bare = await app.run(['check', '--schema', 'src/schema.ts'], env)
  expect(bare).toMatchObject({ code: 1, stdout: expect.stringContaining('there is no table tasks') })
})

test('a module that gives nothing, too much, or cannot be read is a fault of the call that says which', async () => {
  app.write({
    'none.ts': 'export const other = 1\n',
    'two.ts': `import { schema } from './src/schema'\nexport const one = schema\nexport const two = schema\n`,
    'broken.ts': `import './nowhere'\n`,
  })
  const said = async (file: string) => app.run(['check', '--config', file], env)
  expect(await said('none.ts')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('exports no adapter and no schema'),
  })
  expect(await said('two.ts')).toMatchObject({ code: 2, stderr: expect.stringContaining('exports one, two') })
  expect(await said('gone.ts')).toMatchObject({ code: 2, stderr: expect.stringContaining('no file gone.ts') })
  expect(await said('broken.ts')).toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere') })
})
