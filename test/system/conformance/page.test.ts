import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { conformancePage } from '../../../scripts/docs-conformance.ts'
import { mutants } from '../../mutants/conformance/index.ts'

const root = path.join(import.meta.dirname, '../../..')

test('docs/conformance.md is what the checks say now; if not, run node scripts/docs-conformance.ts', () => {
  expect(readFileSync(path.join(root, 'docs/conformance.md'), 'utf8')).toBe(conformancePage())
})

test('the kept matrix has a row for each broken adapter, in which somebody noticed; if not, run it with --matrix', () => {
  const file = path.join(root, 'test/mutants/conformance/matrix.json')
  const matrix = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, number>>
  expect(Object.keys(matrix).sort()).toEqual(mutants.map(({ fault }) => fault).sort())
  for (const counts of Object.values(matrix)) expect(Object.keys(counts).length).toBeGreaterThan(0)
})
