import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, inject, test } from 'vitest'
import { plants } from './plants.ts'
import { proveByHistories } from './prove.ts'

// Those that show soon; `npm run soak -- --prove` plants all of them, and those that only a soak can find.
const quick = ['horizon ignored', 'lock after the check, several']

test.each(plants.filter(({ name }) => quick.includes(name)))(
  'random histories find the planted fault “$name”',
  async (plant) => {
    const proof = await proveByHistories(plant, inject('pgUrl'))
    expect(proof.finding).not.toBe('')
    expect(proof.found).toBe(true)
  },
)

test('docs/reliability.md shows the table of all of them, each found', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../docs/reliability.md'), 'utf8')
  const rows = [...page.matchAll(/^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$/gm)]
  const table = new Map(rows.map(([, name, breaks, found]) => [name, { breaks, found }]))
  for (const { name, breaks, by } of plants)
    expect(table.get(name), name).toEqual({ breaks, found: expect.stringMatching(`^${by}, after `) })
})
