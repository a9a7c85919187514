import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { type MemoryAdapter, memoryAdapter } from '../../src/adapters/memory/index.ts'
import type { EndpointOptions } from '../../src/index.ts'
import { org, schema, signed, signingKey } from './source.ts'

/** A mount under test, reachable over HTTP. */
export interface Mounted {
  readonly url: string
  close(): Promise<void>
}

export type Mount = (options: EndpointOptions<typeof schema>) => Promise<Mounted>

/** Serves a listener on a free port of this machine. */
export async function serve(listener: RequestListener): Promise<Mounted> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/source`,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Sent {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

/** Sends exactly these bytes and headers; fetch would mend some of what these tests break. */
export function sendRaw(
  url: string,
  init: {
    method?: string
    headers?: Record<string, string | string[]>
    body?: Uint8Array | readonly Uint8Array[]
  },
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: init.method ?? 'POST', headers: init.headers ?? {} })
    request.on('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      const { statusCode = 0, headers } = response
      resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString('utf8') })
    })
    request.on('error', reject)
    const body = init.body ?? new Uint8Array()
    for (const chunk of body instanceof Uint8Array ? [body] : body) request.write(chunk)
    request.end()
  })
}

export async function post(url: string, request: unknown, options?: Parameters<typeof signed>[1]) {
  const sent = await sendRaw(url, await signed(request, options))
  return { ...sent, body: JSON.parse(sent.text) }
}

/** What every mount must keep of the endpoint, whatever carries it. */
export function mountSuite(mount: Mount): void {
  const mounted = async (
    run: (url: string, adapter: MemoryAdapter) => Promise<void>,
    options: Partial<EndpointOptions<typeof schema>> = {},
  ) => {
    const adapter = memoryAdapter(schema)
    const { url, close } = await mount({ signingKey, adapter, ...options })
    try {
      await run(url, adapter)
    } finally {
      await close()
    }
  }
  const create = (title: string, key = 'k1') => ({
    type: 'commit',
    correlationId: key,
    operations: [{ type: 'CREATE', model: 'tasks', id: 't1', input: { title } }],
    scope: org,
  })

  test('a signed commit is applied once, its replay gives the same bytes, and it can be read back', () =>
    mounted(async (url, adapter) => {
      const [first, second] = [await post(url, create('Paint')), await post(url, create('Paint'))]
      expect(first.status).toBe(200)
      expect(first.headers['content-type']).toBe('application/json')
      expect(first.headers['cache-control']).toBe('no-store')
      expect(second.text).toBe(first.text)
      expect(second.headers['idempotent-replayed']).toBe('true')
      expect(await adapter.inspect().log()).toHaveLength(1)
      const { body } = await post(url, { type: 'load', model: 'tasks', id: 't1', scope: org })
      expect(body).toEqual({ row: first.body.rows[0], stamp: first.body.stamps[0] })
    }))

  test('the bytes are verified as they were sent: odd spacing, text of every script, a body in pieces', () =>
    mounted(async (url) => {
      const text = `\n {  "scope":{"organizationId":"org_1"},"type" : "commit", "correlationId":"k","operations":[{"type":"CREATE","model":"tasks","id":"t1","input":{"title":"Grüße \u{1f58c} 漆 \\u00e9"}}]}\t`
      const { headers, body } = await signed(new TextEncoder().encode(text))
      const pieces = [body.subarray(0, 7), body.subarray(7, 140), body.subarray(140)]
      const { status, text: answer } = await sendRaw(url, { headers, body: pieces })
      expect(status).toBe(200)
      expect(JSON.parse(answer).rows[0].title).toBe('Grüße \u{1f58c} 漆 é')
    }))

  test('a tampered body, a joined header and no signature at all are refused', () =>
    mounted(async (url, adapter) => {
      const { headers, body } = await signed(create('Paint'))
      const tampered = new TextEncoder().encode(JSON.stringify(create('Oil')))
      expect((await sendRaw(url, { headers, body: tampered })).status).toBe(401)
      const doubled = { ...headers, 'webhook-id': [headers['webhook-id'] ?? '', 'msg_2'] }
      expect((await sendRaw(url, { headers: doubled, body })).status).toBe(401)
      const { status, text } = await sendRaw(url, { body })
      expect([status, JSON.parse(text).error]).toEqual([401, 'source_id_missing'])
      expect(await adapter.inspect().ledger()).toEqual([])
    }))

  test('a body over the limit is answered, whether it says so or not', () =>
    mounted(
      async (url) => {
        const { headers } = await signed(create('Paint'))
        const body = new Uint8Array(300_000)
        const announced = await sendRaw(url, {
          headers: { ...headers, 'content-length': String(body.length) },
          body,
        })
        expect([announced.status, JSON.parse(announced.text).error]).toEqual([413, 'request_too_large'])
        const pieces = Array.from({ length: 30 }, () => new Uint8Array(10_000))
        const unannounced = await sendRaw(url, { headers, body: pieces })
        expect(unannounced.status).toBe(413)
      },
      { limits: { bodyBytes: 50_000 } },
    ))

  test('a body that stops coming is given up', () =>
    mounted(
      async (url) => {
        const { headers, body } = await signed(create('Paint'))
        const request = httpRequest(url, {
          method: 'POST',
          headers: { ...headers, 'content-length': String(body.length) },
        })
        request.on('error', () => {})
        request.write(body.subarray(0, 5))
        const [response] = await once(request, 'response')
        expect(response.statusCode).toBe(408)
        request.destroy()
      },
      { limits: { bodyTimeoutMs: 50 } },
    ))

  test('32 identical commits at once are one change and 32 identical answers', () =>
    mounted(async (url, adapter) => {
      const answers = await Promise.all(Array.from({ length: 32 }, () => post(url, create('Paint'))))
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
      expect(await adapter.inspect().log()).toHaveLength(1)
    }))

  test('what the adapter throws is an answer, and the next request is served', () => {
    const adapter = { ...memoryAdapter(schema), load: () => Promise.reject(new Error('canary')) }
    return mounted(
      async (url) => {
        const failed = await post(url, { type: 'load', model: 'projects', id: 'p1' })
        expect([failed.status, failed.body.error]).toEqual([500, 'internal_error'])
        expect(failed.text).not.toContain('canary')
        expect((await post(url, { type: 'events', scope: org })).status).toBe(200)
      },
      { adapter },
    )
  })
}
