import { expect, test } from 'vitest'
import { errorsPage } from '../../scripts/docs-errors.ts'
import { errors } from '../../src/core/errors.ts'
import { testingErrors } from '../../src/testing/index.ts'
import { read } from './markdown.ts'

test('docs/errors.md is what the registry says now; if not, run node scripts/docs-errors.ts', () => {
  expect(read('docs/errors.md')).toBe(errorsPage())
})

test('the page names every code, under its status', () => {
  for (const [code, { status }] of Object.entries(errors)) {
    const section = errorsPage()
      .split(/^## /m)
      .find((text) => text.startsWith(`${status} `))
    expect(section, code).toContain(`| \`${code}\` |`)
  }
})

test('docs/testing.md lists every code of fixtures and test sessions with its status and words', () => {
  const page = read('docs/testing.md')
  for (const [code, { status, meaning, remedy }] of Object.entries(testingErrors)) {
    expect(page).toContain(`| \`${code}\` | ${status} | ${meaning} | ${remedy} |`)
  }
})
