import { expect, test } from 'vitest'
import { adaptersPage } from '../../scripts/docs-types.ts'
import { read } from './markdown.ts'

test('docs/adapters.md lists what the code supports; if not, run node --conditions=postern-source scripts/docs-types.ts', () => {
  expect(read('docs/adapters.md')).toBe(adaptersPage())
})
