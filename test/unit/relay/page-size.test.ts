import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PageSize } from '../../../src/relay/page-size.ts'

const events = (count: number, bytes: number) =>
  Array.from({ length: count }, () => ({ text: 'x'.repeat(bytes) }))

test('pages come to hold about one batch, whatever the size of the events; none asks for more than the most', () => {
  const most = 500
  const bytes = 10_000
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 25_000 }), { minLength: 1, maxLength: 6 }), (sizes) => {
      const page = new PageSize(most, bytes)
      for (const size of sizes) {
        // events of one size, for so long as it takes to settle
        for (let n = 0; n < 12; n += 1) page.read(events(page.limit, size))
        expect(page.limit).toBeGreaterThanOrEqual(1)
        expect(page.limit).toBeLessThanOrEqual(most)
        const held = page.limit * (size + 1)
        if (page.limit > 1) expect(held).toBeLessThanOrEqual(bytes)
        if (page.limit < most) expect(held * 2 > bytes || page.limit === 1).toBe(true)
      }
    }),
    { numRuns: 200 },
  )
})

test('a page that was not full says nothing of larger ones', () => {
  const page = new PageSize(500, 10_000)
  const before = page.limit
  page.read(events(before - 1, 1))
  expect(page.limit).toBe(before)
})
