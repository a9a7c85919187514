import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pages, read, root } from './markdown.ts'

const links = [...read('llms.txt').matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)

test('llms.txt begins as the convention wants: a title, then what it is', () => {
  expect(read('llms.txt')).toMatch(/^# postern\n\n> \S/)
})

test('every link of llms.txt leads somewhere', () => {
  expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([])
})

test('llms.txt names every page of the docs and every example', () => {
  const wanted = pages.filter((page) => /^(?:docs|examples)\//.test(page))
  expect(wanted.length).toBeGreaterThan(20)
  expect(wanted.filter((page) => !links.includes(page))).toEqual([])
})
