import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addressOf } from '../../../src/cli/database.ts'
import { readEnvironment } from '../../../src/cli/environment.ts'

function read(
  files: Record<string, string>,
  environment: Record<string, string> = {},
): Record<string, string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-env-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  const given: NodeJS.ProcessEnv = { ...environment }
  readEnvironment(directory, given)
  rmSync(directory, { recursive: true })
  return given
}

test('environment files are read as in Next.js: the environment first, then the most special file', () => {
  const files = {
    '.env': 'A=1\nB=1\nC=1\nD=1',
    '.env.development': 'A=2\nB=2\nC=2',
    '.env.local': 'A=3\nB=3',
    '.env.development.local': 'A=4',
  }
  expect(read(files, { E: '0' })).toEqual({ A: '4', B: '3', C: '2', D: '1', E: '0' })
  expect(read(files, { A: '0' }).A).toBe('0')
})

test('${VAR} in a value is replaced, over files and the environment', () => {
  const env = read(
    {
      '.env':
        'DATABASE_URL=postgres://app:${PASSWORD}@$HOST:${PORT:-5432}/app\nPASSWORD=from-env\nPRICE=\\$5\nLOOP=${LOOP}x',
      '.env.local': 'PASSWORD=p${HOST}',
    },
    { HOST: 'db' },
  )
  expect(env.DATABASE_URL).toBe('postgres://app:pdb@db:5432/app')
  expect(env.PRICE).toBe('$5')
  expect(env.LOOP).toBe('x')
})

test("Prisma's ?schema= is the search path; what only its engine reads does not reach Postgres", () => {
  expect(addressOf('postgres://a:b@h/db?schema=app&connection_limit=5&sslmode=require')).toEqual({
    connectionString: 'postgres://a:b@h/db?sslmode=require',
    options: '-c search_path="app"',
  })
  expect(addressOf('postgres://h/db?schema=my%20own&options=-c%20a%3D1').options).toBe(
    '-c a=1 -c search_path="my\\ own"',
  )
  expect(addressOf('postgres://h/db')).toEqual({ connectionString: 'postgres://h/db' })
})
