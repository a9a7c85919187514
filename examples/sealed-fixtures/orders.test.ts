import { describe } from 'vitest'
import { test } from './session.ts'
import { org } from './shop.ts'

// Every test sells the only door, under one and the same id and key: nothing that another test did is in its way.
describe.concurrent('orders', () => {
  for (let i = 1; i <= 25; i++) {
    test(`customer ${i} buys the last door`, async ({ session: { client, effects }, expect }) => {
      const { row, stamp } = await client.load('products', 'door', { scope: org })
      expect(row).toMatchObject({ stock: 1 })
      await client.commit(
        {
          idempotencyKey: 'buy the door',
          operations: [
            { type: 'UPDATE', model: 'products', id: 'door', input: { stock: 0 }, readAt: stamp },
            { type: 'CREATE', model: 'orders', id: 'order', input: { productId: 'door' } },
          ],
        },
        { scope: org },
      )
      const pushed = await effects.deliver()
      expect(pushed.map(({ model, type }) => `${type} ${model}`)).toEqual([
        'UPDATE products',
        'CREATE orders',
      ])
    })
  }
})
