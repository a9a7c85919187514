import { describe } from 'vitest'
import { test } from './session.ts'
import { org } from './shop.ts'

describe.concurrent('stock', () => {
  for (let i = 1; i <= 25; i++) {
    test(`clerk ${i} counts everything, and throws it away`, async ({ session: { client, sql }, expect }) => {
      const { rows } = await client.list('products', {}, { scope: org })
      expect(rows.map(({ id, stock }) => [id, stock])).toEqual([
        ['bell', 0],
        ['door', 1],
        ['lamp', 3],
      ])
      await sql('delete from products')
      expect((await client.list('products', {}, { scope: org })).rows).toEqual([])
    })
  }
})
