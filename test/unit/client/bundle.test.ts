import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { org, schema, signingKey } from '../../support/source.ts'

/** What browsers, Workers and Edge have, and nothing of Node. */
const web = [
  'AbortController',
  'AbortSignal',
  'Blob',
  'Headers',
  'Request',
  'Response',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'atob',
  'btoa',
  'clearTimeout',
  'crypto',
  'setTimeout',
  'ReadableStream',
  'console',
  'performance',
] as const

async function bundled(code: string): Promise<{ text: string; bytes: number; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: 'iife',
    globalName: 'bundle',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  })
  const [file] = outputFiles
  return { text: file!.text, bytes: file!.contents.length, inputs: Object.keys(metafile.inputs) }
}

test.each([
  ['a secret', signingKey, signingKey],
  [
    'a private key',
    'whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=',
    'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
  ],
  [
    'a JWK',
    {
      jwk: {
        kty: 'OKP',
        crv: 'Ed25519',
        kid: 'k1',
        d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      },
    },
    { jwks: [{ kty: 'OKP', crv: 'Ed25519', kid: 'k1', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] },
  ],
])(
  'the client, bundled for browsers, signs with %s where there is nothing of Node',
  async (_, key, verifier) => {
    const { text } = await bundled("export { createClient, isStale } from '../../../src/client/index.ts'")
    const endpoint = createEndpoint({ signingKey: [verifier as string], adapter: memoryAdapter(schema) })
    const globals: Record<string, unknown> = Object.fromEntries(web.map((name) => [name, globalThis[name]]))
    const context = createContext({
      ...globals,
      fetch: (url: string, init: RequestInit) => endpoint.fetch(new Request(url, init)),
      key,
      scope: org,
    })
    runInContext(text, context)
    const answer = await runInContext(
      `(async () => {
      const client = bundle.createClient({ url: 'https://example.com/source', signingKey: key, scope: { ...scope } })
      await client.commit({ idempotencyKey: 'k', operations: [{ type: 'CREATE', model: 'tasks', id: 't1', input: { title: 'Paint' } }] })
      const { row, changed } = await client.update('tasks', 't1', ({ title }) => ({ title: title + '!' }))
      const events = []
      for await (const { type } of client.events()) events.push(type)
      return JSON.stringify([typeof process, typeof Buffer, row.title, changed, events])
    })()`,
      context,
    )
    expect(JSON.parse(answer)).toEqual(['undefined', 'undefined', 'Paint!', true, ['CREATE', 'UPDATE']])
  },
)

test('the bundle has no schema library in it', async () => {
  const { inputs } = await bundled("export { createClient } from '../../../src/client/index.ts'")
  expect(inputs.filter((name) => /node_modules\/(zod|pg|canonicalize)\//.test(name))).toEqual([])
  expect(inputs.some((name) => name.includes('src/client/send.ts'))).toBe(true)
})
