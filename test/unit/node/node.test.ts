import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'
import { mountSuite, post, sendRaw, serve } from '../../support/mount.ts'
import { org, schema, signed, signingKey } from '../../support/source.ts'

describe('on node:http', () => {
  mountSuite((options) => serve(toNode(createEndpoint(options))))

  const makeEndpoint = () => createEndpoint({ signingKey, adapter: memoryAdapter(schema) })
  const make = () => toNode(makeEndpoint())

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    '%s is answered 405',
    async (method) => {
      const { url, close } = await serve(make())
      const { status, headers } = await sendRaw(url, { method })
      expect([status, headers.allow]).toEqual([405, 'POST'])
      await close()
    },
  )

  test('a hostile Host header or path changes nothing', async () => {
    const { url, close } = await serve(make())
    for (const head of ['Host: [', 'Host: a b', 'Host: \u00ff']) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.write(
        `POST //evil.example\\..%ff HTTP/1.1\r\n${head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      )
      const [answer] = await once(socket, 'data')
      expect(String(answer)).toMatch(/^HTTP\/1.1 401 /)
      socket.destroy()
    }
    await close()
  })

  test('a caller that goes away in the middle of its body leaves the endpoint standing', async () => {
    const endpoint = makeEndpoint()
    const { url, close } = await serve(toNode(endpoint))
    const { headers } = await signed({ type: 'events' })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const lines = Object.entries({ ...headers, 'content-length': '500' }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    socket.write(`POST /source HTTP/1.1\r\nhost: a\r\n${lines.join('\r\n')}\r\n\r\n{"ty`)
    await vi.waitUntil(() => endpoint.metrics().requests === 1)
    socket.destroy()
    await vi.waitUntil(() => endpoint.metrics().errors.request_truncated === 1)
    expect((await post(url, { type: 'events', scope: org })).status).toBe(200)
    await close()
  })

  test('a caller that is refused and never stops sending is cut off', async () => {
    const { url, close } = await serve(make())
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write('POST /source HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1.1 401 /)
    const sending = setInterval(() => socket.write('x'), 10)
    // Not `once` of node:events: the reset that may come first would count as its failure.
    await new Promise((resolve) => socket.once('close', resolve))
    clearInterval(sending)
    await close()
  })
})
