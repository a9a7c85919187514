import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { project, root } from './support.ts'

const schema = `import { defineSchema, field, model, z } from 'postern'
export const schema = defineSchema({
  tasks: model({ fields: {
    title: z.string().min(1), status: z.enum(['to do', "it's done"]).default('to do'), size: z.int().optional(),
    total: field.numeric(), big: field.bigint(), at: field.timestamp().nullable(), meta: field.json(), done: z.boolean(),
    tags: z.array(z.string()), moods: z.array(z.enum(['a', 'b'])), kind: z.literal('task'),
  }, mutable: true }),
})
`

test('generate writes types that are the rows of the schema; --check says whether they still are', async () => {
  using app = project({
    'schema.ts': schema,
    // some call a directory so
    '.env/keep': '',
    // both directions: neither is wider than the other
    'use.ts': `import type { Row } from 'postern'
import type { Rows } from './rows.ts'
import type { schema } from './schema.ts'
type Tasks = Row<typeof schema, 'tasks'>
export const there = (row: Rows['tasks']): Tasks => row
export const back = (row: Tasks): Rows['tasks'] => row
`,
    'tsconfig.json': JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['.'] }),
  })
  const generate = (...args: string[]) =>
    app.run(['generate', '--schema', 'schema.ts', '--out', 'rows.ts', ...args])
  expect(await generate('--check')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('does not exist'),
  })
  expect(await generate()).toMatchObject({ code: 0, stderr: '', stdout: 'rows.ts: 1 models\n' })
  const text = readFileSync(join(app.directory, 'rows.ts'), 'utf8')
  expect(text).toContain(`export interface TasksRow {
  id: string
  title: string
  status: 'to do' | 'it\\'s done'
  size: number | null
  total: string
  big: string
  at: string | null
  meta: unknown
  done: boolean
  tags: string[]
  moods: ('a' | 'b')[]
  kind: 'task'
}`)
  expect(await generate('--check')).toMatchObject({ code: 0, stdout: 'rows.ts is up to date\n' })
  app.write({ 'schema.ts': schema.replace('done: z.boolean(),', '') })
  expect(await generate('--check')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^rows.ts is out of date: .*\n {4}meta: unknown\n- {3}done: boolean\n$/),
  })

  app.write({ 'schema.ts': schema })
  const tsc = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', app.directory],
    {
      encoding: 'utf8',
    },
  )
  expect(tsc.stdout).toBe('')
  // seven processes, one of them a compiler
}, 180_000)
