import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { read, root } from './markdown.ts'

interface Claim {
  file: string
  name: string
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Whether a file has a test, or a group of tests, of exactly this name. */
function exists({ file, name }: Claim): boolean {
  if (!existsSync(join(root, file))) return false
  const title = escaped(name).replaceAll("'", "\\\\?'")
  return new RegExp(`\\(\\s*(['"\`])${title}\\1,`).test(read(file))
}

/** The tests that a table row names: links into test/, each with names in quotation marks behind it. */
function claimsOf(row: string): Claim[] {
  const cited = [...row.matchAll(/\]\(\.\.\/(test\/[^)]+)\)((?:,? "[^"]+")+)/g)]
  return cited.flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ file, name })),
  )
}

/** The rows of every table whose last column says what shows it. */
const rows = [...read('docs/security.md').matchAll(/\| shown by \|\n\|[-|]+\|\n((?:\|.*\n)+)/g)].flatMap(
  ([, body = '']) => body.trimEnd().split('\n'),
)

test('every row of the threat tables names a test that exists', () => {
  expect(rows.length).toBeGreaterThan(40)
  expect(rows.filter((row) => claimsOf(row).length === 0)).toEqual([])
  expect(rows.flatMap(claimsOf).filter((claim) => !exists(claim))).toEqual([])
})

test('a row that names no test, or one that is not there, would be found', () => {
  expect(claimsOf('| a | b | [verify](../test/core/signature/verify.test.ts) |')).toEqual([])
  const file = 'test/unit/core/signature/verify.test.ts'
  expect(claimsOf(`| a | b | [verify](../${file}) "one", "two" |`)).toEqual([
    { file, name: 'one' },
    { file, name: 'two' },
  ])
  expect(exists({ file, name: 'another body' })).toBe(true)
  expect(exists({ file, name: 'another bod' })).toBe(false)
  expect(exists({ file: 'test/none.test.ts', name: 'another body' })).toBe(false)
})
