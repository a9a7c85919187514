import express from 'express'
import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { toExpress } from '../../../src/express/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import type { Mount } from '../../support/mount.ts'
import { mountSuite, post, serve } from '../../support/mount.ts'
import { org, schema, signingKey } from '../../support/source.ts'

const beforeParser: Mount = (options) => {
  const app = express()
  app.post('/source', toExpress(createEndpoint(options)))
  app.use(express.json())
  return serve(app)
}

const withRawParser: Mount = (options) => {
  const app = express()
  app.use('/other', express.json())
  app.post('/source', express.raw({ type: () => true, limit: '1mb' }), toExpress(createEndpoint(options)))
  return serve(app)
}

const withKeptBytes: Mount = (options) => {
  const app = express()
  app.use(
    express.json({
      limit: '1mb',
      verify: (request, _, bytes) => Object.assign(request, { rawBody: bytes }),
    }),
  )
  app.post('/source', toExpress(createEndpoint(options)))
  return serve(app)
}

const inRouter: Mount = (options) => {
  const router = express.Router()
  router.post('/', toExpress(createEndpoint(options)))
  return serve(express().use('/source', router))
}

describe('Express, before the body parser', () => mountSuite(beforeParser))
describe('Express, in a router', () => mountSuite(inRouter))

describe('Express, after a parser that keeps the bytes', () => {
  const load = { type: 'load', model: 'projects', id: 'p1' }

  test.each([
    ['express.raw()', withRawParser],
    ['express.json({ verify })', withKeptBytes],
  ])('%s hands them over as they came', async (_, mount) => {
    const { url, close } = await mount({ signingKey, adapter: memoryAdapter(schema) })
    const spaced = new TextEncoder().encode(` ${JSON.stringify(load, null, 3)} `)
    expect(await post(url, spaced)).toMatchObject({ status: 200, body: { row: null } })
    expect((await post(url, load, { key: 'sk_another' })).status).toBe(401)
    await close()
  })
})

describe('Express, after a parser that keeps nothing', () => {
  test.each([
    ['express.json()', express.json()],
    ['express.text()', express.text({ type: () => true })],
    ['express.urlencoded()', express.urlencoded({ type: () => true })],
  ])('after %s each request is answered with the fix', async (_, parser) => {
    const app = express().use(parser)
    app.post('/source', toExpress(createEndpoint({ signingKey, adapter: memoryAdapter(schema) })))
    const { url, close } = await serve(app)
    const { status, body } = await post(url, { type: 'events', scope: org })
    expect(status).toBe(500)
    expect(body.error).toBe('request_body_consumed')
    expect(body.message).toContain('Mount the endpoint before express.json()')
    expect(body.message).toContain('express.raw(')
    await close()
  })
})

test('the mount is an Express request handler', async () => {
  const endpoint = createEndpoint({ signingKey, adapter: memoryAdapter(schema) })
  const typed: express.RequestHandler = toExpress(endpoint)
  const { url, close } = await serve(express().use(typed))
  await post(url, { type: 'events', scope: org })
  expect(endpoint.metrics().answered.events.count).toBe(1)
  await close()
})
