import { expect, test } from 'vitest'
import { measureBounds } from './bounds.ts'

test('no request gets past a bound, and each is reached', async () => {
  const bounds = await measureBounds(20)
  expect(bounds.filter(({ limit, measured }) => measured > limit)).toEqual([])
  expect(bounds.filter(({ measured }) => measured === 0)).toEqual([])
  expect(bounds.length).toBeGreaterThanOrEqual(14)
}, 120_000)
