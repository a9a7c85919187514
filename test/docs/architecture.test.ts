import { execFileSync } from 'node:child_process'
import { matchesGlob } from 'node:path/posix'
import { expect, test } from 'vitest'
import { read, root } from './markdown.ts'

const sources = execFileSync('git', ['ls-files', 'src'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')

/** What the page names: under a heading with directories a file or pattern of any of them, else the heading's file. */
const named: readonly string[][] = read('ARCHITECTURE.md')
  .split(/^### /m)
  .slice(1)
  .flatMap((section) => {
    const [heading = '', ...rest] = section.split('\n')
    const places = [...heading.matchAll(/`(src[\w/.-]*)`/g)].map(([, place = '']) => place)
    const files = [...rest.join('\n').matchAll(/`([\w/*-]+\.ts)`/g)].map(([, file = '']) => file)
    if (places.length === 0) return []
    if (places.every((place) => place.endsWith('.ts'))) return [places]
    return files.map((file) => places.map((place) => `${place}/${file}`))
  })

test('ARCHITECTURE.md names every file of src', () => {
  const patterns = named.flat()
  expect(sources.filter((file) => !patterns.some((pattern) => matchesGlob(file, pattern)))).toEqual([])
})

test('ARCHITECTURE.md names no file that is not there', () => {
  const missing = named.filter(
    (patterns) => !patterns.some((pattern) => sources.some((file) => matchesGlob(file, pattern))),
  )
  expect(missing).toEqual([])
})
