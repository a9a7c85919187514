import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { expect, test } from 'vitest'
import { anchorsOf, pages, proseOf, root } from './markdown.ts'

/** Links of a page that point into this repository, as `[path, anchor]`. */
function linksOf(page: string): [string, string][] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)]
  return targets
    .map(([, link, attribute]) => link ?? attribute ?? '')
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor = ''] = link.split('#')
      return [path === '' ? page : join(dirname(page), path), anchor]
    })
}

test('every link between pages leads to a file and a heading that exist', () => {
  const links = pages.flatMap((page) => linksOf(page).map(([path, anchor]) => ({ page, path, anchor })))
  expect(links.length).toBeGreaterThan(0)
  const broken = links.filter(({ path, anchor }) => {
    if (!existsSync(join(root, path))) return true
    return anchor !== '' && path.endsWith('.md') && !anchorsOf(path).has(anchor)
  })
  expect(broken).toEqual([])
})

test('the index of the docs names every page of the docs', () => {
  // The API reference has an index of its own.
  const indexes = ['docs/README.md', 'docs/api/README.md']
  const indexed = new Set(indexes.flatMap(linksOf).map(([path]) => path))
  const missing = pages.filter(
    (page) => page.startsWith('docs/') && page !== 'docs/README.md' && !indexed.has(page),
  )
  expect(missing).toEqual([])
})
