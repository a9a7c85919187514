import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { readJsonc } from '../../src/cli/tsconfig.ts'
import { freshDatabase } from '../support/db.ts'
import { command, project } from './support.ts'

vi.setConfig({ testTimeout: 240_000 })

test('a reader that goes away ends the program without a word', async () => {
  await using database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query('create table tasks (id text primary key, organization_id text, title text not null)')
  await client.end()
  using app = project({
    'schema.ts': `import { defineSchema, model, z } from 'postern'
export const schema = defineSchema({ tasks: model({ fields: { title: z.string() } }) })
`,
  })
  const program = [process.execPath, ...command(['sql', '--all', '--schema', 'schema.ts'])].map(
    (word) => `'${word}'`,
  )
  const piped = `{ ${program.join(' ')}; echo "ended: $?" >&2; } | true`
  const { stderr } = await promisify(execFile)('sh', ['-c', piped], {
    cwd: app.directory,
    env: { ...process.env, NODE_NO_WARNINGS: '1', DATABASE_URL: database.url },
  })
  expect(stderr).toBe('ended: 141\n')
})

test('folders may be called anything: what init writes is code', async () => {
  using app = project({
    'package.json': JSON.stringify({
      dependencies: { next: '16', 'drizzle-orm': '0', pg: '8', postern: '0' },
    }),
    'tsconfig.json': '{}',
    "src/it's \\ here/db.ts": `import { drizzle } from 'drizzle-orm/node-postgres'
export const db = drizzle(process.env.DATABASE_URL ?? '')
`,
  })
  expect(await app.run(['init', '--yes'], { DATABASE_URL: undefined })).toMatchObject({ code: 0, stderr: '' })
  const text = readFileSync(join(app.directory, 'src/lib/endpoint.ts'), 'utf8')
  expect(text).toContain(String.raw`import { db } from '../it\'s \\ here/db'`)
})

test.each([
  ['{ "a": [1, 2,], }', { a: [1, 2] }],
  ['{ "a": 1, // why\n}', { a: 1 }],
  ['{ "a": 1, /* why */ /* really */\n }', { a: 1 }],
  ['\uFEFF{ "a": ",}", "b": "// no", }', { a: ',}', b: '// no' }],
  ['{ "a": "\\",}", // x', undefined],
])('a tsconfig with comments and trailing commas is read: %j', (text, value) => {
  using app = project({ 'tsconfig.json': text })
  expect(readJsonc(join(app.directory, 'tsconfig.json'))).toEqual(value)
})

test('tables, columns, types and defaults may be called like what every object has', async () => {
  await using database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__']
  await client.query(`create type "isPrototypeOf" as enum ('toString', '__proto__');
    create domain "toLocaleString" as text; create table things (id text primary key, organization_id text not null,
    ${names.map((name) => `"${name}" text default '${name}'`).join(', ')},
    kind "isPrototypeOf" not null default 'toString', shown "toLocaleString");
    ${names.map((name) => `create table "${name}" (id text primary key, organization_id text not null);`).join('\n')}`)
  await client.end()
  using app = project({})
  const env = { DATABASE_URL: database.url }
  expect(await app.run(['pull', '--out', 'schema.ts'], env)).toMatchObject({ code: 0, stderr: '' })
  expect(await app.run(['generate', '--schema', 'schema.ts', '--out', 'rows.ts'], env)).toMatchObject({
    code: 0,
  })
  const text = readFileSync(join(app.directory, 'schema.ts'), 'utf8')
  expect(text).toContain("toString: z.string().nullable().default('toString')")
  expect(text).toContain("kind: z.enum(['toString', '__proto__']).default('toString')")
  expect(await app.run(['migrate', '--schema', 'schema.ts'], env)).toMatchObject({ code: 0 })
})
