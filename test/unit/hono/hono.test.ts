import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { memoryDataSource } from '../../../src/adapters/memory/index.ts'
import { dataSource } from '../../../src/index.ts'
import { mountSuite, post, serve } from '../../support/mount.ts'
import { apiKey, schema } from '../../support/source.ts'

describe('the Fetch handler on Hono', () => {
  mountSuite((options) => {
    const endpoint = dataSource(options)
    const app = new Hono()
    app.post('/source', (context) => endpoint(context.req.raw))
    return serve(getRequestListener(app.fetch))
  })

  test('a body that middleware read is answered with the fix', async () => {
    const endpoint = dataSource({ schema, apiKey, adapter: memoryDataSource(schema) })
    const app = new Hono()
    app.use(async (context, next) => {
      await context.req.json()
      await next()
    })
    app.post('/source', (context) => endpoint(context.req.raw))
    const { url, close } = await serve(getRequestListener(app.fetch))
    const { status, body } = await post(url, { type: 'events' })
    expect([status, body.error]).toEqual([500, 'source_adapter_misconfigured'])
    expect(body.message).toContain('Hand over the request unread')
    await close()
  })
})
