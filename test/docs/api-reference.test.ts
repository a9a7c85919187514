import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { entries } from '../../scripts/api/entries.ts'
import { apiPages, undocumented } from '../../scripts/docs-api.ts'
import { pages, root } from './markdown.ts'

const api = entries()

test('the API reference is what the docstrings say: otherwise run `node scripts/docs-api.ts`', () => {
  const expected = apiPages(api)
  const current = (path: string): string =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : ''
  expect([...expected].filter(([path, text]) => current(path) !== text).map(([path]) => path)).toEqual([])
  expect(pages.filter((page) => page.startsWith('docs/api/') && !expected.has(page))).toEqual([])
})

test('everything that is exported has a docstring', () => {
  expect(api.length).toBeGreaterThan(10)
  expect(undocumented(api)).toEqual([])
})
