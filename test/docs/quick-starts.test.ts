import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, quickStarts, root } from './markdown.ts'

// So that what a page shows is what test/system/examples builds, starts and calls.
test.each(Object.entries(quickStarts))(
  '%s shows the files of %s; if not, run node scripts/docs-quick-starts.ts',
  (page, example) => {
    const files = blocksOf(page).filter(({ file }) => file !== undefined && !otherMounts.has(file))
    expect(files.length).toBeGreaterThan(5)
    for (const { file = '', text } of files) {
      const name = file === '.env' ? '.env.example' : file
      const expected = readFileSync(join(root, example, name), 'utf8')
      expect(text.slice(text.indexOf('\n') + 1), `${page}: ${file}`).toBe(expected)
    }
  },
)

const otherMounts = new Set(['hono.ts', 'node.ts'])
