import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { mountSuite, post, serve } from '../../support/mount.ts'
import { schema, signingKey } from '../../support/source.ts'

describe('the Fetch handler on Hono', () => {
  mountSuite((options) => {
    const endpoint = createEndpoint(options)
    const app = new Hono()
    app.post('/source', (context) => endpoint.fetch(context.req.raw))
    return serve(getRequestListener(app.fetch))
  })

  test('a body that middleware read is answered with the fix', async () => {
    const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(schema) })
    const app = new Hono()
    app.use(async (context, next) => {
      await context.req.json()
      await next()
    })
    app.post('/source', (context) => endpoint.fetch(context.req.raw))
    const { url, close } = await serve(getRequestListener(app.fetch))
    const { status, body } = await post(url, { type: 'events' })
    expect([status, body.error]).toEqual([500, 'request_body_consumed'])
    expect(body.message).toContain('Hand over the request unread')
    await close()
  })
})
